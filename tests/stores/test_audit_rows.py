"""A random history verifies clean, and any single change to a row that the audit log binds is found.

What is not bound: steps that have no entry (what was said, what the model replied, plain reads, posts), since nothing was
decided or done with them; `step.kind`, which Postgres computes from the body; and views at the end of the log, which leave no
row: that is what heads kept elsewhere are for.
"""

import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, LiteralString, cast

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from psycopg import sql

from agent.reports.audit import Head
from tests.profiles import examples
from tests.stores.audit_log import Log, opened
from tests.stores.deeds import happen

KEYS = {
    "step": ("session_id", "seq"),
    "action": ("id",),
    "vote": ("action_id", "user"),
    "grant": ("id",),
    "audit": ("team", "seq"),
}
EMPTIED = 'TRUNCATE session, inbox, step, action, vote, "grant", audit, audit_head RESTART IDENTITY'
BOUND = "EXISTS (SELECT FROM audit WHERE audit.session_id = step.session_id AND (audit.body ->> 'step')::bigint = step.seq)"

Row = Mapping[str, Any]


@pytest.fixture
async def log(database_url: str) -> AsyncIterator[Log]:
    """An empty audit log."""
    async with opened(database_url) as log:
        yield log


async def remember(log: Log, seed: int) -> None:
    """A history, in an empty database."""
    await log.tamper((EMPTIED, ()))
    await happen(log.pool, Random(seed))


@examples(0.12, HealthCheck.function_scoped_fixture)
@given(seed=st.integers(0, 2**32))
async def test_an_honest_history_verifies_clean(log: Log, seed: int) -> None:
    await remember(log, seed)
    broken, _ = await log.verified()
    assert broken == []


# ---------------------------------------------------------------------------------------------- tampering


class Forger:
    """Somebody who may write any row of a table, and writes one."""

    def __init__(self, log: Log, table: str, types: Mapping[str, str], random: Random) -> None:
        self.log, self._table, self.types, self._random = log, sql.Identifier(table), types, random
        self._keys = KEYS[table]
        self._columns = sql.SQL(", ").join(map(sql.Identifier, types))
        self._saved = sql.Identifier(f"saved_{table}")
        self._bound = sql.SQL(BOUND if table == "step" else "true")

    @classmethod
    async def of(cls, log: Log, table: str, random: Random) -> "Forger":
        """With a copy of the table, to put everything back."""
        columns = await log.sql(
            "SELECT column_name::text, data_type::text FROM information_schema.columns WHERE table_schema = 'public' "
            "AND table_name = %s AND is_generated = 'NEVER' ORDER BY ordinal_position",
            table,
        )
        forger = cls(log, table, dict(columns), random)
        await forger.do("DROP TABLE IF EXISTS {saved}")
        await forger.do("CREATE TABLE {saved} AS SELECT {columns} FROM {table}")
        return forger

    async def do(self, statement: LiteralString, **parts: sql.Composable) -> None:
        """Behind the database's back."""
        names = {"table": self._table, "columns": self._columns, "saved": self._saved}
        await self.log.tamper((cast(Any, sql.SQL(statement).format(**names, **parts)), ()))

    async def undo(self) -> None:
        """All rows as they were."""
        await self.do("DELETE FROM {table}")
        await self.do("INSERT INTO {table} ({columns}) SELECT {columns} FROM {saved}")

    async def row(self) -> Row:
        """One that is bound. JSON is its text."""
        read = [sql.SQL("{}::text" if kind == "json" else "{}").format(sql.Identifier(name)) for name, kind in self.types.items()]
        statement = sql.SQL("SELECT {} FROM {} WHERE {} ORDER BY 1, 2").format(sql.SQL(", ").join(read), self._table, self._bound)
        found = await self.log.sql(cast(Any, statement))
        return dict(zip(self.types, self._random.choice(found), strict=True))

    async def change(self, row: Row, column: str) -> None:
        """Write one column anew."""
        value = self._other(row[column], self.types[column], key=column in self._keys)
        set_to = {"column": sql.Identifier(column), "value": sql.Literal(value)}
        await self.do("UPDATE {table} SET {column} = {value} WHERE {one}", one=self._one(row), **set_to)

    async def remove(self, row: Row) -> None:
        """Delete it."""
        await self.do("DELETE FROM {table} WHERE {one}", one=self._one(row))

    async def add(self, row: Row) -> None:
        """Insert another one like it."""
        name = self._keys[-1]
        copy = {**row, name: self._other(row[name], self.types[name], key=True)}
        await self.do(
            "INSERT INTO {table} ({columns}) VALUES ({values})", values=sql.SQL(", ").join(map(sql.Literal, copy.values()))
        )

    def _one(self, row: Row) -> sql.Composed:
        return sql.SQL(" AND ").join(sql.SQL("{} = {}").format(sql.Identifier(key), sql.Literal(row[key])) for key in self._keys)

    def _other(self, value: Any, kind: str, *, key: bool) -> Any:
        if kind == "json":
            return json.dumps(self._changed(json.loads(value)), separators=(",", ":"), ensure_ascii=False)
        if kind == "bigint":
            return value + (1000 if key else self._random.choice((-1, 1, 1000)))
        if kind == "text":
            return f"{value}x" if key or not value else self._random.choice([f"{value}x", "", value[:-1]])
        if kind == "boolean":
            return not value
        assert value is None or isinstance(value, datetime), kind
        return (value or datetime.now(UTC)) + timedelta(microseconds=self._random.choice((-1, 1, 10**9)))

    def _changed(self, value: Any) -> Any:
        """The same JSON but for one leaf, in whatever depth, or with a field more."""
        if isinstance(value, dict):
            fields = cast(dict[str, Any], value)
            name = self._random.choice([*fields, ""])
            return {**fields, "more": 1} if name == "" else {**fields, name: self._changed(fields[name])}
        if isinstance(value, list):
            return [*cast(list[Any], value), "U9"]
        if isinstance(value, bool) or value is None:
            return not value
        return value + 1 if isinstance(value, int) else f"{value}x"


@examples(0.1, HealthCheck.function_scoped_fixture)
@given(seed=st.integers(0, 2**32))
async def test_a_change_of_any_column_of_any_row_is_found_and_its_entry_named(log: Log, seed: int) -> None:
    random = Random(seed)
    await remember(log, seed)
    for table in KEYS:
        if table in ("vote", "grant") and not await log.sql(cast(Any, f'SELECT 1 FROM "{table}"')):
            continue  # there is none in this history
        forger = await Forger.of(log, table, random)
        for how in [*forger.types, "remove", "add"]:
            row = await forger.row()
            if how in forger.types:
                await forger.change(row, how)
            else:
                await getattr(forger, how)(row)
            broken, _ = await log.verified()
            assert broken, (table, how, row)
            assert any(each.seq or "no entry" in each.what for each in broken), broken
            await forger.undo()
    assert await log.broken() == []


async def rewrite(log: Log) -> None:
    """All entries once more, in a chain that holds: by somebody who knows how they are chained."""
    fields = "team, kind, actor, session_id, action_id, call_id, tool, digest, rule, body"
    await log.tamper(("CREATE TABLE forged AS TABLE audit", ()), ("TRUNCATE audit, audit_head", ()))
    await log.sql(cast(Any, f"INSERT INTO audit ({fields}) SELECT {fields} FROM forged ORDER BY team, seq"))
    await log.sql("DROP TABLE forged")


@examples(0.05, HealthCheck.function_scoped_fixture)
@given(seed=st.integers(0, 2**32))
async def test_an_entry_that_does_not_say_what_its_step_says_is_found_in_a_chain_that_holds(log: Log, seed: int) -> None:
    random = Random(seed)
    await remember(log, seed)
    await rewrite(log)
    assert await log.broken() == []
    forger = await Forger.of(log, "audit", random)
    for column in ("kind", "actor", "action_id", "call_id", "tool", "digest", "rule"):
        row = await forger.row()
        while "step" not in json.loads(row["body"]):  # a view, or the end of a grant
            row = await forger.row()
        await forger.change(row, column)
        await rewrite(log)
        assert ("T1", row["seq"]) in await log.broken(), (column, row)
        await forger.undo()
        await rewrite(log)


@examples(0.12, HealthCheck.function_scoped_fixture)
@given(seed=st.integers(0, 2**32), cut=st.integers(1, 12))
async def test_a_tail_that_is_cut_off_with_the_head_set_back_is_found(log: Log, seed: int, cut: int) -> None:
    await remember(log, seed)
    [head] = [head for head in (await log.verified())[1]]
    kept = max(0, head.count - cut)
    gone = await log.sql("SELECT kind FROM audit WHERE seq > %s", kept)
    await log.tamper(
        ("DELETE FROM audit WHERE seq > %s", (kept,)),
        ("UPDATE audit_head SET seq = %s, hash = coalesce((SELECT hash FROM audit WHERE seq = %s), '')", (kept, kept)),
    )
    assert bool(await log.broken()) == any(kind != "view" for (kind,) in gone)
    assert await log.broken(Head("T1", head.count, head.hash))  # a head that was kept finds any cut
