"""One server for the whole process: started, listed, asked, and started again with back-off when it dies.

One task opens and closes the connection; calls come from the tasks of the sessions. Whatever a server does ends in a structured
error of the call, never in an exception that leaves this file.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, cast

from mcp import Client, MCPError
from mcp.client.session import IncomingMessage
from mcp_types import (
    CONNECTION_CLOSED,
    HEADER_MISMATCH,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    Implementation,
    ToolListChangedNotification,
)
from mcp_types import Tool as Listed
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from agent import fence
from agent.errors import FencedError
from agent.tool import ErrorKind, Tool, ToolError, nobody
from tools.mcp.bridged import bridged, quoted, unread_patterns
from tools.mcp.program import LastWords
from tools.mcp.results import content, how_far, joined_text
from tools.mcp.server import Server
from tools.mcp.transport import NOT_SENT, reached

log = logging.getLogger(__name__)

CONNECT_SECONDS = 60.0  # a package runner may fetch the server first
ANSWER_SECONDS = 4.0  # a call waits so long for a server that is being started
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 60.0
LOOK_PAUSE_SECONDS = 0.5  # between two looks at its tools, however often it announces changes
STEADY_SECONDS = 60.0  # a connection that held so long starts the pauses anew
MOST_PAGES = 50
MOST_TOOLS = 2_000
SENTENCE_CHARACTERS = 300

# The server did not run the tool: any other error leaves that open.
NOT_RUN: Mapping[int, ErrorKind] = {
    METHOD_NOT_FOUND: "not_found",
    INVALID_PARAMS: "invalid_input",
    INVALID_REQUEST: "unexpected",
    HEADER_MISMATCH: "unexpected",
    NOT_SENT: "unexpected",
}


@dataclass(frozen=True, slots=True)
class Offer:
    """What a server lists: the tools that can be offered, each beside what the server said of it, and why others cannot.

    `unread`: what is left to the server to check.
    """

    tools: tuple[tuple[Tool, Listed], ...] = ()
    left_out: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


class UnreachableError(Exception):
    """A connection did not come to stand: the message says why, in the middle of a sentence and without secrets."""


class Connection:
    """The connection to one server, whether it stands right now or not."""

    def __init__(self, server: Server, changed: Callable[[], None]) -> None:
        self.server = server
        self.offer = Offer()  # the last one: a server that is down keeps its tools, and calls say that it is down
        self.trouble = server.trouble or "it has not answered yet"  # empty while the connection stands
        self.tried = asyncio.Event()  # set once the first attempt has come to something
        self._changed = changed
        self._listed: list[Listed] | None = None
        self._client: Client | None = None
        self._stands = asyncio.Event()
        self._over = asyncio.Event()  # nothing more comes from the server
        self._look = asyncio.Event()  # at its tools, or whether it is still there
        self._wanted = asyncio.Event()  # a call waits for it
        self._closing = asyncio.Event()
        self._patience: asyncio.Timeout | None = None  # while it is being connected to
        self._last_words: LastWords | None = None

    # ------------------------------------------------------------------------------------------ its life

    async def keep(self) -> None:
        """Connect, and again whenever the connection ends, until `close`."""
        pause = FIRST_PAUSE_SECONDS
        while not self._closing.is_set():
            began = asyncio.get_running_loop().time()
            try:
                await self._live()
                self.trouble = self._told(EOFError("the connection has ended"))
            except Exception as error:  # a server's failure of any kind: said, and tried again
                self.trouble = self._told(error)
            self.tried.set()
            if self._closing.is_set():
                break
            if asyncio.get_running_loop().time() - began > STEADY_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            log.warning(
                "MCP server %s: %s; it is tried again in %g s, or when it is called", self.server.name, self.trouble, pause
            )
            await _first(self._closing, timeout_seconds=FIRST_PAUSE_SECONDS)
            await _first(self._closing, self._wanted, timeout_seconds=pause - FIRST_PAUSE_SECONDS)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def close(self) -> None:
        """Let `keep` come to its end. Its program is ended with it."""
        self._closing.set()
        if self._patience is not None:
            self._patience.reschedule(asyncio.get_running_loop().time())

    async def _live(self) -> None:
        """One connection, from its start to its end."""
        assert self.server.reach is not None
        self._over.clear()
        async with asyncio.timeout(CONNECT_SECONDS) as patience, AsyncExitStack() as stack:
            self._patience = patience
            self._last_words = LastWords()
            stack.callback(self._last_words.close)
            transport = reached(self.server.reach, self._last_words, self._over)
            client = Client(
                transport, message_handler=self._hear, client_info=Implementation(name="signoff", version="1"), cache=None
            )
            try:
                await stack.enter_async_context(client)
                await self._listen(stack, client)
                await self._list(client)
            except Exception as error:  # told now: on the way out of here the transport may fail in words of its own
                raise UnreachableError(self._told(error)) from error
            finally:
                self._patience = None
            patience.reschedule(None)
            self._stand(client)
            try:
                await self._until_over(client)
            finally:
                self._client = None
                self._stands.clear()

    def _stand(self, client: Client) -> None:
        self._client, self.trouble = client, ""
        self._wanted.clear()
        self._stands.set()
        self.tried.set()
        log.info("MCP server %s: %d tools", self.server.name, len(self.offer.tools))

    async def _until_over(self, client: Client) -> None:
        """Look at the tools whenever there is a reason to; a server that does not answer then is given up."""
        while not (self._closing.is_set() or self._over.is_set()):
            if self._look.is_set():
                async with asyncio.timeout(CONNECT_SECONDS):
                    await self._list(client)
                await _first(self._closing, self._over, timeout_seconds=LOOK_PAUSE_SECONDS)
            await _first(self._closing, self._over, self._look)

    # ------------------------------------------------------------------------------------------ its tools

    async def _listen(self, stack: AsyncExitStack, client: Client) -> None:
        """Have changes of the list announced: since 2026-07-28 that has to be asked for."""
        tools = client.server_capabilities.tools
        if tools is not None and tools.list_changed and client.protocol_version in MODERN_PROTOCOL_VERSIONS:
            await stack.enter_async_context(client.listen(tools_list_changed=True))

    async def _hear(self, message: IncomingMessage) -> None:
        if isinstance(message, ToolListChangedNotification):
            self._look.set()

    async def _list(self, client: Client) -> None:
        """Take the list as it is now. Sessions that run already are pinned to what they started with."""
        self._look.clear()
        listed: list[Listed] = []
        cursor: str | None = None
        for _ in range(MOST_PAGES):
            page = await client.list_tools(cursor=cursor)
            listed += page.tools
            cursor = page.next_cursor
            if cursor is None or len(listed) >= MOST_TOOLS:
                break
        if listed == self._listed:
            return
        self._listed = listed
        self.offer = _offer(self.server, listed[:MOST_TOOLS], self.call)
        for why in self.offer.left_out:
            log.warning("MCP server %s: %s", self.server.name, why)
        for what in self.offer.unread:
            log.warning("MCP server %s: %s cannot be read here, and is left to the server", self.server.name, what)
        self._changed()

    # ------------------------------------------------------------------------------------------ a call

    async def call(self, tool: str, arguments: Mapping[str, Any], say: Callable[[str], None] = nobody) -> Mapping[str, Any]:
        """Run a tool, by the server's own name of it. Cancelling this cancels the request at the server. Raises ToolError."""

        async def hear(progress: float, total: float | None, message: str | None) -> None:
            say(self.server.discreet(how_far(progress, total, message)))

        client = await self._standing()
        try:
            fence.begin()
        except FencedError:
            raise ToolError("unexpected", f"{self._who()} was not reached in time, and nothing was run; call it again.") from None
        try:
            result = await client.call_tool(tool, dict(arguments), progress_callback=hear)
        except MCPError as error:
            raise self._failure(error) from None
        if result.is_error:
            said = joined_text(result) or "nothing about what went wrong"
            raise ToolError("unexpected", f"{self._who()} reports an error: {self.server.discreet(said)}")
        return self.server.discreet(content(result))

    async def _standing(self) -> Client:
        """The client, once the connection stands. Raises ToolError when it does not come to stand."""
        if self._over.is_set():  # a call into a connection that has just ended would look as if it might have run
            self._client = None
            self._stands.clear()
        if self._client is None:
            self._wanted.set()
            await _first(self._stands, self._closing, timeout_seconds=ANSWER_SECONDS)
        if self._client is None:
            raise ToolError("unexpected", f"{self._who()} cannot be reached right now ({self.trouble}). Nothing was run.")
        return self._client

    def _failure(self, error: MCPError) -> ToolError:
        self._look.set()  # a server that has forgotten us, or is gone, shows when it is asked for its tools
        kind = NOT_RUN.get(error.code)
        if error.code == CONNECTION_CLOSED:
            told = "ended the connection before it answered"
        else:
            told = f"answered with an error: {quoted(self.server.discreet(error.message))}"
        what = "Nothing was run." if kind else "What it did until then is not known."
        return ToolError(kind or "unexpected", f"{self._who()} {told}. {what}", unclear=kind is None)

    def _who(self) -> str:
        return f"The MCP server {self.server.name}"

    def _told(self, error: BaseException) -> str:
        """A sentence's middle about what went wrong, with a program's last words, and without secrets."""
        error = _innermost(error)
        if isinstance(error, UnreachableError):
            return str(error)
        if self._last_words is not None and self._last_words.trouble:
            said = self._last_words.trouble
        elif isinstance(error, TimeoutError):
            said = "it did not answer in time"
        elif isinstance(error, FileNotFoundError):
            said = f"there is no program {error.filename!r} here"
        else:
            said = str(error) or type(error).__name__
        last = self._last_words.line() if self._last_words is not None else ""
        words = f"{said}; its last words were {quoted(last)}" if last and last not in said else said
        return " ".join(self.server.discreet(words).split())[:SENTENCE_CHARACTERS]


def _innermost(error: BaseException) -> BaseException:
    """The first of a group of errors, which the SDK's tasks may end in."""
    group: Any = error
    while isinstance(group, BaseExceptionGroup):
        group = cast(Any, group).exceptions[0]
    return group


def _offer(server: Server, listed: Sequence[Listed], call: Any) -> Offer:
    """The tools by our names. One that cannot be offered costs nobody the others."""
    tools: dict[str, tuple[Tool, Listed]] = {}
    left_out: list[str] = []
    unread: list[str] = []
    for one in listed:
        try:
            tool = bridged(server, one, call)
            if tool.name in tools:
                raise ValueError("another one has the same name")
            tools[tool.name] = tool, one
            unread += [f"the pattern {quoted(each)} of its tool {quoted(one.name)}" for each in unread_patterns(tool)]
        except ValueError as error:
            left_out.append(f"its tool {quoted(one.name)} is left out: {error}")
    return Offer(tuple(tools.values()), tuple(left_out), tuple(unread))


async def _first(*events: asyncio.Event, timeout_seconds: float | None = None) -> None:
    """Until one of them is set, or the time is over."""
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=timeout_seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
