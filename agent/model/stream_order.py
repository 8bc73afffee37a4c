"""A stream's events in the order that the protocol has (documentation: Streaming messages), or an error that says it is not.

The SDK takes events as they come: without this, one that a proxy lost or doubled would make another reply, with the arguments of
one call in the next.
"""

from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from typing import Any

# What the SDK stumbles over in a stream that is not as the protocol has it, before and after it is JSON.
_STUMBLING = (LookupError, TypeError, AttributeError, ValueError, RuntimeError, AssertionError)


class OddStreamError(Exception):
    """The stream is not one of the protocol. Another try may be whole."""


class InOrder:
    """A stream's events as they come. Raises OddStreamError at one that cannot stand where it does. Events of kinds that nobody
    here knows are let through; one that ends too early has no stop reason, and is found by that."""

    def __init__(self, events: Any) -> None:
        self._events = events
        self._begun = self._summed_up = self._over = False
        self._blocks = 0
        self._open = False  # the last of them

    def __getattr__(self, name: str) -> Any:
        return getattr(self._events, name)

    async def __aiter__(self) -> AsyncIterator[Any]:
        async for event in self._events:
            if not self._follows(event):
                raise OddStreamError(f"{event.type} came where it cannot stand")
            yield event

    def _follows(self, event: Any) -> bool:
        """Return whether an event may come now, and note that it came."""
        here = self._begun and not self._over
        within = here and self._open and getattr(event, "index", None) == self._blocks - 1
        between = here and not self._open
        match event.type:
            case "message_start":
                first, self._begun = not self._begun, True
                return first
            case "content_block_start":
                fits = between and not self._summed_up and getattr(event, "index", None) == self._blocks
                self._blocks, self._open = self._blocks + 1, True
                return fits
            case "content_block_delta":
                return within
            case "content_block_stop":
                self._open = False
                return within
            case "message_delta":
                self._summed_up = True
                return between
            case "message_stop":
                fits, self._over = self._begun and not self._open, True
                return fits
            case _:
                return True


@contextmanager
def of_the_stream() -> Generator[None]:
    """Look at what a stream says. Raises OddStreamError where that is not made as the protocol has it."""
    try:
        yield
    except _STUMBLING as error:
        raise OddStreamError(f"{type(error).__name__} in what it is made of") from error


async def readable_events(events: Any) -> AsyncIterator[Any]:
    """Give the SDK's events. Raises OddStreamError for whatever the SDK stumbles over."""
    with of_the_stream():
        async for event in events:
            yield event
