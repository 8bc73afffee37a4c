"""What was forgotten, corrected, deleted or over of memory, in the audit log: who did it, where and of what, and no word of it.

Written in the transaction that takes it away: either both are there or neither. Items are named by their ids and not by a
digest, since short texts, such as a salary, are found again from one.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal, LiteralString

import psycopg

TakenWhere = Literal["tool", "home", "command", "slack", "term"]  # slack: the message itself was deleted or changed
GoneOf = Literal["channel", "owner"]  # that items, and values, are of

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


BY_TERM = By("", "term")


async def note_items(
    connection: psycopg.AsyncConnection[Any], team: str, by: By, gone: Sequence[tuple[int, str]], instead: int | None = None
) -> None:
    """Write that items, each an id and a channel, are gone, if there are any; `instead`: what a person put in their place."""
    if gone:
        of = {"items": sorted(id for id, _ in gone), "channels": sorted({channel for _, channel in gone}), "count": len(gone)}
        if instead is None:
            await _write_entry(connection, team, "forget", by, of)
        else:
            await _write_entry(connection, team, "correct", by, {**of, "instead": instead})


async def note_values(connection: psycopg.AsyncConnection[Any], team: str, by: By, owner: str, count: int) -> None:
    """Write that values of an owner are gone, if there are any. Their keys are words of people, too."""
    if count:
        await _write_entry(connection, team, "forget", by, {"owner": owner, "values": count})


async def note_over(connection: psycopg.AsyncConnection[Any], scope: GoneOf, gone: Sequence[tuple[str, str, str, int]]) -> None:
    """Write what has outlived its term, an entry a workspace. `gone`: workspace, channel or owner, kind, and how many of it."""
    for team, of_team in groupby(sorted(gone), key=lambda one: one[0]):  # in one order: nobody waits in a circle
        parts = [{scope: name, "kind": kind, "count": count} for _, name, kind, count in of_team if count]
        if parts:
            of = {"count": sum(int(part["count"]) for part in parts), "gone": parts}
            await _write_entry(connection, team, "purge", BY_TERM, of)


async def _write_entry(connection: psycopg.AsyncConnection[Any], team: str, kind: str, by: By, of: dict[str, Any]) -> None:
    body = json.dumps({"from": by.where, **of}, separators=(",", ":"))
    values = {"team": team, "kind": kind, "user": by.user, "session_id": by.session_id, "body": body}
    await connection.execute(NOTE, values)
