"""What a statement would change, found by running it and rolling it back. Nobody has approved it yet when this runs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import psycopg
from pydantic import JsonValue

from agent.text import cut_end
from agent.tool.definition import WOULD_FAIL, ToolError
from agent.types import Change, Magnitude, Preview
from tools.sql.database import NamedDatabase, PgConnection, alone, transaction
from tools.sql.statement import effectful, first_word, without_end

SECONDS = 1.5  # of each statement here: a card does not wait long, and other people's work not for a card
SHOWN_ROWS = 5
SHOWN_CHARACTERS = 120  # of one row
RETURNS_OLD_AND_NEW = 180_000  # Postgres 18
COUNTED = ("INSERT", "UPDATE", "DELETE", "MERGE")  # statements whose affected rows Postgres counts
EXPLAINED = (*COUNTED, "WITH", "SELECT", "VALUES", "TABLE", "")

EXPLAIN = "EXPLAIN (FORMAT JSON) "  # in this form no ANALYZE can follow, so nothing is run
# Whatever stands inside of the parentheses was found to be one whole statement before. Which rows it changes is told by what they
# were: what they become may hold the time, a number from a sequence or a random one, which differ with each try.
SAMPLED = """WITH changed AS ({statement}
RETURNING pg_catalog.to_json(old) AS before, pg_catalog.to_json(new) AS after)
SELECT (SELECT count(*) FROM changed), ARRAY(SELECT pg_catalog.json_build_array(before, after) FROM changed LIMIT {rows}),
    (SELECT pg_catalog.md5(pg_catalog.string_agg(before::text, E'\\n' ORDER BY before::text)) FROM changed)"""
ROWS = "rows as they were"
# What this transaction did so far, by table: what triggers, cascades and WITH did is in it.
BY_TABLE = """
SELECT pg_catalog.format('%I.%I', schemaname, relname), n_tup_ins, n_tup_upd, n_tup_del
FROM pg_catalog.pg_stat_xact_all_tables
WHERE n_tup_ins + n_tup_upd + n_tup_del > 0 AND schemaname <> 'pg_toast' ORDER BY 1
"""

Plan = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TriedRun:
    """What a run came to that was rolled back. `affected` is None where Postgres does not count."""

    affected: int | None
    by_table: Sequence[tuple[str, int, int, int]]
    samples: Sequence[tuple[dict[str, Any] | None, dict[str, Any] | None]] = ()
    rows: str | None = None  # a hash over what the changed rows were; None: Postgres did not tell, or there were none

    def bound(self) -> dict[str, JsonValue]:
        """Return what the statement stands for: how many rows it changes in which tables, and which rows those are."""
        tables: dict[str, JsonValue] = {table: list[JsonValue](counts) for table, *counts in self.by_table}
        found: dict[str, JsonValue] = {"affected rows": self.affected, "rows by table": tables, ROWS: self.rows}
        return {"sql": found}


async def statement_preview(database: NamedDatabase, sql: str, expect_rows: int | None) -> Preview:
    """Return the plan, the affected rows, and some of them before and after. Raises ToolError for a statement that would fail."""
    if first_word(sql) not in EXPLAINED:
        return Preview(trouble="only INSERT, UPDATE, DELETE and MERGE can be tried out before; this statement was not.")
    try:
        async with transaction(database, "write", SECONDS, prefix=len(EXPLAIN)) as connection:
            [(explained,)] = await (await alone(connection, EXPLAIN + sql)).fetchall()
            plan: Plan = explained[0]["Plan"]
            changes = [Change(what="Plan (EXPLAIN)", after=_plan_in_words(plan))]
            if not any(node["Node Type"] == "ModifyTable" for node in _nodes(plan)):
                return Preview(changes=tuple(changes), trouble="no INSERT, UPDATE, DELETE or MERGE was found in it to try out.")
            if name := await effectful(connection, sql):
                trouble = f"it names {name}, whose effects a rollback may not take back, so it was not tried out."
                return Preview(changes=tuple(changes), trouble=trouble)
            tried = await try_out(connection, sql, sample=plan["Node Type"] == "ModifyTable")
    except ToolError as error:
        if not first_word(sql):  # behind its comment there may be something that cannot be explained, and yet be run
            return Preview(trouble=f"trying it out failed. {error.detail}")
        asked = ", so nobody was asked" if error.kind in WOULD_FAIL else ""  # else the card says why it shows no rows
        raise ToolError(error.kind, f"Trying it out failed{asked}. {error.detail}") from None
    if expect_rows is not None and tried.affected != expect_rows:
        raise ToolError(
            "invalid_input",
            f"It would affect {tried.affected} rows, not the {expect_rows} of expect_rows, so nothing was changed and nobody was "
            "asked. Look again at which rows are meant.",
        )
    touched = Magnitude(number=Decimal(tried.affected), of="rows") if tried.affected is not None else None
    return Preview(changes=(*_rows_in_words(tried), *changes), bound=tried.bound(), magnitude=touched)


async def try_out(connection: PgConnection, sql: str, *, sample: bool) -> TriedRun:
    """Run it. The caller rolls back its transaction, or what was done since its savepoint."""
    tried = await _sampled(connection, sql) if sample and connection.info.server_version >= RETURNS_OLD_AND_NEW else None
    if tried is None:
        cursor = await alone(connection, sql)
        counted = (cursor.statusmessage or "").partition(" ")[0] in COUNTED
        tried = TriedRun(cursor.rowcount if counted else None, ())
    await connection.execute("SET CONSTRAINTS ALL IMMEDIATE")  # those that would stop the commit speak up now
    return TriedRun(tried.affected, await rows_by_table(connection), tried.samples, tried.rows)


async def rows_by_table(connection: PgConnection) -> Sequence[tuple[str, int, int, int]]:
    """Return how many rows of which tables this transaction has inserted, updated and deleted so far."""
    return await (await connection.execute(BY_TABLE)).fetchall()


async def _sampled(connection: PgConnection, sql: str) -> TriedRun | None:
    """Try the statement with some of its rows; None for one that this form does not fit, such as one with a RETURNING."""
    statement = SAMPLED.format(statement=without_end(sql), rows=SHOWN_ROWS)
    await connection.execute("SAVEPOINT before")
    try:
        [(affected, samples, rows)] = await (await alone(connection, statement)).fetchall()
    except psycopg.Error as error:
        if not (error.sqlstate or "").startswith(("42", "0A")):
            raise
        await connection.execute("ROLLBACK TO SAVEPOINT before")
        return None
    return TriedRun(affected, (), samples, rows)


# ---------------------------------------------------------------------------------------------- in words


def _nodes(plan: Plan) -> Iterator[Plan]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from _nodes(inner)


def _plan_in_words(plan: Plan) -> str:
    """Return the nodes from the outside in, and what Postgres thinks that it costs."""
    return f"{' ← '.join(_node_in_words(node) for node in _nodes(plan))} (cost {plan['Total Cost']})"


def _node_in_words(node: Plan) -> str:
    kind = node.get("Operation", node["Node Type"])
    table = f" {node['Relation Name']}" if "Relation Name" in node else ""
    rows = "" if node["Node Type"] == "ModifyTable" else f", about {node['Plan Rows']} rows"
    return f"{kind}{table}{rows}"


def _rows_in_words(tried: TriedRun) -> Iterator[Change]:
    for table, *counts in tried.by_table:
        kinds = zip(counts, ("inserted", "updated", "deleted"), strict=True)
        yield Change(what=f"In {table}", after=", ".join(f"{count} {kind}" for count, kind in kinds if count))
    for number, (before, after) in enumerate(tried.samples, 1):
        yield _row_in_words(number, before, after)


def _row_in_words(number: int, before: dict[str, Any] | None, after: dict[str, Any] | None) -> Change:
    """Return what differs in a row, after its first column, by which people know it."""
    if before is None or after is None:
        return Change(
            what=f"Row {number}", before=_columns(before, before), after=_columns(after, after) if after else "(deleted)"
        )
    differing = [name for name in after if before[name] != after[name]]
    first = next(iter(after))
    return Change(
        what=f"Row {number} ({_columns(before, [first])})",
        before=_columns(before, differing),
        after=_columns(after, differing) or "(nothing changes)",
    )


def _columns(row: dict[str, Any] | None, names: Any) -> str:
    text = ", ".join(f"{name}: {'NULL' if row[name] is None else row[name]}" for name in names) if row else ""
    return cut_end(text, SHOWN_CHARACTERS)
