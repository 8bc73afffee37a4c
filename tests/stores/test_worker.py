"""Workers on real Postgres: they wake, keep what they hold, give it back, and leave alone what they cannot read."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from agent.model.port import Request
from agent.session.steps import Step
from agent.store.sessions import Beside, Lease, Release, Store, session_id
from agent.types import Place
from tests.patience import PATIENCE_SECONDS
from tests.stores.core import Core, message, place, until
from tests.stores.world import World, worker

LEASE_SECONDS, RENEW_SECONDS = 1.0, 0.1
Happening = Callable[[], Awaitable[None]]


async def answered(world: World, at: Place, times: int = 1) -> None:
    """Until the thread has this many answers."""

    async def there() -> bool:
        return len(world.answers.get(session_id(at), [])) >= times

    await until(there)


async def rests(core: Core, at: Place) -> None:
    """Until nobody holds the session."""

    async def free() -> bool:
        return await core.sql("SELECT 1 FROM session WHERE id = %s AND lease_until IS NULL", session_id(at)) != []

    await until(free)


async def state(core: Core, at: Place) -> tuple[Any, ...]:
    """The session's epoch, whether it is leased, and whether it is due."""
    [found] = await core.sql(
        "SELECT epoch, coalesce(lease_until > now(), false), coalesce(wake_at <= now(), false) FROM session WHERE id = %s",
        session_id(at),
    )
    return found


# ---------------------------------------------------------------------------------------------- waking


async def test_a_message_wakes_a_worker_at_once(core: Core) -> None:
    world = World()
    async with worker(core, world):
        await core.wake(place())
        await answered(world, place())
        await rests(core, place())
        assert await state(core, place()) == (1, False, False)  # a session that waits holds a row and nothing else


async def test_what_was_due_before_the_worker_came_is_found(core: Core) -> None:
    world = World()
    await core.wake(place())
    async with worker(core, world):
        await answered(world, place())


async def test_what_the_clock_woke_is_all_done_a_few_at_once_and_people_are_heard_meanwhile(core: Core) -> None:
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
        await core.wake(place(number), message(f"for the clock, {number}"))
    await core.sql("UPDATE session SET woken_at = NULL")

    async def three_think() -> bool:
        return max(at_once, default=0) == 3

    async with worker(core, world, clock_slots=3):
        await until(three_think)
        await core.wake(place())
        await answered(world, place())  # while the clock's three do not end
        go_on.set()
        for number in range(2, 30):
            await answered(world, place(number))
    assert max(at_once) == 3


async def test_without_notifications_the_poll_finds_what_is_due(core: Core) -> None:
    """As behind a pooler in transaction mode, and as with every due time."""
    world = World()
    async with worker(core, world, poll_seconds=0.2):
        await core.wake(place(1))
        await answered(world, place(1))
        await core.sql(
            "INSERT INTO inbox (key, session_id, body) VALUES ('unheard', %s, %s)",
            session_id(place(2)),
            message().model_dump_json(),
        )
        await core.sql(
            "INSERT INTO session (id, team, channel, thread_ts, wakes, wake_at) VALUES (%s, 'T1', 'C1', '2.0', 1, now())",
            session_id(place(2)),
        )
        await answered(world, place(2))


async def test_notifications_come_back_after_their_connection_was_cut(core: Core, caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    async with worker(core, world, poll_seconds=0.2):

        async def listening() -> bool:
            return await core.sql("SELECT 1 FROM pg_stat_activity WHERE query LIKE 'LISTEN%%' AND datname = 'core'") != []

        await until(listening)
        await core.sql("""
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%%' AND datname = 'core'
        """)

        async def noticed() -> bool:
            return "notifications are off" in caplog.text

        await until(noticed)
        await until(listening)
        await core.wake(place())
        await answered(world, place())


async def test_what_is_said_while_the_model_thinks_is_answered_in_the_next_turn(core: Core) -> None:
    async def interrupted(request: Request) -> None:
        if len(request.messages) == 1:
            await core.wake(place(), message("And another thing", "2.0"))

    world = World(interrupted)
    async with worker(core, world):
        await core.wake(place())
        await answered(world, place(), 2)


class Hesitating(Store):
    """A store on a slow line: something happens right before or right after a release has been committed, once."""

    def __init__(self, core: Core, before: Happening | None = None, after: Happening | None = None) -> None:
        super().__init__(core.pool)
        self._before, self._after = before, after

    async def append_and_release(
        self, lease: Lease, after_seq: int, steps: Sequence[Step], beside: Beside, release: Release
    ) -> bool:
        """Release, with what the test does around it."""
        before, self._before = self._before, None
        if before:
            await before()
        due = await super().append_and_release(lease, after_seq, steps, beside, release)
        after, self._after = self._after, None
        if after:
            await after()
        return due


async def test_a_wake_right_before_the_release_is_not_lost(core: Core) -> None:
    async def say_more() -> None:
        await core.wake(place(), message("One more", "2.0"))

    world = World()
    core.store = Hesitating(core, before=say_more)
    async with worker(core, world):
        await core.wake(place())
        await answered(world, place(), 2)


async def test_a_wake_right_after_the_release_is_not_lost(core: Core) -> None:
    async with await core.connect() as listener:
        await listener.set_autocommit(True)
        await listener.execute("LISTEN signoff_wake")

        async def say_more() -> None:
            await core.wake(place(), message("One more", "2.0"))
            async for _ in listener.notifies(timeout=PATIENCE_SECONDS, stop_after=1):  # the worker hears it about now, too
                await asyncio.sleep(0.1)

        world = World()
        core.store = Hesitating(core, after=say_more)
        await core.wake(place())
        async with worker(core, world):
            await answered(world, place(), 2)


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
    core: Core, newer: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with worker(core, World()):
        await core.wake(place(1))
        await rests_after_work(core, place(1))
    await core.sql(newer)
    await core.wake(place(1), message("Are you there?", "2.0"))
    before = await core.tables()
    caplog.clear()

    world = World()
    async with worker(core, world):

        async def let_go() -> bool:
            return (await state(core, place(1)))[:2] == (2, False)

        await until(let_go)
        await core.wake(place(2))
        await answered(world, place(2))
        await rests(core, place(2))

        after = await core.tables()
        mine = session_id(place(1))
        for table in ("step", "inbox", "action", "vote"):
            assert [row for row in after[table] if mine in row] == before[table]
        assert await state(core, place(1)) == (2, False, False)  # tried once, and not again at once
        assert await core.sql("SELECT wake_at > now() FROM session WHERE id = %s", mine) == [(True,)]
    warnings = [record for record in caplog.records if mine in record.getMessage()]
    assert [(record.levelno, record.exc_info) for record in warnings] == [(logging.WARNING, None)]
    assert "left to newer code" in warnings[0].getMessage()


async def rests_after_work(core: Core, at: Place) -> None:
    """Until the session has been claimed and let go again."""

    async def over() -> bool:
        return await state(core, at) == (1, False, False)

    await until(over)
