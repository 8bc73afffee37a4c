"""How a holder writes: steps and whatever goes with them, in one fenced statement that has no part for what is not there.

A part that finds nothing to do costs as much as one that does: with all of them a statement takes Postgres twice as long.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, LiteralString

from agent.model.spending import Charge
from agent.session.charges import charged, usage_rows
from agent.session.steps import ProposedAction, Step
from agent.store.fenced import Lease
from agent.store.statements import HELD, LEFT, RELEASED, TAKEN
from agent.types import Outcome


@dataclass(frozen=True, slots=True)
class Beside:
    """What is written together with steps: inbox rows that they answer, how actions ended, what calls are charged."""

    inbox_ids: Sequence[int] = ()
    ended: Mapping[str, Outcome] = field(default_factory=dict[str, Outcome])  # by action
    charges: Sequence[Charge] = ()
    capped_seq: int | None = None  # of the call after which a turn had used all that it may make
    pin_id: str | None = None  # what a new session is run with from now on


NOTHING_BESIDE = Beside()

# Bodies are sent in binary (`b`): as text, psycopg would escape each quote in them, which costs more than all else here.
APPENDED: LiteralString = """
appended AS (
    INSERT INTO step (session_id, seq, epoch, body)
    SELECT held.id, item.seq, %(epoch)s, item.body::json
    FROM held, unnest(%(seqs)s::bigint[], %(bodies)b::text[]) AS item (seq, body))
"""
PROPOSED: LiteralString = """
proposed AS (
    INSERT INTO action (id, session_id, status, started_at, digest, quorum, rejections, body, expires_at, asker, ran)
    SELECT item.id, held.id, item.status, CASE item.status WHEN 'unknown' THEN now() END,
           item.digest, item.quorum, item.rejections, item.body::json, item.expires_at, item.asker, item.status = 'unknown'
    FROM held, unnest(%(action_ids)s::text[], %(statuses)s::text[], %(digests)s::text[], %(quorums)s::bigint[],
                      %(rejections)s::bigint[], %(actions)b::text[], %(expiries)s::timestamptz[], %(askers)s::text[])
        AS item (id, status, digest, quorum, rejections, body, expires_at, asker))
"""
ENDED: LiteralString = """
ended AS (
    UPDATE action SET status = item.status
    FROM held, unnest(%(ended_ids)s::text[], %(outcomes)s::text[]) AS item (id, status)
    WHERE action.id = item.id)
"""
BEGUN: LiteralString = """
begun AS (
    INSERT INTO usage (session_id, seq, team, payer, agent, model, purpose, iteration, started_at,
                       reserved_tokens, reserved_nano_usd, notes)
    SELECT held.id, (call ->> 'seq')::bigint, held.team, call ->> 'payer', call ->> 'agent', call ->> 'model', call ->> 'purpose',
           (call ->> 'iteration')::bigint, (call ->> 'started_at')::timestamptz, (call ->> 'tokens')::bigint,
           (call ->> 'nano_usd')::bigint, ARRAY(SELECT jsonb_array_elements_text(call -> 'notes'))
    FROM held, jsonb_array_elements(%(begun)s::jsonb) AS call)
"""
CHARGED: LiteralString = """
charged AS (
    UPDATE usage SET settled_at = now(), tokens = (call ->> 'tokens')::bigint, nano_usd = (call ->> 'nano_usd')::bigint,
        input_tokens = (call #>> '{usage,input_tokens}')::bigint, output_tokens = (call #>> '{usage,output_tokens}')::bigint,
        cache_creation_input_tokens = (call #>> '{usage,cache_creation_input_tokens}')::bigint,
        cache_read_input_tokens = (call #>> '{usage,cache_read_input_tokens}')::bigint,
        capped = usage.seq IS NOT DISTINCT FROM %(capped_seq)s::bigint
    FROM held, jsonb_array_elements(%(charged)s::jsonb) AS call
    WHERE usage.session_id = held.id AND usage.seq = (call ->> 'seq')::bigint AND usage.settled_at IS NULL)
"""
# One that was charged before: a statement changes a row once.
CAPPED: LiteralString = """
capped AS (
    UPDATE usage SET capped = true FROM held
    WHERE usage.session_id = held.id AND usage.seq = %(capped_seq)s AND usage.settled_at IS NOT NULL)
"""
# With the first words of a session goes what it is run with.
PINNED: LiteralString = """
pinned AS (UPDATE session SET pin_id = %(pin_id)s FROM held WHERE session.id = held.id)
"""
HOW_IT_IS_HELD: LiteralString = f"SELECT (SELECT count(*) FROM held), {LEFT}, (SELECT wakes FROM held)"
# The last words of a claim, and its end: the next holder finds all of it.
LET_GO: LiteralString = f"""
released AS (
    UPDATE session SET {RELEASED}, failures = 0, pin_id = coalesce(%(pin_id)s, pin_id) FROM held WHERE session.id = held.id
    RETURNING session.wake_at IS NOT NULL AND session.wake_at <= now() AS due)
SELECT (SELECT count(*) FROM held), (SELECT due FROM released)
"""
# Each part, with the value without which there is nothing for it to do.
PARTS: Sequence[tuple[str, LiteralString]] = (
    ("inbox_ids", TAKEN),
    ("seqs", APPENDED),
    ("action_ids", PROPOSED),
    ("ended_ids", ENDED),
    ("begun", BEGUN),
    ("charged", CHARGED),
    ("capped_seq", CAPPED),
)
NOTHING: Sequence[object] = ([], "[]", None)


def append_statement(values: Mapping[str, Any], *, releases: bool = False) -> LiteralString:
    """Return the statement that writes what `written` holds. It tells how the session is held, or lets it go."""
    parts: list[LiteralString] = [HELD, *(part for name, part in PARTS if values[name] not in NOTHING)]
    if releases:
        return f"WITH {', '.join(parts)}, {LET_GO}"
    if values["pin_id"] is not None:
        parts.append(PINNED)
    return f"WITH {', '.join(parts)} {HOW_IT_IS_HELD}"


def written(lease: Lease, after_seq: int, steps: Sequence[Step], beside: Beside) -> dict[str, Any]:
    """Return the values of such a statement, but for how it lets go."""
    bodies = [(step, step.model_dump_json()) for step in steps]
    proposed = [(step, body) for step, body in bodies if isinstance(step, ProposedAction)]
    return {
        "session_id": lease.session_id,
        "epoch": lease.epoch,
        "inbox_ids": list(beside.inbox_ids),
        "seqs": [after_seq + number for number in range(1, len(steps) + 1)],
        "bodies": [body for _, body in bodies],
        "action_ids": [step.action_id for step, _ in proposed],
        "statuses": ["unknown" if step.ran else "pending" for step, _ in proposed],
        "digests": [step.digest for step, _ in proposed],
        "quorums": [step.verdict.quorum for step, _ in proposed],
        "rejections": [step.verdict.rejections for step, _ in proposed],
        "actions": [body for _, body in proposed],
        "expiries": [step.expires_at for step, _ in proposed],
        "askers": [step.requesters[0] if step.requesters else "" for step, _ in proposed],
        "ended_ids": list(beside.ended),
        "outcomes": list(beside.ended.values()),
        "begun": usage_rows(after_seq, steps),
        "charged": charged(beside.charges),
        "capped_seq": beside.capped_seq,
        "pin_id": beside.pin_id,
    }
