"""How a statement reaches a team's database: one transaction on a separate connection, which is closed whatever happened."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, cast

import psycopg
from psycopg import AsyncConnection, AsyncCursor
from psycopg.sql import Composed

from agent.tool.definition import ToolError

log = logging.getLogger(__name__)

CONNECT_SECONDS = 3
WAIT_SECONDS = 10  # for one of the connections that other calls have
LONGEST_SQL = 20_000  # characters of one statement

PgConnection = AsyncConnection[Any]

BEGIN: dict[str, Literal["BEGIN READ ONLY", "BEGIN READ WRITE"]] = {"read": "BEGIN READ ONLY", "write": "BEGIN READ WRITE"}
LIMITS = """
SELECT pg_catalog.set_config('statement_timeout', %(statement)s, true), pg_catalog.set_config('lock_timeout', %(lock)s, true),
       pg_catalog.set_config('idle_in_transaction_session_timeout', %(idle)s, true)
"""
LOCK_SHARE = 0.4  # of a statement's time, waiting for somebody else's lock
IDLE_SECONDS = 15.0  # a frozen bot does not hold locks for longer than this


@dataclass(frozen=True, slots=True)
class NamedDatabase:
    """A database as the team named it. `url` may hold a password and is shown nowhere; empty: only to look at the tools."""

    name: str
    url: str = field(default="", repr=False)
    rows: int = 100  # of one result
    seconds: float = 5.0  # of one statement
    connections: int = 5  # of this process, at a time
    wait_seconds: float = WAIT_SECONDS
    free: asyncio.Semaphore = field(init=False, repr=False, compare=False)  # held for each connection

    def __post_init__(self) -> None:
        object.__setattr__(self, "free", asyncio.Semaphore(self.connections))


@asynccontextmanager
async def transaction(
    database: NamedDatabase, access: Literal["read", "write"], seconds: float, *, prefix: int = 0
) -> AsyncGenerator[PgConnection]:
    """Open a transaction in which each statement has so many seconds. It is rolled back unless the block commits it.

    It waits for one of the connections that this database may have, so that a crowd of calls leaves the server to others.

    Its connection is not used again, so nothing that a statement does to its session (locks, settings, prepared
    statements) meets the next one. Raises ToolError for what Postgres says against a statement, whose text begins after
    `prefix` characters of ours.
    """
    await _turn(database)
    try:
        async with _open(database, access, seconds, prefix) as connection:
            yield connection
    finally:
        database.free.release()


async def _turn(database: NamedDatabase) -> None:
    try:
        async with asyncio.timeout(database.wait_seconds):
            await database.free.acquire()
    except TimeoutError:
        detail = (
            f"The database {database.name} gives us {database.connections} at a time of its connections, and other calls have "
            "them. Nothing was run; try again in a minute, and read with fewer calls at a time."
        )
        raise ToolError("timeout", detail) from None


@asynccontextmanager
async def _open(
    database: NamedDatabase, access: Literal["read", "write"], seconds: float, prefix: int
) -> AsyncGenerator[PgConnection]:
    connection = await _connected(database)
    try:
        await connection.execute(BEGIN[access])
        limits = {"statement": seconds, "lock": seconds * LOCK_SHARE, "idle": IDLE_SECONDS}
        await connection.execute(LIMITS, {name: f"{round(limit * 1000)}ms" for name, limit in limits.items()})
        yield connection
        if not connection.broken:
            await connection.rollback()
    except psycopg.Error as error:
        raise told_error(database, error, seconds, prefix) from None
    finally:
        await connection.close()


async def alone(connection: PgConnection, statement: str | Composed) -> AsyncCursor[Any]:
    """Run what others wrote, as one statement: Postgres refuses several in what is to be prepared, and sees no parameters."""
    return await connection.execute(cast(Any, statement), prepare=True)


async def _connected(database: NamedDatabase) -> PgConnection:
    try:
        return await AsyncConnection[Any].connect(
            database.url,
            autocommit=True,  # transactions begin and end where we say so
            prepare_threshold=1_000,  # what `alone` asks for is prepared; None would quietly send it as several statements
            connect_timeout=CONNECT_SECONDS,
            client_encoding="utf8",
            application_name="signoff",
        )
    except psycopg.Error as error:  # its text has the address in it
        log.warning("the database %s cannot be reached (%s)", database.name, error.sqlstate or type(error).__name__)
        detail = f"The database {database.name} cannot be reached. Nothing was run; try again in a minute."
        raise ToolError("unexpected", detail) from None


def told_error(database: NamedDatabase, error: psycopg.Error, seconds: float, prefix: int = 0) -> ToolError:
    """Return an error before the commit as the model reads it: in Postgres' words where it gave some. Nothing was changed
    then."""
    state = error.sqlstate or ""
    if state == "57014":
        return ToolError("timeout", f"It took longer than {seconds:g} seconds and was stopped; nothing was changed.")
    if state == "55P03":
        return ToolError("timeout", "Somebody else holds a lock that it needs, so it was stopped; nothing was changed.")
    if isinstance(error, psycopg.ProgrammingError) and not state:  # psycopg's own word on COPY from or to the client
        return ToolError("invalid_input", "Statements that send or receive a stream (COPY) cannot be run here.")
    if not state or state.startswith(("08", "57P", "25P03")):
        log.warning("the connection to the database %s broke (%s)", database.name, state or type(error).__name__)
        detail = f"The connection to the database {database.name} broke; nothing was changed. Try again in a minute."
        return ToolError("unexpected", detail)
    if state in ("40001", "40P01"):
        return ToolError("unexpected", "It met other transactions and was rolled back: nothing was changed. Try once more.")
    kind = "permission_denied" if state in ("42501", "25006") else "invalid_input"
    return ToolError(kind, _in_its_words(error, prefix))


def _in_its_words(error: psycopg.Error, prefix: int) -> str:
    said = error.diag
    position = int(said.statement_position or 0) - prefix
    where = f" at character {position}" if position > 0 else ""
    hint = f" Hint: {said.message_hint}" if said.message_hint else ""
    return f"Postgres refused it{where} ({error.sqlstate}): {said.message_primary}. Nothing was changed.{hint}"
