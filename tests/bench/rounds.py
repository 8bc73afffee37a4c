"""Rounds in which programs are timed in turn, each while the others have nothing to do."""

import asyncio
import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import psutil
import psycopg
from rich.console import Console
from rich.table import Table

from bot.sandbox.model import ScriptedModel
from bot.stores.embedded_home import Servers
from tests.bench import subject
from tests.bench.latency import READING_SECONDS, rate
from tests.bench.subject import PYDANTIC_AI, Program, Subject, Told

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))  # fewer while you work on the bench itself
SAMPLES = 9  # sessions of a round, one after another
AT_ONCE, SESSIONS = 32, 96
WIDTH = 140
INSTALL = "PydanticAI is not installed: run `make pydantic-ai` to have it in this table."
COMPARED: tuple[Program, ...] = ("bot", "safe floor", "least floor", "plain least floor", "PydanticAI")

OTHERS = """
SELECT pid FROM pg_stat_activity
WHERE pid = pg_backend_pid() OR backend_type = 'client backend' AND datname <> current_database()
"""


@dataclass(frozen=True, slots=True)
class Waits:
    """Milliseconds that a person waits, one thread at a time."""

    card_ms: float  # since the mention
    answer_ms: float  # since the click

    @classmethod
    def medians(cls, found: Sequence["Waits"]) -> "Waits":
        """Return the medians, of samples or of rounds."""
        return cls(median(one.card_ms for one in found), median(one.answer_ms for one in found))


@dataclass(frozen=True, slots=True)
class Crowd:
    """Many sessions at once."""

    per_second: float
    cpu_ms: float  # of the program's process, a session
    postgres_ms: float  # of the processor, a session

    @classmethod
    def medians(cls, found: Sequence["Crowd"]) -> "Crowd":
        """Return the medians of rounds."""
        rates, own, postgres = zip(*((one.per_second, one.cpu_ms, one.postgres_ms) for one in found), strict=True)
        return cls(median(rates), median(own), median(postgres))


@dataclass
class Used:
    """Of the processor's time."""

    own_ms: float = 0.0
    postgres_ms: float = 0.0


def wide(console: Console) -> Console:
    """Return one that is wide enough for these tables, also where nobody looks at a terminal."""
    return Console(file=console.file, width=max(console.width, WIDTH))


def compared_table(title: str) -> Table:
    """Return an empty table with a row for each program to come; it says how to get the one that is not here."""
    missing = "" if PYDANTIC_AI.exists() else INSTALL
    shown = Table(title=f"\n{title}", title_justify="left", caption=missing, caption_justify="left", box=None)
    shown.padding = (0, 2, 0, 0)
    return shown


def installed() -> list[Program]:
    """Return the programs that are compared, as far as they are here."""
    return [program for program in COMPARED if program != "PydanticAI" or PYDANTIC_AI.exists()]


@asynccontextmanager
async def all_running(
    model: ScriptedModel, servers: Servers, folder: Path, among: str = "", told: Told = subject.straight
) -> AsyncGenerator[list[Subject]]:
    """The programs that are compared, side by side, for as long as the block runs."""
    async with AsyncExitStack() as stack:
        start = stack.enter_async_context
        yield [
            await start(subject.running(program, "socket", model, servers, folder, among=among, told=told))
            for program in installed()
        ]


async def waits(subjects: Sequence[Subject]) -> list[Waits]:
    """Time one thread after another, after a round that warms up. Medians of the rounds' own."""
    rounds = [await _round_of_waits(subjects) for _ in range(1 + ROUNDS)]
    return [Waits.medians(of_one) for of_one in zip(*rounds[1:], strict=True)]


async def crowds(subjects: Sequence[Subject]) -> list[Crowd]:
    """Time many threads at once, after a round that warms up. Medians of the rounds."""
    rounds = [[await _crowd(one) for one in subjects] for _ in range(1 + ROUNDS)]
    return [Crowd.medians(of_one) for of_one in zip(*rounds[1:], strict=True)]


async def _round_of_waits(subjects: Sequence[Subject]) -> list[Waits]:
    found: list[list[Waits]] = [[] for _ in subjects]
    for _ in range(SAMPLES):
        for one, samples in zip(subjects, found, strict=True):
            card = await one.conversations.mention()
            await asyncio.sleep(READING_SECONDS)
            answered = await one.conversations.approve(card)
            await asyncio.sleep(READING_SECONDS)
            samples.append(Waits(1_000 * card.seconds, 1_000 * answered.seconds))
    return [Waits.medians(samples) for samples in found]


async def _crowd(one: Subject) -> Crowd:
    async with processor(one) as used:
        per_second = await rate(one.conversations, AT_ONCE, SESSIONS)
    return Crowd(per_second, used.own_ms / SESSIONS, used.postgres_ms / SESSIONS)


@asynccontextmanager
async def processor(one: Subject) -> AsyncGenerator[Used]:
    """Measure what a program and Postgres on its behalf use while the block runs; the value is filled in at its end."""
    used = Used()
    async with await psycopg.AsyncConnection[Any].connect(one.database_url, autocommit=True) as connection:
        own, postgres = one.cpu_seconds(), await _postgres_seconds(connection)
        yield used
        used.own_ms = 1_000 * (one.cpu_seconds() - own)
        later = await _postgres_seconds(connection)
        used.postgres_ms = 1_000 * sum(seconds - postgres.get(pid, 0.0) for pid, seconds in later.items())


async def _postgres_seconds(connection: psycopg.AsyncConnection[Any]) -> Mapping[int, float]:
    """Return the processor's time by process of the server: its background, and the backends of this database."""
    others = {pid for (pid,) in await (await connection.execute(OTHERS)).fetchall()}
    server = psutil.Process(connection.info.backend_pid).parent()
    assert server is not None
    times = server.cpu_times()
    found = {server.pid: times.user + times.system + times.children_user + times.children_system}
    for process in server.children():
        if process.pid not in others:
            times = process.cpu_times()
            found[process.pid] = times.user + times.system
    return found
