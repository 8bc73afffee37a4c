"""Whether the event loop was held up meanwhile: a thread looks, and says where its thread stood."""

import asyncio
import gc
import sys
import threading
import time
import traceback
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

MOST_SECONDS = 1.0
LOOK_SECONDS = 0.02


class LoopHeldError(AssertionError):
    """The loop did not go on for too long; the message has the stack of where its thread stood."""


@asynccontextmanager
async def watched(most_seconds: float = MOST_SECONDS) -> AsyncGenerator[None]:
    """Watch the running loop. Raises LoopHeldError if one callback kept it for longer than this.

    Seconds are processor time of this process and not of the clock, so that a busy machine finds nothing: what the loop's thread
    computes, and what another thread does that holds the interpreter's lock. A loop that waits for the network computes nothing.
    """
    gc.freeze()  # what earlier tests left is not looked through meanwhile: in a long run that alone takes a second
    watch = _Watch(asyncio.get_running_loop(), most_seconds)
    watch.start()
    try:
        yield
    finally:
        watch.end()
        gc.unfreeze()
    if watch.stack:
        raise LoopHeldError(
            f"the event loop did not go on for {watch.held_seconds:.1f} s of processor time, here:\n{watch.stack}"
        )


class _Watch(threading.Thread):
    """Looks how much was computed since the loop last gave a sign, which it does whenever it can."""

    def __init__(self, loop: asyncio.AbstractEventLoop, most_seconds: float) -> None:
        super().__init__(name="watchdog", daemon=True)
        self._loop, self._most_seconds = loop, most_seconds
        self._of_loop = threading.get_ident()
        self._sign_at = time.process_time()
        self.over = threading.Event()
        self.held_seconds = 0.0
        self.stack = ""
        self._give_sign()

    def run(self) -> None:
        while not self.over.wait(LOOK_SECONDS):
            self._look()

    def _give_sign(self) -> None:
        self._look()  # a call that holds the interpreter's lock lets no other thread look before it is over
        self._sign_at = time.process_time()
        self._next = self._loop.call_later(LOOK_SECONDS, self._give_sign)

    def end(self) -> None:
        """Look once more, and no more."""
        self._look()
        self._next.cancel()
        self.over.set()
        self.join()

    def _look(self) -> None:
        seconds = time.process_time() - self._sign_at
        if seconds > self._most_seconds and seconds > self.held_seconds:
            self.held_seconds = seconds
            frames = sys._current_frames()  # pyright: ignore[reportPrivateUsage]  # documented, and so named
            self.stack = self.stack or "".join(traceback.format_stack(frames.get(self._of_loop)))
