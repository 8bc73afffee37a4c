"""An effect begins within 5 seconds of its start's commit or not at all (docs/concepts.md, The window that remains).

A process that was frozen after the commit finds out here, at the last moment before the effect, that its time is over:
by then another process may hold the session. The window that remains is the one between `begin` and the first byte that
leaves the process.
"""

import time
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

from agent.errors import FencedError

BEGIN_WITHIN_SECONDS = 5.0

_begin_by_seconds: ContextVar[float | None] = ContextVar("begin_by_seconds", default=None)


@contextmanager
def effects_of_start(at_monotonic_seconds: float, within_seconds: float = BEGIN_WITHIN_SECONDS) -> Generator[None]:
    """Run a block whose effects belong to a start that was sent to the database at this moment."""
    token = _begin_by_seconds.set(at_monotonic_seconds + within_seconds)
    try:
        yield
    finally:
        _begin_by_seconds.reset(token)


@contextmanager
def without() -> Generator[None]:
    """Run a block in which what is begun needs no fence, whatever it is begun from."""
    token = _begin_by_seconds.set(None)
    try:
        yield
    finally:
        _begin_by_seconds.reset(token)


def begin() -> None:
    """Call right before an effect. Raises FencedError when its start is too long ago; outside of `effects_of_start` it does
    nothing."""
    by = _begin_by_seconds.get()
    if by is not None and time.monotonic() > by:
        raise FencedError("the effect was held back for longer than its start allows; it was not begun")
