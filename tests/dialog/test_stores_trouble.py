"""Redis or Postgres gone for a while: nothing is spent, nothing is lost, and the session goes on by itself."""

import asyncio
from urllib.parse import urlsplit

from bot.sandbox.model import Lines
from tests.dialog.conftest import World, mention


async def test_without_redis_nothing_is_spent_and_the_session_goes_on_when_it_is_back(world: World) -> None:
    real = urlsplit(world.redis_url)
    server = await asyncio.start_server(lambda reader, writer: _forward(reader, writer, real.path), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    world.redis_url = f"redis://127.0.0.1:{port}/0"
    await world.start_bot()
    world.model.script = Lines("Here I am.")
    talk = await mention(world, "ann", "hello")
    await talk.rests("processing")
    while not await world.rows("SELECT FROM session WHERE lease_until IS NULL AND wake_at > now()"):
        pass  # until it is put back, due again later
    assert world.model.requests == []
    server = await asyncio.start_server(lambda reader, writer: _forward(reader, writer, real.path), "127.0.0.1", port)
    async with server:
        await talk.sees("Here I am.")
    assert len(world.model.requests) == 1


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str) -> None:
    there, back = await asyncio.open_unix_connection(path)
    await asyncio.gather(_copy(reader, back), _copy(there, writer))


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(65536):
        target.write(data)
        await target.drain()
    target.close()


async def test_the_connections_to_postgres_are_cut_and_the_next_mention_is_answered(world: World) -> None:
    await world.start_bot()
    world.model.script = Lines("First.", "Second.")
    talk = await mention(world, "ann", "one")
    await talk.sees("First.")
    await talk.rests()
    await world.rows(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"
    )
    await talk.says("ann", "two")
    await talk.sees("Second.")
