"""The life of one call of the model: its phases, and which step leads from one to the next."""

import json
from typing import Any

from agent.errors import IllegalStepError
from agent.session.evolve import replace
from agent.session.state import CallState, Phase, Session
from agent.session.steps import ModelReplied
from agent.types import Call

# The life of one call: (phase, step) -> next phase. `None` stands for "as the step says" (see `actions.decided`).
CALL: dict[tuple[Phase, str], Phase | None] = {
    ("asked", "tool_started"): "running",  # policy lets it run
    ("asked", "tool_returned"): "returned",  # refused without a run: unknown tool, wrong arguments, policy
    ("asked", "previewed"): "asked",
    ("asked", "proposed_action"): "proposed",
    ("proposed", "posted"): "pending",
    ("proposed", "action_decided"): None,  # the card could not be posted, or the run was stopped first
    ("pending", "action_decided"): None,
    ("pending", "edited"): "asked",  # judged anew, with a person's arguments
    ("approved", "tool_started"): "running",
    ("approved", "tool_returned"): "returned",  # refused at the last check
    ("approved", "previewed"): "approved",
    ("approved", "proposed_action"): "proposed",  # the approval lapsed or no longer suffices: ask anew
    ("approved", "action_decided"): "declined",  # stopped before it began
    ("running", "tool_started"): "running",  # found after a crash and repeatable
    ("running", "tool_returned"): "returned",
    ("running", "found_changed"): "changed",  # it did nothing: what its card showed is not so any more
    ("changed", "previewed"): "changed",
    ("changed", "proposed_action"): "proposed",
    ("changed", "tool_returned"): "returned",  # refused, or stopped, before it came before people again
}


def tool_calls(step: ModelReplied) -> tuple[Call, ...]:
    """Return the tool_use blocks of a reply, in order."""
    return tuple(
        Call.model_validate({"id": block["id"], "tool": block["name"], "arguments": block["input"]})
        for block in step.content
        if block.get("type") == "tool_use"
    )


def fingerprint(tool: str, arguments: dict[str, Any]) -> str:
    """Return a key that is the same for the same tool with the same arguments."""
    return json.dumps([tool, arguments], sort_keys=True)


def advance(session: Session, call_id: str, step: str) -> CallState:
    """Return the call's state with its next phase, as the CALL table has it."""
    state = next((state for state in session.turn.calls if state.call.id == call_id), None)
    if state is None or (state.phase, step) not in CALL:
        raise IllegalStepError(f"{step} cannot follow for call {call_id} ({state.phase if state else 'not known'})")
    return replace(state, phase=CALL[state.phase, step] or state.phase)


def call_ended(session: Session, state: CallState, how: str) -> Session:
    """Return the session after one of its calls is over: `how` is an outcome, or what people decided."""
    ended = (*session.turn.ended, (state.call.tool, how))
    return with_call(replace(session, turn=replace(session.turn, ended=ended)), state)


def with_call(session: Session, state: CallState) -> Session:
    """Return the session with this state of one of its calls."""
    calls = tuple(state if other.call.id == state.call.id else other for other in session.turn.calls)
    return replace(session, turn=replace(session.turn, calls=calls))
