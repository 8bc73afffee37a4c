"""What one session costs in things that can be counted exactly: commits, statements, calls. One program at a time, alone."""

import asyncio
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from statistics import median
from typing import Any, cast

import psycopg
from psycopg_pool import AsyncConnectionPool

from agent.tool.definition import Tool, ToolContext, registry
from bot.sandbox.model import ScriptedModel
from bot.stores.embedded_home import Servers
from tests.bench import subject
from tests.bench.footprint import at_rest, footprint, quiet_server
from tests.bench.latency import READING_SECONDS, rate
from tests.bench.subject import Program, Subject
from tests.bench.wire import Wires
from tools.catalog import catalog

SESSIONS = 7
# psycopg prepares a statement the fifth time that a connection runs it, which takes a round trip more.
AT_ONCE, SESSIONS_BEFORE, CALLS_BEFORE = 16, 160, 12
DEPTHS = (1, 1, 100)  # turns of each thread whose write-ahead log is measured
# One is given to each transaction that writes, when it first does. They are the server's, and no other program runs.
TRANSACTION_IDS = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint"


@dataclass(frozen=True, slots=True)
class Counts:
    """Of one session, or so far."""

    commits: float
    statements: float
    round_trips: float
    redis_calls: float
    slack_calls: float


@dataclass(frozen=True, slots=True)
class Counted:
    """Of one program."""

    session: Counts  # medians: what a chore does now and then is outvoted
    log_kb: tuple[float, float]  # of write-ahead log, at turn 1 and 100


async def counted(program: Program, model: ScriptedModel, servers: Servers, folder: Path) -> Counted:
    """Hold sessions with a program whose stores are reached by proxies that count."""
    async with (
        Wires() as wires,
        subject.running(program, "socket", model, servers, folder, among="_counted", told=wires.told) as one,
        quiet_server(one.database_url),
        await psycopg.AsyncConnection[Any].connect(one.database_url, autocommit=True) as connection,
    ):
        await rate(one.conversations, AT_ONCE, SESSIONS_BEFORE)
        found: list[Counts] = []
        for _ in range(SESSIONS):
            before = await _so_far(one, wires, connection)
            card = await one.conversations.mention()
            await asyncio.sleep(READING_SECONDS)
            await one.conversations.approve(card)
            found.append(_between(before, await _so_far(one, wires, connection)))
        [written] = await footprint([one], DEPTHS)
        first, last = (written.written[turn].log_bytes / 1_000 for turn in (1, 100))
        return Counted(_medians(found), (first, last))


async def of_the_tools(servers: Servers) -> Counts:
    """Count what a search and an order take by themselves."""
    with subject.database(servers, "tools_counted") as database_url:
        await subject.seed(database_url)
        async with (
            Wires() as wires,
            AsyncConnectionPool[Any](
                await wires.told(database_url), min_size=1, max_size=1, open=False, kwargs={"autocommit": True}
            ) as pool,
            quiet_server(database_url),
            await psycopg.AsyncConnection[Any].connect(database_url, autocommit=True) as connection,
        ):
            tools, found = registry(catalog(pool)), list[Counts]()
            for number in range(CALLS_BEFORE + SESSIONS):
                before = await _so_far(None, wires, connection)
                sought: Any = await _run(tools["search_product_catalog"], "", query="desk lamp", limit=1)
                sku = sought.products[0].sku
                await _run(tools["create_order"], f"call-{number}", customer="ada@example.com", sku=sku, quantity=1)
                found.append(_between(before, await _so_far(None, wires, connection)))
            return _medians(found[CALLS_BEFORE:])


async def _run(tool: Tool, key: str, **arguments: object) -> Any:
    answer: Any = tool.handler(tool.arguments.model_validate(arguments), ToolContext("", "", key))
    return await answer


async def _so_far(one: Subject | None, wires: Wires, connection: psycopg.AsyncConnection[Any]) -> Counts:
    await at_rest(connection)
    [ids] = cast("tuple[int]", await (await connection.execute(TRANSACTION_IDS)).fetchone())
    slack_calls = len(one.slack.calls) if one else 0
    return Counts(ids, wires.postgres.requests, wires.postgres.round_trips, wires.redis.requests, slack_calls)


def without(counts: Counts, part: Counts) -> Counts:
    """Return what is left without a part."""
    return _between(part, counts)


def _between(before: Counts, after: Counts) -> Counts:
    return Counts(*(later - earlier for earlier, later in zip(astuple(before), astuple(after), strict=True)))


def _medians(found: Sequence[Counts]) -> Counts:
    return Counts(*(median(of_one) for of_one in zip(*map(astuple, found), strict=True)))
