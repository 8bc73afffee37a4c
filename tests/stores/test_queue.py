"""The lease queue on real Postgres: who gets a session, for how long, and that no wake is lost on the way."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from agent.store.queue import CHANNEL, CLAIM
from agent.store.sessions import Lease, session_id
from tests.patience import PATIENCE_SECONDS
from tests.profiles import examples
from tests.stores.core import Core, message, place

LEASE_SECONDS, RENEW_SECONDS = 1.0, 0.1
BLOCKED_SECONDS = 2.5 * LEASE_SECONDS  # more than a lease that nobody renews survives


async def due(
    core: Core, number: int, team: str = "T1", channel: str = "C1", *, minutes_ago: float = 0, people: bool = False
) -> None:
    """So many sessions of a channel that are due, the first one for longest; `people` wait for them."""
    await core.sql(
        """
        INSERT INTO session (id, team, channel, thread_ts, wake_at, woken_at, wakes)
        SELECT concat_ws(':', %(team)s::text, %(channel)s::text, n || '.0'), %(team)s, %(channel)s, n || '.0', at,
               CASE WHEN %(people)s THEN at END, 1
        FROM (SELECT n, now() - make_interval(mins => %(minutes)s) + n * interval '1 millisecond' - interval '1 second' AS at
              FROM generate_series(1, %(number)s) AS n) AS numbered
        """,
        team=team,
        channel=channel,
        number=number,
        minutes=minutes_ago,
        people=people,
    )


async def row(core: Core, lease: Lease) -> dict[str, Any]:
    """The session as psql shows it, with what the database's clock makes of it."""
    [found] = await core.sql(
        """
        SELECT json_build_object('epoch', epoch, 'leased', lease_until > now(), 'due', wake_at <= now(), 'wakes', wakes)
        FROM session WHERE id = %s
        """,
        lease.session_id,
    )
    return found[0]


# ---------------------------------------------------------------------------------------------- who gets a session


@examples(0.15, HealthCheck.function_scoped_fixture)
@given(sessions=st.integers(1, 40), claimers=st.integers(2, 8), slots=st.integers(1, 8), teams=st.integers(1, 3))
async def test_claimers_at_once_never_hold_the_same_session(
    core: Core, sessions: int, claimers: int, slots: int, teams: int
) -> None:
    await core.sql("TRUNCATE session")
    for team in range(teams):
        await due(core, sessions, f"T{team}")
    everything = sessions * teams

    for epoch in (1, 2):  # claimed by one, then by another one when those leases have run out
        held: list[Lease] = []

        async def claim_until_all_are_held(held: list[Lease] = held) -> None:
            while len(held) < everything:
                held += await core.queue.claim(slots)

        async with asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as together:
            for _ in range(claimers):
                together.create_task(claim_until_all_are_held())
        assert len({lease.session_id for lease in held}) == len(held) == everything
        assert {lease.epoch for lease in held} == {epoch}
        assert await core.queue.claim(slots) == []
        await core.expire(*held)


async def test_a_claim_passes_by_what_another_is_about_to_take(core: Core) -> None:
    await due(core, 5)
    async with await core.connect() as rival:
        taken = await (
            await rival.execute(CLAIM, {"slots": 2, "clock_slots": 2, "lease_seconds": 10, "most_failures": 3})
        ).fetchall()
        leases = await core.queue.claim(10)  # would not come back if it waited for the rival's end
        assert Counter([session for session, *_ in taken] + [lease.session_id for lease in leases]).most_common(1)[0][1] == 1
        assert len(leases) == 3
        await rival.rollback()
    assert len(await core.queue.claim(10)) == 2  # what was not taken in the end is there for the next one


async def test_a_claim_says_what_the_session_is(core: Core) -> None:
    await core.wake(place())
    await core.wake(place())
    [lease] = await core.queue.claim(5)
    assert (lease.session_id, lease.place, lease.epoch, lease.wakes) == (session_id(place()), place(), 1, 2)
    assert await row(core, lease) == {"epoch": 1, "leased": True, "due": True, "wakes": 2}


async def test_what_is_not_due_is_not_claimed(core: Core) -> None:
    lease = await core.hold(place())
    await core.queue.release(lease, lease.wakes, lease.now() + timedelta(hours=1))
    assert await core.queue.claim(1) == []

    await core.sql("UPDATE session SET wake_at = now()")  # a timer is a due time
    [again] = await core.queue.claim(1)
    assert again.epoch == 2


@pytest.mark.parametrize("slots", [2, 64])
async def test_a_workspace_with_much_to_do_does_not_keep_another_waiting(core: Core, slots: int) -> None:
    await due(core, 500, "T-busy", minutes_ago=10)
    await due(core, 1, "T-quiet")
    leases = await core.queue.claim(slots)
    assert len(leases) == slots
    assert "T-quiet" in {lease.place.team for lease in leases}


@pytest.mark.parametrize("slots", [2, 64])
async def test_a_channel_with_much_to_do_does_not_keep_another_waiting(core: Core, slots: int) -> None:
    await due(core, 1000, channel="C-busy", minutes_ago=10, people=True)
    await due(core, 1, channel="C-quiet", people=True)
    leases = await core.queue.claim(slots)
    assert len(leases) == slots
    assert "C-quiet" in {lease.place.channel for lease in leases}


async def test_a_workspace_with_many_channels_does_not_keep_another_waiting(core: Core) -> None:
    for number in range(100):
        await due(core, 2, "T-busy", f"C{number}", minutes_ago=10, people=True)
    await due(core, 1, "T-quiet", people=True)
    leases = await core.queue.claim(2)
    assert {lease.place.team for lease in leases} == {"T-busy", "T-quiet"}


async def test_within_a_workspace_who_waits_longest_comes_first(core: Core) -> None:
    await due(core, 9)
    leases = await core.queue.claim(3)
    assert {lease.place.thread_ts for lease in leases} == {"1.0", "2.0", "3.0"}


@pytest.mark.parametrize("slots", [1, 64])
async def test_what_people_wait_for_comes_before_what_only_the_clock_woke(core: Core, slots: int) -> None:
    lease = await core.hold(place(900))
    await core.queue.release(lease, 1, lease.now() + timedelta(hours=1))  # a card that waits for its click
    await due(core, 500, minutes_ago=10)
    await core.sql("UPDATE session SET wake_at = now() - interval '5 minutes' WHERE epoch > 0")  # its own reminder is late too
    assert session_id(place(900)) not in {claimed.session_id for claimed in await core.queue.claim(100)}

    await core.wake(place(900))
    leases = await core.queue.claim(slots)
    assert len(leases) == slots
    assert session_id(place(900)) in {claimed.session_id for claimed in leases}


async def test_what_the_clock_woke_leaves_room_for_people(core: Core) -> None:
    await due(core, 50, "T1", minutes_ago=10)
    await due(core, 50, "T2", minutes_ago=10)
    await core.wake(place(900))
    leases = await core.queue.claim(64, 16)
    assert Counter(lease.by_clock for lease in leases) == {True: 16, False: 1}
    assert Counter(lease.place.team for lease in leases if lease.by_clock) == {"T1": 8, "T2": 8}
    assert await core.queue.claim(64, 0) == []


async def test_a_session_that_was_lost_while_people_wait_is_still_waited_for(core: Core) -> None:
    lease = await core.hold(place(900))
    await due(core, 500, minutes_ago=10)
    await core.expire(lease)
    [again] = await core.queue.claim(1)
    assert (again.session_id, again.epoch) == (lease.session_id, 2)

    await core.wake(place(900))  # too late for this holder to see
    assert await core.queue.release(again, again.wakes, None)
    [again] = await core.queue.claim(1)
    assert (again.session_id, again.epoch) == (lease.session_id, 3)

    await core.queue.release(again, again.wakes, again.claimed_at, unfinished=True)  # whatever kept it will be over by then
    [again] = await core.queue.claim(1)
    assert (again.session_id, again.by_clock) == (lease.session_id, False)

    await core.queue.release(again, again.wakes, again.claimed_at)  # from now on it is the clock's
    assert [claimed.session_id for claimed in await core.queue.claim(1)] != [lease.session_id]


# ---------------------------------------------------------------------------------------------- what a claim costs


def scans(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The parts of a plan that read rows of sessions."""
    if plan["Node Type"].endswith("Scan") and (plan.get("Relation Name") == "session" or "Index Name" in plan):
        yield plan
    for part in plan.get("Plans", []):
        yield from scans(part)


def rows_read(scan: dict[str, Any]) -> float:
    """How many rows a part looked at, used or not."""
    removed = scan.get("Rows Removed by Filter", 0) + scan.get("Rows Removed by Index Recheck", 0)
    return (scan["Actual Rows"] + removed) * scan["Actual Loops"]


@pytest.mark.parametrize("planned_for", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize("statistics", ["none yet", "up to date"])
async def test_waiting_sessions_cost_a_claim_nothing(core: Core, statistics: str, planned_for: str) -> None:
    await core.sql("""
        INSERT INTO session (id, team, channel, thread_ts, wake_at)
        SELECT 'waiting' || n, 'T' || n %% 3, 'C' || n %% 5000, n::text, now() + n * interval '1 minute'
        FROM generate_series(1, 50000) AS n
    """)
    await due(core, 3, "T1", "CX")
    await due(core, 3, "T2", "CX", people=True)
    if statistics == "up to date":
        await core.sql("ANALYZE session")

    async with await core.connect() as connection:
        await connection.set_autocommit(True)
        await connection.execute("SELECT set_config('plan_cache_mode', %s, false)", (planned_for,))
        values = {"slots": 64, "clock_slots": 64, "lease_seconds": 10, "most_failures": 3}
        explained = await connection.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + CLAIM, values, prepare=True)
        [[[explanation]]] = await explained.fetchall()
    read = list(scans(explanation["Plan"]))
    assert {scan["Node Type"] for scan in read} & {"Index Scan", "Index Only Scan"}
    indexes = {scan["Index Name"] for scan in read if "Index Name" in scan}
    assert indexes - {"step_pkey"} == {"session_due", "session_pkey", "session_woken"}  # no step is there: Postgres may know it
    assert sum(map(rows_read, read)) < 50
    assert await core.queue.claim(64) == []  # it was a claim indeed


# ---------------------------------------------------------------------------------------------- notifications


@asynccontextmanager
async def heard(core: Core) -> AsyncGenerator[AsyncGenerator[psycopg.Notify]]:
    """What a listening worker hears from now on."""
    async with await core.connect() as listener:
        await listener.set_autocommit(True)
        await listener.execute(f"LISTEN {CHANNEL}")
        async with aclosing(listener.notifies(timeout=PATIENCE_SECONDS)) as notifications:
            yield notifications


async def test_a_wake_that_is_not_committed_wakes_nobody(core: Core) -> None:
    await core.sql("""
        CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''no room''; END'
    """)
    await core.sql("""
        CREATE CONSTRAINT TRIGGER full_disk AFTER INSERT ON inbox DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW WHEN (NEW.key = 'doomed') EXECUTE FUNCTION fail()
    """)  # what fails at the very end, when everything has been said
    async with heard(core) as notifications:
        with pytest.raises(psycopg.errors.RaiseException):
            await core.store.receive(place(1), "doomed", message(), opens=True)
        await core.wake(place(2))
        assert (await anext(notifications)).payload == session_id(place(2))
    assert await core.sql("SELECT id FROM session") == [(session_id(place(2)),)]
    await core.sql("DROP FUNCTION fail CASCADE")


async def test_what_is_handed_back_is_told_to_others(core: Core) -> None:
    lease = await core.hold(place())
    async with heard(core) as notifications:
        await core.queue.hand_back([lease])
        assert (await anext(notifications)).payload == lease.session_id
