"""How far a call is, in its tool's own words, on the way to people: the newest words, at most every few seconds.

Best effort throughout: a tool that says how far it is never waits, and never fails because nobody could be told.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from agent import fence

EVERY_SECONDS = 3.0  # Slack takes no more (reference: Slack, Limits)

Tell = Callable[[str], Awaitable[None]]


class Progress:
    """The words of one call of `tool` while it runs."""

    def __init__(self, tool: str, tell: Tell, every_seconds: float = EVERY_SECONDS) -> None:
        self._tool, self._tell, self._every_seconds = tool, tell, every_seconds
        self._loop = asyncio.get_running_loop()
        self._newest = ""
        self._over = False
        self._telling: asyncio.Task[None] | None = None

    def say(self, text: str) -> None:
        """Report progress, from any thread, as often as the tool likes."""
        with suppress(RuntimeError):  # the loop is closed: the process ends, and a thread was left behind
            self._loop.call_soon_threadsafe(self._note, text)

    def _note(self, text: str) -> None:
        if self._over or not text:
            return
        self._newest = text
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._tell_newest())

    async def _tell_newest(self) -> None:
        while self._newest:
            text, self._newest = self._newest, ""
            await self._report_unfenced(f"{self._tool}: {text}")
            await asyncio.sleep(self._every_seconds)

    async def _report_unfenced(self, text: str) -> None:
        with fence.effects_of_start(time.monotonic()):  # no effect of the call's: it may come long after its start
            await self._tell(text)

    def over(self) -> bool:
        """Stop reporting. Returns whether something was reported that is to be taken back."""
        self._over = True
        if self._telling is not None:
            self._telling.cancel()
        return self._telling is not None

    async def take_back(self) -> None:
        """Take back what was reported last: it does not hold any more."""
        await self._report_unfenced("")
