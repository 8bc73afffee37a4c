"""A session that ends whatever claims it is set aside after three claims, on real Postgres; what comes on is not."""

from agent.store.aside import release_aside, set_aside
from agent.store.queue import MOST_FAILURES
from agent.store.sessions import session_id
from tests.stores.core import Core, message, place


async def falls(core: Core) -> bool:
    """A process claims the session and is gone: whether it got it."""
    leases = await core.queue.claim(1)
    await core.sql("UPDATE session SET lease_until = now() WHERE lease_until IS NOT NULL")
    return bool(leases)


async def names(core: Core) -> list[str]:
    """The sessions that are set aside, as the chore finds them."""
    async with core.pool.connection() as connection:
        return [each.id for each in await set_aside(connection)]


async def test_three_claims_that_end_in_nothing_are_enough(core: Core) -> None:
    id = session_id(place())
    await core.wake(place())
    assert [await falls(core) for _ in range(MOST_FAILURES + 1)] == [True] * MOST_FAILURES + [False]
    assert await names(core) == [id]
    await core.wake(place(), message("are you there?"))
    assert not await falls(core)  # nor is it claimed when people write
    assert await names(core) == [id]
    await core.wake(place(2))
    assert await falls(core)  # no other session waits for that


async def test_a_claim_that_wrote_a_step_has_come_on(core: Core) -> None:
    await core.wake(place())
    for seq in range(1, 8):
        assert await falls(core)
        assert await names(core) == []
        await core.sql(
            'INSERT INTO step (session_id, seq, epoch, body) SELECT id, %(seq)s, epoch, \'{"kind": "x"}\' FROM session', seq=seq
        )
    assert [await falls(core) for _ in range(MOST_FAILURES + 1)] == [True] * MOST_FAILURES + [False]


async def test_a_release_forgets_what_failed_and_an_error_does_not(core: Core) -> None:
    await core.wake(place())
    for _ in range(3 * MOST_FAILURES):
        [lease] = await core.queue.claim(1)
        await core.queue.release(lease, lease.wakes, lease.claimed_at)  # due at once: the lease's own clock may be ahead
    for _ in range(MOST_FAILURES):
        [lease] = await core.queue.claim(1)
        await core.queue.release(lease, lease.wakes, lease.claimed_at, failed=True)
    assert await core.queue.claim(1) == []
    assert len(await names(core)) == 1


async def test_who_was_only_late_has_lost_what_was_set_aside(core: Core) -> None:
    await core.wake(place())
    for _ in range(MOST_FAILURES - 1):
        await falls(core)
    [late] = await core.queue.claim(1)
    await core.sql("UPDATE session SET lease_until = now()")
    assert await names(core) == [session_id(place())]
    assert not await core.queue.release(late, late.wakes, None)
    assert await names(core) == [session_id(place())]  # else nobody would ever hear of it again


async def test_a_shutdown_is_no_failure(core: Core) -> None:
    await core.wake(place())
    for _ in range(3 * MOST_FAILURES):
        await core.queue.hand_back(await core.queue.claim(1))
    assert await names(core) == []
    assert await core.queue.claim(1)


async def test_one_that_is_released_is_tried_three_times_more(core: Core) -> None:
    id = session_id(place())
    await core.wake(place())
    for _ in range(MOST_FAILURES):
        await falls(core)
    assert await names(core) == [id]
    async with core.pool.connection() as connection:
        assert await release_aside(connection, id)
        assert not await release_aside(connection, id)
    assert [await falls(core) for _ in range(MOST_FAILURES + 1)] == [True] * MOST_FAILURES + [False]
