"""A lease is renewed as long as its holder lives, on real Postgres."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from agent.store.queue import Queue, Renewal
from agent.store.sessions import Lease
from tests.stores.core import Core, place, rival, until
from tests.stores.test_queue import BLOCKED_SECONDS, LEASE_SECONDS, RENEW_SECONDS, row


@contextmanager
def renewal(core: Core, lost: list[Lease]) -> Generator[Renewal]:
    """A renewing thread with short leases."""
    thread = Renewal(core.database_url, lost.append, lease_seconds=LEASE_SECONDS, renew_seconds=RENEW_SECONDS)
    thread.start()
    try:
        yield thread
    finally:
        thread.stop()


async def full(found: list[Any]) -> bool:
    """Whether there is something."""
    return bool(found)


async def test_a_lease_is_renewed_while_something_blocks_the_event_loop(core: Core) -> None:
    await core.wake(place())
    [lease] = await Queue(core.pool, lease_seconds=LEASE_SECONDS).claim(1)
    lost: list[Lease] = []
    with rival(core) as claimed, renewal(core, lost) as renewing:
        renewing.hold(lease)
        time.sleep(BLOCKED_SECONDS)  # noqa: ASYNC251  # that is the point
        assert (claimed, lost) == ([], [])
    assert (await row(core, lease))["leased"]


async def test_without_renewal_the_lease_runs_out_and_the_loss_is_told(core: Core) -> None:
    await core.wake(place())
    [lease] = await Queue(core.pool, lease_seconds=LEASE_SECONDS).claim(1)
    with rival(core) as claimed:
        await until(lambda: full(claimed))
    lost: list[Lease] = []
    with renewal(core, lost) as renewing:
        renewing.hold(lease)
        await until(lambda: full(lost))
    assert lost == [lease]


async def test_a_session_that_was_released_a_moment_ago_is_not_leased_again_to_nobody(core: Core) -> None:
    for number in (1, 2):
        await core.wake(place(number))
    released, held = await core.queue.claim(2)
    lost: list[Lease] = []
    with renewal(core, lost) as renewing:
        renewing.hold(released)
        await core.queue.release(released, released.wakes, None)  # and the thread has not heard of it
        renewing.hold(held)
        [(before,)] = await core.sql("SELECT lease_until FROM session WHERE id = %s", held.session_id)

        async def renewed() -> bool:
            return await core.sql("SELECT 1 FROM session WHERE id = %s AND lease_until <> %s", held.session_id, before) != []

        await until(renewed)
        assert await row(core, released) == {"epoch": 1, "leased": None, "due": None, "wakes": 1}
        assert lost == []
