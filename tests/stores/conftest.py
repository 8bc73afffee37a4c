"""A heart in a database that the tests of this folder share, and a session that is held in it."""

from collections.abc import AsyncIterator

import psycopg
import pytest
from psycopg import sql
from psycopg_pool import AsyncConnectionPool

from agent.store import Pool
from bot.home import Servers
from tests.stores.desk import Desk
from tests.stores.heart import Heart, place


@pytest.fixture(scope="session")
def heart_database_url(stores: Servers, migrated_template: str) -> str:
    """A migrated database that the tests of this folder share: to empty it is quicker than to make one."""
    name = "heart"
    with psycopg.connect(stores.database_url, autocommit=True) as connection:
        made = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(migrated_template))
        connection.execute(made)
    return stores.database_url.replace("/postgres?", f"/{name}?")


@pytest.fixture
async def heart(heart_database_url: str) -> AsyncIterator[Heart]:
    """A store and a queue, with nothing in them."""
    pool: Pool = AsyncConnectionPool(heart_database_url, max_size=32, open=False, kwargs={"autocommit": True})
    async with pool:
        heart = Heart(pool, heart_database_url)
        await heart.sql(
            'TRUNCATE session, pin, inbox, step, output, action, vote, "grant", usage, budget_raise, chore, '
            "attachment, feedback RESTART IDENTITY"
        )
        yield heart


@pytest.fixture
async def desk(heart: Heart) -> Desk:
    """A session that we hold."""
    return Desk(heart, await heart.hold(place()), place())
