"""What was forgotten, corrected or deleted of memory, in the audit log: who did it, where and of what, and no word of it.

Written in the transaction that takes it away: either both are there or neither. Items are named by their ids and not by a
digest, since short texts, such as a salary, are found again from one.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, LiteralString

import psycopg

TakenWhere = Literal["tool", "home", "command", "slack"]  # slack: the message itself was deleted or changed

NOTE: LiteralString = """
INSERT INTO audit (team, kind, actor, session_id, rule, body)
VALUES (%(team)s, %(kind)s, %(user)s, %(session_id)s, 'memory', %(body)s::json)
"""


@dataclass(frozen=True, slots=True)
class By:
    """Who takes something out of memory, and where. `user`: a person's id, or `operator:NAME`; empty: nobody says."""

    user: str
    where: TakenWhere
    session_id: str = ""


async def note_items(
    connection: psycopg.AsyncConnection[Any], team: str, by: By, gone: Sequence[tuple[int, str]], instead: int | None = None
) -> None:
    """Write that items, each an id and a channel, are gone, if there are any; `instead`: what a person put in their place."""
    if gone:
        of = {"items": sorted(id for id, _ in gone), "channels": sorted({channel for _, channel in gone}), "count": len(gone)}
        await _write_entry(connection, team, by, of if instead is None else {**of, "instead": instead})


async def note_values(connection: psycopg.AsyncConnection[Any], team: str, by: By, owner: str, count: int) -> None:
    """Write that values of an owner are gone, if there are any. Their keys are words of people, too."""
    if count:
        await _write_entry(connection, team, by, {"owner": owner, "values": count})


async def _write_entry(connection: psycopg.AsyncConnection[Any], team: str, by: By, of: dict[str, Any]) -> None:
    values = {"team": team, "kind": "correct" if "instead" in of else "forget", "user": by.user, "session_id": by.session_id}
    body = json.dumps({"from": by.where, **of}, separators=(",", ":"))
    await connection.execute(NOTE, {**values, "body": body})
