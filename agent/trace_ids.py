"""The ids by which a turn is found in traces. They follow from the session, so that no process has to tell another one."""

import hashlib
from contextvars import ContextVar

# What the span that begins next is to be named by, trace and span, where that is not left to chance.
next_ids: ContextVar[tuple[int, int] | None] = ContextVar("next_ids", default=None)

# The session that is worked on, and its turn (0: none yet): what a line of the log is about.
working_on: ContextVar[tuple[str, int] | None] = ContextVar("working_on", default=None)

# The prompt that this session is led by, NAME@N, and its digest; None until its pin is read.
led_by: ContextVar[tuple[str, str] | None] = ContextVar("led_by", default=None)


def trace_id(session_id: str, turn: int) -> int:
    """Return the id, of 128 bits, that all spans of one turn have, whichever process makes them, days apart or not."""
    return _hashed(16, session_id, turn) or 1


def span_id(session_id: str, turn: int, epoch: int) -> int:
    """Return the id, of 64 bits, of the span of what one claim did of a turn: the next claim's span is linked to it."""
    return _hashed(8, session_id, turn, epoch) or 1


def spelled(trace: int) -> str:
    """Return a trace's id as other tools spell it."""
    return f"{trace:032x}"


def _hashed(size: int, *of: str | int) -> int:
    named = "\0".join(map(str, of)).encode()
    return int.from_bytes(hashlib.sha256(named).digest()[:size])
