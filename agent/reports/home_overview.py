"""What one person sees of a workspace: actions, grants, tokens used. One statement each, all of them with a limit.

Nothing here decides anything: a click is judged again when it is settled.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from agent.session.step_text import is_kind, without_nul
from agent.session.steps import Granted
from agent.store.action_seen import ACTION_COLUMNS, ActionSeen, action_seen
from agent.store.sessions import Pool, rows
from agent.types import Place

MOST_GRANTS = 100

# What is over its time and not yet closed cannot be decided any more. An unknown outcome has no deadline.
PENDING: LiteralString = f"""
SELECT {ACTION_COLUMNS}, ARRAY(SELECT "user" FROM vote WHERE vote.action_id = action.id ORDER BY voted_at)
FROM action JOIN session ON session.id = action.session_id
WHERE action.status IN ('pending', 'unknown') AND (action.status = 'unknown' OR action.expires_at > now())
  AND session.team = %(team)s
ORDER BY action.expires_at, action.id LIMIT %(limit)s
"""

# Newest first along `action_decided`. Only a body in whose text the person occurs is read as JSON, to see in which role.
RECENT: LiteralString = f"""
SELECT {ACTION_COLUMNS} FROM action JOIN session ON session.id = action.session_id
WHERE action.decided_at > now() - interval '30 days' AND action.status NOT IN ('pending', 'unknown')
  AND session.team = %(team)s
  AND (action.decided_by = %(user)s
    OR session.channel = ANY(%(channels)s)
    OR CASE WHEN strpos(action.body::text, %(quoted)s) > 0
            THEN ({without_nul("action.body")} -> 'requesters')::jsonb ? %(user)s ELSE false END
    OR EXISTS (SELECT FROM vote WHERE vote.action_id = action.id AND vote."user" = %(user)s))
ORDER BY action.decided_at DESC, action.id LIMIT %(limit)s
"""

MESSAGES: LiteralString = f"""
SELECT session_id, key, ts FROM (
    SELECT session_id, seq, {without_nul("body")} ->> 'key' AS key, {without_nul("body")} ->> 'ts' AS ts
    FROM step WHERE session_id = ANY(%(sessions)s) AND kind = 'posted') AS posted
WHERE split_part(key, ':', 1) IN ('card', 'copy', 'question') ORDER BY seq
"""

AWAITS: LiteralString = """
SELECT 1 FROM action WHERE id = %(action_id)s AND status = 'pending'
  AND NOT EXISTS (SELECT FROM vote WHERE vote.action_id = action.id AND vote."user" = %(user)s)
"""

GRANTS: LiteralString = """
SELECT "grant".body::text, session.team, session.channel, session.thread_ts, uses, most_uses, expires_at
FROM "grant" JOIN session ON session.id = "grant".session_id
WHERE "grant".team = %(team)s AND granted_by = %(user)s
  AND revoked_at IS NULL AND expires_at > now() AND uses < most_uses
ORDER BY expires_at, "grant".id LIMIT %(limit)s
"""

REVOKE: LiteralString = """
UPDATE "grant" SET revoked_at = now(), revoked_by = %(user)s
WHERE id = %(grant_id)s AND granted_by = %(user)s AND revoked_at IS NULL RETURNING id
"""

# Steps are told apart by how their text begins, which is not parsed; `"user":"U1"` cannot stand inside a JSON string.
# A call under way counts as it was reserved.
SPENT: LiteralString = f"""
WITH mine AS (
    SELECT session.id, session.team, session.channel, session.thread_ts, max(step.made_at) AS asked_at
    FROM step JOIN session ON session.id = step.session_id
    WHERE {is_kind("step.body", "asked")} AND step.made_at > now() - interval '30 days'
      AND strpos(step.body::text, %(said_by)s) > 0 AND session.team = %(team)s
    GROUP BY session.id ORDER BY asked_at DESC, session.id LIMIT %(limit)s)
SELECT mine.team, mine.channel, mine.thread_ts,
       (SELECT coalesce(sum(coalesce(tokens, reserved_tokens)), 0) FROM usage WHERE session_id = mine.id) AS used,
       (SELECT coalesce(sum(({without_nul("step.body")} ->> 'budget_tokens')::bigint), 0) FROM step
        WHERE step.session_id = mine.id AND {is_kind("step.body", "asked")}) AS added
FROM mine
ORDER BY mine.asked_at DESC, mine.id
"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """An action that waits for people, or whose outcome is unknown; `voters`: who gave their word on it so far."""

    seen: ActionSeen
    voters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GrantSeen:
    """A standing permission, and what is left of it."""

    granted: Granted
    place: Place
    uses: int
    most_uses: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class SpentOfBudget:
    """What a conversation has used of its budget. `added_tokens` were allowed in it beyond what is configured."""

    place: Place
    used_tokens: int
    added_tokens: int = 0


class Overview:
    """The reads behind a person's Home tab, and the one write that it offers."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def pending(self, team: str, limit: int) -> list[Waiting]:
        """Return undecided actions and unknown outcomes of a workspace, the next to expire first."""
        rows = await self._query_rows(PENDING, team=team, limit=limit)
        return [Waiting(action_seen(*row[:7]), tuple(row[7])) for row in rows]

    async def recent(self, team: str, user: str, channels: Collection[str], limit: int) -> list[ActionSeen]:
        """Return what became, in the last 30 days, of actions that the person asked for, voted on or decided, and of all in these
        channels; newest first."""
        quoted = json.dumps(user)
        rows = await self._query_rows(RECENT, team=team, user=user, channels=sorted(channels), quoted=quoted, limit=limit)
        return [action_seen(*row) for row in rows]

    async def messages(self, sessions: Collection[str]) -> dict[tuple[str, str], str]:
        """Return the messages with cards, copies of them and questions of these sessions: the ts, by session and key."""
        rows = await self._query_rows(MESSAGES, sessions=sorted(sessions))
        return {(session_id, key): ts for session_id, key, ts in rows if ts}

    async def awaits(self, action_id: str, user: str) -> bool:
        """Return whether an action is still open that this person has not given their word on."""
        return bool(await self._query_rows(AWAITS, action_id=action_id, user=user))

    async def grants(self, team: str, user: str, limit: int = MOST_GRANTS) -> list[GrantSeen]:
        """Return standing permissions that the person gave and that still hold, the next to end first."""
        rows = await self._query_rows(GRANTS, team=team, user=user, limit=limit)
        return [GrantSeen(Granted.model_validate_json(row[0]), _place_of(*row[1:4]), *row[4:]) for row in rows]

    async def revoke(self, grant_id: str, user: str) -> bool:
        """End a standing permission. False: it is not this person's, or was revoked before."""
        return bool(await self._query_rows(REVOKE, grant_id=grant_id, user=user))

    async def spent(self, team: str, user: str, limit: int) -> list[SpentOfBudget]:
        """Return what conversations that the person asked something in during the last 30 days have used; newest first."""
        rows = await self._query_rows(SPENT, team=team, said_by=f'"user":{json.dumps(user)}', limit=limit)
        return [SpentOfBudget(_place_of(*row[:3]), int(row[3]), int(row[4])) for row in rows]

    async def _query_rows(self, statement: LiteralString, **values: Any) -> list[tuple[Any, ...]]:
        return await rows(self._pool, statement, values)


def _place_of(team: str, channel: str, thread_ts: str) -> Place:
    return Place(team=team, channel=channel, thread_ts=thread_ts)
