"""The proxies of `make bench floors` count what a program sends to its stores."""

from typing import Any, cast

import psycopg
from redis.asyncio import Redis

from tests.bench.wire import Wires


async def test_statements_are_counted_and_a_pipeline_is_one_round_trip(empty_database_url: str) -> None:
    async with (
        Wires() as wires,
        await psycopg.AsyncConnection.connect(await wires.told(empty_database_url), autocommit=True) as connection,
    ):
        assert (wires.postgres.requests, wires.postgres.round_trips) == (0, 1)  # a connection is opened

        for number in range(3):
            await connection.execute("SELECT %s::int", (number,))
        assert (wires.postgres.requests, wires.postgres.round_trips) == (3, 4)

        async with connection.pipeline():
            for number in range(3):
                await connection.execute("SELECT %s::int", (number,))
        assert (wires.postgres.requests, wires.postgres.round_trips) == (6, 5)

        async with connection.transaction():
            await connection.execute("SELECT 1")
        assert wires.postgres.requests == 9  # BEGIN and COMMIT are statements


async def test_a_long_statement_and_a_long_answer_pass_whole(empty_database_url: str) -> None:
    async with (
        Wires(seconds=0.001) as wires,
        await psycopg.AsyncConnection.connect(await wires.told(empty_database_url), autocommit=True) as connection,
    ):
        told = "x" * 300_000
        assert await (await connection.execute("SELECT %s::text", (told,))).fetchone() == (told,)
        assert (wires.postgres.requests, wires.postgres.round_trips) == (1, 2)  # also where it comes in pieces


async def test_commands_of_redis_are_counted_and_a_script_is_one(redis_url: str) -> None:
    async with Wires() as wires:
        redis: Any = cast(Any, Redis).from_url(await wires.told(redis_url))
        await redis.ping()
        before, trips = wires.redis.requests, wires.redis.round_trips
        await redis.eval("redis.call('SET', KEYS[1], '1'); return redis.call('GET', KEYS[1])", 1, "bench:wire")
        await redis.set("bench:wire", b"\r\n*1\r\n" * 10_000)
        assert wires.redis.requests - before == 2

        async with redis.pipeline(transaction=False) as several:
            several.get("bench:wire")
            several.get("bench:wire")
            await several.execute()
        assert (wires.redis.requests - before, wires.redis.round_trips - trips) == (4, 3)
        await redis.aclose()
