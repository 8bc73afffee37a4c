"""A turn as people watch it: what is heard of the model and seen of the calls goes into a message that grows.

Best effort, and it decides nothing: the log is the truth, and the post that ends the stream makes its message show that. So an
append has no fence: one that comes late, from a process that lost the session, changes only a message that is still growing, and
the process that ends that message did not see it grow and writes all of it anew.
"""

import asyncio
import logging
import time
from collections.abc import Sequence

from agent import fence
from agent.decide import for_stream as stream_moves
from agent.decide.moves import Post, Work
from agent.errors import DelayedError, RefusedError, UnclearError
from agent.run.ports import Surface
from agent.session.message_parts import LEAST_CHARACTERS
from agent.session.state import Session
from agent.types import Place, Task

log = logging.getLogger(__name__)

QUIET_SECONDS = 0.7  # a turn that is over sooner is told by its answer alone
APPEND_SECONDS = 1.0  # between two appends (Slack takes about 100 a minute)
FIRST_CHARACTERS = 240  # of a reply are heard before any is shown: a line beside calls, which the cards and tasks say, is shorter
LONGEST_MARK_CHARACTERS = 12  # of "<!everyone" and the like, which is not to be cut in two: it is made harmless as a whole


class Narration:
    """What one claim of a session shows of it. Listens to the model (`agent.run.ports.Listener`).

    Wide because how one message grows is one state: what was heard, what is shown, and when more may be sent.
    """

    def __init__(self, surface: Surface, place: Place) -> None:
        self.heard = asyncio.Event()  # set when the first words are there
        self.words = ""  # of the answer, as far as people have read them
        self._surface, self._place = surface, place
        self._spoken = ""  # what the model has said so far
        self._tasks: Sequence[Task] = ()
        self._began = (0, time.monotonic())  # the turn, and when the work on it began
        self._ts = ""
        self._shown: Work | None = None  # what the stream's message shows for sure
        self._news, self._over = asyncio.Event(), asyncio.Event()
        self._telling: asyncio.Task[None] | None = None

    # ------------------------------------------------------------------------------------------ what there is to tell

    def text(self, words: str) -> None:
        """See `Listener.text`."""
        unheard = not self.sayable()
        self._spoken += words
        self._news.set()
        if unheard and self.sayable():
            self.heard.set()

    def begin(self) -> None:
        """See `Listener.begin`."""
        self._spoken = ""

    def sayable(self) -> str:
        """Return the words that can be shown by now: whole ones, and only those that will be in the answer's first message."""
        words = self._spoken[: 2 * LEAST_CHARACTERS].lstrip()
        if len(words) < FIRST_CHARACTERS:
            return ""
        words = words[:LEAST_CHARACTERS]
        mark = words.rfind("<", len(words) - LONGEST_MARK_CHARACTERS)
        words = words[:mark] if mark >= 0 else words
        return words[: max(words.rfind(" "), words.rfind("\n")) + 1 or None].rstrip()

    def follow(self, session: Session) -> Sequence[Post]:
        """Take in how the session stands. The stream to be opened when it is `due`, or nothing."""
        self.heard.clear()
        if session.status != "ready" or session.turn.number != self._began[0]:
            self._began = (session.turn.number, time.monotonic())
        if session.model.in_flight is None and session.turn.ending.closing is None:
            self._spoken = ""  # it stood beside calls
        if session.turn.tasks != self._tasks:
            self._tasks = session.turn.tasks
            self._news.set()
        opening = stream_moves.opening(session, self.sayable()) if self._surface.streams_in(self._place) else None
        return [opening] if opening else []

    @property
    def due(self) -> float:
        """Return when a stream may be opened, in monotonic seconds."""
        return self._began[1] + QUIET_SECONDS

    # ------------------------------------------------------------------------------------------ telling it

    def opened(self, ts: str, shown: Work) -> None:
        """Note that the stream is there, and shows that."""
        self._ts, self._shown, self.words = ts, shown, shown.words
        self._over.clear()
        self._news.set()
        with fence.without():
            self._telling = asyncio.create_task(self._stream_news())

    async def closed(self) -> Work | None:
        """End the telling: what the message shows, or None where that is not known for sure."""
        self._over.set()
        self._news.set()
        if self._telling is not None:
            await asyncio.wait([self._telling])
            if (error := self._telling.exception()) is not None:  # ours, and no reason to keep the answer back
                log.error("a stream was not told to its end", exc_info=error)
                self._shown = None
            self._telling = None
        shown, self._shown = self._shown, None
        return shown

    def cancel(self) -> None:
        """Tell nothing more."""
        if self._telling is not None:
            self._telling.cancel()

    async def _stream_news(self) -> None:
        while await self._is_something_new():
            assert self._shown is not None
            following = Work(tuple(self._tasks), _following(self._shown.words, self.sayable()))
            if following == self._shown:
                continue
            self.words = following.words
            try:
                await self._surface.extend(self._place, self._ts, self._shown, following)
            except DelayedError as error:
                await self._pause(error.seconds)
                self._news.set()
            except (RefusedError, UnclearError) as error:
                log.info("a stream has ended before its time: %s", error)
                self._shown = None
                return
            else:
                self._shown = following
                await self._pause(APPEND_SECONDS)

    async def _is_something_new(self) -> bool:
        await self._news.wait()
        self._news.clear()
        return not self._over.is_set()

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._over.wait()
        except TimeoutError:
            pass


def _following(shown: str, words: str) -> str:
    """Return the words that a message may show next: it only grows, so words that do not continue it wait for the end."""
    return words if words.startswith(shown) else shown
