"""Work that nobody waits for: a status, a word to one person."""

import asyncio
from collections.abc import Coroutine
from typing import Any

DRAIN_SECONDS = 2.0  # that the end of a process leaves it


class Background:
    """Tasks that are kept alive until they are over."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do it beside everything else, under the fence of whatever is under way here."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def drain(self) -> None:
        """Wait until nothing is left, or for DRAIN_SECONDS."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=DRAIN_SECONDS)
