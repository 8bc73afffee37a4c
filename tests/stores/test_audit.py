"""The audit log on real Postgres: everything that becomes of an action is in it, in one chain a workspace."""

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import psycopg
import pytest

import migrations
from agent import audit
from agent.audit import Head
from agent.overview import Overview
from agent.queue import Queue
from agent.received import Click, Edit, Message, OutcomeClick
from agent.steps import (
    Asked,
    CardShown,
    Escalated,
    Granted,
    ModelReplied,
    ModelStarted,
    PostStarted,
    ProposedAction,
    ToolReturned,
    ToolStarted,
)
from agent.store import Lease, Store
from agent.types import Allowed, Block, Place, Said, Usage, Verdict
from tests.stores.audit_log import LONG_AGO, Log, opened


@pytest.fixture
async def log(database_url: str) -> AsyncIterator[Log]:
    """An empty audit log."""
    async with opened(database_url) as log:
        yield log


# ---------------------------------------------------------------------------------------------- what is in it


@dataclass
class Holder:
    """A held session, step by step."""

    store: Store
    lease: Lease
    seq: int = 0

    async def append(self, *steps: Any, **more: Any) -> None:
        """Steps without a condition."""
        await self.store.append(self.lease, self.seq, steps, **more)
        self.seq += len(steps)


async def hold(log: Log, number: int = 1) -> Holder:
    """A session of its own for each number."""
    store, queue = Store(log.pool), Queue(log.pool)
    place = Place(team="T1", channel="C1", thread_ts=f"{number}.0")
    assert await store.receive(place, f"message:{number}", Message(said=Said(user="U1", text="Pay", ts="1.0")), opens=True)
    [lease] = await queue.claim(1)
    return Holder(store, lease)


def proposal(action_id: str = "A1", **arguments: Any) -> ProposedAction:
    """A call that two people have to approve."""
    return ProposedAction(
        action_id=action_id,
        call_id=f"call-{action_id}",
        tool="pay",
        arguments={"to": "ada@example.com", **arguments},
        verdict=Verdict(answer="ask", rule="rule 7", quorum=2),
        digest="what-was-shown",
        requesters=("U1", "U2"),
        expires_at=datetime.now(UTC) + timedelta(hours=1),
    )


REASON = "Ada is ill, \\u0000 and so on."  # spelled out: no NUL


async def test_everything_that_becomes_of_an_action_is_in_it(log: Log) -> None:
    session = await hold(log)
    start = ToolStarted(call_id="call-A1", idempotency_key="key-1", action_id="A1")
    lost = ToolReturned(call_id="call-A1", outcome="unknown", text="Nobody knows whether ada was paid.")

    await session.append(proposal())
    await session.store.viewed("A1", "U4")
    for user in ("U2", "U3"):
        click = Click(action_id="A1", user=user, decision="approved", reason=REASON if user == "U3" else "")
        assert await session.store.settle(session.lease, session.seq, 0, click)
        session.seq += 1
    assert await session.store.start_action(session.lease, session.seq, start, "what-was-shown")
    session.seq += 1
    await session.append(lost, ended={"A1": "unknown"})
    told = OutcomeClick(action_id="A1", user="U3", answer="happened")
    assert await session.store.tell(session.lease, session.seq, 0, told, 0)

    entries = await log.entries()
    assert [(entry["kind"], entry["actor"]) for entry in entries] == [
        ("ask", "U1"),
        ("view", "U4"),
        ("vote", "U2"),
        ("decision", "U3"),
        ("claim", ""),
        ("outcome", ""),
        ("outcome_told", "U3"),
    ]
    same = ("session_id", "action_id", "call_id", "tool", "digest", "rule")
    assert {tuple(entry[name] for name in same) for entry in entries} == {
        ("T1:C1:1.0", "A1", "call-A1", "pay", "what-was-shown", "rule 7")
    }
    ask, view, vote, decision, claim, outcome, outcome_told = (entry["body"] for entry in entries)
    assert ask["requesters"] == ["U1", "U2"]
    assert (ask["quorum"], ask["approvers"]) == (2, {"users": [], "groups": [], "channel_members": True})
    assert (view, vote) == ({}, {"step": 2, "epoch": 1, "decision": "approved"})
    assert decision == {
        **{"step": 3, "epoch": 1, "decision": "approved"},
        "reason_sha256": hashlib.sha256(REASON.encode()).hexdigest(),
    }
    assert claim == {"step": 4, "epoch": 1, "idempotency_key": "key-1"}
    result_sha256 = hashlib.sha256(lost.text.encode()).hexdigest()
    assert outcome == {"step": 5, "epoch": 1, "outcome": "unknown", "result_sha256": result_sha256}
    assert outcome_told == {"step": 6, "epoch": 1, "answer": "happened"}
    words = set(re.findall(r"[a-z0-9@.]+", json.dumps(entries).lower()))
    assert not {"ada", "ada@example.com"} & words  # neither arguments, nor reasons, nor results
    assert await log.broken() == []


async def test_edits_escalations_and_grants_are_in_it(log: Log) -> None:
    session = await hold(log)
    one = Verdict(answer="ask", rule="rule 7")
    edit = Edit(action_id="A1", user="U4", arguments={"to": "bob@example.com"})
    await session.append(proposal(), Escalated(action_id="A1", escalated_at=datetime.now(UTC)))
    assert await session.store.edit(session.lease, session.seq, 0, edit)
    session.seq += 1
    await session.append(proposal("A2").model_copy(update={"verdict": one, "edited_by": "U4", "call_id": "call-A1"}))
    granted = Granted(
        grant_id="G1",
        action_id="A2",
        tool="pay",
        pattern=(Allowed(argument="to", to_be="exactly", value="bob@example.com"),),
        verdict=one,
        by="U5",
        expires_at=datetime.now(UTC) + timedelta(hours=1),
        most_uses=3,
    )
    click = Click(action_id="A2", user="U5", decision="approved")
    assert len(await session.store.settle(session.lease, session.seq, 0, click, granted)) == 2
    session.seq += 2
    start = ToolStarted(call_id="call-later", idempotency_key="key-2", grant_id="G1", digest="what-would-have-been-shown")
    assert await session.store.start_granted(session.lease, session.seq, start)
    session.seq += 1
    await session.append(ToolReturned(call_id="call-later", outcome="succeeded", text="{}"))
    assert await Overview(log.pool).revoke("G1", "U5")

    entries = await log.entries()
    assert [(entry["kind"], entry["actor"], entry["action_id"], entry["call_id"]) for entry in entries] == [
        ("ask", "U1", "A1", "call-A1"),
        ("escalation", "", "A1", "call-A1"),
        ("edit", "U4", "A1", "call-A1"),
        ("ask", "U1", "A2", "call-A1"),
        ("decision", "U5", "A2", "call-A1"),
        ("grant", "U5", "A2", "call-A1"),
        ("claim", "U5", "", "call-later"),  # under the grant: in the name of whoever gave it
        ("outcome", "", "", "call-later"),
        ("revoke", "U5", "", ""),
    ]
    assert {entry["tool"] for entry in entries} == {"pay"}
    by_kind = {entry["kind"]: entry for entry in entries}
    assert by_kind["ask"]["body"]["edited_by"] == "U4"
    assert by_kind["edit"]["body"]["arguments_sha256"]
    assert by_kind["grant"]["body"]["grant"] == by_kind["claim"]["body"]["grant"] == by_kind["revoke"]["body"]["grant"] == "G1"
    assert by_kind["grant"]["body"]["most_uses"] == 3
    assert (by_kind["claim"]["rule"], by_kind["claim"]["digest"]) == ("grant G1", "what-would-have-been-shown")
    assert by_kind["revoke"]["body"]["uses"] == 1
    assert "example.com" not in json.dumps(entries)  # neither edited arguments nor patterns
    assert await log.broken() == []


async def test_an_end_without_a_yes_says_which(log: Log) -> None:
    session = await hold(log)
    await session.append(proposal())
    assert await session.store.close(session.lease, session.seq, "A1", "withdrawn", "U5", "")
    entry = (await log.entries())[-1]
    assert (entry["kind"], entry["actor"]) == ("decision", "U5")
    assert entry["body"] == {"step": 2, "epoch": 1, "decision": "withdrawn"}


async def test_a_call_that_is_asked_for_anew_has_its_result_under_the_newer_action(log: Log) -> None:
    session = await hold(log)
    again = proposal("A2").model_copy(update={"call_id": "call-A1"})
    await session.append(proposal(), again, ToolReturned(call_id="call-A1", outcome="refused", text="{}"))
    assert [(entry["kind"], entry["action_id"]) for entry in await log.entries()] == [
        ("ask", "A1"),
        ("ask", "A2"),
        ("outcome", "A2"),
    ]


async def test_steps_without_an_action_are_not_in_it(log: Log) -> None:
    session = await hold(log)
    named: Block = {"type": "text", "text": 'It says {"action_id": "A1", "kind": "tool_returned"}.'}
    await session.append(proposal())
    await session.append(
        Asked(said=(Said(user="U1", text="Pay", ts="1.0"),)),
        ModelStarted(iteration=1, reserved_tokens=10, max_tokens=5),
        ModelReplied(content=(named,), stop_reason="end_turn", usage=Usage(input_tokens=1, output_tokens=1)),
        ToolStarted(call_id="a read", idempotency_key="key-1"),
        ToolReturned(call_id="a read", outcome="succeeded", text='{"action_id": "A1"}'),
        PostStarted(key="card:A1"),
        CardShown(action_id="A1", look="pending"),
    )
    assert [entry["kind"] for entry in await log.entries()] == ["ask"]


async def test_a_step_about_an_action_that_nobody_asked_for_is_not_written(log: Log) -> None:
    session = await hold(log)
    with pytest.raises(psycopg.errors.RaiseException, match="concerns action A9, which nobody asked for"):
        await session.append(ToolStarted(call_id="call-A9", idempotency_key="key-1", action_id="A9"))
    assert await log.sql("SELECT seq FROM step") == []


@pytest.mark.parametrize("argument", ["a NUL \0 and \0\0 more", "no NUL: \\u0000 \\\\u0000", "\\\0", "Zoë 🦊"])
async def test_any_argument_can_be_asked_for(log: Log, argument: str) -> None:
    session = await hold(log)
    await session.append(proposal(note=argument))
    assert [(entry["kind"], entry["tool"]) for entry in await log.entries()] == [("ask", "pay")]
    [recorded] = await session.store.load(session.lease)
    assert isinstance(recorded.step, ProposedAction)
    assert recorded.step.arguments["note"] == argument


async def of_old(log: Log, number: int, *steps: Any) -> None:
    """A session with these steps as the version before the audit log wrote them; due now."""
    session_id = f"T1:C1:{number}.0"
    await log.sql(
        "INSERT INTO session (id, team, channel, thread_ts, wake_at) VALUES (%s, 'T1', 'C1', %s, now())",
        session_id,
        f"{number}.0",
    )
    for seq, step in enumerate(steps, 1):
        body = json.dumps({"kind": step.kind, **json.loads(step.model_dump_json(exclude_defaults=True))})
        await log.sql("INSERT INTO step (session_id, seq, epoch, body) VALUES (%s, %s, 1, %s)", session_id, seq, body)
        if isinstance(step, ProposedAction):
            row = (step.action_id, session_id, step.digest, body, step.expires_at)
            await log.sql("INSERT INTO action (id, session_id, digest, body, expires_at) VALUES (%s, %s, %s, %s, %s)", *row)


async def test_what_was_asked_before_there_was_a_log_is_brought_in(empty_database_url: str) -> None:
    migrations.upgrade(empty_database_url, "0002")
    async with opened(empty_database_url) as log:
        await of_old(log, 1, proposal("A1"))
        await of_old(log, 2, proposal("A2"), ToolReturned(call_id="call-A2", outcome="refused", text="{}"))
        migrations.upgrade(empty_database_url)
        store = Store(log.pool)
        leases = {lease.place.thread_ts: lease for lease in await Queue(log.pool).claim(2)}
        assert await store.close(leases["1.0"], 1, "A1", "withdrawn", "U5", "")

        entries = [(entry["kind"], entry["action_id"]) for entry in await log.entries()]
        assert entries == [("ask", "A1"), ("ask", "A2"), ("outcome", "A2"), ("decision", "A1")]
        assert await log.broken() == []


# ---------------------------------------------------------------------------------------------- one chain a workspace


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


async def test_whoever_inserts_has_no_say_in_place_time_and_hashes(log: Log) -> None:
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
