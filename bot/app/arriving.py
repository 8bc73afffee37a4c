"""What arrives more than once is written once: a mention comes as two events, and some deliveries are repeats."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

MOST_KNOWN = 1_000  # keys of what was written lately; what is not known here any more is a repeat to the database all the same


class Arriving:
    """The writes that are under way or were made lately, by key."""

    def __init__(self) -> None:
        self._writes: dict[str, asyncio.Task[bool]] = {}

    async def once(self, key: str, write: Callable[[], Coroutine[Any, Any, bool]]) -> bool:
        """Return whether it is written by now, by this write or by one before it. Raises what the write does."""
        while (first := self._writes.get(key)) is not None:
            await asyncio.wait({first})
            if not first.cancelled() and first.exception() is None and first.result():
                return True
            if self._writes.get(key) is first:
                del self._writes[key]
        writing = self._writes[key] = asyncio.create_task(write())
        if len(self._writes) > MOST_KNOWN:
            del self._writes[next(iter(self._writes))]
        return await writing
