"""The audit log as one chain a workspace, and its export, on real Postgres."""

import asyncio
import json
from contextlib import aclosing
from typing import LiteralString

import psycopg
import pytest

from agent.reports import audit
from agent.reports.audit import Head
from tests.stores.audit_log import LONG_AGO, Log
from tests.stores.test_audit import hold, proposal


async def test_two_workspaces_have_a_chain_each(log: Log) -> None:
    for tool in ("one", "two", "three"):
        await log.write("T1", tool)
        await log.write("T2", tool)
    entries = await log.entries()
    assert [(entry["team"], entry["seq"], entry["tool"]) for entry in entries] == [
        (team, seq, tool) for team in ("T1", "T2") for seq, tool in enumerate(("one", "two", "three"), 1)
    ]
    broken, heads = await log.verified()
    assert broken == []
    assert heads == [Head("T1", 3, entries[2]["hash"]), Head("T2", 3, entries[5]["hash"])]


async def test_sessions_that_write_at_once_make_one_chain(log: Log) -> None:
    sessions = [await hold(log, number) for number in range(200)]
    await asyncio.gather(*(session.append(proposal(f"A{number}")) for number, session in enumerate(sessions)))
    broken, [head] = await log.verified()
    assert broken == []
    assert head.count == 200
    assert {entry["action_id"] for entry in await log.entries()} == {f"A{number}" for number in range(200)}


async def test_a_connection_with_a_time_zone_of_its_own_writes_the_same_chain(log: Log) -> None:
    async with log.pool.connection() as connection, connection.transaction():
        await connection.execute("SET LOCAL TIME ZONE 'Asia/Kathmandu'")
        await connection.execute("INSERT INTO audit (team, kind) VALUES ('T1', 'view')")
    assert await log.broken() == []


async def test_an_insert_has_no_say_in_place_time_and_hashes(log: Log) -> None:
    await log.sql(
        "INSERT INTO audit (team, seq, at, kind, previous_hash, hash) VALUES ('T1', 7, %s, 'view', 'mine', 'mine')", LONG_AGO
    )
    [entry] = await log.entries()
    assert (entry["seq"], entry["previous_hash"]) == (1, "")
    assert entry["at"] > "2020"
    assert await log.broken() == []


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ("UPDATE audit SET actor = 'U9'", "UPDATE of audit"),
        ("DELETE FROM audit", "DELETE of audit"),
        ("TRUNCATE audit", "TRUNCATE of audit"),
        ("DELETE FROM audit_head", "DELETE of audit_head"),
        ("TRUNCATE audit_head", "TRUNCATE of audit_head"),
    ],
)
async def test_it_is_append_only(log: Log, change: LiteralString, refused: str) -> None:
    await log.write("T1", "one")
    before = await log.verified()
    with pytest.raises(psycopg.errors.RaiseException, match=f"append-only: {refused} is refused"):
        await log.sql(change)
    assert await log.verified() == before


# ---------------------------------------------------------------------------------------------- export


async def test_an_exported_line_holds_all_that_its_hash_needs(log: Log) -> None:
    session = await hold(log)
    await session.append(proposal())
    [entry] = await log.entries()
    body = json.dumps(entry["body"], ensure_ascii=False, separators=(",", ":"))
    assert audit.entry_hash(entry | {"body": body}) == entry["hash"]


async def test_more_than_a_batch_is_read_whole_and_since_when_is_asked(log: Log) -> None:
    await log.sql("INSERT INTO audit (team, kind) SELECT 'T1', 'view' FROM generate_series(1, %s)", audit.BATCH + 1)
    [(now,)] = await log.sql("SELECT clock_timestamp()")
    await log.write("T1", "afterwards")
    broken, [head] = await log.verified()
    assert (broken, head.count) == ([], audit.BATCH + 2)
    assert [entry["seq"] for entry in await log.entries()] == list(range(1, audit.BATCH + 3))
    async with log.pool.connection() as connection, aclosing(audit.export(connection, now)) as lines:
        assert [json.loads(line)["tool"] async for line in lines] == ["afterwards"]
