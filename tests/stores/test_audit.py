"""The audit log on real Postgres: everything that becomes of an action is in it, in one chain a workspace."""

import hashlib
import json
import re
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import psycopg
import pytest

import migrations
from agent.reports import audit
from agent.reports.audit_shapes import Older
from agent.reports.audit_steps import Silent
from agent.reports.home_overview import Overview
from agent.session.inbox import Click, Edit, Message, OutcomeClick
from agent.session.post_keys import PostKey
from agent.session.step_text import AUDITED
from agent.session.steps import (
    Asked,
    CardShown,
    Escalated,
    Granted,
    ModelReplied,
    ModelStarted,
    PostStarted,
    ProposedAction,
    Step,
    ToolReturned,
    ToolStarted,
)
from agent.store.queue import Queue
from agent.store.sessions import Beside, Lease, Store
from agent.types import Allowed, Block, Place, Said, Usage, Verdict
from tests.stores.audit_log import Log, opened

# ---------------------------------------------------------------------------------------------- what is in it


@dataclass
class Holder:
    """A held session, step by step."""

    store: Store
    lease: Lease
    seq: int = 0

    async def append(self, *steps: Any, **more: Any) -> None:
        """Steps without a condition."""
        await self.store.append(self.lease, self.seq, steps, Beside(**more))
        self.seq += len(steps)


async def hold(log: Log, number: int = 1) -> Holder:
    """A separate session for each number."""
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


def said(entry: dict[str, Any]) -> dict[str, Any]:
    """What is in an entry's body besides what binds its step."""
    return {name: value for name, value in entry["body"].items() if name not in ("made_at", "step_sha256")}


REASON = "Ada is ill, \\u0000 and so on."  # spelled out: no NUL


async def test_everything_that_becomes_of_an_action_is_in_it(log: Log) -> None:
    session = await hold(log)
    start = ToolStarted(call_id="call-A1", idempotency_key="key-1", action_id="A1")
    lost = ToolReturned(call_id="call-A1", outcome="unknown", text="Nobody knows whether ada was paid.")

    await session.append(proposal())
    await session.store.viewed("A1", "U4")
    for user in ("U2", "U3"):
        click = Click(action_id="A1", user=user, decision="approved", reason=REASON if user == "U3" else "")
        assert (await session.store.settle(session.lease, session.seq, 0, click))[0]
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
    ask, view, vote, decision, claim, outcome, outcome_told = (said(entry) for entry in entries)
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
    assert len((await session.store.settle(session.lease, session.seq, 0, click, granted))[0]) == 2
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
        ("claim", "U5", "", "call-later"),  # under the grant: in the name of its giver
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
    assert said(entry) == {"step": 2, "epoch": 1, "decision": "withdrawn"}


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
        PostStarted(key=PostKey("card", "A1")),
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


async def test_entries_of_before_they_bound_their_steps_are_accepted_and_said_to_be_so(empty_database_url: str) -> None:
    migrations.upgrade(empty_database_url, "0009")
    async with opened(empty_database_url) as log:
        await of_old(log, 1, proposal("A1"), ToolStarted(call_id="a write", idempotency_key="key-1"))
        await of_old(log, 2, proposal("A2"), ToolReturned(call_id="call-A2", outcome="refused", text="{}"))
        before = await log.rows()
        migrations.upgrade(empty_database_url)
        assert await log.rows() == before
        leases = {lease.place.thread_ts: lease for lease in await Queue(log.pool).claim(2)}
        assert await Store(log.pool).close(leases["1.0"], 2, "A1", "withdrawn", "U5", "")

        async with log.pool.connection() as connection, aclosing(audit.verify(connection)) as findings:
            found = [finding async for finding in findings]
        _, [head] = await log.verified()
        assert found == [head, Older("T1", 3)]
        assert head.count == 4
        await log.tamper(("UPDATE step SET made_at = made_at - interval '1 day' WHERE seq = 3", ()))
        assert await log.broken() == [("T1", 4)]  # the entry of after


def test_every_kind_of_step_is_audited_or_said_to_be_silent(database_url: str) -> None:
    """The trigger and the code that works it out anew name the same kinds, and no kind is forgotten."""
    with psycopg.connect(database_url) as database:
        trigger = "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgname = 'step_audited'"
        [(definition,)] = database.execute(trigger).fetchall()
    kinds = {each.model_fields["kind"].default for each in get_args(get_args(Step)[0])}
    silent = {each.model_fields["kind"].default for each in get_args(Silent)}
    assert set(re.findall(r"'([a-z_]+)'", definition)) == AUDITED
    assert kinds - silent == AUDITED
