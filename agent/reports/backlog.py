"""What waits in the database, in one statement: for figures that are shown all the time, so it reads no more than it must."""

from typing import Any, LiteralString

import psycopg

from agent.metrics import Backlog

HEADS = "audit_heads"  # the chore that keeps heads of the audit log (`bot.app.anchors`)

# The chore's time is that of its beginning: what was written to the log meanwhile may not be covered. Where it was never done the
# first entry says since when nothing is.
BACKLOG: LiteralString = """
WITH due AS (
    SELECT count(*) AS number, min(wake_at) AS since FROM session
    WHERE wake_at <= now() AND (lease_until IS NULL OR lease_until <= now()) AND aside_at IS NULL),
aside AS (SELECT count(*) AS number FROM session WHERE failures > 0 AND aside_at IS NOT NULL),
cards AS (SELECT count(*) AS number, min(created_at) AS since FROM action WHERE status = 'pending'),
questions AS (
    SELECT count(*) AS number, min(coalesce(started_at, created_at)) AS since FROM action
    WHERE status = 'unknown'),
uncovered AS (
    SELECT min(coalesce((SELECT done_at FROM chore WHERE key = %(heads)s), oldest.at)) AS since
    FROM audit_head JOIN audit AS newest ON newest.team = audit_head.team AND newest.seq = audit_head.seq
    JOIN audit AS oldest ON oldest.team = audit_head.team AND oldest.seq = 1
    WHERE newest.at > coalesce((SELECT done_at FROM chore WHERE key = %(heads)s), '-infinity'))
SELECT due.number, coalesce(extract(epoch FROM now() - due.since), 0)::float8, aside.number,
    cards.number, coalesce(extract(epoch FROM now() - cards.since), 0)::float8,
    questions.number, coalesce(extract(epoch FROM now() - questions.since), 0)::float8,
    coalesce(extract(epoch FROM now() - uncovered.since), 0)::float8
FROM due, aside, cards, questions, uncovered
"""


async def backlog(connection: psycopg.AsyncConnection[Any]) -> Backlog:
    """Return what waits now."""
    row = await (await connection.execute(BACKLOG, {"heads": HEADS})).fetchone()
    assert row is not None
    return Backlog(*row)
