"""A small database of a team, and the SQL tools on it, as a separate role and as a superuser."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import psycopg
import pytest
from psycopg import sql as composed

from agent.tool.definition import Result, ToolContext, Tools, preview, registry, run
from agent.tool.validation import validate
from agent.types import Preview
from tools.sql import NamedDatabase, sql

CONTEXT = ToolContext(session_id="session-1", requester="U1", idempotency_key="key-1")
ROLE = "signoff_reports"
MADE = """
CREATE TABLE orders (id int PRIMARY KEY, status text NOT NULL, total numeric(10, 2) NOT NULL);
INSERT INTO orders VALUES (1, 'placed', 10.50), (2, 'placed', 20), (3, 'shipped', 30);
CREATE TABLE line (order_id int REFERENCES orders ON DELETE CASCADE, sku text);
INSERT INTO line VALUES (1, 'a'), (1, 'b'), (2, 'c');
CREATE SEQUENCE numbers;
CREATE TABLE private (secret text);
"""


@dataclass
class Desk:
    """The tools as the agent has them, and the database as a person with psql sees it."""

    admin_url: str
    database: NamedDatabase

    @property
    def tools(self) -> Tools:
        """The two tools."""
        return registry(sql(self.database))

    def limited(self, **limits: Any) -> "Desk":
        """With other limits."""
        return Desk(self.admin_url, replace(self.database, **limits))

    def as_superuser(self) -> "Desk":
        """The careless team: the tools connect with every right there is."""
        return Desk(self.admin_url, replace(self.database, url=self.admin_url))

    async def call(self, name: str, **arguments: Any) -> Result:
        """What the model reads."""
        tool = self.tools[f"reports__{name}"]
        validated = validate(self.tools, tool.name, arguments)
        return validated if isinstance(validated, Result) else await run(tool, validated, CONTEXT)

    async def query(self, statement: str) -> Result:
        """A call of the tool that reads."""
        return await self.call("query", sql=statement)

    async def execute(self, statement: str, expect_rows: int | None = None) -> Result:
        """A call of the tool that writes, as if it was approved."""
        return await self.call("execute", sql=statement, expect_rows=expect_rows)

    async def preview(self, statement: str, expect_rows: int | None = None) -> Preview:
        """What the person who decides is shown."""
        tool = self.tools["reports__execute"]
        validated = validate(self.tools, tool.name, {"sql": statement, "expect_rows": expect_rows})
        assert not isinstance(validated, Result)
        found = await preview(tool, validated, CONTEXT)
        assert isinstance(found, Preview), found
        return found

    async def would_fail(self, statement: str, expect_rows: int | None = None) -> Result:
        """Return the error that the preview finds, so that nobody is asked."""
        tool = self.tools["reports__execute"]
        validated = validate(self.tools, tool.name, {"sql": statement, "expect_rows": expect_rows})
        assert not isinstance(validated, Result)
        found = await preview(tool, validated, CONTEXT)
        assert isinstance(found, Result), found
        return found

    async def seen(self, statement: Any) -> list[tuple[Any, ...]]:
        """Rows, as the administrator sees them."""
        async with await psycopg.AsyncConnection[Any].connect(self.admin_url, autocommit=True) as connection:
            cursor = await connection.execute(statement)
            return await cursor.fetchall() if cursor.description else []

    async def state(self) -> list[tuple[Any, ...]]:
        """All that a statement could have changed."""
        rows = await self.seen("SELECT id, status, total::text FROM orders ORDER BY id")
        more = "SELECT (SELECT count(*) FROM line), (SELECT count(*) FROM private), (SELECT last_value::text FROM numbers)"
        tables = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1"
        objects = "SELECT count(*) FROM pg_largeobject_metadata"
        return [*rows, *await self.seen(more), *await self.seen(tables), *await self.seen(objects)]


@pytest.fixture
async def desk(empty_database_url: str) -> AsyncIterator[Desk]:
    """Orders and lines that the role may read and change, and a table that it may not."""
    role = composed.Identifier(ROLE)
    rights = "GRANT SELECT, INSERT, UPDATE, DELETE ON orders, line TO {role}; GRANT ALL ON SEQUENCE numbers TO {role}"
    async with await psycopg.AsyncConnection[Any].connect(empty_database_url, autocommit=True) as admin:
        await admin.execute(MADE)
        await admin.execute(composed.SQL("CREATE ROLE {role} LOGIN").format(role=role))
        await admin.execute(composed.SQL(rights).format(role=role))
        url = empty_database_url.replace("postgres@", f"{ROLE}@", 1).replace("//postgres:@", f"//{ROLE}@", 1)
        assert ROLE in url, url
        yield Desk(empty_database_url, NamedDatabase("reports", url, rows=3, seconds=2))
        await admin.execute(composed.SQL("DROP OWNED BY {role}; DROP ROLE {role}").format(role=role))
