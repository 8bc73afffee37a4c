"""What Slack delivers is written before it is acknowledged, and a process that has room claims its session with it.

Then one statement takes the place of a notification, a search for what is due, and a second look at what was received.
"""

import json
import time
from dataclasses import dataclass
from typing import Any, LiteralString, Protocol

from agent.session.inbox import RECEIVED, Click, Edit, Inboxed, Inquiry, OutcomeClick, Received
from agent.store.fenced import Lease, Pool, parse_stored, rows
from agent.store.statements import LAST_SEQ
from agent.text import whole
from agent.types import Place

# Persist, then ack: the row and the waking are one transaction, and a delivery that is a repeat changes nothing. A process that
# has a slot free claims the session in the same statement, if nobody has it and nothing ever went wrong with it; then nobody else
# needs to hear that it is due. `free` locks it first: what is read of it here is what the claim finds.
_FREE: LiteralString = """
free AS MATERIALIZED (
    SELECT id FROM session
    WHERE id = (SELECT session_id FROM received) AND %(lease_seconds)s > 0
      AND lease_until IS NULL AND aside_at IS NULL AND failures = 0
    FOR UPDATE SKIP LOCKED)
"""
_WOKEN: LiteralString = f"""
wakes = session.wakes + 1, wake_at = LEAST(session.wake_at, now()), woken_at = LEAST(session.woken_at, now()),
epoch = CASE WHEN EXISTS (SELECT FROM free) THEN session.epoch + 1 ELSE session.epoch END,
lease_until = CASE WHEN EXISTS (SELECT FROM free) THEN now() + make_interval(secs => %(lease_seconds)s)
    ELSE session.lease_until END,
failures = CASE WHEN EXISTS (SELECT FROM free) THEN 1 ELSE session.failures END,
claimed_seq = CASE WHEN EXISTS (SELECT FROM free) THEN {LAST_SEQ} ELSE session.claimed_seq END
"""
# `alone`: nothing else waits in the session. What this statement sees is as of its beginning, so nobody may have woken the
# session between that and its claim.
_RECEIVED: LiteralString = """
SELECT received.id, claimed.team, claimed.channel, claimed.thread_ts, claimed.epoch, claimed.pin_id, claimed.wakes, now(),
    claimed.taken, claimed.wakes = 1 + coalesce((SELECT wakes FROM session WHERE id = claimed.id), 0)
        AND NOT EXISTS (SELECT FROM inbox WHERE session_id = claimed.id AND taken_at IS NULL) AS alone,
    CASE WHEN NOT claimed.taken THEN pg_notify('signoff_wake', claimed.id)::text END
FROM received JOIN claimed ON claimed.id = received.session_id
"""
# A session that is as old as this statement is one that it has written.
RECEIVE: LiteralString = f"""
WITH received AS (
    INSERT INTO inbox (key, session_id, body)
    SELECT %(key)s, %(session_id)s, %(body)s::json
    WHERE %(opens)s OR EXISTS (SELECT FROM session WHERE id = %(session_id)s)
    ON CONFLICT (key) DO NOTHING RETURNING id, session_id),
{_FREE},
claimed AS (
    INSERT INTO session (id, team, channel, thread_ts, wake_at, woken_at, wakes, epoch, lease_until, failures)
    SELECT session_id, %(team)s, %(channel)s, %(thread_ts)s, now(), now(), 1, taken.now, taken.until, taken.now
    FROM received CROSS JOIN (
        SELECT (%(lease_seconds)s > 0)::int AS now,
               CASE WHEN %(lease_seconds)s > 0 THEN now() + make_interval(secs => %(lease_seconds)s) END AS until) AS taken
    ON CONFLICT (id) DO UPDATE SET {_WOKEN}
    RETURNING session.*, EXISTS (SELECT FROM free) OR (epoch = 1 AND wakes = 1 AND created_at = now()) AS taken)
{_RECEIVED}
"""
# A click belongs to the session of its action, and counts for nothing once that is settled.
RECEIVE_CLICK: LiteralString = f"""
WITH received AS (
    INSERT INTO inbox (key, session_id, body)
    SELECT %(key)s, session_id, %(body)s::json FROM action WHERE id = %(action_id)s AND status = %(open_status)s
    ON CONFLICT (key) DO NOTHING RETURNING id, session_id),
{_FREE},
claimed AS (
    UPDATE session SET {_WOKEN} FROM received WHERE session.id = received.session_id
    RETURNING session.*, EXISTS (SELECT FROM free) AS taken)
{_RECEIVED}
"""


class FreeSlots(Protocol):
    """Room for sessions in this process."""

    def lease_seconds(self) -> float:
        """Return for how long a session is leased that would be claimed now; 0 where there is no room, or others wait for it."""
        ...

    def drive(self, lease: Lease) -> None:
        """Drive a session that was claimed."""
        ...


@dataclass(frozen=True, slots=True)
class NoRoom:
    """Of a process that only takes in."""

    def lease_seconds(self) -> float:
        """See `FreeSlots.lease_seconds`."""
        return 0.0

    def drive(self, lease: Lease) -> None:
        """See `FreeSlots.drive`."""
        raise AssertionError("nothing was to be claimed")


NO_ROOM = NoRoom()


def session_id(place: Place) -> str:
    """Return the id of a session, which is that of its thread."""
    return f"{place.team}:{place.channel}:{place.thread_ts}"


async def receive(pool: Pool, place: Place | None, key: str, received: Received, *, opens: bool, slots: FreeSlots) -> bool:
    """Write what Slack delivered and wake its session; drive it where `slots` has room. False: a repeat, or not for us.

    `place` is the thread of a message; None: a click, which belongs to the session of its action. `opens`: it may start one.
    """
    asked = time.monotonic()  # before the statement, as a claim counts it
    body = json.dumps(whole(received.model_dump(mode="json")))
    values: dict[str, Any] = {"key": key, "body": body, "lease_seconds": slots.lease_seconds()}
    if isinstance(received, Click | Edit | OutcomeClick | Inquiry):
        values |= {"action_id": received.action_id}
        values |= {"open_status": "unknown" if isinstance(received, OutcomeClick) else "pending"}
        found = await rows(pool, RECEIVE_CLICK, values)
    else:
        assert place is not None
        values |= {**place.model_dump(), "session_id": session_id(place), "opens": opens}
        found = await rows(pool, RECEIVE, values)
    if found and found[0][8]:
        slots.drive(_lease(found[0], asked, body))
    return bool(found)


def _lease(row: tuple[Any, ...], asked_monotonic_seconds: float, body: str) -> Lease:
    inbox_id, team, channel, thread_ts, epoch, pin_id, wakes, now, _, alone, _ = row
    place = Place(team=team, channel=channel, thread_ts=thread_ts)
    given = Inboxed(id=inbox_id, received=parse_stored(RECEIVED, body)) if alone else None
    return Lease(session_id(place), place, epoch, pin_id, wakes, False, now, asked_monotonic_seconds, given=given)
