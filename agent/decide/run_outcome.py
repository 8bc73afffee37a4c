"""How a turn ended, as the step says that ends it: for figures. Pure."""

from typing import Literal

from agent.errors import AgentMaxIterationsError, BudgetExceededError
from agent.session.post_keys import PostKey
from agent.session.state import Session
from agent.session.steps import Halted, LeftOut, Posted, Step

RunOutcome = Literal["success", "max_iterations_exceeded", "budget_exceeded", "stopped", "refused", "error"]
HALTED: dict[str, RunOutcome] = {
    AgentMaxIterationsError.__name__: "max_iterations_exceeded",
    BudgetExceededError.__name__: "budget_exceeded",
    "Stopped": "stopped",
}


def run_outcome(session: Session, step: Step) -> RunOutcome | None:
    """Return how the turn of a session ends with this step, which comes next in it. None: it does not.

    `refused`: the model refused, or its reply was nothing that we know. An answer counts once it is posted whole.
    """
    match step:
        case Halted():
            return HALTED.get(step.error, "error")
        case LeftOut():
            return "refused"
        case Posted():
            closing = session.turn.ending.closing
            whole = closing is not None and step.key == PostKey("answer", session.turn.number, len(closing.parts) - 1)
            if closing is None or not whole or not closing.answered:
                return None
            return "error" if step.error else "success"
        case _:
            return None
