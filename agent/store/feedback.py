"""What people say of an answer, kept with what made it: the session, its model and its prompt."""

import json
from typing import LiteralString

from agent.store.fenced import Pool, rows
from agent.store.sessions import Store, session_id
from agent.types import Pinned, Place

# The last word of a person on an answer counts; a reason that came with another word is not one for this. Each is told on once
# more (`agent.cases.filing`).
SAY: LiteralString = """
INSERT INTO feedback (session_id, turn, "user", value, prompt, prompt_digest, model, wrong)
VALUES (%(session_id)s, %(turn)s, %(user)s, %(value)s, %(prompt)s, %(prompt_digest)s, %(model)s, %(wrong)s::json)
ON CONFLICT (session_id, turn, "user") DO UPDATE SET
    value = excluded.value, at = clock_timestamp(), told_at = NULL, wrong = coalesce(excluded.wrong, feedback.wrong),
    reason = CASE WHEN feedback.value = excluded.value THEN feedback.reason ELSE '' END
"""
WHY: LiteralString = """
UPDATE feedback SET reason = %(reason)s, at = clock_timestamp(), told_at = NULL
WHERE session_id = %(session_id)s AND turn = %(turn)s AND "user" = %(user)s AND value = 'bad'
"""
PIN: LiteralString = "SELECT pin_id FROM session WHERE id = %(session_id)s AND pin_id IS NOT NULL"


class Feedback:
    """The feedback table."""

    def __init__(self, pool: Pool, store: Store) -> None:
        self._pool, self._store = pool, store

    async def say(self, place: Place, turn: int, user: str, value: str) -> None:
        """Keep a person's word on the answer of a turn, instead of an earlier one. An answer that is not ours has none."""
        await self._say(place, turn, user, value, None)

    async def say_wrong(self, place: Place, turn: int, user: str, wrong: str, instead: str) -> bool:
        """Keep what a person says is wrong with an answer, which is a bad word, too. False: the answer is not ours, or erased."""
        words = json.dumps({"wrong": _storable(wrong), "instead": _storable(instead)})
        return await self._say(place, turn, user, "bad", words)

    async def explain(self, place: Place, turn: int, user: str, reason: str) -> None:
        """Keep why somebody called it bad."""
        async with self._pool.connection() as connection:
            await connection.execute(WHY, {**_whose(place, turn, user), "reason": _storable(reason)})

    async def _say(self, place: Place, turn: int, user: str, value: str, wrong: str | None) -> bool:
        if (pinned := await self._pinned(place)) is None:
            return False
        made_by = {"prompt": pinned.prompt, "prompt_digest": pinned.prompt_digest, "model": pinned.model}
        async with self._pool.connection() as connection:
            await connection.execute(SAY, {**_whose(place, turn, user), **made_by, "value": value, "wrong": wrong})
        return True

    async def _pinned(self, place: Place) -> Pinned | None:
        found = await rows(self._pool, PIN, {"session_id": session_id(place)})
        return await self._store.pins.pinned(found[0][0]) if found else None


def _storable(text: str) -> str:
    return text.replace("\0", "")  # Postgres has no such character


def _whose(place: Place, turn: int, user: str) -> dict[str, str | int]:
    return {"session_id": session_id(place), "turn": turn, "user": user}
