"""Writes the conversation log from the steps, a little later and beside everything else: no answer waits for it.

A session's messages and the position up to which they are written are one statement, so that a crash at any point leaves each
message written once or still to be written. Which sessions are behind is seen from the steps themselves.
"""

import json
import logging
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, LiteralString

from agent.conversation_log.kept_words import in_batches, masked_words, storable
from agent.conversation_log.messages import LogMessage, Reader
from agent.errors import UnreadableError
from agent.masking import NOTHING_SEEN, Masker, SeenValues
from agent.session.steps import STEP, Repinned
from agent.store.chores import Chore
from agent.store.fenced import Pool, parse_stored, rows
from agent.store.pins import StoredPins
from agent.trace_ids import spelled, trace_id
from agent.types import OTHER, Pinned

log = logging.getLogger(__name__)

EVERY_SECONDS = 5.0
PURGE_SECONDS = 3600.0
BACK_SECONDS = 600.0  # at least: a process that was frozen in the midst of a commit is seen when it goes on
FIRST_SECONDS = 30 * 24 * 3600.0  # of what was there before the log was
STEPS_AT_ONCE = 200
KNOWN_SESSIONS = 500  # whose placeholders are remembered; another one's are found again by masking it from its beginning

BEHIND: LiteralString = """
WITH lately AS (
    SELECT session_id, max(seq) AS seq, min(made_at) AS since FROM step
    WHERE made_at > now() - make_interval(secs => %(seconds)s) GROUP BY session_id)
SELECT lately.session_id, coalesce(position.seq, 0)
FROM lately LEFT JOIN conversation_position AS position ON position.session_id = lately.session_id
WHERE coalesce(position.seq, 0) < lately.seq ORDER BY lately.since
"""
# What a session was first run with. It is not on record where it was fixed anew since.
FIRST_PIN: LiteralString = """
SELECT pin_id FROM session WHERE id = %(session_id)s
    AND NOT EXISTS (SELECT FROM step WHERE session_id = %(session_id)s AND kind = 'repinned')
"""
STEPS: LiteralString = """
SELECT seq, made_at, body::text FROM step WHERE session_id = %(session_id)s AND seq > %(after)s
ORDER BY seq LIMIT %(most)s
"""
# Nothing of a session that is erased meanwhile: its row is gone, or stays until this is committed (`agent.store.erasure`).
WRITE: LiteralString = """
WITH there AS (SELECT id FROM session WHERE id = %(session_id)s FOR KEY SHARE),
said AS (
    INSERT INTO conversation_message
        (session_id, seq, part, at, turn, trace_id, agent, prompt, prompt_digest, role, tool, outcome, ids, words)
    SELECT there.id, made.* FROM there, json_to_recordset(%(messages)s::json) AS made
        (seq bigint, part bigint, at timestamptz, turn bigint, trace_id text, agent text, prompt text, prompt_digest text,
         role text, tool text, outcome text, ids json, words json)
    ON CONFLICT DO NOTHING)
INSERT INTO conversation_position AS position (session_id, seq) SELECT id, %(seq)s FROM there
ON CONFLICT (session_id) DO UPDATE SET seq = greatest(position.seq, excluded.seq) RETURNING 1
"""
PURGE: LiteralString = """
WITH gone AS (DELETE FROM conversation_message WHERE at < now() - make_interval(days => %(days)s) RETURNING 1)
SELECT count(*) FROM gone
"""


@dataclass(slots=True)
class _Known:
    """What has to be known of a session to go on with it."""

    pin_id: str | None  # None: nobody knows what it was run with by then
    reader: Reader = field(default_factory=Reader)
    seen: SeenValues = NOTHING_SEEN


@dataclass(frozen=True, slots=True)
class _Pinned:
    """A message, and what its session was run with then."""

    message: LogMessage
    pin_id: str | None


class ConversationLog:
    """The writer of the log. As many processes as there are may write: each message is written once."""

    def __init__(self, pool: Pool, masker: Masker) -> None:
        self._pool, self._masker, self._pins = pool, masker, StoredPins(pool)
        self._pinned: dict[str, Pinned] = {}
        self._known: OrderedDict[str, _Known] = OrderedDict()

    def writing(self) -> Chore:
        """Return the chore that writes what is not written yet."""
        return Chore("conversation log", EVERY_SECONDS, FIRST_SECONDS, self.catch_up)

    def purging(self, days: int) -> Chore:
        """Return the chore that deletes what is older than so many days."""

        async def purge(_: float) -> None:
            await rows(self._pool, PURGE, {"days": days})

        return Chore("conversation log's term", PURGE_SECONDS, 0.0, purge)

    async def catch_up(self, seconds: float) -> None:
        """Write the messages of sessions that made a step at most so many seconds ago, as far as they are not written.

        Raises an ExceptionGroup of what went wrong; it costs no other session its messages.
        """
        failures = list[Exception]()
        for session_id, written in await rows(self._pool, BEHIND, {"seconds": max(seconds, BACK_SECONDS)}):
            try:
                await self._write_session(session_id, written)
            except UnreadableError as error:
                log.warning("the conversation log of %s is left to newer code: %s", session_id, error)
            except Exception as error:
                error.add_note(f"in the conversation log of {session_id}")
                failures.append(error)
        if failures:
            raise ExceptionGroup("the conversation log is behind", failures)

    async def _write_session(self, session_id: str, written: int) -> None:
        """Go on from where this process was, or read the session from its beginning, so that placeholders stay the same."""
        known = self._known.pop(session_id, None)
        if known is None or known.reader.seq > written:
            found = await rows(self._pool, FIRST_PIN, {"session_id": session_id})
            known = _Known(found[0][0] if found else None)
        values = {"session_id": session_id, "most": STEPS_AT_ONCE}
        while steps := await rows(self._pool, STEPS, {**values, "after": known.reader.seq}):
            for batch in in_batches(list(_made(known, steps)), lambda each: each.message.words):
                words, known.seen = await masked_words(self._masker, known.seen, [each.message.words for each in batch])
                fresh = [
                    await self._row(session_id, each, masked)
                    for each, masked in zip(batch, words, strict=True)
                    if each.message.seq > written
                ]
                if fresh:
                    await self._write(session_id, fresh, fresh[-1]["seq"] - 1)  # its step may make more than these
            if known.reader.seq > written:
                await self._write(session_id, [], known.reader.seq)
        self._known[session_id] = known
        while len(self._known) > KNOWN_SESSIONS:
            self._known.popitem(last=False)

    async def _write(self, session_id: str, messages: Sequence[dict[str, Any]], seq: int) -> None:
        values = {"session_id": session_id, "messages": json.dumps(storable(list(messages))), "seq": seq}
        await rows(self._pool, WRITE, values)

    async def _row(self, session_id: str, each: _Pinned, words: Any) -> dict[str, Any]:
        message, pinned = each.message, await self._pin(each.pin_id)
        return {
            "seq": message.seq,
            "part": message.part,
            "at": message.at.isoformat(),
            "turn": message.turn,
            "trace_id": spelled(trace_id(session_id, message.turn)),
            "agent": pinned.agent if pinned else "",
            "prompt": pinned.prompt if pinned else "",
            "prompt_digest": pinned.prompt_digest if pinned else "",
            "role": message.role,
            "tool": message.tool and (pinned.recorded(message.tool) if pinned else OTHER),
            "outcome": message.outcome,
            "ids": message.ids,
            "words": words,
        }

    async def _pin(self, pin_id: str | None) -> Pinned | None:
        if pin_id is None:
            return None
        if pin_id not in self._pinned:
            self._pinned[pin_id] = await self._pins.pinned(pin_id)
        return self._pinned[pin_id]


def _made(known: _Known, steps: Iterable[tuple[Any, ...]]) -> Iterator[_Pinned]:
    for seq, at, body in steps:
        step = parse_stored(STEP, body)
        if isinstance(step, Repinned):
            known.pin_id = step.pin_id
        for message in known.reader.take(seq, at, step):
            yield _Pinned(message, known.pin_id)
