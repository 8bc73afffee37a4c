"""What a turn writes, at turn 1, 10 and 100 of one thread: rows by table, their bytes, and bytes of write-ahead log.

Measured on a server that nobody else uses. Full-page images are off meanwhile: Postgres adds 8 KB to the first change of a
page after each checkpoint, which says when the last checkpoint was and nothing about the turn.
"""

import asyncio
import statistics
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

import psycopg
from psycopg import sql

from tests.bench.conversation import Conversations
from tests.bench.latency import READING_SECONDS
from tests.bench.subject import Subject

TURNS = (1, 10, 100)
DEPTHS = (1, 1, 1, 10, 100, 100)  # turns of each thread
SPAN = 3  # so many turns are measured up to each of TURNS: a page of an index that is split now and then is outvoted
LATE = 10  # so many last turns of a long thread are timed
QUIET_SECONDS = 0.15  # the log did not grow for so long: the program has written all that belongs to the turn
# Vacuum and checkpoints write when they like.
SETTINGS = {"autovacuum": "off", "full_page_writes": "off", "checkpoint_timeout": "1h", "max_wal_size": "8GB"}
TABLES = """
SELECT schemaname, relname FROM pg_stat_user_tables WHERE relname NOT IN ('alembic_version', 'product', 'customer') ORDER BY 2
"""
SIZE = "SELECT count(*), coalesce(sum(pg_column_size(row_)), 0) FROM {} AS row_"


@dataclass(frozen=True, slots=True)
class Written:
    """By one turn."""

    rows: Mapping[str, int]
    row_bytes: int
    log_bytes: int


@dataclass(frozen=True, slots=True)
class Thread:
    """What was found in one thread."""

    written: list[tuple[int, Written]]  # by the turn of TURNS that it counts for
    late_cards_ms: tuple[float, ...]  # event to card


@dataclass(frozen=True, slots=True)
class Footprint:
    """Of one program."""

    written: dict[int, Written]  # by turn, the median of the threads
    late_cards_ms: tuple[float, ...]  # event to card, of the last turns of the long threads


async def footprint(subjects: Sequence[Subject], depths: Sequence[int] = DEPTHS) -> list[Footprint]:
    """What each program writes, over threads of so many turns, which are DEPTHS or fewer of them, with all of TURNS."""
    found: list[Footprint] = []
    async with quiet_server(subjects[0].database_url):
        for subject in subjects:
            async with await psycopg.AsyncConnection.connect(subject.database_url, autocommit=True) as connection:
                await subject.conversations.approve(await subject.conversations.mention())  # first pages of new tables
                threads = [await _one_thread(subject.conversations, connection, turns) for turns in depths]
            written = {
                turn: _median([found for thread in threads for counts_for, found in thread.written if counts_for == turn])
                for turn in TURNS
            }
            found.append(Footprint(written, tuple(ms for thread in threads for ms in thread.late_cards_ms)))
    return found


@asynccontextmanager
async def quiet_server(database_url: str) -> AsyncGenerator[None]:
    """A server that writes only what it is asked to while the block runs."""
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        for name, value in SETTINGS.items():
            await connection.execute(sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(name), sql.Literal(value)))
        await connection.execute("CHECKPOINT")
        await connection.execute("SELECT pg_reload_conf()")
        yield
        await connection.execute("ALTER SYSTEM RESET ALL")
        await connection.execute("SELECT pg_reload_conf()")


async def _one_thread(conversations: Conversations, connection: psycopg.AsyncConnection[Any], turns: int) -> Thread:
    written: list[tuple[int, Written]] = []
    late_cards_ms: list[float] = []
    thread_ts: str | None = None
    for turn in range(1, turns + 1):
        counts_for = next((measured for measured in TURNS if measured - SPAN < turn <= measured), None)
        before = await _state(connection) if counts_for else None
        late = turn > max(TURNS) - LATE
        card = await conversations.mention(thread_ts)
        await asyncio.sleep(READING_SECONDS * late)
        await conversations.approve(card)
        await asyncio.sleep(READING_SECONDS * late)
        thread_ts = card.thread_ts
        if late:
            late_cards_ms.append(1000 * card.seconds)
        if counts_for and before:
            written.append((counts_for, _difference(before, await _state(connection))))
    return Thread(written, tuple(late_cards_ms))


@dataclass(frozen=True, slots=True)
class _State:
    log_bytes: int
    rows: dict[str, int]
    row_bytes: int


async def _state(connection: psycopg.AsyncConnection[Any]) -> _State:
    """How much there is, once nothing is being written any more."""
    log_bytes = await at_rest(connection)
    rows: dict[str, int] = {}
    row_bytes = 0
    for schema, table in await (await connection.execute(TABLES)).fetchall():
        statement = sql.SQL(SIZE).format(sql.Identifier(schema, table))
        count, size = cast("tuple[int, int]", await (await connection.execute(statement)).fetchone())
        rows[table] = count
        row_bytes += int(size)
    return _State(log_bytes, rows, row_bytes)


async def at_rest(connection: psycopg.AsyncConnection[Any]) -> int:
    """Wait until nothing is being written any more. Returns the bytes of write-ahead log that there were so far."""
    log_bytes = await _log_bytes(connection)
    while True:
        await asyncio.sleep(QUIET_SECONDS)
        if log_bytes == (log_bytes := await _log_bytes(connection)):
            return log_bytes


async def _log_bytes(connection: psycopg.AsyncConnection[Any]) -> int:
    answer = await (await connection.execute("SELECT pg_current_wal_insert_lsn() - '0/0'")).fetchone()
    assert answer is not None
    return int(answer[0])


def _difference(before: _State, after: _State) -> Written:
    rows = {table: count - before.rows.get(table, 0) for table, count in after.rows.items()}
    return Written(
        {table: count for table, count in rows.items() if count},
        after.row_bytes - before.row_bytes,
        after.log_bytes - before.log_bytes,
    )


def _median(threads: Sequence[Written]) -> Written:
    tables = sorted({table for written in threads for table in written.rows})
    return Written(
        {table: int(statistics.median(written.rows.get(table, 0) for written in threads)) for table in tables},
        int(statistics.median(written.row_bytes for written in threads)),
        int(statistics.median(written.log_bytes for written in threads)),
    )
