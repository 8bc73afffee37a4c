"""A payment provider as bad as they come: every request is a charge, no key tells two of them apart, none can be looked up."""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import time
from types import TracebackType
from typing import Literal, Self, TypeAlias

from tests.chaos.ledger_tools import CHARGED
from tests.chaos.server import Server

HangsUp: TypeAlias = Literal["never", "before", "after"]
"""When it ends a conversation without a word: before the charge, or after it."""


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A line whose process heard that it is written. Both moments are of the wall clock."""

    bot: str
    at: float
    answered_at: float


def never() -> HangsUp:
    """Say so whenever something is charged."""
    return "never"


class Ledger:
    """A TCP server on 127.0.0.1 that appends each line it gets to a file, without the name of its process, and then says so.

    delay_seconds: between the writing and the word.
    """

    def __init__(self, path: Path, delay_seconds: float = 0.0) -> None:
        self._path = path
        self._delay_seconds = delay_seconds
        self._path.touch()
        self._server = Server(self._charge)
        self.hangs_up: Callable[[], HangsUp] = never
        self.confirmed: dict[str, Confirmed] = {}  # lines of which it has said that they are written

    async def __aenter__(self) -> Self:
        await self._server.__aenter__()
        self.port = self._server.port
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._server.__aexit__(kind, error, trace)

    @property
    def lines(self) -> list[str]:
        """Every charge there was."""
        return self._path.read_text().splitlines()

    async def _charge(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while said := await reader.readline():
                bot, _, line = said.rpartition(b"\t")
                arrived = time()
                if (when := self.hangs_up()) == "before":
                    return
                file = os.open(self._path, os.O_WRONLY | os.O_APPEND)
                os.write(file, line)
                os.close(file)
                if when == "after":
                    return
                await asyncio.sleep(self._delay_seconds)
                writer.write(CHARGED)
                await writer.drain()
                self.confirmed[line.decode().strip()] = Confirmed(bot.decode(), arrived, time())
        except ConnectionError:
            return  # the caller did not wait for our word
