"""An audit log in a database of the test's own, to be filled, looked into and tampered with."""

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, LiteralString

from psycopg_pool import AsyncConnectionPool

from agent.reports import audit
from agent.reports.audit import Broken, Head
from agent.store.sessions import Pool

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass
class Log:
    """A database whose audit log a test fills and looks into."""

    pool: Pool

    async def sql(self, statement: LiteralString, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of a statement, as the bot may make it."""
        async with self.pool.connection() as connection:
            cursor = await connection.execute(statement, values)
            return await cursor.fetchall() if cursor.description else []

    async def tamper(self, *statements: tuple[LiteralString, tuple[Any, ...]]) -> None:
        """Somebody who may switch the triggers off changes rows."""
        async with self.pool.connection() as connection, connection.transaction():
            await connection.execute("SET LOCAL session_replication_role = replica")
            for statement, values in statements:
                await connection.execute(statement, values)

    async def write(self, team: str, *tools: str) -> None:
        """An entry each."""
        for tool in tools:
            await self.sql("INSERT INTO audit (team, kind, actor, tool) VALUES (%s, 'view', 'U1', %s)", team, tool)

    async def entries(self) -> list[dict[str, Any]]:
        """All of them, as they are handed out."""
        async with self.pool.connection() as connection, aclosing(audit.export(connection, LONG_AGO)) as lines:
            return [json.loads(line) async for line in lines]

    async def verified(self, *earlier: Head) -> tuple[list[Broken], list[Head]]:
        """What is broken, and where the chains end."""
        async with self.pool.connection() as connection, aclosing(audit.verify(connection, earlier)) as findings:
            found = [finding async for finding in findings]
        return [each for each in found if isinstance(each, Broken)], [each for each in found if isinstance(each, Head)]

    async def broken(self, *earlier: Head) -> list[tuple[str, int]]:
        """Where."""
        broken, _ = await self.verified(*earlier)
        return [(each.team, each.seq) for each in broken]

    async def rows(self) -> list[tuple[Any, ...]]:
        """Every entry, with the very text of its body."""
        return await self.sql("SELECT audit::text FROM audit ORDER BY team, seq")


@asynccontextmanager
async def opened(database_url: str) -> AsyncGenerator[Log]:
    """The audit log of a database."""
    pool: Pool = AsyncConnectionPool(database_url, min_size=1, max_size=40, open=False, kwargs={"autocommit": True})
    async with pool:
        yield Log(pool)
