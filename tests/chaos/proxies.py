"""TCP proxies in front of everything that one process talks to. They find the boundaries of a run from outside.

A boundary is a message: one piece of bytes in one direction, numbered in the order in which they come, over all proxies. At a
chosen number a hook says what happens around the forwarding.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self

from tests.chaos.server import Server

PIECE_BYTES = 1 << 20
# What a process sent in its last moment is read before its end is noticed: a server that learns both at once may drop the
# request unread, and then "killed after" would be "killed before" again.
LINGER_SECONDS = 0.2

Direction = Literal["out", "in"]  # as the process sees it
Connect = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]
Forward = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Message:
    """One piece of bytes that came to a proxy."""

    number: int
    wire: str
    direction: Direction
    data: bytes
    at: float  # seconds on the monotonic clock

    def __str__(self) -> str:
        begin = self.data[:300].decode("latin-1").partition("\r\n")[0]
        shown = "".join(letter if letter.isprintable() else "." for letter in begin)[:100]
        return f"{self.number} {self.wire} {self.direction}, {len(self.data)} bytes: {shown}"


Hook = Callable[[Message, Forward], Awaitable[None]]
"""Called at the chosen message; not to call `forward` is to lose the message."""


class Proxies:
    """The proxies of one process. Counting starts with `count`."""

    def __init__(self) -> None:
        self.passed: list[Message] = []
        self._hook: tuple[int, Hook] | None = None
        self._servers = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._servers.aclose()

    async def in_front_of(self, wire: str, connect: Connect) -> int:
        """Start a proxy; its port on 127.0.0.1."""
        server = Server(lambda reader, writer: self._converse(wire, connect, reader, writer))
        return (await self._servers.enter_async_context(server)).port

    def count(self, number: int = 0, hook: Hook | None = None) -> None:
        """Number the messages afresh from 1; at `number` the hook takes over."""
        self.passed.clear()
        self._hook = (number, hook) if hook is not None else None

    def since(self, at: float, wire: str, direction: Direction) -> list[Message]:
        """What has come this way since a moment of the monotonic clock."""
        return [one for one in self.passed if one.at >= at and (one.wire, one.direction) == (wire, direction)]

    async def _converse(self, wire: str, connect: Connect, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        world_reader, world_writer = await connect()
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pump(wire, "out", reader, world_writer))
                both.create_task(self._pump(wire, "in", world_reader, writer))
        finally:
            world_writer.close()

    async def _pump(self, wire: str, direction: Direction, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def forward(data: bytes) -> None:
            writer.write(data)
            await writer.drain()

        with suppress(ConnectionError):  # an end of the connection is gone: so is the other one, then
            while data := await reader.read(PIECE_BYTES):
                await self._pass(wire, direction, data, lambda data=data: forward(data))
        if direction == "out":
            await asyncio.sleep(LINGER_SECONDS)
        writer.close()

    async def _pass(self, wire: str, direction: Direction, data: bytes, forward: Forward) -> None:
        message = Message(len(self.passed) + 1, wire, direction, data, time.monotonic())
        self.passed.append(message)
        if self._hook is not None and self._hook[0] == message.number:
            await self._hook[1](message, forward)
        else:
            await forward()
