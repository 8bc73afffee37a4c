"""How long people wait where the stores are not on this machine's fast disk: Postgres further away, and a slow disk below it."""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Any

import psycopg
from psycopg import sql
from rich.console import Console
from rich.table import Table

from bot.sandbox.model import ScriptedModel
from bot.stores.embedded_home import Servers
from tests.bench import rounds
from tests.bench.rounds import Waits, all_running, compared_table, installed, waits, wide
from tests.bench.wire import Wires

AWAY_MS = 1  # each way
FLUSH_MS = 4
SETTLE_SECONDS = 0.5  # until every backend has read the settings anew
PROBES = 50

EXPLAINED = f"""\
Medians of {rounds.ROUNDS} rounds of {rounds.SAMPLES} threads, one after another, the programs in turn. Postgres {AWAY_MS} ms \
away: behind a proxy that is so late in each direction; Redis is where it was. A SELECT 1 takes {{far:.1f}} ms instead of \
{{near:.1f}}.
A disk of {FLUSH_MS} ms: Postgres' commit_delay, with commit_siblings 0: a flush of the log for a commit waits so long first. \
The log's lock is held meanwhile, so that others queue as they do behind an fsync; but who comes while it waits is flushed with \
it, where a disk would make them wait for the next. The commit of a row takes {{slow:.1f}} ms instead of {{fast:.1f}}."""


async def slow(model: ScriptedModel, servers: Servers, folder: Path, console: Console) -> None:
    """Measure and print."""
    near, fast = await _probe(servers.database_url)
    async with all_running(model, servers, folder, "_near") as subjects:
        found = {"as it is": await waits(subjects)}
        async with _slow_disk(servers.database_url):
            _, slowly = await _probe(servers.database_url)
            found[f"a disk of {FLUSH_MS} ms"] = await waits(subjects)
    async with Wires(seconds=AWAY_MS / 1_000) as wires:

        async def told(url: str) -> str:
            return await wires.told(url) if url.startswith("postgresql:") else url

        far, _ = await _probe(await wires.told(servers.database_url))
        async with all_running(model, servers, folder, "_far", told) as subjects:
            found[f"Postgres {AWAY_MS} ms away"] = await waits(subjects)
    wide(console).print(_table(found))
    wide(console).print(EXPLAINED.format(near=near, far=far, fast=fast, slow=slowly), style="dim")


@asynccontextmanager
async def _slow_disk(database_url: str) -> AsyncGenerator[None]:
    async with await psycopg.AsyncConnection[Any].connect(database_url, autocommit=True) as connection:
        await connection.execute(sql.SQL("ALTER SYSTEM SET commit_delay = {}").format(1_000 * FLUSH_MS))
        await connection.execute("ALTER SYSTEM SET commit_siblings = 0")
        await connection.execute("SELECT pg_reload_conf()")
        await asyncio.sleep(SETTLE_SECONDS)
        yield
        await connection.execute("ALTER SYSTEM RESET ALL")
        await connection.execute("SELECT pg_reload_conf()")


async def _probe(database_url: str) -> tuple[float, float]:
    """Return the milliseconds of a SELECT 1, and of the commit of one row."""
    async with await psycopg.AsyncConnection[Any].connect(database_url, autocommit=True) as connection:
        await connection.execute("CREATE TABLE IF NOT EXISTS probe (at timestamptz)")
        found: list[list[float]] = [[], []]
        for _ in range(PROBES):
            for statement, samples in zip(("SELECT 1", "INSERT INTO probe VALUES (now())"), found, strict=True):
                began = time.perf_counter()
                await connection.execute(statement)
                samples.append(1_000 * (time.perf_counter() - began))
        read, written = map(median, found)
        return read, written


def _table(found: dict[str, list[Waits]]) -> Table:
    table = compared_table("How long people wait with slower stores, ms")
    table.add_column("", no_wrap=True)
    for name in found:
        table.add_column(f"{name}:\nask to card", justify="right", no_wrap=True)
        table.add_column("approve\nto answer", justify="right", no_wrap=True)
    of_programs = [_cells(places) for places in zip(*found.values(), strict=True)]
    for program, cells in zip(installed(), of_programs, strict=True):
        table.add_row(program, *(f"{cell:.1f}" for cell in cells))
    bot, *others = of_programs
    for program, cells in zip(installed()[1:], others, strict=True):
        table.add_row(f"bot / {program}", *(f"{own / other:.2f}" for own, other in zip(bot, cells, strict=True)))
    return table


def _cells(places: Sequence[Waits]) -> list[float]:
    return [ms for one in places for ms in (one.card_ms, one.answer_ms)]
