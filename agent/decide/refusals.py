"""The results of calls that do not run; the model reads why."""

from agent.decide.moves import Record
from agent.session.state import CallState
from agent.session.steps import ToolReturned
from agent.tool.definition import Result, failed


def refused(state: CallState, result: Result) -> Record:
    """Return the step that ends a call with a result that says why it did not run."""
    return Record((ToolReturned(call_id=state.call.id, outcome="refused", text=result.text()),))


def forbidden(state: CallState, detail: str) -> Record:
    """Return the step that refuses a call: policy, a limit or a person does not let it run."""
    return refused(state, failed("permission_denied", detail))
