"""A core in a database that the tests of this folder share, a session that is held in it, and an audit log."""

from collections.abc import AsyncIterator

import psycopg
import pytest
from psycopg import sql

from bot.stores.embedded_home import Servers
from tests.stores.audit_log import Log, opened
from tests.stores.core import Core, opened_core, place
from tests.stores.desk import Desk


@pytest.fixture(scope="session")
def core_database_url(stores: Servers, migrated_template: str) -> str:
    """A migrated database that the tests of this folder share: to empty it is quicker than to make one."""
    name = "core"
    with psycopg.connect(stores.database_url, autocommit=True) as connection:
        made = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(migrated_template))
        connection.execute(made)
    return stores.database_url.replace("/postgres?", f"/{name}?")


@pytest.fixture
async def core(core_database_url: str) -> AsyncIterator[Core]:
    """A store and a queue, with nothing in them."""
    async with opened_core(core_database_url) as core:
        yield core


@pytest.fixture
async def desk(core: Core) -> Desk:
    """A session that we hold."""
    return Desk(core, await core.hold(place()), place())


@pytest.fixture
async def log(database_url: str) -> AsyncIterator[Log]:
    """An empty audit log."""
    async with opened(database_url) as log:
        yield log
