"""The database as a person has to know of it: brought to this version, or a sentence that says what to mend."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from agent.store.sessions import Pool
from bot.config.refusal import ExitStatus, Refusal
from bot.config.settings import Settings
from bot.stores.embedded_home import Home, Servers
from bot.stores.schema import is_newest

POOL_CONNECTIONS = 10
COMMAND_CONNECTIONS = 2  # of a command beside the bot
CONNECT_SECONDS = 5.0
# What an address comes to that leads to no database: of the driver, and of a name that no network could have.
UNUSABLE = (psycopg.Error, UnicodeError)


async def open_pool(stack: AsyncExitStack, servers: Servers, *, embedded: bool) -> Pool:
    """Return connections to a database at this version: an embedded one is migrated, another one has to be. Raises Refusal."""
    try:
        if not await asyncio.to_thread(is_newest, servers.database_url):
            if not embedded:
                raise Refusal("The database of DATABASE_URL is not migrated: run `signoff migrate`, then start again.")
            from bot.stores.migrating import upgrade

            await asyncio.to_thread(upgrade, servers.database_url)
        pool: Pool = AsyncConnectionPool(
            servers.database_url, min_size=2, max_size=POOL_CONNECTIONS, open=False, kwargs={"autocommit": True}
        )
        await stack.enter_async_context(pool)
        await pool.wait(CONNECT_SECONDS)
    except (*UNUSABLE, PoolTimeout) as error:
        raise unusable(error) from None
    return pool


@asynccontextmanager
async def connected(settings: Settings) -> AsyncGenerator[psycopg.AsyncConnection[Any]]:
    """Open one connection to a store that is there, for a command beside the bot. Nothing is created or migrated.

    Raises Refusal: with status 1 where there is nothing of ours, with 2 where something must be mended first.
    """
    async with _store_address(settings) as url:
        try:
            connection = await psycopg.AsyncConnection[Any].connect(url, autocommit=True, connect_timeout=int(CONNECT_SECONDS))
        except UNUSABLE as error:
            raise unusable(error) from None
        async with connection:
            yield connection


@asynccontextmanager
async def connected_pool(settings: Settings) -> AsyncGenerator[Pool]:
    """Open a few connections, for a command that writes as the bot does. The rest is as with `connected`."""
    async with _store_address(settings) as url:
        pool: Pool = AsyncConnectionPool(url, min_size=1, max_size=COMMAND_CONNECTIONS, open=False, kwargs={"autocommit": True})
        async with pool:
            yield pool


@contextmanager
def redis_address(settings: Settings) -> Generator[str]:
    """Hold the address of the Redis that the bot uses, with its server running. Blocks for about a second. Raises Refusal."""
    with Home(settings.signoff_home).servers("postgresql://unused", settings.redis_url) as servers:
        yield servers.redis_url


@asynccontextmanager
async def _store_address(settings: Settings) -> AsyncGenerator[str]:
    """Hold the address of a store that is there and of this version, with its servers running. Raises Refusal."""
    home = Home(settings.signoff_home)
    if settings.database_url is None and not home.postgres.made:
        raise Refusal(_no_store(settings.signoff_home), status=ExitStatus.FOUND)
    async with AsyncExitStack() as stack:
        servers = stack.enter_context(home.servers(settings.database_url, settings.redis_url or "redis://unused"))
        try:
            await asyncio.to_thread(_must_be_ours, servers.database_url, _database_name(settings))
        except UNUSABLE as error:
            raise unusable(error) from None
        yield servers.database_url


def _database_name(settings: Settings) -> str:
    return (
        f"The embedded database in {settings.signoff_home}" if settings.database_url is None else "The database of DATABASE_URL"
    )


def _no_store(home: Path) -> str:
    """Return the sentence for a home without a store. The demo has a separate folder in it."""
    demo = home / "demo"
    if Home(demo).postgres.made:
        return f"There is no store in {home}; the demo's is in {demo}: set SIGNOFF_HOME={demo} to read that one."
    return f"There is no store in {home}: set DATABASE_URL or SIGNOFF_HOME to those of the bot, or start it with `signoff run`."


def _must_be_ours(database_url: str, named: str) -> None:
    """Raise Refusal for a database that is not at this version's schema."""
    if not is_newest(database_url):
        from bot.stores.migrating import say_why_not_ours

        say_why_not_ours(database_url, named)


def unusable(error: Exception) -> Refusal:
    """Return the sentence for a database that does not let us in, with its own reason."""
    reason = str(error).strip().partition("\n")[0]
    return Refusal(f"The database of DATABASE_URL cannot be used ({reason}): check the address, and that it runs.")
