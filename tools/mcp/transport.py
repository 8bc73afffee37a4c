"""How a server is reached: a program's pipes, or streamable HTTP. Both say when nothing more can come from it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

from mcp.client._transport import ReadStream, TransportStreams
from mcp.shared.message import SessionMessage

from tools.mcp.http import posting
from tools.mcp.program import LastWords, running_program
from tools.mcp.server import Local, Remote

Incoming = SessionMessage | Exception


class Watched:
    """A stream of messages that sets `over` when it ends."""

    def __init__(self, stream: ReadStream[Incoming], over: asyncio.Event) -> None:
        self._stream = stream
        self._over = over

    async def receive(self) -> Incoming:
        return await self._stream.receive()

    async def aclose(self) -> None:
        await self._stream.aclose()

    def __aiter__(self) -> ReadStream[Incoming]:
        return self

    async def __anext__(self) -> Incoming:
        try:
            return await anext(self._stream)
        except BaseException:
            self._over.set()
            raise

    async def __aenter__(self) -> Self:
        await self._stream.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> bool | None:
        return await self._stream.__aexit__(exc_type, exc_val, exc_tb)


@asynccontextmanager
async def reached(server: Local | Remote, last_words: LastWords, over: asyncio.Event) -> AsyncGenerator[TransportStreams]:
    """Give the way to a server, for as long as the block runs; a program is started for it and ended after it."""
    match server:
        case Local():
            async with running_program(server, last_words, over) as streams:
                yield streams
        case Remote():
            async with posting(server) as (read, write):
                yield Watched(read, over), write
