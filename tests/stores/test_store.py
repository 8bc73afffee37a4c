"""The fenced store on real Postgres: who may write, what is taken in, and that blocks come back as they went in."""

import asyncio
import inspect
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from pydantic_core import PydanticSerializationError

from agent.errors import FencedError, UnreadableError
from agent.session.inbox import Click, Edit, Message, OutcomeClick
from agent.session.steps import ModelReplied, Stopped
from agent.store.pins import StoredPins
from agent.store.queue import CLAIM
from agent.store.sessions import Beside, Lease, Release, Store, session_id
from agent.types import Block, OutcomeAnswer, Said
from bot.slack.inbound import Inbound, read_event
from bot.slack.whom import Installation
from tests.profiles import examples
from tests.stores.core import Core, message, place
from tests.stores.desk import DIGEST, HOUR, PINNED, Desk, granted, proposal, reply, start, start_under


@pytest.fixture
async def busy(desk: Desk) -> Desk:
    """A session with an action in every state that a write can move on."""
    await desk.propose("open")
    await desk.propose("late", lasts=-HOUR)
    for name in ("approved", "unknown"):
        await desk.propose(name)
    await desk.votes("approved", "U2")
    await desk.loses("unknown")
    await desk.age("unknown", "started_at", 60)
    await desk.propose("standing")
    await desk.grants("standing")
    return desk


# ---------------------------------------------------------------------------------------------- the fence

Write = Callable[[Desk, Lease], Awaitable[Any]]


def click(decision: str) -> Click:
    """A decision on the open action."""
    return Click.model_validate({"action_id": "open", "user": "U2", "decision": decision})


def said(answer: OutcomeAnswer) -> OutcomeClick:
    """What a person says of the unknown outcome."""
    return OutcomeClick(action_id="unknown", user="U2", answer=answer)


# Everything that a holder writes; each entry changes something while the session is held.
WRITES: Mapping[str, Write] = {
    "append steps": lambda desk, lease: desk.core.store.append(lease, desk.seq, [Stopped(by="U1")], Beside(inbox_ids=(1,))),
    "append a proposal": lambda desk, lease: desk.core.store.append(lease, desk.seq, [proposal("new")]),
    "append an outcome": lambda desk, lease: desk.core.store.append(lease, desk.seq, (), Beside(ended={"approved": "refused"})),
    "settle, approved": lambda desk, lease: desk.core.store.settle(lease, desk.seq, 1, click("approved")),
    "settle, rejected": lambda desk, lease: desk.core.store.settle(lease, desk.seq, 1, click("rejected")),
    "settle, granted": lambda desk, lease: desk.core.store.settle(lease, desk.seq, 1, click("approved"), granted("open")),
    "edit": lambda desk, lease: desk.core.store.edit(lease, desk.seq, 1, Edit(action_id="open", user="U2", arguments={})),
    "tell, happened": lambda desk, lease: desk.core.store.tell(lease, desk.seq, 1, said("happened"), 10),
    "tell, run_again": lambda desk, lease: desk.core.store.tell(lease, desk.seq, 1, said("run_again"), 10),
    "close, expired": lambda desk, lease: desk.core.store.close(lease, desk.seq, "late", "expired", "", ""),
    "close, withdrawn": lambda desk, lease: desk.core.store.close(lease, desk.seq, "approved", "withdrawn", "U1", ""),
    "start_action": lambda desk, lease: desk.core.store.start_action(lease, desk.seq, start("approved"), DIGEST),
    "start_granted": lambda desk, lease: desk.core.store.start_granted(lease, desk.seq, start_under("G-standing")),
    "append what it is run with": lambda desk, lease: desk.core.store.append(lease, desk.seq, (), Beside(pin_id="P1")),
    "append_and_release": lambda desk, lease: desk.core.store.append_and_release(
        lease, desk.seq, [Stopped(by="U1")], Beside(), Release(wakes=lease.wakes, due_at=None)
    ),
    "repin": lambda desk, lease: desk.core.store.pins.repin(lease, desk.seq, PINNED, "claude-sonnet-4-5"),
}
every_write = pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)


def test_every_method_that_a_holder_writes_with_is_tried_here() -> None:
    methods = [
        *inspect.getmembers(Store, inspect.iscoroutinefunction),
        *inspect.getmembers(StoredPins, inspect.iscoroutinefunction),
    ]
    of_a_holder = {name for name, method in methods if "lease" in inspect.signature(method).parameters}
    assert of_a_holder - {"load", "inbox"} == {name.replace(",", "").split()[0] for name in WRITES}


@every_write
async def test_an_older_holder_writes_nothing(busy: Desk, write: Write) -> None:
    await busy.core.expire(busy.lease)
    [heir] = await busy.core.queue.claim(1)
    before = await busy.core.tables()

    with pytest.raises(FencedError):
        await write(busy, busy.lease)
    assert await busy.core.tables() == before

    await write(busy, heir)
    assert await busy.core.tables() != before  # the very same write is one that changes something


@every_write
async def test_a_write_that_meets_a_claim_waits_for_it_and_then_writes_nothing(busy: Desk, write: Write) -> None:
    await busy.core.expire(busy.lease)
    async with await busy.core.connect() as rival:
        claimed = await (
            await rival.execute(CLAIM, {"slots": 1, "clock_slots": 1, "lease_seconds": 10, "most_failures": 3})
        ).fetchall()
        assert len(claimed) == 1  # and not yet committed
        writing = asyncio.ensure_future(write(busy, busy.lease))
        await busy.core.held_up(writing)
        await rival.commit()
        after_the_claim = await busy.core.tables()

    with pytest.raises(FencedError):
        await writing
    assert await busy.core.tables() == after_the_claim


async def test_nobody_claims_a_session_while_its_holder_writes(desk: Desk) -> None:
    await desk.core.expire(desk.lease)
    async with await desk.core.connect() as in_the_way:
        insert = 'INSERT INTO step (session_id, seq, epoch, body) VALUES (%s, 1, 1, \'{"kind": "stopped"}\')'
        await in_the_way.execute(insert, (desk.lease.session_id,))
        writing = asyncio.create_task(desk.core.store.append(desk.lease, 0, [Stopped(by="U1")]))
        await desk.core.held_up(writing)  # with the session's row in its hands

        assert await desk.core.queue.claim(1) == []
        await in_the_way.rollback()
    await writing

    [heir] = await desk.core.queue.claim(1)
    assert [item.step for item in await desk.core.store.load(heir)] == [Stopped(by="U1")]


async def test_who_was_held_up_before_it_read_the_log_does_not_take_its_heirs_calls_for_its_own(desk: Desk) -> None:
    await desk.core.expire(desk.lease)
    assert await desk.core.store.load(desk.lease) == []  # nobody has written since: what it writes itself is fenced
    [heir] = await desk.core.queue.claim(1)
    await desk.core.store.append(heir, 0, [Stopped(by="U1")])

    with pytest.raises(FencedError):
        await desk.core.store.load(desk.lease)
    assert [item.epoch for item in await desk.core.store.load(heir)] == [heir.epoch]


# ---------------------------------------------------------------------------------------------- receive


async def test_a_repeated_delivery_is_one_row_and_one_wake(core: Core) -> None:
    together = [core.store.receive(place(), "message:1", message(), opens=True) for _ in range(8)]
    assert sorted(await asyncio.gather(*together)) == [False] * 7 + [True]
    assert not await core.store.receive(place(), "message:1", message(), opens=True)

    assert await core.sql("SELECT count(*) FROM inbox") == [(1,)]
    assert await core.sql("SELECT wakes FROM session") == [(1,)]


async def test_a_mention_that_comes_as_two_events_is_taken_in_once(core: Core) -> None:
    spoken = {"user": "U1", "channel": "C1", "ts": "1.5", "text": "<@UBOT> hello"}
    us, taken_in = Installation("T1", "UBOT"), list[bool]()
    for event_id, kind in [("Ev1", "message"), ("Ev2", "app_mention")]:
        arrived = read_event({"team_id": "T1", "event_id": event_id, "event": {"type": kind, **spoken}}, us)
        assert isinstance(arrived, Inbound)
        assert arrived.place is not None
        taken_in.append(await core.store.receive(arrived.place, arrived.key, arrived.received, opens=arrived.opens))
    assert taken_in == [True, False]
    assert await core.sql("SELECT count(*), max(wakes) FROM inbox JOIN session ON true") == [(1, 1)]


async def test_a_follow_up_is_taken_in_only_where_a_session_is(core: Core) -> None:
    nothing = await core.tables()
    assert not await core.store.receive(place(), "message:1", message(), opens=False)
    assert await core.tables() == nothing

    assert await core.store.receive(place(), "message:2", message(), opens=True)
    assert await core.store.receive(place(), "message:3", message(), opens=False)
    assert not await core.store.receive(place(2), "message:4", message(), opens=False)  # another thread
    assert await core.sql("SELECT key, session_id FROM inbox ORDER BY id") == [
        ("message:2", session_id(place())),
        ("message:3", session_id(place())),
    ]


@pytest.mark.parametrize(
    ("received", "status"),
    [(click("approved"), "pending"), (said("leave").model_copy(update={"action_id": "open"}), "unknown")],
    ids=["a decision", "an outcome"],
)
async def test_a_click_is_taken_in_only_while_its_action_is_open(desk: Desk, received: Click, status: str) -> None:
    await desk.propose("open")
    for other in {"pending", "approved", "unknown", "succeeded"} - {status}:
        await desk.core.sql("UPDATE action SET status = %s", other)
        assert not await desk.core.store.receive(desk.place, f"click in {other}", received, opens=False)
    await desk.core.sql("UPDATE action SET status = %s", status)
    assert await desk.core.store.receive(desk.place, "click", received, opens=False)


# ---------------------------------------------------------------------------------------------- byte for byte

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**18, max_value=10**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.sampled_from(["\u0000", "\\u0000", "👩‍👩‍👧‍👦 é e\u0301", "\u2028", "\x7f", '"\\/', "\ufffe"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@examples(0.6, HealthCheck.function_scoped_fixture)
@given(blocks=st.lists(st.dictionaries(st.text(max_size=8), JSON, max_size=6), max_size=3))
async def test_blocks_come_back_byte_for_byte(desk: Desk, blocks: list[Block]) -> None:
    await desk.core.sql("DELETE FROM step")
    await desk.core.store.append(desk.lease, 0, [reply(*blocks)])

    [back] = await desk.core.store.load(desk.lease)
    assert isinstance(back.step, ModelReplied)
    assert json.dumps(back.step.content) == json.dumps(blocks)  # types, digits and the order of keys included
    [(stored,)] = await desk.core.sql("SELECT body::text FROM step")
    assert stored == reply(*blocks).model_dump_json() == back.step.model_dump_json()


async def test_half_a_character_of_a_person_is_replaced_and_the_message_kept(core: Core) -> None:
    torn = Message(said=Said(user="U1", text="Six \ud83d\ude00 and \ud83d", ts="1.0"))
    assert await core.store.receive(place(), "message:1", torn, opens=True)
    [lease] = await core.queue.claim(1)
    _, [row] = await core.store.inbox(lease)
    assert row.received == Message(said=Said(user="U1", text="Six 😀 and \ufffd", ts="1.0"))


async def test_half_a_character_in_a_step_is_refused_and_the_session_stays_as_it_was(desk: Desk) -> None:
    before = await desk.core.tables()
    with pytest.raises(PydanticSerializationError):
        await desk.core.store.append(desk.lease, 0, [reply({"type": "text", "text": "\ud83d"})], Beside(inbox_ids=(1,)))
    assert await desk.core.tables() == before


async def test_a_reason_with_a_character_that_postgres_cannot_hold_is_kept_without_it(desk: Desk) -> None:
    await desk.propose("open")
    decided = await desk.votes("open", "U2", "rejected", "No\x00!")
    assert decided is not None
    assert decided.reason == "No!"


# ---------------------------------------------------------------------------------------------- what newer code wrote


@pytest.mark.parametrize(
    "body",
    ['{"kind": "from_the_future", "secret": "Ada"}', '{"kind": "stopped", "by": "U1", "secret": "Ada"}', '{"kind": "stopped"}'],
    ids=["an unknown kind", "an unknown field", "a field less"],
)
async def test_a_row_that_only_newer_code_can_read_is_named_without_its_content(desk: Desk, body: str) -> None:
    await desk.core.sql("INSERT INTO step (session_id, seq, epoch, body) VALUES (%s, 1, 1, %s)", desk.lease.session_id, body)
    await desk.core.sql("UPDATE inbox SET body = %s", body)
    for read in (desk.core.store.load, desk.core.store.inbox):
        with pytest.raises(UnreadableError) as raised:
            await read(desk.lease)
        assert "Ada" not in str(raised.value)
