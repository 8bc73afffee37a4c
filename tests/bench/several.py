"""What further processes bring, and what they cost: the same bot as one, two and four processes on one workspace and database."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from bot.sandbox.model import ScriptedModel
from bot.stores.embedded_home import Servers
from tests.bench import rounds, subject
from tests.bench.latency import READING_SECONDS
from tests.bench.rounds import ROUNDS, SAMPLES, crowds, processor, wide
from tests.bench.subject import Subject

PROCESSES = (1, 2, 4)
IDLE_SECONDS = 10.0

EXPLAINED = f"""\
Medians of {ROUNDS} rounds, the bots in turn. At once: {rounds.SESSIONS} sessions, {rounds.AT_ONCE} at a time. One by one: \
{SAMPLES} sessions, each over before the next begins. CPU: of all its processes together. Idle: {IDLE_SECONDS:g} s in which \
nobody talks to it. The workspace and the model share the machine, and each bot has all its processes running while the others \
are measured."""


async def several(model: ScriptedModel, servers: Servers, folder: Path, console: Console) -> None:
    """Measure and print."""
    async with AsyncExitStack() as stack:
        bots = [
            await stack.enter_async_context(
                subject.running("bot", "socket", model, servers, folder, among=f"_of_{number}", processes=number)
            )
            for number in PROCESSES
        ]
        together = await crowds(bots)
        alone: list[list[tuple[float, ...]]] = [[] for _ in bots]
        for _ in range(ROUNDS):
            for one, found in zip(bots, alone, strict=True):
                found.append((*await _one_by_one(one), *await _idle(one)))
    table = Table(title="\nWhat further processes bring and cost", title_justify="left", box=None, padding=(0, 2, 0, 0))
    for name in (
        *("processes", f"sessions/s\nat {rounds.AT_ONCE}", "times", "CPU ms\na session", "Postgres\nCPU ms"),
        *("one by one:\nCPU ms", "Postgres\nCPU ms", "idle: CPU\nms a second", "Postgres CPU\nms a second"),
    ):
        table.add_column(name, justify="right", no_wrap=True)
    for number, crowd, found in zip(PROCESSES, together, alone, strict=True):
        times = crowd.per_second / together[0].per_second
        medians = (median(of_one) for of_one in zip(*found, strict=True))
        figures = (crowd.per_second, times, crowd.cpu_ms, crowd.postgres_ms, *medians)
        table.add_row(str(number), *(f"{figure:.1f}" for figure in figures))
    wide(console).print(table)
    wide(console).print(EXPLAINED, style="dim")


async def _one_by_one(one: Subject) -> tuple[float, float]:
    """Milliseconds of the processor a session, of the bot's and of Postgres'."""
    async with processor(one) as used:
        for _ in range(SAMPLES):
            card = await one.conversations.mention()
            await asyncio.sleep(READING_SECONDS)
            await one.conversations.approve(card)
            await asyncio.sleep(READING_SECONDS)
    return used.own_ms / SAMPLES, used.postgres_ms / SAMPLES


async def _idle(one: Subject) -> tuple[float, float]:
    """Milliseconds of the processor a second."""
    async with processor(one) as used:
        await asyncio.sleep(IDLE_SECONDS)
    return used.own_ms / IDLE_SECONDS, used.postgres_ms / IDLE_SECONDS
