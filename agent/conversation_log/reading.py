"""Reads the conversation log: messages that fit what is asked for, oldest first."""

import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, LiteralString

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

MOST_AT_ONCE = 500

CONDITIONS: dict[str, LiteralString] = {
    "agent": "agent = %(agent)s",
    "since": "at >= %(since)s",
    "outcome": "outcome = %(outcome)s",
    "tool": "tool = %(tool)s",
    "role": "role = %(role)s",
    "session_id": "session_id = %(session_id)s",
    "trace_id": "trace_id = %(trace_id)s",
    "wrong": """EXISTS (SELECT FROM candidate_case AS filed
                WHERE filed.session_id = conversation_message.session_id AND filed.turn = conversation_message.turn)""",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which messages are asked for. None: whatever it is. `text`: words that a message has, capital letters or not. `wrong`:
    those of turns whose answer somebody called wrong.

    Wide because it is all that may be asked for, a field each.
    """

    agent: str | None = None
    since: datetime | None = None
    outcome: str | None = None
    tool: str | None = None
    role: str | None = None
    session_id: str | None = None
    trace_id: str | None = None
    text: str | None = None
    wrong: Literal[True] | None = None


@dataclass(frozen=True, slots=True)
class Logged:
    """A message of the log. `words` are masked.

    Wide because it is a row of the table, a field a column.
    """

    session_id: str
    seq: int
    part: int
    at: datetime
    turn: int
    trace_id: str
    agent: str
    prompt: str
    prompt_digest: str
    role: str
    tool: str
    outcome: str
    ids: dict[str, Any]
    words: dict[str, Any]


async def logged(connection: psycopg.AsyncConnection[Any], wanted: Wanted) -> AsyncGenerator[Logged]:
    """Yield the messages that fit, by time; those of one moment by their place in their conversation."""
    values = {name: getattr(wanted, name) for name in CONDITIONS}
    conditions = [sql.SQL(condition) for name, condition in CONDITIONS.items() if values[name] is not None]
    where = sql.SQL(" WHERE ") + sql.SQL(" AND ").join(conditions) if conditions else sql.SQL("")
    statement = sql.SQL("SELECT * FROM conversation_message{} ORDER BY at, session_id, seq, part").format(where)
    async with connection.transaction(), connection.cursor("logged", row_factory=dict_row) as cursor:
        cursor.itersize = MOST_AT_ONCE
        await cursor.execute(statement, values)
        async for row in cursor:
            message = Logged(**row)
            if wanted.text is None or holds(message, wanted.text):
                yield message


def holds(message: Logged, text: str) -> bool:
    """Return whether the words of a message have this text, capital letters or not."""
    return text.casefold() in json.dumps(list(message.words.values()), ensure_ascii=False).casefold()
