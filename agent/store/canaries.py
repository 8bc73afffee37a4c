"""How conversations went with a version on trial, a canary or a shadow, beside those of the version that is live."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from agent.prompts.labels import Label, Labelled
from agent.store.fenced import Pool, rows

# Conversations since the canary began, by the version that leads them. One went wrong where a turn was halted (an error, a cap, a
# budget), or somebody called an answer bad.
CANARIES_WENT: LiteralString = """
WITH canary AS (
    SELECT prompt, version, digest, share, at FROM (
        SELECT DISTINCT ON (prompt) prompt, version, digest, share, at FROM prompt_label WHERE label = 'canary'
        ORDER BY prompt, id DESC) AS newest
    WHERE version IS NOT NULL)
SELECT canary.prompt, canary.version, canary.digest, canary.share, canary.at,
       pin.body ->> 'prompt_digest' = canary.digest,
       EXISTS (SELECT FROM step WHERE step.session_id = session.id AND kind = 'halted')
       OR EXISTS (SELECT FROM feedback WHERE feedback.session_id = session.id AND value = 'bad'), count(*)
FROM canary
JOIN session ON session.created_at >= canary.at
JOIN pin ON pin.id = session.pin_id AND split_part(pin.body ->> 'prompt', '@', 1) = canary.prompt
GROUP BY 1, 2, 3, 4, 5, 6, 7
"""
# Conversations that a shadow ran hidden behind, since it began: how that went, beside the same turns as people saw them. Those of
# which nobody can tell are left out.
SHADOWS_WENT: LiteralString = """
WITH shadow AS (
    SELECT prompt, version, digest, share, at FROM (
        SELECT DISTINCT ON (prompt) prompt, version, digest, share, at FROM prompt_label WHERE label = 'shadow'
        ORDER BY prompt, id DESC) AS newest
    WHERE version IS NOT NULL),
ran AS (
    SELECT shadow.*, session_id, bool_or(figures ->> 'went' = 'wrong') AS wrong,
           bool_or(figures ->> 'real_outcome' <> 'success' OR EXISTS (
               SELECT FROM feedback WHERE feedback.session_id = run.session_id AND feedback.turn = run.turn AND value = 'bad')
           ) AS real_wrong
    FROM shadow JOIN shadow_run AS run USING (prompt, digest)
    WHERE begun_at >= at AND status = 'done' AND figures ->> 'went' <> 'unclear'
    GROUP BY shadow.prompt, shadow.version, shadow.digest, share, at, session_id)
SELECT prompt, version, digest, share, at, own, CASE WHEN own THEN wrong ELSE real_wrong END, count(*)
FROM ran CROSS JOIN (VALUES (true), (false)) AS whose (own) GROUP BY 1, 2, 3, 4, 5, 6, 7
"""
# What we ended lately, and why: each look tries to tell it, until that is done.
ENDED: LiteralString = """
SELECT key, why FROM prompt_label
WHERE label IN ('canary', 'shadow') AND version IS NULL AND set_by = %(us)s AND at > now() - interval '1 day' ORDER BY id
"""


@dataclass(frozen=True, slots=True)
class Trial:
    """A canary or a shadow that is live, and conversations since then, each True where it went well: its own, and the others."""

    label: Label
    prompt: str
    at: Labelled
    since: datetime
    own: Sequence[bool]
    others: Sequence[bool]


async def trials(pool: Pool) -> Sequence[Trial]:
    """Return the canaries that lead conversations now and have led some, and the shadows that have run behind some."""
    return [*await _trials(pool, "canary", CANARIES_WENT), *await _trials(pool, "shadow", SHADOWS_WENT)]


async def _trials(pool: Pool, label: Label, statement: LiteralString) -> Sequence[Trial]:
    found: dict[tuple[str, Labelled, datetime], Counter[tuple[bool, bool]]] = {}
    for prompt, version, digest, share, since, own, wrong, count in await rows(pool, statement, ()):
        found.setdefault((prompt, Labelled(version, digest, share), since), Counter())[own, not wrong] += count
    return [Trial(label, *of, _outcomes(went, own=True), _outcomes(went, own=False)) for of, went in found.items()]


async def ended_lately(pool: Pool, us: str) -> Sequence[tuple[str, str]]:
    """Return the key and the reason of each trial that was ended by `us` in the last day."""
    return [(key, why) for key, why in await rows(pool, ENDED, {"us": us})]


def _outcomes(went: Counter[tuple[bool, bool]], *, own: bool) -> Sequence[bool]:
    return [well for (whose, well), count in went.items() if whose == own for _ in range(count)]
