"""One connection to a server, from its start to its end: open, used, retired while calls on it go on, over."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, cast

from mcp.client._probe import negotiate_auto
from mcp.client.session import IncomingMessage
from mcp.client.subscriptions import listen
from mcp.shared.dispatcher import ProgressFnT
from mcp_types import Implementation, ToolListChangedNotification
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from tools.mcp.fates import Fate
from tools.mcp.program import LastWords
from tools.mcp.server import Local, Server, ServerUnreachableError
from tools.mcp.session import McpSession
from tools.mcp.transport import reached
from tools.mcp.wording import quoted

SENTENCE_CHARACTERS = 300


class Line:
    """A connection. `over`: nothing more comes from it. `retired`: no new call goes into it, and it ends when it is idle."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.over = asyncio.Event()
        self.retired = asyncio.Event()
        self.wake = asyncio.Event()  # there is something to do for the task that keeps it
        self.look = False  # at its tools, or whether it is still there
        self.last_words: LastWords | None = None
        self._session: McpSession | None = None
        self._in_flight = 0

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[McpSession]:
        """Keep the session with the server, for as long as the block runs. Raises whatever keeps it from coming to stand."""
        assert self.server.reach is not None
        async with AsyncExitStack() as stack:
            self.last_words = LastWords()
            stack.callback(self.last_words.close)
            read, write = await stack.enter_async_context(reached(self.server.reach, self.last_words, self.over))
            about = Implementation(name="signoff", version="1")
            session = await stack.enter_async_context(McpSession(read, write, message_handler=self._hear, client_info=about))
            await negotiate_auto(session)
            capabilities = session.server_capabilities
            announces = capabilities is not None and capabilities.tools is not None and capabilities.tools.list_changed
            if announces and session.protocol_version in MODERN_PROTOCOL_VERSIONS:  # where it has to be asked for
                await stack.enter_async_context(listen(session, tools_list_changed=True))
            self._session = session
            yield session

    @property
    def usable(self) -> bool:
        """Return whether a call can go into it."""
        return not (self.over.is_set() or self.retired.is_set())

    @property
    def done(self) -> bool:
        """Return whether it may be closed: nothing more comes, or nobody waits for it any more."""
        return self.over.is_set() or (self.retired.is_set() and not self._in_flight)

    async def run(self, tool: str, arguments: Mapping[str, Any], hear: ProgressFnT) -> Fate:
        """See `McpSession.run`."""
        assert self._session is not None
        self._in_flight += 1
        try:
            return await self._session.run(tool, arguments, hear)
        finally:
            self._in_flight -= 1
            self.wake.set()

    def retire(self) -> None:
        """Let nothing more be sent into it. A program is ended at once: there is one of it."""
        self.retired.set()
        if isinstance(self.server.reach, Local):
            self.over.set()
        self.wake.set()

    def look_again(self) -> None:
        """Have its tools listed, which also shows whether it is still there."""
        self.look = True
        self.wake.set()

    async def _hear(self, message: IncomingMessage) -> None:
        if isinstance(message, ToolListChangedNotification):
            self.look_again()

    def told(self, error: BaseException) -> str:
        """Return a sentence's middle about what went wrong, with a program's last words, and without secrets."""
        error = _innermost(error)
        if isinstance(error, ServerUnreachableError):
            return str(error)
        if self.last_words is not None and self.last_words.trouble:
            said = self.last_words.trouble
        elif isinstance(error, TimeoutError):
            said = "it did not answer in time"
        elif isinstance(error, FileNotFoundError):
            said = f"there is no program {error.filename!r} here"
        else:
            said = str(error) or type(error).__name__
        last = self.last_words.line() if self.last_words is not None else ""
        words = f"{said}; its last words were {quoted(last)}" if last and last not in said else said
        return " ".join(self.server.discreet(words).split())[:SENTENCE_CHARACTERS]


def _innermost(error: BaseException) -> BaseException:
    """Return the first of a group of errors, which the SDK's tasks may end in."""
    group: Any = error
    while isinstance(group, BaseExceptionGroup):
        group = cast(Any, group).exceptions[0]
    return group
