"""The rows that a period's figures are made of: ids, names, counts and times, as SQL takes them from the tables.

A statement reads at most `%(most)s` rows, the newest. Postgres takes no field out of JSON that holds a NUL (`without_nul`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from agent.session.step_text import without_nul

# Each turn with where it begins in its log, when it last did something, and how it ended. What is learnt after an answer is not
# part of the time that people wait for one.
TURNS: LiteralString = f"""
WITH active AS (
    SELECT DISTINCT session_id FROM step WHERE made_at >= %(since)s AND kind IN ('asked', 'outcome_told')),
opened AS (
    SELECT session_id, seq, made_at, row_number() OVER log AS turn, lead(seq) OVER log AS next_seq
    FROM step JOIN active USING (session_id) WHERE kind IN ('asked', 'outcome_told')
    WINDOW log AS (PARTITION BY session_id ORDER BY seq)),
newest AS (SELECT * FROM opened WHERE made_at >= %(since)s ORDER BY made_at DESC LIMIT %(most)s)
SELECT newest.session_id, turn, newest.seq, newest.made_at, coalesce(ended_at, newest.made_at),
       CASE WHEN halted THEN 'error' WHEN stopped THEN 'stopped' WHEN answered THEN 'success' ELSE 'open' END,
       coalesce(pin.agent, ''), coalesce(pin.prompt, ''), coalesce(pin.digest, '')
FROM newest
CROSS JOIN LATERAL (
    SELECT max(made_at) AS ended_at, bool_or(kind = 'halted') AS halted, bool_or(kind = 'stopped') AS stopped,
           bool_or(kind = 'model_replied' AND {without_nul("step.body")} ->> 'stop_reason' = 'end_turn') AS answered
    FROM step
    WHERE step.session_id = newest.session_id AND seq >= newest.seq AND (next_seq IS NULL OR seq < next_seq)
      AND kind IN ('model_replied', 'model_failed', 'action_decided', 'tool_returned', 'posted', 'halted', 'stopped')) AS course
LEFT JOIN session ON session.id = newest.session_id
LEFT JOIN LATERAL (
    SELECT said ->> 'agent' AS agent, said ->> 'prompt' AS prompt, said ->> 'prompt_digest' AS digest
    FROM (SELECT {without_nul("pin.body")} AS said FROM pin WHERE pin.id = session.pin_id) AS pinned) AS pin ON true
ORDER BY newest.made_at DESC, newest.session_id, turn
"""

# A call under way counts as it was reserved.
MODEL_CALLS: LiteralString = """
SELECT session_id, seq, started_at, agent, payer, coalesce(tokens, reserved_tokens), coalesce(nano_usd, reserved_nano_usd),
       purpose = 'reply' AND (input_tokens IS NOT NULL OR settled_at IS NULL), capped
FROM usage WHERE started_at >= %(since)s ORDER BY started_at DESC, session_id, seq LIMIT %(most)s
"""

# What was said since then; the words of a reason are not read.
RATINGS: LiteralString = """
SELECT session_id, turn, value, prompt, prompt_digest FROM feedback
WHERE at >= %(since)s ORDER BY at DESC, session_id, turn, "user" LIMIT %(most)s
"""

# Which tool a call is of is said by the model's reply, which may be of before that day: people had to approve the call first.
TOOL_RUNS: LiteralString = f"""
WITH returned AS (
    SELECT session_id, made_at, said ->> 'call_id' AS call_id, said ->> 'outcome' AS outcome
    FROM (SELECT session_id, made_at, {without_nul("body")} AS said FROM step
          WHERE kind = 'tool_returned' AND made_at >= %(since)s ORDER BY made_at DESC, session_id, seq LIMIT %(most)s) AS newest),
concerned AS (SELECT DISTINCT session_id FROM returned),
called AS (
    SELECT DISTINCT ON (session_id, call_id) session_id, block ->> 'id' AS call_id, block ->> 'name' AS tool
    FROM (SELECT session_id, seq, {without_nul("body")} -> 'content' AS content
          FROM step JOIN concerned USING (session_id) WHERE kind = 'model_replied') AS reply,
         json_array_elements(content) AS block
    WHERE block ->> 'type' = 'tool_use' ORDER BY session_id, call_id, seq DESC),
begun AS (
    SELECT session_id, call_id, max(made_at) AS made_at
    FROM (SELECT session_id, made_at, {without_nul("body")} ->> 'call_id' AS call_id
          FROM step JOIN concerned USING (session_id) WHERE kind = 'tool_started') AS start
    GROUP BY session_id, call_id)
SELECT coalesce(tool, ''), outcome, extract(epoch FROM returned.made_at - begun.made_at)::float8
FROM returned LEFT JOIN called USING (session_id, call_id) LEFT JOIN begun USING (session_id, call_id)
ORDER BY returned.made_at DESC, session_id, call_id
"""

# Read from the audit log, which knows when a card was decided first, whatever became of it later. What ran without a card has an
# `ask` too, about its unknown outcome.
CARDS: LiteralString = """
WITH card AS (
    SELECT action_id, session_id, tool, rule, at FROM audit WHERE kind = 'ask' AND at >= %(since)s
      AND NOT EXISTS (SELECT FROM action WHERE id = audit.action_id AND ran) ORDER BY at DESC, team, seq LIMIT %(most)s),
ended AS (
    SELECT DISTINCT ON (action_id) action_id, at, CASE kind WHEN 'edit' THEN 'edited' ELSE body ->> 'decision' END AS decision
    FROM audit WHERE kind IN ('decision', 'edit') AND at >= %(since)s ORDER BY action_id, seq),
word AS (
    SELECT action_id, array_agg(actor ORDER BY audit.seq) AS people, array_agg(body ->> 'decision' ORDER BY audit.seq) AS words,
           array_agg(extract(epoch FROM audit.at - card.at)::float8 ORDER BY audit.seq) AS seconds
    FROM audit JOIN card USING (action_id)
    WHERE kind IN ('vote', 'decision') AND actor <> '' AND body ->> 'decision' IN ('approved', 'rejected') GROUP BY action_id)
SELECT card.session_id, card.at, card.tool, card.rule, coalesce(decision, ''), extract(epoch FROM ended.at - card.at)::float8,
       coalesce(people, '{}'), coalesce(words, '{}'), coalesce(word.seconds, '{}')
FROM card LEFT JOIN ended USING (action_id) LEFT JOIN word USING (action_id) ORDER BY card.at DESC, action_id
"""

TRACED: LiteralString = "SELECT DISTINCT trace_id FROM conversation_message WHERE trace_id = ANY(%(traces)s)"


@dataclass(frozen=True, slots=True)
class TurnRow:
    """A run: what people said, and all that came of it until they said something else. `seq`: of the step that opened it.

    `ended_at`: when it last did something. The prompt is that of the session's pin now.
    """

    session_id: str
    number: int  # from 1
    seq: int
    opened_at: datetime
    ended_at: datetime
    outcome: str  # success, error, stopped; open: it waits, or is under way
    agent: str = ""
    prompt: str = ""  # NAME@N
    prompt_digest: str = ""


@dataclass(frozen=True, slots=True)
class ModelCallRow:
    """One model call and what it cost. `replies`: it is an iteration of its turn, and did not fail."""

    session_id: str
    seq: int
    started_at: datetime
    agent: str
    payer: str
    tokens: int
    nano_usd: int
    replies: bool
    capped: bool  # its turn may make no more

    @property
    def channel(self) -> str:
        """Return the channel of its thread; empty where the session's id names none."""
        return self.session_id.split(":")[1] if self.session_id.count(":") == 2 else ""


@dataclass(frozen=True, slots=True)
class Rating:
    """What one person said of the answer of a turn, and the prompt that made it."""

    session_id: str
    turn: int
    value: str  # good, bad
    prompt: str
    prompt_digest: str


@dataclass(frozen=True, slots=True)
class ToolRun:
    """A call that has its result. `seconds` None: it never began."""

    tool: str
    outcome: str  # agent.types.Outcome
    seconds: float | None


@dataclass(frozen=True, slots=True)
class CardRow:
    """A call that people were asked about, how it ended first, and what each of them said, after how many seconds."""

    session_id: str
    asked_at: datetime
    tool: str
    rule: str
    decision: str  # agent.types.Decision; empty: it waits
    seconds: float | None  # None: it waits
    people: Sequence[str] = ()
    words: Sequence[str] = ()  # approved, rejected
    word_seconds: Sequence[float] = ()
