"""What memory adds to a turn, counted where the bytes pass: round trips to Postgres and to Redis."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from urllib.parse import parse_qs, urlsplit

import pytest
from psycopg_pool import AsyncConnectionPool

from agent.decide.move_keys import MoveKey
from agent.decide.moves import Recall
from agent.embeddings.wordllama import WordLlama
from agent.memory.items import Audience
from agent.memory.transcript import Transcript
from agent.memory.values import NewValue
from agent.run.memory_effects import LongTerm, MemoryEffects
from agent.session.machine import apply
from agent.session.state import Context, Session
from agent.session.steps import Asked, Recalled
from agent.store.fenced import Pool
from agent.store.memory_items import Items
from agent.store.memory_search import MemorySearch
from agent.store.memory_values import Values
from agent.types import Origin, Place, Said
from tests.chaos.proxies import Proxies
from tests.stores.core import Core
from tests.stores.recalled import Remembered, remember

PLACE = Place(team="T1", channel="C1", thread_ts="1.0")
WIRES = ("postgres", "redis")
SCRIPT = b"EVALSHA"  # writes copies, which nobody waits for
ASKED = Asked(said=(Said(user="U1", text="which lamp is on the desk?", ts="1.0"),))


class EverybodyHere:
    """A channel in which everybody may know what was learnt there."""

    async def audience(self, place: Place) -> Audience:
        """Return the channel."""
        return Audience(frozenset({place.channel}))

    async def of_person(self, user: str) -> Audience:
        """Return nothing: nobody asks by themselves here."""
        raise AssertionError(user)


@dataclass
class Turn:
    """The turns of a process whose every byte to the stores is seen."""

    memory: MemoryEffects
    proxies: Proxies

    async def recalls(self, *, values: bool = True, told: tuple[Origin, ...] = ()) -> Recalled:
        """Look up what is remembered for one turn of a conversation that was told something before."""
        session, said = apply(Session("T1:C1:1.0", PLACE, epoch=1, context=Context(origins=told)), ASKED, 1), Transcript()
        said.add(ASKED)
        ended = await self.memory.recall(Recall(values, MoveKey("recall")), session, said)
        [step] = ended.steps
        assert isinstance(step, Recalled)
        return step

    async def waited_for(self, *, values: bool, told: tuple[Origin, ...] = ()) -> Mapping[str, int]:
        """Return how often a turn spoke to each store after that had answered."""
        self.proxies.count()
        await self.recalls(values=values, told=told)
        passed = [one for one in self.proxies.passed if SCRIPT not in one.data]
        return {
            wire: sum(way == "out" for way, _ in groupby(one.direction for one in passed if one.wire == wire)) for wire in WIRES
        }


@pytest.fixture
async def turn(core: Core, redis_url: str) -> AsyncIterator[Turn]:
    """A process with proxies before its stores, in whose memory an item and a value are."""
    async with AsyncExitStack() as stack:
        proxies = await stack.enter_async_context(Proxies())
        postgres, redis = urlsplit(core.database_url), urlsplit(redis_url)
        socket = f"{parse_qs(postgres.query)['host'][0]}/.s.PGSQL.5432"
        port = await proxies.in_front_of("postgres", partial(asyncio.open_unix_connection, socket))
        url = f"postgresql://postgres@127.0.0.1:{port}{postgres.path}?sslmode=disable&gssencmode=disable"
        pool: Pool = AsyncConnectionPool(url, min_size=1, max_size=1, open=False, kwargs={"autocommit": True})
        await stack.enter_async_context(pool)
        redis_socket = parse_qs(redis.query).get("socket") or [redis.path]
        before = (
            partial(asyncio.open_unix_connection, redis_socket[0])
            if redis.scheme == "unix"
            else partial(asyncio.open_connection, redis.hostname, redis.port)
        )
        port = await proxies.in_front_of("redis", before)
        values = Values(pool, f"redis://127.0.0.1:{port}/0")
        stack.push_async_callback(values.close)
        await remember(core, Remembered("The lamp on the desk is green"))
        await values.set("T1", "user:U1", NewValue(kind="preference", key="tone", value="short", channel="C1", set_by="U1"))
        memory = MemoryEffects(LongTerm(EverybodyHere(), MemorySearch(pool), values, Items(pool), WordLlama()))
        yield Turn(memory, proxies)


async def test_a_turn_is_told_what_is_remembered(turn: Turn) -> None:
    told = (await turn.recalls()).text
    assert "The lamp on the desk is green" in told
    assert "short" in told


async def test_memory_adds_two_round_trips_to_postgres_and_one_to_redis_at_most(turn: Turn) -> None:
    await turn.recalls(values=False)  # a new connection learns the statement
    # The channel's and the workspace's values are in no copy yet, and nobody waits until they are.
    assert await turn.waited_for(values=True) == {"postgres": 2, "redis": 1}
    async with asyncio.timeout(30):
        while await turn.waited_for(values=True) != {"postgres": 1, "redis": 1}:
            pass  # until the copies are written
    assert await turn.waited_for(values=False) == {"postgres": 1, "redis": 0}


async def test_to_ask_whether_what_was_told_is_remembered_still_is_the_second_round_trip(turn: Turn, core: Core) -> None:
    [(fact, source)] = await core.sql("SELECT id, source FROM memory")
    told = (Origin(fact=fact), Origin(channel="C1", source=source), Origin(owner="user:U1", key="tone"))
    await turn.recalls(values=False, told=told)
    assert await turn.waited_for(values=False, told=told) == {"postgres": 2, "redis": 0}
