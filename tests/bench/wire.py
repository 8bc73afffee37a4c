"""The way from a program to its stores: a proxy that counts what goes over it, and that can make it longer.

The protocols are read, not the servers' logs, so that what is counted is what the program itself sent: a script that calls ten
commands inside Redis is one call. Connections are as they would be without it, but over TCP instead of a unix socket.
"""

import asyncio
from collections.abc import Callable, Generator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import unquote, urlsplit

from psycopg.conninfo import conninfo_to_dict

from tests.chaos.server import Server

PIECE_BYTES = 1 << 16
STARTUP_HEADER_BYTES, MESSAGE_HEADER_BYTES = 4, 5  # https://www.postgresql.org/docs/current/protocol-message-formats.html
EXECUTE, QUERY = b"E", b"Q"

Requests = Generator[None, bytes, None]
"""Is sent what a program sends on one connection, piece by piece, after a first `next`; counts."""


@dataclass
class Way:
    """What went over the connections to one store so far."""

    requests: int = 0  # statements of Postgres, BEGIN and COMMIT too, or commands of Redis
    round_trips: int = (
        0  # times that something was sent after an answer: a pipeline sent in one go is one, and so is a new connection
    )


@dataclass
class Wires:
    """Proxies to the stores of one program. `seconds`: by which each piece is late, in each direction."""

    seconds: float = 0.0
    postgres: Way = field(default_factory=Way)
    redis: Way = field(default_factory=Way)
    _servers: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._servers.aclose()

    async def told(self, url: str) -> str:
        """Return the URL by which a program reaches a store of the bench over a new proxy."""
        if url.startswith("postgresql:"):
            parts = conninfo_to_dict(url)
            port = await self._in_front_of(f"{parts['host']}/.s.PGSQL.{parts.get('port') or 5432}", self.postgres, statements)
            return f"postgresql://postgres@127.0.0.1:{port}/{parts['dbname']}?sslmode=disable&gssencmode=disable"
        port = await self._in_front_of(unquote(urlsplit(url).path), self.redis, commands)
        return f"redis://127.0.0.1:{port}"

    async def _in_front_of(self, socket: str, way: Way, read: Callable[[Way], Requests]) -> int:
        async def joined(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            world_reader, world_writer = await asyncio.open_unix_connection(socket)
            turn = _Turn(way, read(way))
            try:
                async with asyncio.TaskGroup() as both:
                    both.create_task(self._carry(reader, world_writer, turn.asked))
                    both.create_task(self._carry(world_reader, writer, turn.answered))
            finally:
                world_writer.close()
                with suppress(ConnectionError):
                    await world_writer.wait_closed()

        return (await self._servers.enter_async_context(Server(joined))).port

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, see: Callable[[bytes], None]) -> None:
        """Hand on what comes, each piece so much later than it came, until one end is gone."""
        loop, pieces = asyncio.get_running_loop(), asyncio.Queue[tuple[float, bytes]]()

        async def read() -> None:
            data = b"unread"
            while data:
                with suppress(ConnectionError):
                    data = b""
                    data = await reader.read(PIECE_BYTES)
                see(data)
                pieces.put_nowait((loop.time() + self.seconds, data))

        async def write() -> None:
            with suppress(ConnectionError):
                while True:
                    due, data = await pieces.get()
                    if self.seconds:
                        await asyncio.sleep(due - loop.time())
                    if not data:
                        break
                    writer.write(data)
                    await writer.drain()
            writer.close()

        async with asyncio.TaskGroup() as both:
            both.create_task(read())
            both.create_task(write())


class _Turn:
    """Whose turn it is on one connection."""

    def __init__(self, way: Way, requests: Requests) -> None:
        self._way, self._requests, self._waits = way, requests, False
        next(requests)

    def asked(self, data: bytes) -> None:
        if data:
            self._requests.send(data)
            self._way.round_trips += not self._waits
            self._waits = True

    def answered(self, data: bytes) -> None:
        self._waits = False


def statements(way: Way) -> Requests:
    """Count what a client of Postgres asks on one connection. What opens it is no statement."""
    held = yield
    while len(held) < STARTUP_HEADER_BYTES or len(held) < (size := int.from_bytes(held[:STARTUP_HEADER_BYTES])):
        held += yield
    held = held[size:]
    while True:
        while len(held) >= MESSAGE_HEADER_BYTES and len(held) > (size := int.from_bytes(held[1:MESSAGE_HEADER_BYTES])):
            way.requests += held[:1] in (EXECUTE, QUERY)
            held = held[1 + size :]
        held += yield


def commands(way: Way) -> Requests:
    """Count the commands of a client of Redis on one connection. Each is an array of strings, as all clients send them."""
    held = yield
    while True:
        while (end := _end_of_command(held)) is not None:
            way.requests += 1
            held = held[end:]
        held += yield


def _end_of_command(held: bytes) -> int | None:
    """Return where the first command ends, None if it has not come whole. Raises ValueError if there is none."""
    at = held.find(b"\r\n")
    if at < 0:
        return None
    for _ in range(int(held[1:at])):
        line = held.find(b"\r\n", at + 2)
        if line < 0:
            return None
        at = line + 2 + int(held[at + 3 : line])
        if len(held) < at + 2:
            return None
    return at + 2
