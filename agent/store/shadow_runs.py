"""Hidden runs in Postgres: which turns of real conversations are due for one, who makes it, what it may spend, what it came to.

A row is the right to make a run, for as long as its lease lasts. At most one is under way in all processes: nobody waits for a
hidden run, and so the day's ceiling has one spender. A run whose process died is made again once, from the beginning; what it
spent stays charged, and of its figures nothing is there until it is over.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, LiteralString

from psycopg.errors import UniqueViolation

from agent.prompts.labels import Labelled
from agent.session.step_text import without_nul
from agent.session.steps import Recorded
from agent.store.fenced import Pool, recorded_steps, rows
from agent.store.statements import LOAD_STEPS
from agent.types import Frozen, Place

LEASE_SECONDS = 300  # a run that takes as long is given up
MOST_TRIES = 2
LATE_SECONDS = 3600  # a turn that ended longer ago is not run any more: at most one run at a time cannot keep up with all
MOST_WAITING = 500

Writes = Literal["same", "other arguments", "other tools", "contested"]
Went = Literal["well", "wrong", "unclear"]

LIVE: LiteralString = """
SELECT prompt, version, digest, share, at FROM (
    SELECT DISTINCT ON (prompt) prompt, version, digest, share, at FROM prompt_label WHERE label = 'shadow'
    ORDER BY prompt, id DESC) AS newest
WHERE version IS NOT NULL ORDER BY prompt
"""
# Turns whose answer is posted, newest first, of conversations that another version of the prompt leads.
WAITING: LiteralString = f"""
WITH answered AS (
    SELECT session_id, split_part(said ->> 'key', ':', 2)::bigint AS turn, max(made_at) AS at
    FROM (SELECT session_id, made_at, {without_nul("body")} AS said FROM step
          WHERE kind = 'posted' AND made_at > greatest(%(since)s, now() - make_interval(secs => %(late)s))) AS posted
    WHERE starts_with(said ->> 'key', 'answer:') GROUP BY 1, 2)
SELECT session_id, team, channel, thread_ts, pin_id, turn
FROM answered JOIN session ON session.id = session_id JOIN pin ON pin.id = pin_id
WHERE split_part(pin.body ->> 'prompt', '@', 1) = %(prompt)s AND pin.body ->> 'prompt_digest' <> %(digest)s
  AND NOT EXISTS (SELECT FROM shadow_run AS run WHERE run.session_id = answered.session_id AND run.turn = answered.turn
                  AND run.digest = %(digest)s AND status <> 'again')
ORDER BY answered.at DESC LIMIT %(most)s
"""
# The conversation may be erased meanwhile: its row is gone then, or stays until this is committed (`agent.store.erasure`).
CLAIM: LiteralString = """
WITH there AS (SELECT id FROM session WHERE id = %(session_id)s FOR KEY SHARE)
INSERT INTO shadow_run AS run (session_id, turn, prompt, version, digest, status, lease_until)
SELECT id, %(turn)s, %(prompt)s, %(version)s, %(digest)s, 'running', now() + make_interval(secs => %(lease)s) FROM there
ON CONFLICT (session_id, turn, digest) DO UPDATE
    SET status = 'running', tries = run.tries + 1, lease_until = excluded.lease_until WHERE run.status = 'again'
RETURNING id, tries
"""
LOST: LiteralString = """
UPDATE shadow_run SET status = CASE WHEN tries < %(tries)s THEN 'again' ELSE 'given_up' END, why = 'its process ended'
WHERE status = 'running' AND lease_until < now() RETURNING 1
"""
SPENT: LiteralString = """
SELECT coalesce(sum(charged_tokens), 0)::bigint FROM shadow_run WHERE begun_at >= date_trunc('day', now(), 'UTC')
"""
RESERVE: LiteralString = f"""
UPDATE shadow_run SET charged_tokens = charged_tokens + %(tokens)s
WHERE id = %(id)s AND tries = %(tries)s AND status = 'running' AND ({SPENT}) + %(tokens)s <= %(ceiling)s RETURNING 1
"""
SETTLE: LiteralString = """
UPDATE shadow_run SET charged_tokens = charged_tokens - %(reserved)s + %(used)s WHERE id = %(id)s AND tries = %(tries)s
RETURNING 1
"""
END: LiteralString = """
UPDATE shadow_run SET status = %(status)s, why = %(why)s, figures = %(figures)s::json
WHERE id = %(id)s AND tries = %(tries)s AND status = 'running' RETURNING 1
"""
PURGE: LiteralString = """
DELETE FROM shadow_run WHERE begun_at < now() - make_interval(days => %(days)s) AND status <> 'running' RETURNING 1
"""


class ShadowFigures(Frozen):
    """What a hidden run came to, beside the turn that people saw.

    Wide because both are compared figure by figure.
    """

    went: Went
    outcome: str
    writes: Writes
    unrecorded: int  # reads of which nothing was on record
    iterations: int
    tokens: int
    nano_usd: int
    tools: tuple[str, ...]  # that it called, in order
    proposed: tuple[str, ...]  # of these, what writes or asks
    real_outcome: str
    real_iterations: int
    real_tokens: int
    real_nano_usd: int


@dataclass(frozen=True, slots=True)
class Shadow:
    """A version that runs hidden behind a share of the sessions."""

    prompt: str
    at: Labelled
    since: datetime


@dataclass(frozen=True, slots=True)
class WaitingTurn:
    """A turn that people have the answer of."""

    session_id: str
    place: Place
    pin_id: str
    number: int


@dataclass(frozen=True, slots=True)
class Claimed:
    """The right to make a hidden run."""

    id: int
    tries: int


class ShadowRuns:
    """The table `shadow_run`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def live(self) -> Sequence[Shadow]:
        """Return the versions that are in shadow now."""
        found = await rows(self._pool, LIVE)
        return [Shadow(prompt, Labelled(version, digest, share), since) for prompt, version, digest, share, since in found]

    async def waiting(self, shadow: Shadow) -> Sequence[WaitingTurn]:
        """Return turns that have no run with this version yet, newest first."""
        values = {"prompt": shadow.prompt, "digest": shadow.at.digest, "since": shadow.since}
        found = await rows(self._pool, WAITING, {**values, "late": LATE_SECONDS, "most": MOST_WAITING})
        return [
            WaitingTurn(id, Place(team=team, channel=channel, thread_ts=ts), pin_id, turn)
            for id, team, channel, ts, pin_id, turn in found
        ]

    async def log(self, session_id: str) -> Sequence[Recorded]:
        """Return a session's whole log. Raises UnreadableError."""
        return recorded_steps(await rows(self._pool, LOAD_STEPS, {"session_id": session_id, "whole": True}))

    async def left(self, ceiling: int) -> int:
        """Return the tokens that hidden runs may still spend today; a day is that of UTC."""
        [(spent,)] = await rows(self._pool, SPENT)
        return ceiling - spent

    async def claim(self, shadow: Shadow, turn: WaitingTurn) -> Claimed | None:
        """Take the right to run a turn. None: another run is under way, this one was made, or the conversation is gone."""
        values = {"session_id": turn.session_id, "turn": turn.number, "prompt": shadow.prompt, "version": shadow.at.version}
        try:
            found = await rows(self._pool, CLAIM, {**values, "digest": shadow.at.digest, "lease": LEASE_SECONDS})
        except UniqueViolation:  # `shadow_run_alone`
            return None
        return Claimed(*found[0]) if found else None

    async def free_lost(self) -> None:
        """Take their right from those whose process is gone: another one tries once more, or nobody."""
        await rows(self._pool, LOST, {"tries": MOST_TRIES})

    async def reserve(self, run: Claimed, tokens: int, ceiling: int) -> bool:
        """Set tokens of the day aside. False: they are not to be had, or the run is another's by now."""
        return await self._change_own(RESERVE, run, tokens=tokens, ceiling=ceiling)

    async def settle(self, run: Claimed, reserved: int, used: int) -> None:
        """Put what was used in the place of what was set aside."""
        await self._change_own(SETTLE, run, reserved=reserved, used=used)

    async def end(self, run: Claimed, figures: ShadowFigures) -> None:
        """Write what a run came to, if it is ours still."""
        await self._change_own(END, run, status="done", why="", figures=figures.model_dump_json())

    async def give_up(self, run: Claimed, why: str) -> None:
        """Note that a run comes to nothing."""
        await self._change_own(END, run, status="given_up", why=why, figures="{}")

    async def purge(self, days: int) -> None:
        """Delete runs that are older than so many days."""
        await rows(self._pool, PURGE, {"days": days})

    async def _change_own(self, statement: LiteralString, run: Claimed, **values: Any) -> bool:
        return bool(await rows(self._pool, statement, {"id": run.id, "tries": run.tries, **values}))
