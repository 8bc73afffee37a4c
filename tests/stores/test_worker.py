"""Workers on real Postgres: they wake, keep what they hold, give it back, and leave alone what they cannot read."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from agent import fence
from agent.errors import FencedError
from agent.moves import Content
from agent.ports import Request
from agent.queue import Queue
from agent.store import Lease, session_id
from agent.types import Place
from tests.stores.heart import Heart, message, place, rival, until
from tests.stores.world import NEVER, World, worker

LEASE_SECONDS, RENEW_SECONDS = 1.0, 0.1


async def answered(world: World, at: Place, times: int = 1) -> None:
    """Until the thread has this many answers."""

    async def there() -> bool:
        return len(world.answers.get(session_id(at), [])) >= times

    await until(there)


async def rests(heart: Heart, at: Place) -> None:
    """Until nobody holds the session."""

    async def free() -> bool:
        return await heart.sql("SELECT 1 FROM session WHERE id = %s AND lease_until IS NULL", session_id(at)) != []

    await until(free)


async def state(heart: Heart, at: Place) -> tuple[Any, ...]:
    """The session's epoch, whether it is leased, and whether it is due."""
    [found] = await heart.sql(
        "SELECT epoch, coalesce(lease_until > now(), false), coalesce(wake_at <= now(), false) FROM session WHERE id = %s",
        session_id(at),
    )
    return found


# ---------------------------------------------------------------------------------------------- waking


async def test_a_message_wakes_a_worker_at_once(heart: Heart) -> None:
    world = World()
    async with worker(heart, world):
        await heart.wake(place())
        await answered(world, place())
        await rests(heart, place())
        assert await state(heart, place()) == (1, False, False)  # a session that waits holds a row and nothing else


async def test_what_was_due_before_the_worker_came_is_found(heart: Heart) -> None:
    world = World()
    await heart.wake(place())
    async with worker(heart, world):
        await answered(world, place())


async def test_what_the_clock_woke_is_all_done_a_few_at_once_and_people_are_heard_meanwhile(heart: Heart) -> None:
    at_once: list[int] = []
    busy: set[str] = set()
    go_on = asyncio.Event()

    async def think(request: Request) -> None:
        text = str(request.messages)
        if "the clock" in text:
            busy.add(text)
            at_once.append(len(busy))
            await go_on.wait()
            busy.discard(text)

    world = World(think)
    for number in range(2, 30):
        await heart.wake(place(number), message(f"for the clock, {number}"))
    await heart.sql("UPDATE session SET woken_at = NULL")

    async def three_think() -> bool:
        return max(at_once, default=0) == 3

    async with worker(heart, world, clock_slots=3):
        await until(three_think)
        await heart.wake(place())
        await answered(world, place())  # while the clock's three do not end
        go_on.set()
        for number in range(2, 30):
            await answered(world, place(number))
    assert max(at_once) == 3


async def test_without_notifications_the_poll_finds_what_is_due(heart: Heart) -> None:
    """As behind a pooler in transaction mode, and as with every due time."""
    world = World()
    async with worker(heart, world, poll_seconds=0.2):
        await heart.wake(place(1))
        await answered(world, place(1))
        await heart.sql(
            "INSERT INTO inbox (key, session_id, body) VALUES ('unheard', %s, %s)",
            session_id(place(2)),
            message().model_dump_json(),
        )
        await heart.sql(
            "INSERT INTO session (id, team, channel, thread_ts, wakes, wake_at) VALUES (%s, 'T1', 'C1', '2.0', 1, now())",
            session_id(place(2)),
        )
        await answered(world, place(2))


async def test_notifications_come_back_after_their_connection_was_cut(heart: Heart, caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    async with worker(heart, world, poll_seconds=0.2):

        async def listening() -> bool:
            return await heart.sql("SELECT 1 FROM pg_stat_activity WHERE query LIKE 'LISTEN%%' AND datname = 'heart'") != []

        await until(listening)
        await heart.sql("""
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%%' AND datname = 'heart'
        """)

        async def noticed() -> bool:
            return "notifications are off" in caplog.text

        await until(noticed)
        await until(listening)
        await heart.wake(place())
        await answered(world, place())


async def test_what_is_said_while_the_model_thinks_is_answered_in_the_next_turn(heart: Heart) -> None:
    async def interrupted(request: Request) -> None:
        if len(request.messages) == 1:
            await heart.wake(place(), message("And another thing", "2.0"))

    world = World(interrupted)
    async with worker(heart, world):
        await heart.wake(place())
        await answered(world, place(), 2)


@dataclass
class Hesitating(Queue):
    """A queue on a slow line: something happens right before or right after a release has been committed."""

    heart: Heart
    before: Callable[[], Awaitable[None]] | None = None
    after: Callable[[], Awaitable[None]] | None = None

    def __post_init__(self) -> None:
        super().__init__(self.heart.pool)

    async def release(self, lease: Lease, wakes: int, due_at: datetime | None, *, unfinished: bool = False) -> bool:
        """Release, with what the test does around it, once."""
        before, self.before = self.before, None
        if before:
            await before()
        due = await super().release(lease, wakes, due_at, unfinished=unfinished)
        after, self.after = self.after, None
        if after:
            await after()
        return due


async def test_a_wake_right_before_the_release_is_not_lost(heart: Heart) -> None:
    async def say_more() -> None:
        await heart.wake(place(), message("One more", "2.0"))

    world = World()
    async with worker(heart, world, Hesitating(heart, before=say_more)):
        await heart.wake(place())
        await answered(world, place(), 2)


async def test_a_wake_right_after_the_release_is_not_lost(heart: Heart) -> None:
    async with await heart.connect() as listener:
        await listener.set_autocommit(True)
        await listener.execute("LISTEN signoff_wake")

        async def say_more() -> None:
            await heart.wake(place(), message("One more", "2.0"))
            async for _ in listener.notifies(timeout=20, stop_after=1):  # the worker hears it about now, too
                await asyncio.sleep(0.1)

        world = World()
        queue = Hesitating(heart, after=say_more)
        await heart.wake(place())
        async with worker(heart, world, queue):
            await answered(world, place(), 2)


# ---------------------------------------------------------------------------------------------- holding


async def test_work_that_blocks_the_event_loop_does_not_cost_the_lease(heart: Heart) -> None:
    claimed_meanwhile: list[Any] = []

    async def block(request: Request) -> None:
        with rival(heart) as claimed:
            time.sleep(2.5 * LEASE_SECONDS)  # noqa: ASYNC251  # that is the point
            claimed_meanwhile.extend(claimed)

    world = World(block)
    async with worker(heart, world, Queue(heart.pool, lease_seconds=LEASE_SECONDS), renew_seconds=RENEW_SECONDS):
        await heart.wake(place())
        await answered(world, place())
        await rests(heart, place())
    assert claimed_meanwhile == []
    assert await state(heart, place()) == (1, False, False)


async def test_a_lost_lease_ends_the_drive_and_nothing_else(heart: Heart) -> None:
    thinking, given_up = asyncio.Event(), asyncio.Event()

    async def ponder(request: Request) -> None:
        if "ponder" in str(request.messages):
            thinking.set()
            try:
                await asyncio.Event().wait()
            finally:
                given_up.set()

    world = World(ponder)
    async with worker(heart, world, renew_seconds=RENEW_SECONDS):
        await heart.wake(place(1), message("ponder"))
        await thinking.wait()
        await heart.sql("UPDATE session SET lease_until = now()")
        [heir] = await heart.queue.claim(1)  # as after a pause that was longer than the lease
        async with asyncio.timeout(20):
            await given_up.wait()

        await heart.wake(place(2))
        await answered(world, place(2))
        assert await state(heart, place(1)) == (heir.epoch, True, True)
    assert await state(heart, place(1)) == (heir.epoch, True, True)  # nor is it handed back by who had lost it


# ---------------------------------------------------------------------------------------------- shutting down


async def test_no_effect_begins_after_the_hold_that_was_confirmed_has_run_out(heart: Heart) -> None:
    """The database answers, but the lease is not renewed: its remaining time is less than the fence's own."""
    refused: list[FencedError] = []

    class Late(World):
        async def post(self, place: Place, content: Content, key: str) -> str:
            if not refused:
                await until(over)
                try:
                    fence.begin()
                except FencedError as error:
                    refused.append(error)
                    raise
            return await super().post(place, content, key)

    async def short(request: Request) -> None:
        await heart.sql("UPDATE session SET lease_until = now() + interval '0.2 seconds'")

    async def over() -> bool:
        return await heart.sql("SELECT 1 FROM session WHERE lease_until > now()") == []

    world = Late(short)
    async with worker(heart, world, slots=1, renew_seconds=NEVER, poll_seconds=0.1):  # it takes nothing over itself
        await heart.wake(place())
        await answered(world, place())
    assert len(refused) == 1
    assert world.answers == {session_id(place()): ["Done."]}


async def test_a_worker_that_ends_hands_its_sessions_over_at_once(heart: Heart) -> None:
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
    async with worker(heart, World(ponder)) as ending:
        await heart.wake(place())
        await thinking.wait()
        async with worker(heart, heir, Watched(heart.pool)) as other:
            await until(looked_twice)
            await ending.__aexit__()
            await answered(heir, place())
            assert other.failure is None
    epoch, _, _ = await state(heart, place())
    assert epoch == 2


async def test_what_does_not_end_in_time_is_handed_back_all_the_same(heart: Heart) -> None:
    posting = asyncio.Event()

    @dataclass
    class SlowWorld(World):
        async def post(self, place: Place, content: Content, key: str) -> str:
            """An answer that never comes."""
            posting.set()
            await asyncio.Event().wait()
            raise AssertionError

    async with worker(heart, SlowWorld(), stop_seconds=0.2):
        await heart.wake(place())
        await posting.wait()
    assert await state(heart, place()) == (1, False, True)


async def test_what_is_being_claimed_while_the_worker_ends_is_handed_back(heart: Heart) -> None:
    claimed, go_on = asyncio.Event(), asyncio.Event()

    class SlowLine(Queue):
        async def claim(self, slots: int, clock_slots: int | None = None) -> list[Lease]:
            """The answer takes its time, although the database has done its part."""
            leases = await super().claim(slots, clock_slots)
            if leases:
                claimed.set()
                await go_on.wait()
            return leases

    await heart.wake(place())
    world = World()
    ending = worker(heart, world, SlowLine(heart.pool))
    await ending.__aenter__()
    await claimed.wait()
    asyncio.get_running_loop().call_later(0.1, go_on.set)
    await ending.__aexit__()
    assert world.answers == {}
    assert await state(heart, place()) == (1, False, True)


# ---------------------------------------------------------------------------------------------- newer code


@pytest.mark.parametrize(
    "newer",
    [
        """INSERT INTO step (session_id, seq, epoch, body)
           SELECT id, (SELECT max(seq) + 1 FROM step), epoch, '{"kind": "from_the_future"}' FROM session""",
        """UPDATE step SET body = (body::jsonb || '{"from_the_future": 1}')::json WHERE seq = 1""",
        """INSERT INTO inbox (key, session_id, body) SELECT 'newer', id, '{"kind": "from_the_future"}' FROM session""",
        """WITH newer AS (INSERT INTO pin SELECT 'newer', (body::jsonb || '{"from_the_future": 1}')::json FROM pin)
           UPDATE session SET pin_id = 'newer'""",
    ],
    ids=["a step of an unknown kind", "a step with a new field", "a delivery of an unknown kind", "a pin with a new field"],
)
async def test_what_newer_code_wrote_is_left_as_it_is_and_others_go_on(
    heart: Heart, newer: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with worker(heart, World()):
        await heart.wake(place(1))
        await rests_after_work(heart, place(1))
    await heart.sql(newer)
    await heart.wake(place(1), message("Are you there?", "2.0"))
    before = await heart.tables()
    caplog.clear()

    world = World()
    async with worker(heart, world):

        async def let_go() -> bool:
            return (await state(heart, place(1)))[:2] == (2, False)

        await until(let_go)
        await heart.wake(place(2))
        await answered(world, place(2))
        await rests(heart, place(2))

        after = await heart.tables()
        mine = session_id(place(1))
        for table in ("step", "inbox", "action", "vote"):
            assert [row for row in after[table] if mine in row] == before[table]
        assert await state(heart, place(1)) == (2, False, False)  # tried once, and not again at once
        assert await heart.sql("SELECT wake_at > now() FROM session WHERE id = %s", mine) == [(True,)]
    warnings = [record for record in caplog.records if mine in record.getMessage()]
    assert [(record.levelno, record.exc_info) for record in warnings] == [(logging.WARNING, None)]
    assert "left to newer code" in warnings[0].getMessage()


async def rests_after_work(heart: Heart, at: Place) -> None:
    """Until the session has been claimed and let go again."""

    async def over() -> bool:
        return await state(heart, at) == (1, False, False)

    await until(over)
