"""The fenced store: every write of a session's holder names its epoch, and writes nothing once another holds the session.

Each method is one statement and so one transaction. The clock that decides deadlines is the database's.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, LiteralString, TypeVar

from psycopg.rows import tuple_row
from psycopg_pool import AsyncConnectionPool
from pydantic import TypeAdapter, ValidationError

from agent.digest import sha256
from agent.errors import FencedError, UnreadableError
from agent.types import (
    PINNED,
    RECEIVED,
    STEP,
    ActionDecided,
    Click,
    Decision,
    Inboxed,
    Outcome,
    OutcomeClick,
    OutcomeTold,
    Pinned,
    Place,
    ProposedAction,
    Recorded,
    Step,
    ToolStarted,
)

Pool = AsyncConnectionPool[Any]
_Noun = TypeVar("_Noun")

# FOR SHARE: a claim of the same session waits for this write, or has come first and then nothing is held.
HELD: LiteralString = """
held AS MATERIALIZED (SELECT id FROM session WHERE id = %(session_id)s AND epoch = %(epoch)s FOR SHARE)
"""
TAKEN: LiteralString = """
taken AS (UPDATE inbox SET taken_at = now() FROM held WHERE inbox.id = ANY(%(inbox_ids)s) RETURNING inbox.id)
"""

APPEND: LiteralString = f"""
WITH {HELD}, {TAKEN},
appended AS (
    INSERT INTO step (session_id, seq, epoch, body)
    SELECT held.id, item.seq, %(epoch)s, item.body::json
    FROM held, unnest(%(seqs)s::bigint[], %(bodies)s::text[]) AS item (seq, body)),
proposed AS (
    INSERT INTO action (id, session_id, digest, quorum, body, expires_at)
    SELECT item.id, held.id, item.digest, item.quorum, item.body::json, item.expires_at
    FROM held, unnest(%(action_ids)s::text[], %(digests)s::text[], %(quorums)s::bigint[], %(actions)s::text[],
                      %(expiries)s::timestamptz[]) AS item (id, digest, quorum, body, expires_at)),
ended AS (
    UPDATE action SET status = item.status
    FROM held, unnest(%(ended_ids)s::text[], %(outcomes)s::text[]) AS item (id, status)
    WHERE action.id = item.id)
SELECT count(*) FROM held
"""

# One statement settles a click: session held, action undecided, deadline not passed, vote not cast before, quorum reached.
SETTLE: LiteralString = f"""
WITH {HELD}, {TAKEN},
open AS MATERIALIZED (
    SELECT action.id, action.quorum FROM action JOIN held ON held.id = action.session_id
    WHERE action.id = %(action_id)s AND action.status = 'pending' AND action.expires_at > now() FOR UPDATE OF action),
voted AS (
    INSERT INTO vote (action_id, "user", decision, reason)
    SELECT open.id, %(user)s, %(decision)s, %(reason)s FROM open ON CONFLICT DO NOTHING RETURNING action_id),
settled AS (
    UPDATE action SET status = %(decision)s, decided_at = now(), decided_by = %(user)s
    FROM open JOIN voted ON voted.action_id = open.id
    WHERE action.id = open.id AND (%(decision)s = 'rejected' OR open.quorum <= 1 + (
        SELECT count(*) FROM vote WHERE vote.action_id = open.id AND vote.decision = 'approved'))
    RETURNING action.decided_at),
appended AS (
    INSERT INTO step (session_id, seq, epoch, body)
    SELECT held.id, %(seq)s, %(epoch)s,
           json_build_object('kind', 'action_decided', 'action_id', %(action_id)s::text, 'decision', %(decision)s::text,
                             'by', %(user)s::text, 'reason', %(reason)s::text, 'decided_at', settled.decided_at)
    FROM held, settled RETURNING body)
SELECT (SELECT count(*) FROM held), (SELECT body::text FROM appended)
"""

CLOSE: LiteralString = f"""
WITH {HELD},
closed AS (
    UPDATE action SET status = %(decision)s, decided_at = now(), decided_by = %(user)s FROM held
    WHERE action.id = %(action_id)s AND action.session_id = held.id
      AND (action.status = 'pending' OR action.status = 'approved' AND %(decision)s = 'withdrawn')
      AND (%(decision)s <> 'expired' OR action.expires_at <= now())
    RETURNING action.decided_at),
appended AS (
    INSERT INTO step (session_id, seq, epoch, body)
    SELECT held.id, %(seq)s, %(epoch)s,
           json_build_object('kind', 'action_decided', 'action_id', %(action_id)s::text, 'decision', %(decision)s::text,
                             'by', %(user)s::text, 'reason', %(reason)s::text, 'decided_at', closed.decided_at)
    FROM held, closed RETURNING body)
SELECT (SELECT count(*) FROM held), (SELECT body::text FROM appended)
"""

# The last gate before an approved call: approved, recently, with this very digest; and nobody passes it twice.
START_ACTION: LiteralString = f"""
WITH {HELD},
started AS (
    UPDATE action SET status = 'running', started_at = now() FROM held
    WHERE action.id = %(action_id)s AND action.session_id = held.id AND action.status = 'approved'
      AND action.digest = %(digest)s AND action.decided_at > now() - interval '15 minutes'
    RETURNING action.id),
appended AS (
    INSERT INTO step (session_id, seq, epoch, body)
    SELECT held.id, %(seq)s, %(epoch)s, %(body)s::json FROM held, started RETURNING seq)
SELECT (SELECT count(*) FROM held), (SELECT seq FROM appended)
"""

# `run_again` waits until the first run cannot be under way any more: its process may only be frozen (DESIGN, the fence).
TELL: LiteralString = f"""
WITH {HELD}, {TAKEN},
told AS (
    UPDATE action SET decided_at = now(), decided_by = %(user)s,
        status = CASE %(answer)s WHEN 'run_again' THEN 'approved' WHEN 'happened' THEN 'succeeded' ELSE 'refused' END
    FROM held
    WHERE action.id = %(action_id)s AND action.session_id = held.id AND action.status = 'unknown'
      AND (%(answer)s <> 'run_again' OR action.started_at + make_interval(secs => %(limit_seconds)s) < now())
    RETURNING action.decided_at),
appended AS (
    INSERT INTO step (session_id, seq, epoch, body)
    SELECT held.id, %(seq)s, %(epoch)s, json_build_object('kind', 'outcome_told', 'action_id', %(action_id)s::text,
        'by', %(user)s::text, 'answer', %(answer)s::text, 'told_at', told.decided_at) FROM held, told RETURNING body)
SELECT (SELECT count(*) FROM held), (SELECT body::text FROM appended)
"""

LOAD_STEPS: LiteralString = "SELECT seq, epoch, body::text FROM step WHERE session_id = %s ORDER BY seq"
LOAD_INBOX: LiteralString = """
SELECT session.wakes, inbox.id, inbox.body::text FROM session
LEFT JOIN inbox ON inbox.session_id = session.id AND inbox.taken_at IS NULL
WHERE session.id = %s ORDER BY inbox.id
"""

# Persist, then ack: the row and the waking are one transaction; a delivery that is a repeat changes nothing, and neither does
# a click on what was settled meanwhile: its process may have been frozen since it looked.
RECEIVE: LiteralString = """
WITH received AS (
    INSERT INTO inbox (key, session_id, body)
    SELECT %(key)s, %(session_id)s, %(body)s::json
    WHERE (%(opens)s OR EXISTS (SELECT FROM session WHERE id = %(session_id)s))
      AND (%(action_id)s::text IS NULL OR EXISTS (SELECT FROM action WHERE id = %(action_id)s AND status = %(open_status)s))
    ON CONFLICT (key) DO NOTHING RETURNING session_id),
woken AS (
    INSERT INTO session (id, team, channel, thread_ts, wake_at, wakes)
    SELECT session_id, %(team)s, %(channel)s, %(thread_ts)s, now(), 1 FROM received
    ON CONFLICT (id) DO UPDATE SET wakes = session.wakes + 1, wake_at = LEAST(session.wake_at, now())
    RETURNING id)
SELECT count(*), max(pg_notify('signoff_wake', id)::text) FROM woken
"""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write a session's log, as of one claim."""

    session_id: str
    place: Place
    epoch: int
    pin_id: str | None
    wakes: int  # how often the session had been woken
    claimed_at: datetime  # by the database's clock
    claimed_monotonic_seconds: float  # the same moment on this machine's own clock

    def now(self) -> datetime:
        """The database's clock, carried on by this machine's own."""
        return self.claimed_at + timedelta(seconds=time.monotonic() - self.claimed_monotonic_seconds)


@dataclass(frozen=True, slots=True)
class ActionSeen:
    """An action as the Slack edge needs it: where it lives, what was shown, how it stands."""

    proposed: ProposedAction
    place: Place
    status: str
    decided_by: str
    decided_at: datetime | None


def session_id(place: Place) -> str:
    """A session is a thread, so its id is the thread's."""
    return f"{place.team}:{place.channel}:{place.thread_ts}"


class Store:
    """Sessions in Postgres."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def _row(self, statement: LiteralString, values: Mapping[str, Any]) -> tuple[Any, ...]:
        async with self._pool.connection() as connection, connection.cursor(row_factory=tuple_row) as cursor:
            await cursor.execute(statement, values)
            row = await cursor.fetchone()
            assert row is not None
            return row

    async def _rows(self, statement: LiteralString, values: Any) -> list[tuple[Any, ...]]:
        async with self._pool.connection() as connection, connection.cursor(row_factory=tuple_row) as cursor:
            await cursor.execute(statement, values)
            return await cursor.fetchall()

    # ------------------------------------------------------------------------------------------ the edge

    async def receive(self, place: Place, key: str, received: Any, *, opens: bool) -> bool:
        """Write what Slack delivered and wake its session. `opens`: it may start one. False: a repeat, or not for us."""
        values = {
            **place.model_dump(),
            "key": key,
            "session_id": session_id(place),
            "body": received.model_dump_json(),
            "opens": opens,
            "action_id": received.action_id if isinstance(received, Click | OutcomeClick) else None,
            "open_status": "unknown" if isinstance(received, OutcomeClick) else "pending",
        }
        count, _ = await self._row(RECEIVE, values)
        return bool(count)

    async def known(self, place: Place) -> bool:
        """Whether the thread is a session already."""
        rows = await self._rows("SELECT 1 FROM session WHERE id = %s", (session_id(place),))
        return bool(rows)

    async def action(self, action_id: str) -> ActionSeen | None:
        """An action by its own id: never by thread, order or position."""
        rows = await self._rows(
            "SELECT action.body::text, team, channel, thread_ts, status, decided_by, decided_at "
            "FROM action JOIN session ON session.id = action.session_id WHERE action.id = %s",
            (action_id,),
        )
        return _seen(rows[0]) if rows else None

    async def open_actions(self, team: str, limit: int) -> list[ActionSeen]:
        """Undecided actions of a workspace, the next to expire first."""
        rows = await self._rows(
            "SELECT action.body::text, team, channel, thread_ts, status, decided_by, decided_at "
            "FROM action JOIN session ON session.id = action.session_id "
            "WHERE status = 'pending' AND team = %s ORDER BY expires_at LIMIT %s",
            (team, limit),
        )
        return [_seen(row) for row in rows]

    # ------------------------------------------------------------------------------------------ the holder

    async def load(self, lease: Lease) -> list[Recorded]:
        """The session's log. Raises UnreadableError."""
        rows = await self._rows(LOAD_STEPS, (lease.session_id,))
        return [Recorded(seq=seq, epoch=epoch, step=_read(STEP, body)) for seq, epoch, body in rows]

    async def inbox(self, lease: Lease) -> tuple[int, list[Inboxed]]:
        """How often the session was woken, and what it was woken for, read in one statement so that neither is older.

        Raises UnreadableError.
        """
        rows = await self._rows(LOAD_INBOX, (lease.session_id,))
        received = [Inboxed(id=row[1], received=_read(RECEIVED, row[2])) for row in rows if row[1] is not None]
        return rows[0][0], received

    async def append(
        self,
        lease: Lease,
        after_seq: int,
        steps: Sequence[Step],
        *,
        inbox_ids: Sequence[int] = (),
        ended: Mapping[str, Outcome] | None = None,
    ) -> None:
        """Write steps after `after_seq`, new actions, and how actions `ended`. Raises FencedError and then nothing is written."""
        proposed = [step for step in steps if isinstance(step, ProposedAction)]
        ended = ended or {}
        values = {
            "session_id": lease.session_id,
            "epoch": lease.epoch,
            "inbox_ids": list(inbox_ids),
            "seqs": [after_seq + number for number in range(1, len(steps) + 1)],
            "bodies": [step.model_dump_json() for step in steps],
            "action_ids": [step.action_id for step in proposed],
            "digests": [step.digest for step in proposed],
            "quorums": [step.verdict.quorum for step in proposed],
            "actions": [step.model_dump_json() for step in proposed],
            "expiries": [step.expires_at for step in proposed],
            "ended_ids": list(ended),
            "outcomes": list(ended.values()),
        }
        _held((await self._row(APPEND, values))[0], lease)

    async def settle(self, lease: Lease, after_seq: int, inbox_id: int, click: Click) -> ActionDecided | None:
        """Count the vote. None: it changed nothing (decided before, too late, a second vote, or more votes are needed)."""
        values = {
            "session_id": lease.session_id,
            "epoch": lease.epoch,
            "inbox_ids": [inbox_id],
            "seq": after_seq + 1,
            **click.model_dump(include={"action_id", "user", "decision", "reason"}),
        }
        held, body = await self._row(SETTLE, values)
        _held(held, lease)
        return ActionDecided.model_validate_json(body) if body else None

    async def tell(
        self, lease: Lease, after_seq: int, inbox_id: int, click: OutcomeClick, limit_seconds: float
    ) -> OutcomeTold | None:
        """Take a person's word on an unknown outcome. None: somebody was first, or it is too early to run it again."""
        values = {
            "session_id": lease.session_id,
            "epoch": lease.epoch,
            "inbox_ids": [inbox_id],
            "seq": after_seq + 1,
            "limit_seconds": limit_seconds,
            **click.model_dump(include={"action_id", "user", "answer"}),
        }
        held, body = await self._row(TELL, values)
        _held(held, lease)
        return OutcomeTold.model_validate_json(body) if body else None

    async def close(
        self, lease: Lease, after_seq: int, action_id: str, decision: Decision, by: str, reason: str
    ) -> ActionDecided | None:
        """End an undecided action without a yes. None: by the database's clock or another's word it is not to be ended."""
        values = {
            "session_id": lease.session_id,
            "epoch": lease.epoch,
            "seq": after_seq + 1,
            "action_id": action_id,
            "decision": decision,
            "user": by,
            "reason": reason,
        }
        held, body = await self._row(CLOSE, values)
        _held(held, lease)
        return ActionDecided.model_validate_json(body) if body else None

    async def start_action(self, lease: Lease, after_seq: int, step: ToolStarted, digest: str) -> bool:
        """Pass an approved call through the last gate, and write its start. False: it may not run."""
        values = {
            "session_id": lease.session_id,
            "epoch": lease.epoch,
            "seq": after_seq + 1,
            "action_id": step.action_id,
            "digest": digest,
            "body": step.model_dump_json(),
        }
        held, seq = await self._row(START_ACTION, values)
        _held(held, lease)
        return seq is not None

    async def discard(self, lease: Lease, inbox_id: int) -> None:
        """Take an inbox row that changes nothing."""
        await self.append(lease, 0, (), inbox_ids=[inbox_id])

    # ------------------------------------------------------------------------------------------ pins

    async def pin(self, lease: Lease, pinned: Pinned) -> str:
        """Fix what the session is run with, for its life; the id of the pin."""
        pin_id = sha256(pinned.model_dump(mode="json"))[:32]
        statement: LiteralString = f"""
            WITH {HELD}, kept AS (INSERT INTO pin (id, body) SELECT %(pin_id)s, %(body)s::json FROM held ON CONFLICT DO NOTHING)
            UPDATE session SET pin_id = %(pin_id)s FROM held WHERE session.id = held.id RETURNING 1
        """
        values = {"session_id": lease.session_id, "epoch": lease.epoch, "pin_id": pin_id}
        values["body"] = pinned.model_dump_json()
        _held(len(await self._rows(statement, values)), lease)
        return pin_id

    async def pinned(self, pin_id: str) -> Pinned:
        """What a pin holds. Raises UnreadableError."""
        rows = await self._rows("SELECT body::text FROM pin WHERE id = %s", (pin_id,))
        return _read(PINNED, rows[0][0])


def _read(noun: TypeAdapter[_Noun], body: str) -> _Noun:
    try:
        return noun.validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]  # the input is people's words
        raise UnreadableError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def _held(count: int, lease: Lease) -> None:
    if not count:
        raise FencedError(f"session {lease.session_id} is no longer held under epoch {lease.epoch}")


def _seen(row: tuple[Any, ...]) -> ActionSeen:
    body, team, channel, thread_ts, status, decided_by, decided_at = row
    place = Place(team=team, channel=channel, thread_ts=thread_ts)
    return ActionSeen(ProposedAction.model_validate_json(body), place, status, decided_by, decided_at)
