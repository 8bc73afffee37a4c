"""Files and tells what people said of answers, a little later and beside everything else: no click waits for it.

What they said is on record when they click. From there each is told once: an answer that they call wrong becomes a candidate
case, and every word an event of OpenTelemetry on the trace of its turn. Both hold their words masked, and nothing of what was
said before: that is read from the steps.
"""

import json
import logging
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from agent import telemetry
from agent.cases.reading import conversation_until
from agent.conversation_log.kept_words import masked_words, storable
from agent.errors import UnreadableError
from agent.masking import WITHHELD, Masker
from agent.store.chores import Chore
from agent.store.fenced import Pool, rows
from agent.store.pins import StoredPins
from agent.trace_ids import spelled, trace_id

log = logging.getLogger(__name__)

EVERY_SECONDS = 5.0
PURGE_SECONDS = 3600.0
MOST_AT_ONCE = 100
SCORES = {"good": 1.0, "bad": 0.0}

UNTOLD: LiteralString = """
SELECT session_id, turn, "user", value, reason, wrong::text, at FROM feedback WHERE told_at IS NULL ORDER BY at LIMIT %(most)s
"""
# The claim that gave the answer: its span is the one that the events belong to. None: there is no such answer.
ANSWERED: LiteralString = """
WITH opened AS (
    SELECT seq, lead(seq) OVER (ORDER BY seq) AS next_seq, row_number() OVER (ORDER BY seq) AS turn
    FROM step WHERE session_id = %(session_id)s AND kind IN ('asked', 'outcome_told'))
SELECT step.epoch, session.pin_id
FROM opened JOIN step ON step.session_id = %(session_id)s AND step.seq > opened.seq
    AND (opened.next_seq IS NULL OR step.seq < opened.next_seq) AND step.kind = 'model_replied'
JOIN session ON session.id = step.session_id
WHERE opened.turn = %(turn)s ORDER BY step.seq DESC LIMIT 1
"""
# Nothing of what was said again, or erased, meanwhile. A case that somebody has dealt with stays as it is.
TELL: LiteralString = """
WITH told AS (
    UPDATE feedback SET told_at = now(), wrong = NULL
    WHERE session_id = %(session_id)s AND turn = %(turn)s AND "user" = %(user)s AND at = %(at)s AND told_at IS NULL
    RETURNING session_id, turn, "user", at, prompt, prompt_digest, model),
filed AS (
    INSERT INTO candidate_case AS before
        (session_id, turn, filed_by, team, trace_id, at, agent, prompt, prompt_digest, model, words)
    SELECT session_id, turn, "user", split_part(session_id, ':', 1), %(trace_id)s, at, %(agent)s, prompt, prompt_digest, model,
           %(words)s::json
    FROM told WHERE %(words)s::text IS NOT NULL
    ON CONFLICT (session_id, turn, filed_by) DO UPDATE SET words = excluded.words, at = excluded.at WHERE before.state = 'new')
SELECT count(*) FROM told
"""
PURGE: LiteralString = """
WITH gone AS (DELETE FROM candidate_case WHERE at < now() - make_interval(days => %(days)s) RETURNING 1)
SELECT count(*) FROM gone
"""


@dataclass(frozen=True, slots=True)
class _Opinion:
    """What one person said of an answer. `wrong`: their words of what is wrong with it, as JSON; None: they did not say."""

    session_id: str
    turn: int
    user: str
    value: str
    reason: str
    wrong: str | None
    at: datetime


class Filing:
    """Who files. As many processes as there are may: each word is told once, or not at all where one ends in the midst of it."""

    def __init__(self, pool: Pool, masker: Masker) -> None:
        self._pool, self._masker, self._pins = pool, masker, StoredPins(pool)

    def filing(self) -> Chore:
        """Return the chore that files and tells what was said since."""
        return Chore("ratings", EVERY_SECONDS, 0.0, self.catch_up)

    def purging(self, days: int) -> Chore:
        """Return the chore that deletes cases that are older than so many days."""

        async def purge(_: float) -> None:
            await rows(self._pool, PURGE, {"days": days})

        return Chore("candidate cases' term", PURGE_SECONDS, 0.0, purge)

    async def catch_up(self, _: float = 0.0) -> None:
        """File and tell what is not told yet.

        Raises an ExceptionGroup of what went wrong; it costs nobody else's words.
        """
        failures = list[Exception]()
        for row in await rows(self._pool, UNTOLD, {"most": MOST_AT_ONCE}):
            opinion = _Opinion(*row)
            try:
                await self._tell(opinion)
            except UnreadableError as error:
                log.warning("what was said of an answer of %s is left to newer code: %s", opinion.session_id, error)
            except Exception as error:
                error.add_note(f"in what was said of an answer of {opinion.session_id}")
                failures.append(error)
        if failures:
            raise ExceptionGroup("what people said of answers is not all told", failures)

    async def _tell(self, opinion: _Opinion) -> None:
        of = {"session_id": opinion.session_id, "turn": opinion.turn}
        values = {**of, "user": opinion.user, "at": opinion.at, "agent": "", "words": None}
        values["trace_id"] = spelled(trace_id(opinion.session_id, opinion.turn))
        answered = await rows(self._pool, ANSWERED, of)
        if not answered:  # a button that is none of ours
            await rows(self._pool, TELL, values)
            return
        [(epoch, pin_id)] = answered
        words = await self._wrong_words(opinion)
        if words is not None:
            values["agent"] = (await self._pins.pinned(pin_id)).agent
            values["words"] = json.dumps(storable(words))
        score = SCORES[opinion.value]
        reason = (await self._masker.mask(opinion.reason)).text if opinion.reason else ""
        [(told,)] = await rows(self._pool, TELL, values)
        if told:
            answer = telemetry.Evaluated(opinion.session_id, opinion.turn, epoch, opinion.at)
            telemetry.evaluation(answer, "rating", score, opinion.value, reason)
            if words is not None:
                telemetry.evaluation(answer, "wrong_answer", 0.0, "wrong", "\n".join(filter(None, words.values())))

    async def _wrong_words(self, opinion: _Opinion) -> dict[str, str] | None:
        """Return what they say is wrong, masked with the placeholders of their conversation. None: they did not say."""
        if opinion.wrong is None:
            return None
        _, seen = await conversation_until(self._pool, self._masker, opinion.session_id, opinion.turn)
        [masked], _ = await masked_words(self._masker, seen, [json.loads(opinion.wrong)])
        return {"wrong": WITHHELD, "instead": ""} if masked == {"text": WITHHELD} else masked
