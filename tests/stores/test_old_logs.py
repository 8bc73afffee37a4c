"""Sessions as an earlier version of this code left them, some of them in the middle of something: they are read, and go on.

`old_logs.jsonl` has the rows of one session after the other. Each session begins with what the code that wrote it made of its
log; then come its rows, one a line, the bodies byte for byte as they were written.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest
from psycopg import sql

from agent.decide.moves import AnswerPart, Content, Work
from agent.run.claim import Held, Pins
from agent.session.inbox import Click, OutcomeClick
from agent.session.snapshot import beginning
from agent.session.state import Session
from agent.session.steps import Compacted, Step
from agent.store.sessions import Lease
from agent.types import Approvers, Pinned, Place
from tests.stores.core import Core, message, until
from tests.stores.world import World, worker

LOGS = Path(__file__).with_name("old_logs.jsonl")


@dataclass
class Left:
    """A session that was left behind: what it was known to be, and its rows as (table, JSON)."""

    expected: dict[str, Any]
    rows: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    @property
    def place(self) -> Place:
        """Its thread."""
        team, channel, thread_ts = self.expected["session"].split(":")
        return Place(team=team, channel=channel, thread_ts=thread_ts)

    @property
    def lease(self) -> Lease:
        """A later holder's."""
        return Lease(self.expected["session"], self.place, 1 << 40, None, 0, False, datetime.now(UTC), 0.0)

    async def put(self, core: Core) -> None:
        """Put its rows into the database."""
        for table, row in self.rows:
            columns = sql.SQL(", ").join(map(sql.Identifier, json.loads(row)))  # what came later has its default
            statement = sql.SQL(
                "INSERT INTO {0} ({1}) OVERRIDING SYSTEM VALUE SELECT {1} FROM json_populate_record(NULL::{0}, %s::json)"
            )
            await core.sql(statement.format(sql.Identifier(table), columns), row)
        await core.sql("SELECT setval(pg_get_serial_sequence('inbox', 'id'), 1000)")


def read() -> Iterator[Left]:
    """Every session of the file."""
    left: Left | None = None
    for line in LOGS.read_text("utf-8").splitlines():
        told = json.loads(line)
        if "expected" in told:
            if left is not None:
                yield left
            left = Left(told["expected"])
        else:
            assert left is not None
            left.rows.append((told["table"], line.removeprefix(f'{{"table": "{told["table"]}", "row": ').removesuffix("}")))
    assert left is not None
    yield left


SESSIONS = [pytest.param(left, id=left.expected["session"]) for left in read()]


def known(session: Session) -> dict[str, Any]:
    """A session in the words of the file."""
    turn = session.turn
    return {
        "session": session.id,
        "status": session.status,
        "turn": turn.number,
        "open": turn.open,
        "iterations": turn.iterations,
        "requesters": list(turn.speakers),
        "calls": {state.call.id: state.phase for state in turn.calls},
        "actions": {id: action.look for id, action in session.actions.items()},
        "grants": {id: grant.uses for id, grant in session.standing.grants.items()},
        "rejected": len(session.standing.rejected),
        "used_tokens": session.spending.used_tokens,
        "context_tokens": session.context.tokens,
        "unanswered": [str(key) for key, posted in session.posts.items() if posted is None],
    }


class Anybody(World):
    """A thread that takes whatever is posted, among people who may all decide."""

    async def post(self, place: Place, content: Content, key: str) -> str:
        """Keep an answer; anything else is simply there."""
        return await super().post(place, content, key) if isinstance(content, AnswerPart) else "9.9"

    async def may_decide(self, place: Place, user: str, approvers: Approvers, requesters: Any) -> bool:
        """Everybody."""
        return True

    async def find_stream(self, place: Place) -> str | None:
        """What grew is gone."""
        return None

    async def finish(self, place: Place, ts: str, content: AnswerPart | Work, key: str, shown: Work | None) -> str:
        """What grew ends as that."""
        return await self.post(place, content, key)

    async def take_away(self, place: Place, ts: str) -> None:
        """What grew is gone."""

    async def show(self, place: Place, content: Content, ts: str) -> None:
        """Its card shows it."""


# Kinds of steps that came after the file was made.
NEWER = {"found_changed", "recalled", "learnt", "nudged", "direct_shown", "notice_shown"}


def test_the_file_has_every_kind_of_step_and_the_states_that_are_hard_to_come_by() -> None:
    bodies = [json.loads(row)["body"] for left in read() for table, row in left.rows if table == "step"]
    kinds = {body["kind"] for body in bodies}
    assert kinds == {kind.model_fields["kind"].default for kind in get_args(get_args(Step)[0])} - NEWER
    states = [left.expected for left in read()]
    assert {state["status"] for state in states} == {"idle", "ready", "waiting"}
    looks = {look for state in states for look in state["actions"].values()}
    assert {"pending", "unknown", "approved"} <= looks
    assert any(state["grants"] for state in states)
    assert any(body["kind"] == "proposed_action" and body["ran"] for body in bodies)


async def loaded(left: Left, core: Core) -> Held:
    """Return the session as its next holder has it."""
    pinned = Pinned(model="claude-sonnet-5-5", system="You help.", tools=())
    held = Held(left.lease, Pins(pinned, pinned), core.store, 10.0, lambda session_id, charges: None)
    await held.load()
    return held


@pytest.mark.parametrize("left", SESSIONS)
async def test_an_old_log_comes_to_what_it_was(core: Core, left: Left) -> None:
    """Where it was compacted, the snapshot in it has other fields: it is passed over, and the whole log is folded."""
    await left.put(core)
    recorded = await core.store.load(left.lease)
    began = beginning(recorded, Session(left.lease.session_id, left.place, left.lease.epoch))
    assert (began is None) is any(isinstance(item.step, Compacted) for item in recorded)
    held = await loaded(left, core)
    assert known(held.session) == left.expected


@pytest.mark.parametrize("left", SESSIONS)
async def test_an_old_session_goes_on(core: Core, left: Left) -> None:
    """People answer all that it waits for, or are too late for it, and say something new, which is answered."""
    await left.put(core)
    for action_id, look in left.expected["actions"].items():
        if look == "unknown":
            await core.wake(left.place, OutcomeClick(action_id=action_id, user="U7", answer="happened"))
        elif look == "pending":
            await core.wake(left.place, Click(action_id=action_id, user="U7", decision="approved"))
    last = await core.wake(left.place, message("And now?", "99.0"))

    async def answered() -> bool:
        [(taken, held, asked)] = await core.sql(
            """
            SELECT (SELECT taken_at IS NOT NULL FROM inbox WHERE id = %s), lease_until IS NOT NULL,
                   (SELECT count(*) FROM action WHERE session_id = session.id AND status IN ('pending', 'approved', 'running'))
            FROM session WHERE id = %s
            """,
            last,
            left.expected["session"],
        )
        return taken and not held and not asked

    async with worker(core, Anybody()):
        await until(answered)
    held = await loaded(left, core)
    assert (held.session.status, held.session.undecided()) == ("idle", ())
    assert held.session.turn.number > left.expected["turn"]
