"""The session inside a Compacted step: whoever loads a long conversation begins there, and not with its first step.

A snapshot is a shortcut, never the truth: where this code's session has other fields, the whole log is folded instead.
"""

from collections.abc import Sequence
from typing import cast

from pydantic import JsonValue, TypeAdapter

from agent.digest import sha256
from agent.frozen import replace
from agent.session import Session
from agent.steps import Compacted, Recorded, Step

SESSION: TypeAdapter[Session] = TypeAdapter(Session)
FOLD = 1  # raised when steps come to mean something else for a session, though its fields stay the same
SHAPE = sha256([FOLD, SESSION.json_schema()])[:16]


def placed(step: Step, session: Session, rested: Session) -> Step:
    """The step as it is written now: a new context holds the steps of the turn that is open, if one is, and nothing else.

    `rested` is the session as it stood before that turn.
    """
    if not isinstance(step, Compacted):
        return step
    start = rested if session.open else session
    state = cast("dict[str, JsonValue]", SESSION.dump_python(start, mode="json"))
    return step.model_copy(update={"since": start.seq + 1, "shape": SHAPE, "state": state})


def beginning(recorded: Sequence[Recorded], empty: Session) -> Session | None:
    """The session right before the first of these steps, which are a log from where its last context begins.

    `empty` is what a session is before its first step. None: other code made the snapshot, and the whole log is needed.
    """
    step = next((item.step for item in reversed(recorded) if isinstance(item.step, Compacted)), None)
    if step is None:
        return empty
    if step.shape != SHAPE:
        return None
    return replace(SESSION.validate_python(step.state), id=empty.id, place=empty.place, epoch=empty.epoch)
