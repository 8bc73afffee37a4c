"""The fenced store: every write of a session's holder names its epoch, and writes nothing once another holds the session.

Each method is one statement and so one transaction. The clock that decides deadlines is the database's.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, LiteralString, TypeVar

from psycopg.rows import tuple_row
from psycopg_pool import AsyncConnectionPool
from pydantic import TypeAdapter, ValidationError

from agent import policy
from agent.characters import whole
from agent.charges import begun, charged
from agent.digest import sha256
from agent.errors import FencedError, UnreadableError
from agent.output import step_of
from agent.received import RECEIVED, Click, Edit, Inboxed, OutcomeClick
from agent.spending import Charge
from agent.statements import (
    APPEND,
    CLOSE,
    EDIT,
    FILES,
    FORGET,
    HELD,
    KEEP,
    KEEP_FILE,
    LOAD_INBOX,
    LOAD_STEPS,
    OUTPUT,
    RECEIVE,
    REPIN,
    SETTLE,
    START_ACTION,
    START_GRANTED,
    STEP_OUTPUT,
    TELL,
    VIEWED,
)
from agent.steps import STEP, ActionDecided, Edited, Granted, OutcomeTold, ProposedAction, Recorded, Repinned, Step, ToolStarted
from agent.types import PINNED, Approvers, Decision, Outcome, Pinned, Place

OUTPUT_DAYS = 30  # that a long result is kept whole

Pool = AsyncConnectionPool[Any]
_Noun = TypeVar("_Noun")


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write a session's log, as of one claim."""

    session_id: str
    place: Place
    epoch: int
    pin_id: str | None
    wakes: int  # how often the session had been woken
    by_clock: bool  # nobody waits for it: a reminder is due, say
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

    def approvers(self, now: datetime) -> Approvers:
        """Who may decide it by now: after its escalation, the further people too."""
        waited = now - self.proposed.proposed_at
        return policy.deciders(self.proposed.verdict, int(waited.total_seconds()))


def settled_sentence(seen: ActionSeen) -> str:
    """Why a click changed nothing."""
    by = f" by <@{seen.decided_by}>" if seen.decided_by else ""
    return f"This was already settled ({seen.status}){by}; your click changed nothing."


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
            "body": json.dumps(whole(received.model_dump(mode="json"))),
            "opens": opens,
            "action_id": received.action_id if isinstance(received, Click | Edit | OutcomeClick) else None,
            "open_status": "unknown" if isinstance(received, OutcomeClick) else "pending",
        }
        count, _ = await self._row(RECEIVE, values)
        return bool(count)

    async def action(self, action_id: str) -> ActionSeen | None:
        """An action by its own id: never by thread, order or position."""
        rows = await self._rows(
            "SELECT action.body::text, team, channel, thread_ts, status, decided_by, decided_at "
            "FROM action JOIN session ON session.id = action.session_id WHERE action.id = %s",
            (action_id,),
        )
        return _seen(rows[0]) if rows else None

    async def viewed(self, action_id: str, user: str) -> None:
        """Put on record that a person has an action's whole arguments opened: before they are shown."""
        await self._row(VIEWED, {"action_id": action_id, "user": user})

    # ------------------------------------------------------------------------------------------ the holder

    async def load(self, lease: Lease, *, whole: bool = False) -> list[Recorded]:
        """The session's log from where its last context begins, or the whole of it. Raises UnreadableError."""
        rows = await self._rows(LOAD_STEPS, {"session_id": lease.session_id, "whole": whole})
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
        charges: Sequence[Charge] = (),
        capped_seq: int | None = None,
    ) -> float:
        """Write steps after `after_seq`, new actions and model calls, how actions `ended`, and what model calls are charged; the
        seconds that the hold lasts from now. `capped_seq`: of the call after which a turn had used all that it may make.

        Raises FencedError, and then nothing is written.
        """
        proposed = [step for step in steps if isinstance(step, ProposedAction)]
        ended = ended or {}
        values = {
            "session_id": lease.session_id,
            "epoch": lease.epoch,
            "inbox_ids": list(inbox_ids),
            "seqs": [after_seq + number for number in range(1, len(steps) + 1)],
            "bodies": [step.model_dump_json() for step in steps],
            "action_ids": [step.action_id for step in proposed],
            "statuses": ["unknown" if step.ran else "pending" for step in proposed],
            "digests": [step.digest for step in proposed],
            "quorums": [step.verdict.quorum for step in proposed],
            "rejections": [step.verdict.rejections for step in proposed],
            "actions": [step.model_dump_json() for step in proposed],
            "expiries": [step.expires_at for step in proposed],
            "ended_ids": list(ended),
            "outcomes": list(ended.values()),
            "begun": begun(after_seq, steps),
            "charged": charged(charges),
            "capped_seq": capped_seq,
        }
        held, left_seconds = await self._row(APPEND, values)
        _held(held, lease)
        return left_seconds

    async def settle(
        self, lease: Lease, after_seq: int, inbox_id: int, click: Click, grant: Granted | None = None
    ) -> tuple[Step, ...]:
        """Count the vote; it may settle the action, and give a grant. Nothing: decided before, too late, a second vote."""
        values = {
            "session_id": lease.session_id,
            "epoch": lease.epoch,
            "inbox_ids": [inbox_id],
            "seq": after_seq + 1,
            **click.model_dump(include={"action_id", "user", "decision"}),
            "reason": click.reason.replace("\0", ""),  # Postgres has no such character
            "grant_id": grant.grant_id if grant else None,
            "tool": grant.tool if grant else None,
            "most_uses": grant.most_uses if grant else None,
            "grant_expires_at": grant.expires_at if grant else None,
            "grant": grant.model_dump_json() if grant else None,
        }
        held, *bodies = await self._row(SETTLE, values)
        _held(held, lease)
        return tuple(STEP.validate_json(body) for body in bodies if body)

    async def edit(self, lease: Lease, after_seq: int, inbox_id: int, edit: Edit) -> Edited | None:
        """End an undecided action for the sake of its edited arguments. None: it was decided before, or its time is over."""
        values = {
            "session_id": lease.session_id,
            "epoch": lease.epoch,
            "inbox_ids": [inbox_id],
            "seq": after_seq + 1,
            **edit.model_dump(include={"action_id", "user"}),
            "arguments": json.dumps(whole(edit.arguments)),
        }
        held, body = await self._row(EDIT, values)
        _held(held, lease)
        return Edited.model_validate_json(body) if body else None

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

    async def start_action(self, lease: Lease, after_seq: int, step: ToolStarted, digest: str) -> float | None:
        """Pass an approved call through the last gate, and write its start; how long the hold lasts. None: it may not run."""
        values = {
            "session_id": lease.session_id,
            "epoch": lease.epoch,
            "seq": after_seq + 1,
            "action_id": step.action_id,
            "digest": digest,
            "body": step.model_dump_json(),
        }
        held, seq, left_seconds = await self._row(START_ACTION, values)
        _held(held, lease)
        return None if seq is None else left_seconds

    async def start_granted(self, lease: Lease, after_seq: int, step: ToolStarted) -> float | None:
        """Pass a call under a grant through its gate, count the use, and write its start; how long the hold lasts.

        None: the grant does not hold.
        """
        values = {
            "session_id": lease.session_id,
            "epoch": lease.epoch,
            "seq": after_seq + 1,
            "grant_id": step.grant_id,
            "body": step.model_dump_json(),
        }
        held, seq, left_seconds = await self._row(START_GRANTED, values)
        _held(held, lease)
        return None if seq is None else left_seconds

    async def keep(self, session_id: str, epoch: int, handle: str, text: str) -> None:
        """Keep a long result before the step that names it. Raises FencedError and then nothing is written."""
        values = {"session_id": session_id, "epoch": epoch, "handle": handle, "text": text}
        if not (await self._row(KEEP, values))[0]:
            raise FencedError(f"session {session_id} is no longer held under epoch {epoch}")

    async def output(self, session_id: str, handle: str, offset: int, length: int) -> tuple[str, int] | None:
        """Characters of a long result, and how many it has. None: this session has none with this handle."""
        values = {"session_id": session_id, "handle": handle, "seq": step_of(handle), "offset": offset, "length": length}
        rows = await self._rows(OUTPUT if values["seq"] is None else STEP_OUTPUT, values)
        return (rows[0][0], rows[0][1]) if rows else None

    async def forget_outputs(self, days: int = OUTPUT_DAYS) -> int:
        """Drop long results that are older than that; how many. What the log holds of them stays: head, tail and length."""
        return (await self._row(FORGET, {"days": days}))[0]

    async def keep_file(self, session_id: str, epoch: int, handle: str, data: bytes) -> None:
        """Keep a file's bytes before the step that names them. Raises FencedError and then nothing is written."""
        values = {"session_id": session_id, "epoch": epoch, "handle": handle, "data": data}
        if not (await self._row(KEEP_FILE, values))[0]:
            raise FencedError(f"session {session_id} is no longer held under epoch {epoch}")

    async def files(self, session_id: str, handles: Sequence[str]) -> Mapping[str, bytes]:
        """The bytes of files that steps of this session name."""
        rows = await self._rows(FILES, {"session_id": session_id, "handles": list(handles)}) if handles else []
        return {handle: bytes(data) for handle, data in rows}

    async def discard(self, lease: Lease, inbox_id: int) -> None:
        """Take an inbox row that changes nothing."""
        await self.append(lease, 0, (), inbox_ids=[inbox_id])

    # ------------------------------------------------------------------------------------------ pins

    async def pin(self, lease: Lease, pinned: Pinned) -> str:
        """Fix what the session is run with, for its life; the id of the pin."""
        pin_id = _pin_id(pinned)
        statement: LiteralString = f"""
            WITH {HELD}, kept AS (INSERT INTO pin (id, body) SELECT %(pin_id)s, %(body)s::json FROM held ON CONFLICT DO NOTHING)
            UPDATE session SET pin_id = %(pin_id)s FROM held WHERE session.id = held.id RETURNING 1
        """
        values = {"session_id": lease.session_id, "epoch": lease.epoch, "pin_id": pin_id}
        values["body"] = pinned.model_dump_json()
        _held(len(await self._rows(statement, values)), lease)
        return pin_id

    async def repin(self, lease: Lease, after_seq: int, pinned: Pinned, model_before: str) -> Repinned:
        """Fix anew what the session is run with. Raises FencedError, and then nothing is written."""
        pin_id = _pin_id(pinned)
        step = Repinned(pin_id=pin_id, model=pinned.model, model_before=model_before, prompt=pinned.prompt)
        values = {"session_id": lease.session_id, "epoch": lease.epoch, "seq": after_seq + 1, "pin_id": pin_id}
        values |= {"pinned": pinned.model_dump_json(), "body": step.model_dump_json()}
        _held((await self._row(REPIN, values))[0], lease)
        return step

    async def pinned(self, pin_id: str) -> Pinned:
        """What a pin holds. Raises UnreadableError."""
        rows = await self._rows("SELECT body::text FROM pin WHERE id = %s", (pin_id,))
        return _read(PINNED, rows[0][0])


def _pin_id(pinned: Pinned) -> str:
    return sha256(pinned.model_dump(mode="json"))[:32]


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
