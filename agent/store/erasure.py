"""A person's erasure: the conversations in which they said something or that were told what they had said, and what is remembered
of them.

What the agent answered, what tools found for them and what others said to it may all say what they said, so nothing of such a
conversation is kept: log, inbox, cards, files, long results, masked log. The audit log stays whole: it holds no words, and an
entry says that the rows which earlier entries of the conversation are about were erased. What model calls cost stays, without a
name.
"""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg

from agent.store.fenced import Pool, rows

# A person's messages name them so (`agent.types.Said`); whatever somebody writes into a text has its quotes escaped there.
SAID_BY: LiteralString = "body::text LIKE '%%\"user\":\"' || %(user)s || '\"%%'"
CONVERSATIONS: LiteralString = f"""
SELECT id, split_part(id, ':', 1) AS team, (
    SELECT count(DISTINCT speaker[1]) FROM step, regexp_matches(body::text, '"user":"([A-Z0-9]+)"', 'g') AS speaker
    WHERE session_id = session.id AND kind = 'asked') > 1 AS with_others
FROM session WHERE id IN (
    SELECT session_id FROM step WHERE kind = 'asked' AND {SAID_BY}
    UNION SELECT session_id FROM inbox WHERE {SAID_BY}
    UNION SELECT session_id FROM step WHERE kind IN ('recalled', 'tool_returned', 'learnt') AND body::text ~ %(told)s)
ORDER BY id
"""
# A step that was told a fact names it so (`agent.types.Origin`).
TOLD = r'"fact":({})\M'
FACTS: LiteralString = "SELECT team, id FROM memory WHERE said_by = %(user)s ORDER BY id"
# The session's row goes first: who holds it writes nothing more.
ERASED: Sequence[LiteralString] = (
    "DELETE FROM session WHERE id = ANY(%(ids)s)",
    "DELETE FROM step WHERE session_id = ANY(%(ids)s)",
    "DELETE FROM inbox WHERE session_id = ANY(%(ids)s)",
    "DELETE FROM vote WHERE action_id IN (SELECT id FROM action WHERE session_id = ANY(%(ids)s))",
    "DELETE FROM action WHERE session_id = ANY(%(ids)s)",
    'DELETE FROM "grant" WHERE session_id = ANY(%(ids)s)',
    "DELETE FROM output WHERE session_id = ANY(%(ids)s)",
    "DELETE FROM attachment WHERE session_id = ANY(%(ids)s)",
    'DELETE FROM feedback WHERE session_id = ANY(%(ids)s) OR "user" = %(user)s',
    "DELETE FROM candidate_case WHERE session_id = ANY(%(ids)s) OR filed_by = %(user)s",  # after feedback: it is filed from that
    "DELETE FROM conversation_message WHERE session_id = ANY(%(ids)s)",
    "DELETE FROM conversation_position WHERE session_id = ANY(%(ids)s)",
    """UPDATE shadow_run SET session_id = session_id || %(mark)s, figures = '{}', why = 'its conversation was erased',
        status = 'given_up' WHERE session_id = ANY(%(ids)s)""",
    # A conversation that begins anew in the same thread has the same id. A call under way is charged as it was reserved.
    """UPDATE usage SET session_id = session_id || %(mark)s, settled_at = coalesce(settled_at, now()),
        tokens = coalesce(tokens, reserved_tokens), nano_usd = coalesce(nano_usd, reserved_nano_usd)
        WHERE session_id = ANY(%(ids)s)""",
    "UPDATE usage SET payer = '' WHERE payer = %(user)s AND settled_at IS NOT NULL",
)
RATINGS: LiteralString = """
SELECT count(*) FROM (
    SELECT session_id, turn FROM feedback WHERE "user" = %(user)s
    UNION SELECT session_id, turn FROM candidate_case WHERE filed_by = %(user)s) AS rated
"""
NOTE: LiteralString = """
INSERT INTO audit (team, kind, actor, session_id, rule, body)
SELECT split_part(id, ':', 1), 'erase', %(by)s, id, 'erasure', %(body)s::json FROM unnest(%(ids)s::text[]) AS of (id)
"""


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation that goes. `with_others`: not only one person spoke in it."""

    session_id: str
    team: str
    with_others: bool


async def conversations_of(pool: Pool, user: str) -> Sequence[Conversation]:
    """Return the conversations in which a person said something, or that were told a fact of theirs which is still remembered."""
    facts = [str(id) for _, id in await rows(pool, FACTS, {"user": user})]
    told = TOLD.format("|".join(facts)) if facts else "^$"  # a step is never empty
    return [Conversation(*row) for row in await rows(pool, CONVERSATIONS, {"user": user, "told": told})]


async def erase(pool: Pool, user: str, conversations: Sequence[Conversation], by: str) -> None:
    """Erase these conversations, all of them or none. `by`: who had it done, for the audit log; whom it was for is not in it."""
    values: dict[str, Any] = {"ids": [each.session_id for each in conversations], "user": user, "by": by}
    values["mark"] = f":erased:{secrets.token_hex(8)}"
    values["body"] = json.dumps({"from": "command"}, separators=(",", ":"))
    async with pool.connection() as connection, connection.transaction():
        await _erase(connection, values)


async def _erase(connection: psycopg.AsyncConnection[Any], values: dict[str, Any]) -> None:
    for statement in ERASED:
        await connection.execute(statement, values)
    await connection.execute(NOTE, values)


async def ratings_of(pool: Pool, user: str) -> int:
    """Return how many answers a person rated, or called wrong, wherever that was."""
    [(count,)] = await rows(pool, RATINGS, {"user": user})
    return count


async def remembered_of(pool: Pool, user: str, owner: str) -> tuple[Sequence[tuple[str, int]], Sequence[tuple[str, str]]]:
    """Return facts of what a person said, each as workspace and id, and their values, each as workspace and key."""
    facts = await rows(pool, FACTS, {"user": user})
    values = await rows(pool, "SELECT team, key FROM memory_value WHERE owner = %(owner)s ORDER BY key", {"owner": owner})
    return [(team, id) for team, id in facts], [(team, key) for team, key in values]
