"""The lease queue: the session row is its own queue entry (reference: stores).

A worker, or the process that takes something in (`agent.store.receiving`), claims what is due and not leased, raises the epoch,
renews the lease while it works, and releases with the next due time. A crash is a lease that runs out; a timer is a due time.
"""

import threading
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, LiteralString

import psycopg

from agent.store.sessions import Lease, Pool
from agent.store.statements import LAST_SEQ, RELEASED
from agent.types import Place

LEASE_SECONDS = 10
RENEW_SECONDS = 2.5
CHANNEL = "signoff_wake"
MOST_FAILURES = 3  # claims in a row that end without a step; then the session is set aside (`agent.store.aside`)

# A workspace at a time (a loose index scan over `session_due`), and in it, of those that people wait for, a channel at a time
# (over `session_woken`, where only they are), in rounds: a channel with a thousand due sessions delays another one's single
# session by no more than one round. Those that people wait for come first, then those that only the clock woke, the oldest of
# each first and of the latter no more than `clock_slots`: a click does not stand behind a thousand reminders. What is due is
# looked up by its id, row by row: as a join, Postgres reads the whole table as soon as its statistics lag behind.
CLAIM: LiteralString = f"""
WITH RECURSIVE teams AS (
    (SELECT team FROM session WHERE wake_at IS NOT NULL ORDER BY team LIMIT 1)
    UNION ALL
    SELECT (SELECT team FROM session WHERE wake_at IS NOT NULL AND team > teams.team ORDER BY team LIMIT 1)
    FROM teams WHERE teams.team IS NOT NULL),
channels AS (
    (SELECT team, channel FROM session WHERE woken_at IS NOT NULL ORDER BY team, channel LIMIT 1)
    UNION ALL
    SELECT following.team, following.channel FROM channels CROSS JOIN LATERAL (
        SELECT team, channel FROM session
        WHERE woken_at IS NOT NULL AND (team, channel) > (channels.team, channels.channel)
        ORDER BY team, channel LIMIT 1) AS following),
found AS (
    SELECT channels.team, woken.*,
        row_number() OVER (PARTITION BY channels.team, channels.channel ORDER BY woken.woken_at, woken.wake_at) AS turn
    FROM channels CROSS JOIN LATERAL (
        SELECT id, woken_at, wake_at FROM session
        WHERE team = channels.team AND channel = channels.channel AND woken_at IS NOT NULL
            AND wake_at <= now() AND (lease_until IS NULL OR lease_until <= now())
        ORDER BY woken_at LIMIT %(slots)s) AS woken
    UNION ALL
    SELECT teams.team, clock.*, 1 AS turn
    FROM teams CROSS JOIN LATERAL (
        SELECT id, woken_at, wake_at FROM session
        WHERE team = teams.team AND woken_at IS NULL AND wake_at <= now() AND (lease_until IS NULL OR lease_until <= now())
        ORDER BY wake_at LIMIT %(clock_slots)s) AS clock
    WHERE teams.team IS NOT NULL),
due AS (
    SELECT found.*, row_number() OVER (PARTITION BY team ORDER BY woken_at IS NULL, turn, woken_at, wake_at) AS round FROM found),
counted AS (
    SELECT due.*, count(*) FILTER (WHERE woken_at IS NULL) OVER (ORDER BY round, woken_at, wake_at, id) AS by_clock FROM due),
picked AS MATERIALIZED (
    SELECT free.id, free.abandoned FROM (
        SELECT id FROM counted WHERE woken_at IS NOT NULL OR by_clock <= %(clock_slots)s ORDER BY round, woken_at, wake_at
    ) AS ordered CROSS JOIN LATERAL (
        SELECT id, lease_until IS NOT NULL AS abandoned FROM session
        WHERE id = ordered.id AND wake_at <= now() AND (lease_until IS NULL OR lease_until <= now())
            AND aside_at IS NULL AND (failures < %(most_failures)s OR claimed_seq < {LAST_SEQ})
        LIMIT 1 FOR UPDATE SKIP LOCKED) AS free
    LIMIT %(slots)s)
UPDATE session SET epoch = epoch + 1, lease_until = now() + make_interval(secs => %(lease_seconds)s),
    failures = CASE WHEN claimed_seq < {LAST_SEQ} THEN 1 ELSE failures + 1 END, claimed_seq = {LAST_SEQ}
WHERE id = ANY (ARRAY(SELECT id FROM picked))
RETURNING id, team, channel, thread_ts, epoch, pin_id, wakes, woken_at IS NULL, now(),
    (SELECT abandoned FROM picked WHERE picked.id = session.id)
"""

RELEASE: LiteralString = f"""
UPDATE session SET {RELEASED}, failures = CASE WHEN %(failed)s THEN failures ELSE 0 END
WHERE id = %(session_id)s AND epoch = %(epoch)s RETURNING wake_at IS NOT NULL AND wake_at <= now()
"""

# A session that was released a moment ago keeps its epoch until the next claim: it is not lost, and it stays free.
RENEW: LiteralString = """
UPDATE session SET lease_until = CASE WHEN lease_until IS NOT NULL THEN now() + make_interval(secs => %(lease_seconds)s) END
FROM unnest(%(ids)s::text[], %(epochs)s::bigint[]) AS held (id, epoch)
WHERE session.id = held.id AND session.epoch = held.epoch RETURNING session.id
"""


class Queue:
    """Claim, release and hand back sessions."""

    def __init__(self, pool: Pool, *, lease_seconds: float = LEASE_SECONDS) -> None:
        self._pool = pool
        self.lease_seconds = lease_seconds

    async def claim(self, slots: int, clock_slots: int | None = None) -> list[Lease]:
        """Claim up to `slots` due sessions, each under a new epoch; of those that only the clock woke, up to `clock_slots`."""
        asked = time.monotonic()  # before the statement: a process frozen in between must not think its lease is young
        async with self._pool.connection() as connection:
            values: dict[str, Any] = {"slots": slots, "clock_slots": slots if clock_slots is None else clock_slots}
            values |= {"lease_seconds": self.lease_seconds, "most_failures": MOST_FAILURES}
            cursor = await connection.execute(CLAIM, values)
            rows = await cursor.fetchall()
        return [_lease(row, asked) for row in rows]

    async def release(
        self, lease: Lease, wakes: int, due_at: datetime | None, *, unfinished: bool = False, failed: bool = False
    ) -> bool:
        """Let go, due again at `due_at`, or at once if the session was woken since `wakes` was read. True: it is due now.

        `unfinished`: what woke it is not dealt with yet. `failed`: this claim counts as one that ended by an error.
        """
        values = {"session_id": lease.session_id, "epoch": lease.epoch, "wakes": wakes, "due_at": due_at}
        values |= {"unfinished": unfinished, "failed": failed}
        async with self._pool.connection() as connection:
            row = await (await connection.execute(RELEASE, values)).fetchone()
        return row is not None and bool(row[0])

    async def hand_back(self, leases: Iterable[Lease]) -> None:
        """Release what a stopping process holds: due now, for another one."""
        statement: LiteralString = """
            UPDATE session SET lease_until = NULL, wake_at = now(), failures = 0
            FROM unnest(%s::text[], %s::bigint[]) AS held (id, epoch)
            WHERE session.id = held.id AND session.epoch = held.epoch RETURNING pg_notify('signoff_wake', session.id)
        """
        held = list(leases)
        async with self._pool.connection() as connection:
            await connection.execute(statement, ([item.session_id for item in held], [item.epoch for item in held]))


def _lease(row: tuple[Any, ...], asked_monotonic_seconds: float) -> Lease:
    session_id, team, channel, thread_ts, epoch, pin_id, wakes, by_clock, now, abandoned = row
    place = Place(team=team, channel=channel, thread_ts=thread_ts)
    return Lease(session_id, place, epoch, pin_id, wakes, by_clock, now, asked_monotonic_seconds, abandoned)


class Renewal:
    """Renews leases from a thread with a separate connection, so that work which blocks the event loop cannot starve it.

    `on_lost` is called (in the thread) with a lease that another process has taken over.
    """

    def __init__(
        self,
        database_url: str,
        on_lost: Callable[[Lease], None],
        *,
        lease_seconds: float = LEASE_SECONDS,
        renew_seconds: float = RENEW_SECONDS,
    ) -> None:
        self._database_url = database_url
        self._on_lost = on_lost
        self._lease_seconds = lease_seconds
        self._renew_seconds = renew_seconds
        self._held: dict[tuple[str, int], Lease] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._renew_until_stopped, name="lease-renewal", daemon=True)
        self.failure: psycopg.Error | None = None  # of the last try; leases then run out by themselves

    def start(self) -> None:
        """Begin renewing."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; what is held runs out unless it is released."""
        self._stopping.set()
        self._thread.join()

    def hold(self, lease: Lease) -> None:
        """Renew this lease from now on."""
        with self._lock:
            self._held[lease.session_id, lease.epoch] = lease

    def drop(self, lease: Lease) -> None:
        """Renew it no more."""
        with self._lock:
            self._held.pop((lease.session_id, lease.epoch), None)

    def _renew_until_stopped(self) -> None:
        connection: psycopg.Connection[Any] | None = None
        while not self._stopping.wait(self._renew_seconds):
            try:
                connection = connection or psycopg.connect(self._database_url, autocommit=True, connect_timeout=2)
                self._renew(connection)
                self.failure = None
            except psycopg.Error as error:  # tried again at the next turn, on a new connection
                self.failure = error
                connection = None
        if connection is not None:
            connection.close()

    def _renew(self, connection: psycopg.Connection[Any]) -> None:
        with self._lock:
            held = dict(self._held)
        if not held:
            return
        values = {
            "lease_seconds": self._lease_seconds,
            "ids": [session_id for session_id, _ in held],
            "epochs": [epoch for _, epoch in held],
        }
        renewed = {row[0] for row in connection.execute(RENEW, values).fetchall()}
        for (session_id, _), lease in held.items():
            if session_id not in renewed:
                self.drop(lease)
                self._on_lost(lease)
