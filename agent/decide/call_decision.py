"""What each step says of whether a call may run: for traces, which have a span for every proposed call, run or not. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from agent.session.state import ActionState, Session
from agent.session.steps import ActionDecided, Edited, Step, ToolReturned, ToolStarted
from agent.types import Decision

How = Decision | Literal["refused", "allowed", "granted"]
"""What people or the clock decided; or policy or the call's own arguments refused it; or policy or a standing permission let it
run without a card."""


@dataclass(frozen=True, slots=True)
class Decided:
    """That a call may run, or may not. `asked_at` None: nobody was asked."""

    tool: str
    call_id: str
    outcome: How
    rule: str = ""
    digest: str = ""
    quorum: int = 0
    by: str = ""
    asked_at: datetime | None = None
    decided_at: datetime | None = None

    @property
    def waited_seconds(self) -> float | None:
        """Return how long people were asked. None: nobody was."""
        if self.asked_at is None or self.decided_at is None:
            return None
        return (self.decided_at - self.asked_at).total_seconds()


def decided_by(session: Session, step: Step) -> Decided | None:
    """Return what a step, which comes next in the session, decides about a call. None: nothing."""
    match step:
        case ActionDecided():
            action = session.actions.get(step.action_id)
            return None if action is None else _by_people(action, step.decision, step.by, step.decided_at)
        case Edited():
            action = session.actions.get(step.action_id)
            return None if action is None else _by_people(action, "edited", step.by, step.edited_at)
        case ToolStarted():
            tool = _tool_of(session, step.call_id)
            if step.unasked is not None:
                return Decided(tool, step.call_id, "allowed", step.unasked.rule, step.unasked.digest)
            return Decided(tool, step.call_id, "granted", digest=step.digest) if step.grant_id else None
        case ToolReturned(outcome="refused"):
            return Decided(_tool_of(session, step.call_id), step.call_id, "refused")
        case _:
            return None


def _by_people(action: ActionState, decision: Decision, by: str, decided_at: datetime) -> Decided:
    proposed, verdict = action.proposed, action.proposed.verdict
    return Decided(
        proposed.tool,
        proposed.call_id,
        decision,
        verdict.rule,
        proposed.digest,
        verdict.quorum,
        by,
        proposed.proposed_at,
        decided_at,
    )


def _tool_of(session: Session, call_id: str) -> str:
    return next((state.call.tool for state in session.turn.calls if state.call.id == call_id), "")
