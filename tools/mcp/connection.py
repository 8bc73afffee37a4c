"""One server for the whole process: started, listed, asked, and started again with back-off when it dies.

One task opens and closes each connection; calls come from the tasks of the sessions. Whatever a server does ends in a structured
error of the call, never in an exception that leaves this file.

Long because one task owns the whole life of a server.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from agent import fence
from agent.errors import FencedError
from agent.tool.answer import Answer
from agent.tool.definition import ErrorKind, ToolError, nobody
from tools.mcp.claims import leaves_open
from tools.mcp.fates import Answered, Fate, NotSent, TurnedAway, Unclear
from tools.mcp.offer import Offer, offer
from tools.mcp.results import answer, how_far
from tools.mcp.server import Local, Server, ServerUnreachableError
from tools.mcp.wording import INVALID_PARAMS, METHOD_NOT_FOUND, in_words

if TYPE_CHECKING:
    from tools.mcp.line import Line
    from tools.mcp.session import McpSession

log = logging.getLogger(__name__)

ANSWER_SECONDS = 4.0  # a call waits so long for a server that is being started
LOOK_SECONDS = 60.0  # for its tools, once it runs
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 60.0
LOOK_PAUSE_SECONDS = 0.5  # between two looks at its tools, however often it announces changes
STEADY_SECONDS = 60.0  # a connection that held so long starts the pauses anew

KINDS: Mapping[int | None, ErrorKind] = {METHOD_NOT_FOUND: "not_found", INVALID_PARAMS: "invalid_input"}


class Connection:
    """Wide because one task owns the life of a server: it is connected to, used, lost and connected to again here."""

    def __init__(self, server: Server, changed: Callable[[], None]) -> None:
        self.server = server
        self.offer = Offer()  # the last one: a server that is down keeps its tools, and calls say that it is down
        self.trouble = server.trouble or "it has not answered yet"  # empty while a connection stands
        self.tried = asyncio.Event()  # set once the first attempt has come to something
        self._changed = changed
        self._entries: Sequence[Any] | None = None
        self._line: Line | None = None  # the one that calls go into
        self._stands = asyncio.Event()
        self._wanted = asyncio.Event()  # a call waits for it
        self._closing = asyncio.Event()
        self._patience: asyncio.Timeout | None = None  # while it is being connected to
        self._lives: set[asyncio.Task[None]] = set()

    # ------------------------------------------------------------------------------------------ its life

    async def keep(self) -> None:
        """Connect, and again whenever the connection ends, until `close`."""
        try:
            await self._keep()
        finally:
            for life in self._lives:
                life.cancel()
            await asyncio.gather(*self._lives, return_exceptions=True)

    async def _keep(self) -> None:
        from tools.mcp.line import Line  # half a second for the mcp SDK, which nobody needs who has no server

        pause = FIRST_PAUSE_SECONDS
        while not self._closing.is_set():
            began = asyncio.get_running_loop().time()
            line = Line(self.server)
            life = asyncio.create_task(self._live(line))
            self._lives.add(life)
            retired = asyncio.create_task(line.retired.wait())
            await asyncio.wait((life, retired), return_when=asyncio.FIRST_COMPLETED)
            retired.cancel()
            if not life.done() and not self._closing.is_set():
                continue  # the next one stands while calls on this one come to their end
            await self._ended(line, life)
            self.tried.set()
            if self._closing.is_set():
                break
            if asyncio.get_running_loop().time() - began > STEADY_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            log.warning(
                "MCP server %s: %s; it is tried again in %g s, or when it is called", self.server.name, self.trouble, pause
            )
            if not line.retired.is_set():
                await _first(self._closing, timeout_seconds=FIRST_PAUSE_SECONDS)
                await _first(self._closing, self._wanted, timeout_seconds=pause - FIRST_PAUSE_SECONDS)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        if self._lives:
            await asyncio.wait(self._lives)

    async def _ended(self, line: "Line", life: asyncio.Task[None]) -> None:
        try:
            await life
            self.trouble = line.told(EOFError("the connection has ended"))
        except Exception as error:  # a server's failure of any kind: said, and tried again
            self.trouble = line.told(error)

    def close(self) -> None:
        """Let `keep` come to its end. Its program is ended with it."""
        self._closing.set()
        if self._patience is not None:
            self._patience.reschedule(asyncio.get_running_loop().time())

    async def _live(self, line: "Line") -> None:
        """Keep one connection, from its start to its end."""
        try:
            async with asyncio.timeout(self.server.connect_seconds) as patience:
                self._patience = patience
                try:
                    async with line.open() as session:
                        try:
                            await self._list(session)
                        except Exception as error:  # told now: on the way out the transport may fail in other words
                            raise ServerUnreachableError(line.told(error)) from error
                        patience.reschedule(None)
                        self._patience = None
                        self._stand(line)
                        await self._until_done(line, session)
                finally:
                    self._patience = None
        finally:
            self._leave(line)
            if (task := asyncio.current_task()) is not None:
                self._lives.discard(task)

    def _stand(self, line: "Line") -> None:
        self._line, self.trouble = line, ""
        self._wanted.clear()
        self._stands.set()
        self.tried.set()
        log.info("MCP server %s: %d tools", self.server.name, len(self.offer.tools))

    def _leave(self, line: "Line") -> None:
        """No call goes into this connection any more."""
        if self._line is line:
            self._line = None
            self._stands.clear()

    async def _until_done(self, line: "Line", session: "McpSession") -> None:
        """Look at the tools whenever there is a reason to; a server that does not answer then is connected to anew."""
        while not (self._closing.is_set() or line.done):
            line.wake.clear()
            if line.look and line.usable:
                line.look = False
                try:
                    async with asyncio.timeout(LOOK_SECONDS):
                        await self._list(session)
                except Exception as error:
                    if isinstance(self.server.reach, Local):
                        raise
                    log.warning("MCP server %s: %s; it is connected to anew", self.server.name, line.told(error))
                    self._begin_anew(line)
                    continue
                await _first(self._closing, line.over, timeout_seconds=LOOK_PAUSE_SECONDS)
            await _first(self._closing, line.over, line.wake)

    def _begin_anew(self, line: "Line") -> None:
        line.retire()
        self._leave(line)

    # ------------------------------------------------------------------------------------------ its tools

    async def _list(self, session: "McpSession") -> None:
        """Take the list as it is now. Sessions that run already are pinned to what they started with."""
        entries = await session.entries()
        if entries == self._entries:
            return
        self.offer = await offer(self.server, entries, self.call, session.mirrors)
        self._entries = entries
        for why in self.offer.left_out:
            log.warning("MCP server %s: %s", self.server.name, why)
        for what in self.offer.unread:
            log.warning("MCP server %s: %s cannot be read here, and is left to the server", self.server.name, what)
        self._changed()

    def leaves_open(self) -> Sequence[str]:
        """Return our names of the tools that ask only because nobody says that what they read stays with the server."""
        if not self.server.trusted or self.server.open_world is not None:
            return ()
        return [tool.name for tool, listed in self.offer.tools if leaves_open(listed)]

    # ------------------------------------------------------------------------------------------ a call

    async def call(self, tool: str, arguments: Mapping[str, Any], say: Callable[[str], None] = nobody) -> Answer:
        """Run a tool, by the server's own name of it. Cancelling this cancels the request at the server. Raises ToolError."""

        async def hear(progress: float, total: float | None, message: str | None) -> None:
            say(self.server.discreet(how_far(progress, total, message)))

        over_at = asyncio.get_running_loop().time() + self.server.call_seconds
        fate = await self._try(tool, arguments, hear, over_at)
        if isinstance(fate, TurnedAway) and fate.forgotten:
            again = await self._try(tool, arguments, hear, over_at)
            fate = fate if isinstance(again, NotSent) else again  # what is known of the one try that was sent
        if isinstance(fate, Answered) and fate.kind == "result":
            return answer(self.server, fate.value)
        raise self._failure(fate)

    async def _try(self, tool: str, arguments: Mapping[str, Any], hear: Any, over_at: float) -> Fate:
        """Send a call once, if it can be sent in time, and return what became of it."""
        wait_seconds = min(ANSWER_SECONDS, (over_at - asyncio.get_running_loop().time()) / 2)
        if (line := await self._standing(wait_seconds)) is None:
            return NotSent(self.trouble or "its connection was lost")
        try:
            fence.begin()
        except FencedError:
            return NotSent("not within the time in which an approved call may begin; call it again")
        fate = await line.run(tool, arguments, hear)
        if isinstance(fate, TurnedAway) and fate.forgotten:
            self._begin_anew(line)
        elif not isinstance(fate, Answered) or fate.kind == "error":
            line.look_again()
        return fate

    async def _standing(self, wait_seconds: float) -> "Line | None":
        """Return the connection once it stands; None when it does not come to stand."""
        if self._line is not None and not self._line.usable:  # a call into one that has ended would look as if it might have run
            self._leave(self._line)
        if self._line is None:
            self._wanted.set()
            await _first(self._stands, self._closing, timeout_seconds=wait_seconds)
        return self._line

    def _failure(self, fate: Fate) -> ToolError:
        said = self.server.discreet(in_words(self.server.name, fate))
        kind = KINDS.get(fate.code, "unexpected") if isinstance(fate, Answered) else "unexpected"
        begun = not isinstance(fate, NotSent | TurnedAway)
        return ToolError(kind, said, unclear=isinstance(fate, Unclear), begun=begun)


async def _first(*events: asyncio.Event, timeout_seconds: float | None = None) -> None:
    """Wait until one of them is set, or the time is over."""
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=timeout_seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
