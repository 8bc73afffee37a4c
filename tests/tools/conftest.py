"""The demo shop in a database of the test's own."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from psycopg_pool import AsyncConnectionPool
from pydantic import BaseModel

from agent.tool.definition import Result, ToolContext, Tools, preview, registry, run
from agent.tool.validation import validate
from agent.types import Preview
from tools.catalog import catalog, seed_shop
from tools.catalog.database import Pool


class Shop:
    """The shop as the agent sees it, and its database as a person with psql would."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.tools: Tools = registry(catalog(pool))

    async def call(self, name: str, key: str = "key-1", **arguments: Any) -> Result:
        """What the model reads when it calls a tool; `key` is the call's idempotency key."""
        validated = validate(self.tools, name, arguments)
        return validated if isinstance(validated, Result) else await self.run(name, validated, key)

    async def run(self, name: str, arguments: BaseModel, key: str = "key-1") -> Result:
        """What a call with valid arguments comes to."""
        context = ToolContext(session_id="session-1", requester="U1", idempotency_key=key)
        return await run(self.tools[name], arguments, context)

    async def preview(self, name: str, **arguments: Any) -> Preview:
        """What a person who decides on the call is shown."""
        validated = validate(self.tools, name, arguments)
        assert not isinstance(validated, Result)
        found = await preview(
            self.tools[name], validated, ToolContext(session_id="session-1", requester="U1", idempotency_key="")
        )
        assert isinstance(found, Preview), found
        return found

    async def would_fail(self, name: str, **arguments: Any) -> Result:
        """Return the error that the preview finds, so that nobody is asked."""
        validated = validate(self.tools, name, arguments)
        assert not isinstance(validated, Result)
        found = await preview(
            self.tools[name], validated, ToolContext(session_id="session-1", requester="U1", idempotency_key="")
        )
        assert isinstance(found, Result), found
        return found

    async def sql(self, statement: Any, values: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Rows of a query; none for a statement that gives none."""
        async with self.pool.connection() as connection:
            cursor = await connection.execute(statement, values)
            return await cursor.fetchall() if cursor.description else []

    async def stock(self, sku: str) -> int:
        """How many pieces are left."""
        [(stock,)] = await self.sql("SELECT stock FROM shop.product WHERE sku = %(sku)s", {"sku": sku})
        return stock

    async def orders(self) -> int:
        """How many orders there are; the demo shop has 200."""
        [(count,)] = await self.sql("SELECT count(*) FROM shop.orders")
        return count


@pytest.fixture
def tools() -> Tools:
    """The tools without a database: to see what they say of themselves and of arguments."""
    return registry(catalog(AsyncConnectionPool(open=False)))


@pytest.fixture
async def shop(database_url: str) -> AsyncIterator[Shop]:
    """The demo shop, whose tools the test may call."""
    async with AsyncConnectionPool(database_url, min_size=2, max_size=8, open=False) as pool:
        await seed_shop(pool)
        yield Shop(pool)
