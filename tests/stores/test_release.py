"""A session that is given back: due again when it should be, and no wake lost, on real Postgres."""

from datetime import timedelta

from agent.store.queue import RENEW
from tests.stores.core import Core, place
from tests.stores.test_queue import row


async def test_what_comes_between_the_last_look_and_the_release_makes_the_session_due_at_once(core: Core) -> None:
    lease = await core.hold(place())
    wakes, _ = await core.store.inbox(lease)
    await core.wake(place())
    assert await core.queue.release(lease, wakes, None)
    assert (await row(core, lease))["due"]

    [again] = await core.queue.claim(1)
    wakes, inbox = await core.store.inbox(again)
    assert len(inbox) == 2
    assert not await core.queue.release(again, wakes, None)
    assert await core.queue.claim(1) == []


async def test_a_wake_does_not_put_off_what_is_due_earlier_and_brings_forward_what_is_due_later(core: Core) -> None:
    lease = await core.hold(place())
    await core.queue.release(lease, lease.wakes, lease.now() + timedelta(hours=1))
    assert not (await row(core, lease))["due"]
    await core.wake(place())
    assert (await row(core, lease))["due"]

    await core.sql("UPDATE session SET wake_at = wake_at - interval '1 hour'")
    [(before,)] = await core.sql("SELECT wake_at FROM session")
    await core.wake(place())
    assert await core.sql("SELECT wake_at FROM session") == [(before,)]


async def test_an_older_holder_can_neither_release_nor_hand_back_nor_renew(core: Core) -> None:
    older = await core.hold(place())
    await core.expire(older)
    [lease] = await core.queue.claim(1)
    before = await core.tables()
    assert not await core.queue.release(older, older.wakes, None)
    await core.queue.hand_back([older])
    renewed = await core.sql(RENEW, lease_seconds=99, ids=[older.session_id], epochs=[older.epoch])
    assert renewed == []
    assert await core.tables() == before

    await core.queue.hand_back([lease])
    assert await row(core, lease) == {"epoch": 2, "leased": None, "due": True, "wakes": 1}


async def test_a_claim_says_whether_the_one_before_it_was_ever_released(core: Core) -> None:
    first = await core.hold(place())
    await core.expire(first)
    [second] = await core.queue.claim(1)
    await core.queue.hand_back([second])
    [third] = await core.queue.claim(1)
    assert [first.abandoned, second.abandoned, third.abandoned] == [False, True, False]
