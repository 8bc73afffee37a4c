"""Sessions that end whatever claims them: set aside, so that they take no process down any more, until somebody releases them.

What a session holds may kill its process, or make each claim end in an error. After three claims in a row without a step
nobody claims it again. A shutdown does not count, and neither does a claim that wrote a step.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

import psycopg

from agent.store.queue import LAST_SEQ, MOST_FAILURES
from agent.types import Place

# What people write to one that is set aside waits for its release: until then it is not due. The epoch shuts out a process that
# holds it still and was only late.
SET_ASIDE: LiteralString = f"""
UPDATE session SET aside_at = coalesce(aside_at, now()), wake_at = NULL, woken_at = NULL, lease_until = NULL,
    epoch = CASE WHEN aside_at IS NULL THEN epoch + 1 ELSE epoch END
WHERE failures > 0 AND failures >= %(most)s AND (lease_until IS NULL OR lease_until <= now())
    AND (aside_at IS NULL AND claimed_seq >= {LAST_SEQ} OR aside_at IS NOT NULL AND wake_at IS NOT NULL)
"""
ASIDE: LiteralString = """
SELECT id, team, channel, thread_ts, epoch, aside_at FROM session
WHERE failures > 0 AND aside_at IS NOT NULL ORDER BY aside_at
"""
RELEASED: LiteralString = """
UPDATE session SET failures = 0, aside_at = NULL, wake_at = now(), woken_at = now(), wakes = wakes + 1
WHERE id = %(id)s AND aside_at IS NOT NULL RETURNING pg_notify('signoff_wake', id)
"""


@dataclass(frozen=True, slots=True)
class Aside:
    """A session that is set aside."""

    id: str
    place: Place
    epoch: int
    aside_at: datetime


async def set_aside(connection: psycopg.AsyncConnection[Any]) -> list[Aside]:
    """Set aside whatever has failed too often. Returns all sessions that are, the oldest first."""
    await connection.execute(SET_ASIDE, {"most": MOST_FAILURES})
    return await aside(connection)


async def aside(connection: psycopg.AsyncConnection[Any]) -> list[Aside]:
    """Return the sessions that are set aside, the oldest first."""
    rows: list[tuple[Any, ...]] = await (await connection.execute(ASIDE)).fetchall()
    return [
        Aside(id, Place(team=team, channel=channel, thread_ts=thread_ts), epoch, aside_at)
        for id, team, channel, thread_ts, epoch, aside_at in rows
    ]


async def release_aside(connection: psycopg.AsyncConnection[Any], session_id: str) -> bool:
    """Have a session that was set aside tried again, three times. False: there is no such session."""
    return await (await connection.execute(RELEASED, {"id": session_id})).fetchone() is not None
