"""How a step's JSON is laid out, where SQL tells steps apart by their text: to parse every row would take too long, and a NUL in
one cannot be parsed by Postgres at all.

`tests/unit/test_step_text.py` holds the models to it. The same goes for the trigger that audits steps (migration 0010), which is
SQL of a migration and cannot be built from here.
"""

from typing import Literal, LiteralString

StepKind = Literal[
    "asked",
    "attached",
    "recalled",
    "model_started",
    "model_replied",
    "model_failed",
    "resumed",
    "left_out",
    "repinned",
    "window_exceeded",
    "compacted",
    "learnt",
    "previewed",
    "found_changed",
    "proposed_action",
    "voted",
    "edited",
    "escalated",
    "nudged",
    "action_decided",
    "granted",
    "grant_ended",
    "tool_started",
    "tool_returned",
    "post_started",
    "posted",
    "card_shown",
    "direct_shown",
    "notice_shown",
    "halted",
    "stopped",
    "outcome_told",
]
# What SQL writes with json_build_object, which puts spaces around colons: such a step is not found by its text.
WRITTEN_BY_SQL: frozenset[StepKind] = frozenset({"voted", "action_decided", "edited", "outcome_told"})
# Steps about an action or a call of which the trigger makes entries of the audit log; of all others it makes none.
AUDITED: frozenset[StepKind] = frozenset(
    {
        "proposed_action",
        "voted",
        "edited",
        "escalated",
        "action_decided",
        "granted",
        "tool_started",
        "tool_returned",
        "outcome_told",
        "found_changed",
    }
)
# Where in the text of a Compacted the new context begins: before any text of people.
SINCE: LiteralString = '"since":([0-9]+)'


def begins(kind: Literal["asked", "compacted", "tool_returned"]) -> LiteralString:
    """Return how the text of a step of this kind begins: `kind` is the first field of every step."""
    return f'{{"kind":"{kind}"'


def is_kind(column: LiteralString, kind: Literal["asked", "compacted", "tool_returned"]) -> LiteralString:
    """Return the SQL condition that a column of steps holds one of this kind."""
    return f"starts_with({column}::text, '{begins(kind)}')"


def without_nul(column: LiteralString) -> LiteralString:
    """Return SQL that replaces NULs: Postgres takes no field out of JSON that holds one (migration 0004 does the same)."""
    return rf"""
    CASE WHEN strpos({column}::text, '\u0000') = 0 THEN {column}
        ELSE regexp_replace({column}::text, '(?<!\\)((?:\\\\)*)\\u0000', '\1\\ufffd', 'g')::json END
    """
