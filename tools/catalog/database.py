"""How the shop's tools reach Postgres: one transaction a call, and one sentence when there is no database."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from psycopg import AsyncConnection, AsyncCursor, OperationalError
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from agent.tool.definition import ToolError

log = logging.getLogger(__name__)

CONNECT_SECONDS = 2.0  # two waits for a connection leave most of a tool's 10 s to the work

T = TypeVar("T")
PgConnection = AsyncConnection[Any]
Cursor = AsyncCursor[Any]
Pool = AsyncConnectionPool[Any]


async def in_transaction(pool: Pool, work: Callable[[PgConnection], Awaitable[T]]) -> T:
    """Return what `work` answers, its statements in one transaction.

    When the connection breaks, `work` is done once more on a fresh one (a restarted Postgres leaves a pool of dead
    ones), so it must be safe to repeat. Raises ToolError `unexpected` if there was no connection at all: nothing
    happened. Raises psycopg.OperationalError if one was lost again on the way: a commit may have gone through, and
    only an exception that is no ToolError says so to the caller.
    """
    return await _twice(pool, lambda connection: _transact(connection, work))


async def reading(pool: Pool, work: Callable[[PgConnection], Awaitable[T]]) -> T:
    """Return what `work` finds, each statement by itself. The rest is as with `in_transaction`."""
    return await _twice(pool, work)


async def _twice(pool: Pool, work: Callable[[PgConnection], Awaitable[T]]) -> T:
    """Return what `work` answers, on a fresh connection if the first one breaks."""
    try:
        async with pool.connection(timeout=CONNECT_SECONDS) as connection:
            return await work(connection)
    except PoolTimeout:
        log.warning("no connection to the shop's database within %g s", CONNECT_SECONDS)
        detail = "The shop's database cannot be reached. Nothing was read or changed; try again in a minute."
        raise ToolError("unexpected", detail) from None
    except OperationalError as error:
        log.warning("the connection to the shop's database broke, trying once more: %s", error)
    await pool.check()
    async with pool.connection(timeout=CONNECT_SECONDS) as connection:
        return await work(connection)


async def _transact(connection: PgConnection, work: Callable[[PgConnection], Awaitable[T]]) -> T:
    async with connection.transaction():
        return await work(connection)
