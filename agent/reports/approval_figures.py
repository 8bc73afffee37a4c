"""How people decide, in figures: how many cards, how many rejections, and how long a decision takes.

Read from the audit log, which knows tool and rule of every card and when it was decided first, whatever became of it later.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

import psycopg

RUBBER_STAMP_DECISIONS = 10
RUBBER_STAMP_SECONDS = 5.0

# What ran without a card has an `ask` too, about its unknown outcome.
FIGURES: LiteralString = """
WITH card AS (
    SELECT action_id, tool, rule, at AS asked_at FROM audit WHERE kind = 'ask' AND at >= %(since)s
      AND NOT EXISTS (SELECT FROM action WHERE id = audit.action_id AND ran)),
ended AS (
    SELECT DISTINCT ON (action_id) action_id, at AS ended_at,
           CASE kind WHEN 'edit' THEN 'edited' ELSE body ->> 'decision' END AS decision
    FROM audit WHERE kind IN ('decision', 'edit') AND at >= %(since)s ORDER BY action_id, seq),
told AS (
    SELECT card.*, decision, extract(epoch FROM ended_at - asked_at)::float8 AS seconds,
           decision IN ('approved', 'rejected') AS by_people
    FROM card LEFT JOIN ended ON ended.action_id = card.action_id)
SELECT coalesce(tool, ''), coalesce(rule, ''), count(*),
       count(*) FILTER (WHERE decision = 'approved'), count(*) FILTER (WHERE decision = 'rejected'),
       count(*) FILTER (WHERE decision = 'expired'), count(*) FILTER (WHERE decision = 'withdrawn'),
       count(*) FILTER (WHERE decision = 'edited'), count(*) FILTER (WHERE decision IS NULL),
       percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) FILTER (WHERE by_people),
       percentile_cont(0.9) WITHIN GROUP (ORDER BY seconds) FILTER (WHERE by_people)
FROM told GROUP BY GROUPING SETS ((tool, rule), ()) ORDER BY grouping(tool), tool, rule
"""


@dataclass(frozen=True, slots=True)
class Figures:
    """What became of the cards of one tool under one rule. Times are to the decision, of those that people decided."""

    tool: str
    rule: str
    cards: int
    approved: int
    rejected: int
    expired: int
    withdrawn: int
    edited: int
    open: int = 0
    """That wait still."""
    median_seconds: float | None = None
    ninetieth_seconds: float | None = None  # nine of ten took no longer

    @property
    def decided(self) -> int:
        """Return how many were approved or rejected."""
        return self.approved + self.rejected

    @property
    def rejection_rate(self) -> float | None:
        """Return which part of the decided ones was rejected; None if nothing was decided."""
        return self.rejected / self.decided if self.decided else None

    @property
    def rubber_stamped(self) -> bool:
        """Return whether people decide faster than they could have read."""
        quick = self.median_seconds is not None and self.median_seconds < RUBBER_STAMP_SECONDS
        return quick and self.decided >= RUBBER_STAMP_DECISIONS


@dataclass(frozen=True, slots=True)
class Report:
    """Figures by tool and rule, and of all together."""

    rows: tuple[Figures, ...]
    total: Figures


async def report(connection: psycopg.AsyncConnection[Any], since: datetime) -> Report:
    """Return the figures of the cards that were posted since then."""
    rows = await (await connection.execute(FIGURES, {"since": since})).fetchall()
    *figures, total = (Figures(*row) for row in rows)
    return Report(tuple(figures), total)
