"""A conversation's log, found by its session, its thread or a message in it, and read for what it did."""

import re
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
from pydantic import ValidationError

from agent.reports.run_tree import Committed
from agent.session.steps import STEP
from agent.types import Pinned

SLACK_LINK = re.compile(r"https://[^/\s]+/archives/(?P<channel>[A-Z0-9]+)/p(?P<seconds>\d+)(?P<rest>\d{6})(\?\S*)?")
TRACE = re.compile(r"[0-9a-f]{32}")
THREAD = re.compile(r"[?&]thread_ts=(?P<ts>\d+\.\d{6})")

BY_ID: LiteralString = "SELECT id, pin_id FROM session WHERE id = %(id)s"
BY_TRACE: LiteralString = """
SELECT session.id, pin_id FROM conversation_message JOIN session ON session.id = session_id WHERE trace_id = %(trace)s LIMIT 1
"""
# A thread by the message that it began with, else by a message of ours in it.
BY_PLACE: LiteralString = "SELECT id, pin_id FROM session WHERE channel = %(channel)s AND thread_ts = %(ts)s"
BY_POST: LiteralString = """
SELECT session.id, pin_id FROM step JOIN session ON session.id = step.session_id
WHERE channel = %(channel)s AND kind = 'posted' AND body ->> 'ts' = %(ts)s LIMIT 1
"""
PIN: LiteralString = "SELECT body FROM pin WHERE id = %(pin)s"
STEPS_OF: LiteralString = "SELECT made_at, body::text FROM step WHERE session_id = %(id)s ORDER BY seq"


@dataclass(frozen=True, slots=True)
class NamedConversation:
    """A conversation that was found. `trace_id` is that of one turn of it, if it was named so."""

    session_id: str
    pin_id: str | None
    trace_id: str | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """A conversation: what it was begun with, and its log. `unread`: steps that this version cannot read. `trace_id`: only the
    turn of this trace is meant."""

    session_id: str
    pinned: Pinned | None
    log: tuple[Committed, ...]
    unread: int = 0
    trace_id: str | None = None


async def run_of(connection: psycopg.AsyncConnection[Any], named: str) -> Run | None:
    """Return the conversation of a session's id, a trace's, or of a link to a message in Slack. None: there is no such one."""
    found = await session_named(connection, named.strip())
    if found is None:
        return None
    id = found.session_id
    pinned = await (await connection.execute(PIN, {"pin": found.pin_id})).fetchone()
    log: list[Committed] = []
    unread = 0
    for at, body in await (await connection.execute(STEPS_OF, {"id": id})).fetchall():
        try:
            log.append(Committed(at, STEP.validate_json(body)))
        except ValidationError:
            unread += 1
    return Run(id, Pinned.model_validate(pinned[0]) if pinned else None, tuple(log), unread, found.trace_id)


async def session_named(connection: psycopg.AsyncConnection[Any], named: str) -> NamedConversation | None:
    """Return the conversation of a session's id, of a trace that the conversation log knows, or of a link to a message."""
    if TRACE.fullmatch(named):
        row = await (await connection.execute(BY_TRACE, {"trace": named})).fetchone()
        return None if row is None else NamedConversation(*row, trace_id=named)
    row = await _session(connection, named)
    return None if row is None else NamedConversation(*row)


async def _session(connection: psycopg.AsyncConnection[Any], named: str) -> tuple[str, str | None] | None:
    link = SLACK_LINK.fullmatch(named)
    if link is None:
        return await (await connection.execute(BY_ID, {"id": named})).fetchone()
    thread, ts = THREAD.search(named), f"{link['seconds']}.{link['rest']}"
    values = {"channel": link["channel"], "ts": thread["ts"] if thread else ts}
    by_place = await (await connection.execute(BY_PLACE, values)).fetchone()
    return by_place or await (await connection.execute(BY_POST, {**values, "ts": ts})).fetchone()
