"""What a process takes in it claims with the same statement, where it has room."""

import asyncio
from dataclasses import dataclass, field

import pytest

from agent.session.inbox import Click
from agent.store.sessions import Lease
from agent.types import Place
from tests.stores.core import Core, message, place
from tests.stores.desk import Desk
from tests.stores.world import World, worker
from tests.unit.test_machine import ASKED


@dataclass
class Room:
    """FreeSlots that only note what they are to drive."""

    seconds: float = 10.0
    driven: list[Lease] = field(default_factory=list[Lease])

    def lease_seconds(self) -> float:
        """See `FreeSlots.lease_seconds`."""
        return self.seconds

    def drive(self, lease: Lease) -> None:
        """See `FreeSlots.drive`."""
        self.driven.append(lease)


async def said(core: Core, room: Room, ts: str = "1.0", at: Place | None = None, *, opens: bool = True) -> bool:
    """A message comes in."""
    return await core.store.receive(at or place(), f"message:{ts}", message("Hello", ts), opens=opens, slots=room)


async def test_a_new_session_is_claimed_as_it_is_written_and_brings_its_message(core: Core) -> None:
    room = Room()
    assert await said(core, room)
    [lease] = room.driven
    assert (lease.session_id, lease.epoch, lease.wakes, lease.by_clock) == ("T1:C1:1.0", 1, 1, False)
    assert lease.opens
    assert lease.given is not None
    assert lease.given.received == message("Hello", "1.0")
    assert (await core.store.inbox(lease)) == (1, [lease.given])  # as it would be read
    assert await core.queue.claim(9) == []


async def test_without_room_it_waits_for_whoever_has_some(core: Core) -> None:
    room = Room(seconds=0.0)
    assert await said(core, room)
    assert room.driven == []
    [lease] = await core.queue.claim(9)
    assert (lease.epoch, lease.given) == (1, None)


@pytest.mark.parametrize("answered", [True, False], ids=["answered", "not answered"])
async def test_a_session_that_rests_is_claimed_under_its_next_epoch(core: Core, answered: bool) -> None:
    room = Room()
    await said(core, room)
    [first] = room.driven
    if answered:
        await core.sql("UPDATE inbox SET taken_at = now()")
    await core.queue.release(first, first.wakes, None)
    assert await said(core, room, "2.0")
    second = room.driven[1]
    assert (second.epoch, second.wakes, second.opens) == (2, 2, False)  # its log is to be read
    waiting = await core.store.inbox(second)
    assert waiting == ((2, [second.given]) if answered else (2, waiting[1]))
    assert (second.given is None) == (not answered)  # what it was given before waits, too


async def test_who_claims_knows_all_that_waits_or_reads_it(core: Core) -> None:
    """Messages come at any moment, to a process that has room and to one that has none; the one that claims lets go at once."""
    none, seen = Room(seconds=0.0), list[bool]()

    async def answer(lease: Lease) -> None:
        wakes, waiting = await core.store.inbox(lease)
        if wakes == lease.wakes:  # nothing has come since the claim
            seen.append(lease.given is not None)
            assert lease.given is None or waiting == [lease.given]
        await core.sql("UPDATE inbox SET taken_at = now() WHERE id = ANY(%s)", [row.id for row in waiting])
        await core.queue.release(lease, wakes, None)

    async def takes_in(room: Room, ts: str) -> None:
        await said(core, room, ts)
        for lease in room.driven:
            await answer(lease)

    for round in range(60):
        crowd = [Room() if number % 2 else none for number in range(1, 2 + round % 4)]
        await asyncio.gather(*(takes_in(room, f"{round}.{number}") for number, room in enumerate(crowd)))
        for lease in await core.queue.claim(9):
            await answer(lease)
    assert set(seen) == {True, False}  # not about nothing


async def test_a_session_that_somebody_holds_is_woken_and_not_claimed(core: Core) -> None:
    room = Room()
    async with await core.connect() as listener:
        await listener.set_autocommit(True)
        await listener.execute("LISTEN signoff_wake")
        await said(core, room)
        assert await said(core, room, "2.0")
        told = [each.payload async for each in listener.notifies(timeout=10, stop_after=1)]
    assert told == ["T1:C1:1.0"]  # once: of the one that was claimed at once nobody else needs to hear
    [lease] = room.driven
    assert await core.queue.release(lease, lease.wakes, None)  # due at once: it was woken meanwhile


@pytest.mark.parametrize(
    "spoilt", ["failures = 1", "aside_at = now()", "lease_until = now() - interval '1 second'"], ids=["failed", "aside", "lost"]
)
async def test_a_session_with_which_something_went_wrong_is_left_to_the_queue(core: Core, spoilt: str) -> None:
    room = Room()
    await said(core, room)
    await core.queue.release(room.driven[0], 1, None)
    await core.sql(f"UPDATE session SET {spoilt}")
    assert await said(core, room, "2.0")
    assert len(room.driven) == 1


async def test_a_repeat_claims_nothing(core: Core) -> None:
    room = Room()
    await said(core, room)
    await core.queue.release(room.driven[0], 1, None)
    assert not await said(core, room)
    assert not await said(core, room, "3.0", place(2), opens=False)  # no session, and it may not open one
    assert len(room.driven) == 1


async def test_of_many_that_come_at_once_one_claims(core: Core) -> None:
    room = Room()
    assert all(await asyncio.gather(*(said(core, room, f"{number}.0") for number in range(30))))
    [lease] = room.driven
    assert (await core.store.inbox(lease))[0] == 30


async def test_a_click_claims_the_session_of_its_action(desk: Desk) -> None:
    room = Room()
    await desk.propose("open")
    await desk.core.queue.release(desk.lease, desk.lease.wakes, None)
    click = Click(action_id="open", user="U2", decision="approved")
    assert await desk.core.store.receive(None, "click:1", click, slots=room)
    [lease] = room.driven
    assert (lease.session_id, lease.opens) == (desk.lease.session_id, False)
    assert [row.received for row in (await desk.core.store.inbox(lease))[1]][-1] == click

    nobody = click.model_copy(update={"action_id": "none"})
    assert not await desk.core.store.receive(None, "click:2", nobody, slots=room)
    assert len(room.driven) == 1


async def test_a_worker_drives_what_it_takes_in_without_looking_for_it(core: Core) -> None:
    world = World()
    async with worker(core, world) as room:
        assert room.lease_seconds() == core.queue.lease_seconds
        assert await core.store.receive(place(), "message:1.0", message(), opens=True, slots=room)
        assert await core.sql("SELECT epoch FROM session WHERE lease_until > now() OR wake_at IS NULL") == [(1,)]
    assert room.lease_seconds() == 0.0  # it has ended


async def test_a_claim_of_what_is_taken_in_counts_like_any_other_until_it_is_released(core: Core) -> None:
    room = Room()
    for steps in (0, 1):  # a new session, and one that rests
        await said(core, room, f"{steps}.0", place())
        assert await core.sql("SELECT failures, claimed_seq FROM session") == [(1, steps)]
        await core.store.append(room.driven[-1], steps, [ASKED])
        await core.queue.release(room.driven[-1], room.driven[-1].wakes, None)
    await said(core, room, "3.0", place())
    for claimed in (True, True, False):  # three in a row that end in nothing are enough, and this was the first
        await core.sql("UPDATE session SET lease_until = now()")
        assert bool(await core.queue.claim(1)) is claimed
