"""The fenced store: every write of a session's holder names its epoch, and writes nothing once another holds the session.

Each method is one statement and so one transaction. The clock that decides deadlines is the database's.

Long because each statement of the one writer is a method here.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Annotated, Any, LiteralString

from pydantic import Field, TypeAdapter

from agent.session import closings
from agent.session.inbox import RECEIVED, Click, Edit, Inboxed, OutcomeClick, Received
from agent.session.steps import (
    STEP,
    ActionDecided,
    Edited,
    Granted,
    OutcomeTold,
    Recorded,
    Step,
    ToolStarted,
    Voted,
)
from agent.store.action_seen import ACTION_COLUMNS, ActionSeen, action_seen
from agent.store.appending import NOTHING_BESIDE, Beside, append_statement, written
from agent.store.fenced import Lease, Pool, confirm_held, parse_stored, recorded_steps, rows
from agent.store.kept import KeptWhole
from agent.store.pins import StoredPins
from agent.store.receiving import NO_ROOM, FreeSlots, receive, session_id
from agent.store.statements import (
    CLOSE,
    EDIT,
    END_GRANT,
    LAST_WORD,
    LOAD_INBOX,
    LOAD_STEPS,
    OPEN_CARDS,
    SETTLE,
    START_ACTION,
    START_GRANTED,
    TELL,
    VIEWED,
)
from agent.text import whole
from agent.types import Decision, Place


@dataclass(frozen=True, slots=True)
class Release:
    """How a session is let go: due again at `due_at` (None: only when it is woken), or at once if it was woken since `wakes`
    was read. `unfinished`: what woke it is not dealt with yet."""

    wakes: int
    due_at: datetime | None
    unfinished: bool = False


_TOLD: TypeAdapter[OutcomeTold | Voted] = TypeAdapter(Annotated[OutcomeTold | Voted, Field(discriminator="kind")])


class Store:
    """Sessions in Postgres.

    Wide because each method is one fenced statement of the one writer, and the loop makes them in one order.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.kept, self.pins = KeptWhole(pool), StoredPins(pool)

    async def _fetch_one(self, statement: LiteralString, values: Mapping[str, Any]) -> tuple[Any, ...]:
        [row] = await rows(self._pool, statement, values)
        return row

    async def _fetch_all(self, statement: LiteralString, values: Any) -> list[tuple[Any, ...]]:
        return await rows(self._pool, statement, values)

    # ------------------------------------------------------------------------------------------ the edge

    async def receive(
        self, place: Place | None, key: str, received: Received, *, opens: bool = False, slots: FreeSlots = NO_ROOM
    ) -> bool:
        """See `receiving.receive`."""
        return await receive(self._pool, place, key, received, opens=opens, slots=slots)

    async def exists(self, place: Place) -> bool:
        """Return whether this thread is a session."""
        return bool(await self._fetch_all("SELECT FROM session WHERE id = %s", (session_id(place),)))

    async def asks(self, place: Place) -> bool:
        """Return whether the session's last answer ends in a question. Raises UnreadableError."""
        found = await self._fetch_all(LAST_WORD, {"session_id": session_id(place)})
        return bool(found) and closings.asks(parse_stored(STEP, found[0][0]))

    async def action(self, action_id: str) -> ActionSeen | None:
        """Return an action by its own id: never by thread, order or position."""
        found = await self._fetch_all(
            f"SELECT {ACTION_COLUMNS} FROM action JOIN session ON session.id = action.session_id WHERE action.id = %s",
            (action_id,),
        )
        return action_seen(*found[0]) if found else None

    async def viewed(self, action_id: str, user: str) -> None:
        """Put on record that a person has an action's whole arguments opened: before they are shown."""
        await self._fetch_one(VIEWED, {"action_id": action_id, "user": user})

    # ------------------------------------------------------------------------------------------ the holder

    async def open_cards(self, user: str, besides: str) -> int:
        """Return how many cards wait for people that this person asked for first, in other sessions than the one named."""
        return (await self._fetch_one(OPEN_CARDS, {"user": user, "session_id": besides}))[0]

    async def load(self, lease: Lease, *, whole: bool = False) -> list[Recorded]:
        """Return the session's log from where its last context begins, or the whole of it. Raises UnreadableError.

        Raises FencedError where a later holder has written in it: who was held up between claim and load would see a model call
        or a run under way that is not its own.
        """
        found = await self._fetch_all(LOAD_STEPS, {"session_id": lease.session_id, "whole": whole})
        confirm_held(all(epoch <= lease.epoch for _, epoch, _ in found), lease)
        return recorded_steps(found)

    async def inbox(self, lease: Lease) -> tuple[int, list[Inboxed]]:
        """Return how often the session was woken, and what it was woken for, read in one statement so that neither is older.

        Raises UnreadableError.
        """
        found = await self._fetch_all(LOAD_INBOX, (lease.session_id,))
        received = [Inboxed(id=row[1], received=parse_stored(RECEIVED, row[2])) for row in found if row[1] is not None]
        return found[0][0], received

    async def append(
        self, lease: Lease, after_seq: int, steps: Sequence[Step], beside: Beside = NOTHING_BESIDE
    ) -> tuple[float, int]:
        """Write steps after `after_seq` and what goes with them. Returns the seconds that the hold lasts from now, and how often
        the session was woken by now.

        Raises FencedError, and then nothing is written.
        """
        values = written(lease, after_seq, steps, beside)
        held, left_seconds, wakes = await self._fetch_one(append_statement(values), values)
        confirm_held(held, lease)
        return left_seconds, wakes

    async def append_and_release(
        self, lease: Lease, after_seq: int, steps: Sequence[Step], beside: Beside, release: Release
    ) -> bool:
        """Write as `append` does, and let go of the session. True: it is due now.

        Raises FencedError, and then nothing is written.
        """
        values = {**written(lease, after_seq, steps, beside), **asdict(release)}
        held, due = await self._fetch_one(append_statement(values, releases=True), values)
        confirm_held(held, lease)
        return due

    async def settle(
        self,
        lease: Lease,
        after_seq: int,
        inbox_id: int,
        click: Click,
        grant: Granted | None = None,
        starts: tuple[ToolStarted, str] | None = None,
    ) -> tuple[tuple[Step, ...], float]:
        """Count the vote; it may settle the action, and with it give a grant or start the run that is named with its digest.

        Returns the steps that this made, none where it was decided before, too late, or a second vote; and the seconds that the
        hold lasts from now.
        """
        assert grant is None or starts is None
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
            "started": starts[0].model_dump_json() if starts else None,
            "digest": starts[1] if starts else None,
        }
        held, left_seconds, bodies = await self._fetch_one(SETTLE, values)
        confirm_held(held, lease)
        return tuple(STEP.validate_json(body) for body in bodies), left_seconds

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
        held, body = await self._fetch_one(EDIT, values)
        confirm_held(held, lease)
        return Edited.model_validate_json(body) if body else None

    async def tell(
        self, lease: Lease, after_seq: int, inbox_id: int, click: OutcomeClick, limit_seconds: float
    ) -> OutcomeTold | Voted | None:
        """Take a person's word on an unknown outcome; Voted: it takes more people to run it again.

        None: somebody was first, they had said so before, or it is too early to run it again.
        """
        values = {
            "session_id": lease.session_id,
            "epoch": lease.epoch,
            "inbox_ids": [inbox_id],
            "seq": after_seq + 1,
            "limit_seconds": limit_seconds,
            **click.model_dump(include={"action_id", "user", "answer"}),
        }
        held, body = await self._fetch_one(TELL, values)
        confirm_held(held, lease)
        return _TOLD.validate_json(body) if body else None

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
        held, body = await self._fetch_one(CLOSE, values)
        confirm_held(held, lease)
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
        held, seq, left_seconds = await self._fetch_one(START_ACTION, values)
        confirm_held(held, lease)
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
        held, seq, left_seconds = await self._fetch_one(START_GRANTED, values)
        confirm_held(held, lease)
        return None if seq is None else left_seconds

    async def end_grant(self, grant_id: str) -> None:
        """End a grant whose giver may not decide any more. That is true whatever process writes it, so it is not fenced."""
        await self._fetch_all(END_GRANT, {"grant_id": grant_id})
