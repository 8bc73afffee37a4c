"""What people can watch of a turn: the calls that nobody has to be asked about, as they begin and end."""

from agent.session.evolve import replace
from agent.session.state import CallState, Session
from agent.session.steps import ToolReturned
from agent.types import Task

MOST_TASKS = 50  # of one plan (reference: Slack, Limits)


def task_begun(session: Session, state: CallState) -> Session:
    """Return the session after a call has started. What was approved is watched on its card."""
    known = any(task.id == state.call.id for task in session.turn.tasks)  # it is run again after a crash
    if known or state.action_id is not None or len(session.turn.tasks) == MOST_TASKS:
        return session
    call = state.call
    tasks = (*session.turn.tasks, Task(id=call.id, tool=call.tool, arguments=call.arguments))
    return replace(session, turn=replace(session.turn, tasks=tasks))


def ended(session: Session, step: ToolReturned) -> Session:
    """Return the session after a call has its result."""
    state = "complete" if step.outcome == "succeeded" else "error"
    tasks = tuple(task.model_copy(update={"state": state}) if task.id == step.call_id else task for task in session.turn.tasks)
    return replace(session, turn=replace(session.turn, tasks=tasks))
