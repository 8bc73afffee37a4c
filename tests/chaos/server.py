"""A TCP server of a test."""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

Converse = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """Listens on a free port of 127.0.0.1. At its end no conversation goes on, and what failed in one is raised."""

    def __init__(self, converse: Converse) -> None:
        self._converse = converse
        self._conversations: list[tuple[asyncio.Task[None], asyncio.StreamWriter]] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.close()
        for task, _ in self._conversations:
            task.cancel()
        ended = await asyncio.gather(*(task for task, _ in self._conversations), return_exceptions=True)
        for _, writer in self._conversations:
            writer.close()
        # A connection whose other end was killed fails here too, which is fine: what counts is that none stays open.
        await asyncio.gather(*(writer.wait_closed() for _, writer in self._conversations), return_exceptions=True)
        if failures := [one for one in ended if isinstance(one, Exception)]:
            raise ExceptionGroup("conversations failed", failures)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def conversation() -> None:
            try:
                await self._converse(reader, writer)
            finally:
                writer.close()

        self._conversations.append((asyncio.create_task(conversation()), writer))
