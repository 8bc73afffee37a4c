"""Code that blocks leaves the event loop: leases are renewed and other sessions go on, however long it takes.

Nobody can end a thread. One whose call has run out of time is left behind: it is counted, it keeps its place among the threads
until it ends, and it holds up neither the call nor the end of the process.
"""

import asyncio
import inspect
import logging
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator
from concurrent.futures import Future
from contextvars import copy_context
from functools import wraps
from types import coroutine
from typing import Any, TypeVar

from agent import fence
from agent.errors import FencedError, NotBegunError

log = logging.getLogger(__name__)

MOST_THREADS = 64
WAIT_SECONDS = 2.0  # for one of them to be free
HELD_SECONDS = 1.0  # an async function that keeps the event loop to itself for longer is named in the log

T = TypeVar("T")
Job = Callable[[], None]


class Threads:
    """At most so many daemon threads at once; what comes beyond that waits for one to end. Belongs to no event loop."""

    def __init__(self, most: int = MOST_THREADS) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._waiting: deque[Job] = deque()
        self._running = 0
        self._left_behind: set[Future[Any]] = set()

    @property
    def left_behind(self) -> int:
        """Return how many still run though nobody waits for them any more."""
        return len(self._left_behind)

    async def run(self, name: str, work: Callable[[], T], wait_seconds: float = WAIT_SECONDS) -> T:
        """Return what `work` gives, in a thread with the caller's context. Raises NotBegunError if it did not begin, for want of
        a thread or because the start that it belongs to is too long ago."""
        future: Future[T] = Future()
        context = copy_context()
        self._add_job(lambda: context.run(_fulfil, future, work))
        ended = asyncio.wrap_future(future)
        try:
            await asyncio.wait({ended}, timeout=wait_seconds)
            if not ended.done() and future.cancel():  # only what has not begun can be cancelled
                raise NotBegunError(f"all {self._most} threads for such tools are busy, {self.left_behind} of them left behind")
            return await ended
        except asyncio.CancelledError:
            if not future.cancel() and not future.done():
                self._leave(name, future)
            raise

    def _leave(self, name: str, future: Future[Any]) -> None:
        began = time.monotonic()

        def ended(_: Future[Any]) -> None:
            self._left_behind.discard(future)
            log.warning("the thread of %s ended %.1f s after it was left behind", name, time.monotonic() - began)

        self._left_behind.add(future)
        log.warning("the thread of %s is left behind; %d such threads run", name, self.left_behind)
        future.add_done_callback(ended)

    def _add_job(self, job: Job) -> None:
        with self._lock:
            self._waiting.append(job)
            if self._running >= self._most:
                return
            self._running += 1
        threading.Thread(target=self._work, name="tool", daemon=True).start()

    def _work(self) -> None:
        while job := self._next():
            job()

    def _next(self) -> Job | None:
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            self._running -= 1
            return None


def _fulfil(future: Future[T], work: Callable[[], T]) -> None:
    """Do the work, unless it is too late for that."""
    if not future.set_running_or_notify_cancel():
        return
    try:
        fence.begin()
    except FencedError as error:
        future.set_exception(NotBegunError(str(error)))
        return
    try:
        future.set_result(work())
    except BaseException as error:
        if not isinstance(error, Exception) or isinstance(error, StopIteration):  # what no future may hold, or would end the loop
            error = RuntimeError(f"{type(error).__name__} was raised")
        future.set_exception(error)


THREADS = Threads()


def leaving_the_loop(function: Callable[..., Any], wait_seconds: float = WAIT_SECONDS) -> Callable[..., Awaitable[Any]]:
    """Return the function as one to be awaited: an async one as it is, a plain one in a thread, for which it waits so long."""
    if inspect.iscoroutinefunction(function):
        return function

    @wraps(function)
    async def in_a_thread(*args: Any, **kwargs: Any) -> Any:
        return await THREADS.run(function.__name__, lambda: function(*args, **kwargs), wait_seconds)

    return in_a_thread


# ---------------------------------------------------------------------------------------------- async code that blocks


@coroutine
def watched(name: str, work: Coroutine[Any, Any, T]) -> Generator[Any, Any, T]:
    """Await `work`, and name it in the log when it holds the event loop up."""
    thrown: BaseException | None = None
    while True:
        began = time.monotonic()
        try:
            waits_for = work.send(None) if thrown is None else work.throw(thrown)
        except StopIteration as ended:
            return ended.value
        finally:
            if (held := time.monotonic() - began) > HELD_SECONDS:
                log.warning(
                    "%s held the event loop for %.1f s: write it as a plain `def`, or await what it waits for", name, held
                )
        thrown = None
        try:
            yield waits_for
        except BaseException as error:  # a cancellation, say
            thrown = error
