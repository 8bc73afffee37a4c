"""The database as a person has to know of it: brought to this version, or a sentence that says what to mend."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout
from sqlalchemy.exc import DBAPIError

import migrations
from agent.store import Pool
from bot.home import Home, Servers
from bot.refusal import Refusal
from bot.settings import Settings

POOL_CONNECTIONS = 10
CONNECT_SECONDS = 5.0


def upgrade(database_url: str) -> None:
    """Bring it to the newest schema. Blocks. Raises Refusal."""
    try:
        migrations.upgrade(database_url)
    except DBAPIError as error:
        raise unusable(error) from None
    except migrations.NewerError:
        raise Refusal(
            "The database belongs to a newer Signoff: run that one, or restore a database of before its update."
        ) from None


async def open_pool(stack: AsyncExitStack, servers: Servers, *, embedded: bool) -> Pool:
    """Connections to a database at this version: an embedded one is brought there, another one has to be. Raises Refusal."""
    try:
        if embedded:
            await asyncio.to_thread(upgrade, servers.database_url)
        elif await asyncio.to_thread(migrations.pending, servers.database_url):
            raise Refusal("The database of DATABASE_URL is not migrated: run `signoff migrate`, then start again.")
        pool: Pool = AsyncConnectionPool(
            servers.database_url, min_size=2, max_size=POOL_CONNECTIONS, open=False, kwargs={"autocommit": True}
        )
        await stack.enter_async_context(pool)
        await pool.wait(CONNECT_SECONDS)
    except (DBAPIError, psycopg.Error, PoolTimeout) as error:
        raise unusable(error) from None
    return pool


@asynccontextmanager
async def connected(settings: Settings) -> AsyncGenerator[psycopg.AsyncConnection[Any]]:
    """One connection, for a command that only reads. Raises Refusal."""
    home = Home(settings.signoff_home).servers(settings.database_url, settings.redis_url or "redis://unused")
    async with AsyncExitStack() as stack:
        servers = stack.enter_context(home)
        pool = await open_pool(stack, servers, embedded=settings.database_url is None)
        yield await stack.enter_async_context(pool.connection())


def unusable(error: Exception) -> Refusal:
    """The sentence for a database that does not let us in, with its own reason."""
    reason = str(error.orig if isinstance(error, DBAPIError) else error).strip().partition("\n")[0]
    return Refusal(f"The database of DATABASE_URL cannot be used ({reason}): check the address, and that it runs.")
