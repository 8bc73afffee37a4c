"""So many model calls at once on real Postgres: in rounds of the channels, and a slot is free again however its call ends."""

import asyncio
from collections import Counter

from agent.model.limits import Patience
from agent.model.port import Request
from agent.session.inbox import StopPressed
from agent.store.sessions import session_id
from agent.types import Place
from tests.stores.core import Core, message, until
from tests.stores.world import World, worker

TWO = Patience(calls_at_once=2)


def at(number: int, channel: str = "C-busy") -> Place:
    """A separate thread for each number."""
    return Place(team="T1", channel=channel, thread_ts=f"{number}.0")


class Desk:
    """Model calls that end when the test lets them, one after the other."""

    def __init__(self) -> None:
        self.world = World(self.think)
        self.open: list[str] = []  # calls under way, by what was asked
        self.begun: list[str] = []
        self.most = 0
        self.go_on = asyncio.Semaphore(0)

    async def think(self, request: Request) -> None:
        """Until it is let go."""
        asked = str(request.messages[-1]["content"][-1]["text"])
        self.begun.append(asked)
        self.open.append(asked)
        self.most = max(self.most, len(self.open))
        try:
            await self.go_on.acquire()
        finally:
            self.open.remove(asked)

    async def begun_are(self, number: int) -> None:
        """Until so many calls have begun."""

        async def there() -> bool:
            return len(self.begun) >= number

        await until(there)


async def model_started(core: Core) -> int:
    """How many starts are on record."""
    [(count,)] = await core.sql("SELECT count(*) FROM step WHERE body->>'kind' = 'model_started'")
    return count


async def test_no_more_calls_than_slots_and_a_start_is_written_only_with_one(core: Core) -> None:
    desk = Desk()
    async with worker(core, desk.world, patience=TWO):
        for number in range(20):
            await core.wake(at(number))
        await desk.begun_are(2)

        async def all_claimed() -> bool:
            return await core.sql("SELECT 1 FROM session WHERE epoch = 0") == []

        await until(all_claimed)
        assert await model_started(core) == 2  # who waits for a slot holds no reservation
        for _ in range(20):
            desk.go_on.release()
        await desk.begun_are(20)

        async def all_answered() -> bool:
            return len(desk.world.answers) == 20

        await until(all_answered)
    assert desk.most == 2
    assert Counter(len(answers) for answers in desk.world.answers.values()) == {1: 20}


async def test_a_busy_channel_delays_another_by_no_more_than_a_round(core: Core) -> None:
    desk = Desk()
    async with worker(core, desk.world, patience=TWO):
        for number in range(30):
            await core.wake(at(number))
        await desk.begun_are(2)
        await core.wake(at(99, "C-quiet"), message("I am from the quiet channel"))

        async def claimed() -> bool:
            return await core.sql("SELECT 1 FROM session WHERE channel = 'C-quiet' AND epoch = 0") == []

        await until(claimed)
        await asyncio.sleep(0.2)  # it asks for its slot right after its claim, and nothing tells of that
        for _ in range(40):
            desk.go_on.release()
        await desk.begun_are(31)
    quiet = next(place for place, asked in enumerate(desk.begun) if "quiet" in asked)
    assert quiet <= 4


async def test_stop_ends_the_wait_for_a_slot_and_frees_the_slot_of_a_call(core: Core) -> None:
    desk = Desk()
    async with worker(core, desk.world, patience=TWO):
        for number in (1, 2):
            await core.wake(at(number))
        await desk.begun_are(2)
        await core.wake(at(3))

        async def asked() -> bool:
            return await core.sql("SELECT 1 FROM session WHERE id = %s AND epoch > 0", session_id(at(3))) != []

        await until(asked)
        await asyncio.sleep(0.2)  # it asks for its slot right after its claim, and nothing tells of that
        await core.wake(at(3), StopPressed(user="U1"))  # while it waits
        await core.wake(at(1), StopPressed(user="U1"))  # while its call is under way

        async def stopped() -> bool:
            return {session_id(at(1)), session_id(at(3))} <= set(desk.world.answers)

        await until(stopped)
        assert all("Stopped by" in answer for answers in desk.world.answers.values() for answer in answers)
        await core.wake(at(4))
        await desk.begun_are(3)  # in the slot of the first
        assert await model_started(core) == 3


async def test_a_lease_that_is_lost_frees_its_slot(core: Core) -> None:
    desk = Desk()
    async with worker(core, desk.world, patience=Patience(calls_at_once=1), renew_seconds=0.05):
        await core.wake(at(1))
        await desk.begun_are(1)
        # Another process takes it over.
        await core.sql("UPDATE session SET epoch = epoch + 1, lease_until = now() + interval '1 hour'")
        await core.wake(at(2))
        await desk.begun_are(2)
        desk.go_on.release()

        async def answered() -> bool:
            return session_id(at(2)) in desk.world.answers

        await until(answered)


async def test_a_process_that_ends_hands_its_waiting_sessions_on(core: Core) -> None:
    desk, other = Desk(), World()
    async with worker(core, desk.world, patience=Patience(calls_at_once=1)):
        for number in range(5):
            await core.wake(at(number))
        await desk.begun_are(1)
    assert desk.world.answers == {}
    async with worker(core, other):

        async def all_answered() -> bool:
            return len(other.answers) == 5

        await until(all_answered)
    assert Counter(len(answers) for answers in other.answers.values()) == {1: 5}
