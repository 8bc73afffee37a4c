"""How a server is reached: a program's pipes, or streamable HTTP. Both say when nothing more can come from it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self

import httpx2
from mcp.client._transport import ReadStream, TransportStreams
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.message import SessionMessage

from tools.mcp.program import LastWords, running
from tools.mcp.server import Local, Remote

NOT_SENT = -31_901  # codes of ours, for what the protocol has no error: the request never left this machine,
LOST = -31_902  # or its answer was lost on the way

MOST_BYTES = 64 * 1024 * 1024  # of one message over HTTP
CONNECT_SECONDS = 10.0
SILENCE_SECONDS = 15 * 60.0  # a call ends by its own time limit, long before that

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


class Careful(httpx2.AsyncClient):
    """An HTTP client that answers what it could not send, or whose answer was lost, as the server would answer an error.

    So one failed request is that request's failure, and it is known whether the server can have seen it.
    """

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        try:
            return await super().send(request, **options)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            return _failure(request, NOT_SENT, error)
        except httpx2.TransportError as error:
            return _failure(request, LOST, error)


def _failure(request: httpx2.Request, code: int, error: Exception) -> httpx2.Response:
    told = {"code": code, "message": str(error) or type(error).__name__}
    return httpx2.Response(503, json={"jsonrpc": "2.0", "id": None, "error": told}, request=request)


@asynccontextmanager
async def reached(server: Local | Remote, last_words: LastWords, over: asyncio.Event) -> AsyncGenerator[TransportStreams]:
    """The way to a server, for as long as the block runs; a program is started for it and ended after it."""
    match server:
        case Local():
            async with running(server, last_words, over) as streams:
                yield streams
        case Remote():
            timeout = httpx2.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS)
            async with (
                Careful(headers=dict(server.headers), timeout=timeout) as http,
                streamable_http_client(server.url, http_client=http, max_sse_event_size=MOST_BYTES) as (read, write),
            ):
                yield Watched(read, over), write
