"""What a worker holds it keeps while it works, and gives back when it shuts down, on real Postgres."""

import asyncio
import time
from typing import Any

from agent.decide.moves import Content
from agent.model.port import Request
from agent.store.queue import Queue
from agent.store.sessions import Lease
from agent.types import Place
from tests.patience import PATIENCE_SECONDS
from tests.stores.core import Core, message, place, rival, until
from tests.stores.test_worker import LEASE_SECONDS, RENEW_SECONDS, answered, rests, state
from tests.stores.world import World, worker


async def test_work_that_blocks_the_event_loop_does_not_cost_the_lease(core: Core) -> None:
    claimed_meanwhile: list[Any] = []

    async def block(request: Request) -> None:
        with rival(core) as claimed:
            time.sleep(2.5 * LEASE_SECONDS)  # noqa: ASYNC251  # that is the point
            claimed_meanwhile.extend(claimed)

    world = World(block)
    async with worker(core, world, Queue(core.pool, lease_seconds=LEASE_SECONDS), renew_seconds=RENEW_SECONDS):
        await core.wake(place())
        await answered(world, place())
        await rests(core, place())
    assert claimed_meanwhile == []
    assert await state(core, place()) == (1, False, False)


async def taken_over(core: Core) -> Lease:
    """The only session's lease in other hands, as after a pause that was longer than the lease. A renewal may come between."""
    while True:
        await core.sql("UPDATE session SET lease_until = now()")
        if leases := await core.queue.claim(1):
            return leases[0]


async def test_a_lost_lease_ends_the_drive_and_nothing_else(core: Core) -> None:
    thinking, given_up = asyncio.Event(), asyncio.Event()

    async def ponder(request: Request) -> None:
        if "ponder" in str(request.messages):
            thinking.set()
            try:
                await asyncio.Event().wait()
            finally:
                given_up.set()

    world = World(ponder)
    async with worker(core, world, renew_seconds=RENEW_SECONDS):
        await core.wake(place(1), message("ponder"))
        await thinking.wait()
        heir = await taken_over(core)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await given_up.wait()

        await core.wake(place(2))
        await answered(world, place(2))
        assert await state(core, place(1)) == (heir.epoch, True, True)
    assert await state(core, place(1)) == (heir.epoch, True, True)  # nor is it handed back by who had lost it


# ---------------------------------------------------------------------------------------------- shutting down


async def test_a_worker_that_ends_hands_its_sessions_over_at_once(core: Core) -> None:
    thinking = asyncio.Event()

    async def ponder(request: Request) -> None:
        thinking.set()
        await asyncio.Event().wait()

    looks: list[int] = []

    class Watched(Queue):
        async def claim(self, slots: int, clock_slots: int | None = None) -> list[Lease]:
            """Claim, and leave word of it."""
            leases = await super().claim(slots, clock_slots)
            looks.append(len(leases))
            return leases

    async def looked_twice() -> bool:
        return looks == [0, 0]  # when it came, and when it began to listen; by itself it does not look again

    heir = World()
    async with worker(core, World(ponder)) as ending:
        await core.wake(place())
        await thinking.wait()
        async with worker(core, heir, Watched(core.pool)) as other:
            await until(looked_twice)
            await ending.__aexit__()
            await answered(heir, place())
            assert other.failure is None
    epoch, _, _ = await state(core, place())
    assert epoch == 2


async def test_what_does_not_end_in_time_is_handed_back_all_the_same(core: Core) -> None:
    posting = asyncio.Event()

    class SlowWorld(World):
        async def post(self, place: Place, content: Content, key: str) -> str:
            """An answer that never comes."""
            posting.set()
            await asyncio.Event().wait()
            raise AssertionError

    async with worker(core, SlowWorld(), stop_seconds=0.2):
        await core.wake(place())
        await posting.wait()
    assert await state(core, place()) == (1, False, True)


async def test_what_is_being_claimed_while_the_worker_ends_is_handed_back(core: Core) -> None:
    claimed, go_on = asyncio.Event(), asyncio.Event()

    class SlowLine(Queue):
        async def claim(self, slots: int, clock_slots: int | None = None) -> list[Lease]:
            """The answer takes its time, although the database has done its part."""
            leases = await super().claim(slots, clock_slots)
            if leases:
                claimed.set()
                await go_on.wait()
            return leases

    await core.wake(place())
    world = World()
    ending = worker(core, world, SlowLine(core.pool))
    await ending.__aenter__()
    await claimed.wait()
    asyncio.get_running_loop().call_later(0.1, go_on.set)
    await ending.__aexit__()
    assert world.answers == {}
    assert await state(core, place()) == (1, False, True)
