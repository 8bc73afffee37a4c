"""The session inside a Compacted step: a long conversation is loaded from there, and not from its first step.

A snapshot is a shortcut, never the truth: where this code's session has other fields than that of the code which wrote it, the
whole log is folded instead, until the next compaction writes a snapshot of today's fields.
"""

from collections.abc import Sequence
from typing import Any, cast

from pydantic import JsonValue, TypeAdapter

from agent.canonical import sha256
from agent.session.evolve import replace
from agent.session.state import Session
from agent.session.steps import Compacted, Recorded, Step

SESSION: TypeAdapter[Session] = TypeAdapter(Session)
FOLD = 1  # raised when steps come to mean something else for a session, though its fields stay the same


def _undescribed(schema: Any) -> Any:
    """Return a JSON schema without its descriptions: a docstring is no field."""
    if isinstance(schema, dict):
        fields = cast("dict[str, Any]", schema)
        return {
            name: _undescribed(each) for name, each in fields.items() if not (name == "description" and isinstance(each, str))
        }
    return [_undescribed(each) for each in cast("list[Any]", schema)] if isinstance(schema, list) else schema


SHAPE = sha256([FOLD, _undescribed(SESSION.json_schema())])[:16]


def placed(step: Step, session: Session, rested: Session) -> Step:
    """Return the step as it is written now: a new context holds the steps of the turn that is open, if one is, and nothing else.

    `rested` is the session as it stood before that turn.
    """
    if not isinstance(step, Compacted):
        return step
    start = rested if session.turn.open else session
    state = cast("dict[str, JsonValue]", SESSION.dump_python(start, mode="json"))
    return step.model_copy(update={"since": start.seq + 1, "shape": SHAPE, "state": state})


def beginning(recorded: Sequence[Recorded], empty: Session) -> Session | None:
    """Return the session right before the first of these steps, which are a log from where its last context begins.

    `empty` is what a session is before its first step. None: other code made the snapshot, and the whole log is needed.
    """
    step = next((item.step for item in reversed(recorded) if isinstance(item.step, Compacted)), None)
    if step is None:
        return empty
    if step.shape != SHAPE:
        return None
    return replace(SESSION.validate_python(step.state), id=empty.id, place=empty.place, epoch=empty.epoch)
