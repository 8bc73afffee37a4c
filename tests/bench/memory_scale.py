"""`python -m tests.bench memory-scale [ITEMS]`: how long a search takes among much, and what it finds beside looking at all."""

import asyncio
import itertools
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from pgvector import Vector
from pgvector.psycopg import register_vector_async
from psycopg_pool import AsyncConnectionPool
from rich.console import Console
from rich.table import Table

from agent.embeddings.wordllama import MODEL, WordLlama
from agent.memory.items import Audience
from agent.memory.recalled import recalled
from agent.run.memory_effects import LongTerm
from agent.store.fenced import Pool
from agent.store.memory_embedding import MemoryEmbedding
from agent.store.memory_items import Items
from agent.store.memory_search import BOUNDS, MemorySearch
from agent.store.memory_values import Values
from agent.types import Place
from bot.stores.embedded_home import Servers
from tests.bench.latency import percentile
from tests.bench.subject import database

ITEMS, SCOPES, TEAM = 1_000_000, 2_000, "T0BENCH"
AT_ONCE, WARMING, ARRIVING = 20, 140, 20  # searches: each connection makes its plans
AGREED = 20  # searches of each kind whose results are compared with looking at all
BATCH = 2_000
GROUP = 20  # items that are neighbours
WORDS, SHORTEST, LONGEST = 20_000, 6, 20
FOUND = 10

COPY = """
COPY memory (team, channel, kind, body, digest, source, quote, grouped, position, model, embedding) FROM STDIN BINARY
"""
TYPES = ("text", "text", "text", "text", "text", "text", "text", "text", "int8", "text", "vector")
# What the triggers would do, for all items at once: one after the other takes several times as long.
WITHOUT_TRIGGER, WITH_TRIGGER = (f"ALTER TABLE memory {how} TRIGGER memory_learnt" for how in ("DISABLE", "ENABLE"))
SCOPES_OF_ALL = """
INSERT INTO memory_scope (team, channel, items, words)
SELECT team, channel, count(*), sum(length(words)) FROM memory GROUP BY team, channel
"""
NARROW_OF_ALL = """
INSERT INTO memory_narrow (item, scope, place, expires_at, length, embedding, model)
SELECT memory.id, scope.id, memory_place(memory.id, channel, grouped, position), 'infinity', length(memory.words), embedding,
    model
FROM memory JOIN memory_scope AS scope USING (team, channel) ORDER BY memory.id
"""
WORDS_OF_ALL = """
INSERT INTO memory_word (word, scope, item, expires_at, times, place)
SELECT said.lexeme, scope, item, 'infinity', cardinality(said.positions), place FROM memory_narrow
JOIN memory ON memory.id = item CROSS JOIN unnest(words) AS said ORDER BY item
"""
EXPLAINED = """\
{items:,} items over {scopes:,} channels of uneven size, in words with a Zipf distribution; filled in {seconds:.0f} s, vectors
included, and the index of vectors made in {indexed:.0f} s. {at_once} searches at once all the time where nothing else is said,
by one process beside Postgres; a search is the embedding of its question and one statement. Agreement: the share of the first
{found} that looking at every item finds too, over {agreed} searches."""


class NobodyAsks:
    """Who reads along is asked of Slack, and cached: no part of what is measured."""

    async def audience(self, place: Place) -> Audience:
        """Raise."""
        raise AssertionError(place)

    async def of_person(self, user: str) -> Audience:
        """Raise."""
        raise AssertionError(user)


class Vocabulary:
    """Words of syllables: the nth is said about 1/(n + 10) as often as all."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        syllables = [a + b for a in "bdfghjklmnprstvz" for b in "aeiou"]
        words = ("".join(self.random.choices(syllables, k=self.random.choice((2, 3, 3, 4)))) for _ in itertools.count())
        self._words = list(itertools.islice(dict.fromkeys(itertools.islice(words, 4 * WORDS)), WORDS))
        self._weights = list(itertools.accumulate(1 / (n + 10) for n in range(WORDS)))

    def said(self, least: int = SHORTEST, most: int = LONGEST) -> str:
        """Return some words."""
        return " ".join(self.random.choices(self._words, cum_weights=self._weights, k=self.random.randint(least, most)))


def channels(items: int) -> Sequence[tuple[str, int]]:
    """Return the channels and how much is in each: the largest has a hundred times as much as the smallest."""
    shares = [1 / (n + 20) for n in range(SCOPES)]
    return [(f"C{n:05}", max(1, round(items * share / sum(shares)))) for n, share in enumerate(shares)]


def rows(vocabulary: Vocabulary, items: int) -> Iterator[tuple[str, str, str, int]]:
    """Yield channel, text, group and position of each item, in some order of groups."""
    groups = [
        (channel, f"S{first}", min(GROUP, count - first))
        for channel, count in channels(items)
        for first in range(0, count, GROUP)
    ]
    vocabulary.random.shuffle(groups)
    for channel, group, size in groups:
        yield from ((channel, vocabulary.said(), group, position) for position in range(size))


async def add(pool: Pool, embedder: WordLlama, batch: Sequence[tuple[str, str, str, int]]) -> None:
    """Remember some items."""
    vectors = await embedder.embed([text for _, text, _, _ in batch])
    async with pool.connection() as connection:
        await register_vector_async(connection)
        async with connection.cursor() as cursor, cursor.copy(COPY) as copy:
            copy.set_types(TYPES)
            for (channel, text, group, position), vector in zip(batch, vectors, strict=True):
                row = (TEAM, channel, "summary", text, "", "bench", "", group, position, MODEL, Vector(list(vector)))
                await copy.write_row(row)


async def fill(pool: Pool, embedder: WordLlama, vocabulary: Vocabulary, items: int) -> None:
    """Remember all items in bulk: the next are embedded while the last are written."""
    source, writing = rows(vocabulary, items), None
    async with pool.connection() as connection:
        await connection.execute(WITHOUT_TRIGGER)
    while batch := list(itertools.islice(source, BATCH)):
        if writing is not None:
            await writing
        writing = asyncio.create_task(add(pool, embedder, batch))
    if writing is not None:
        await writing
    async with pool.connection() as connection:
        for statement in (WITH_TRIGGER, SCOPES_OF_ALL, NARROW_OF_ALL, WORDS_OF_ALL, "VACUUM ANALYZE"):
            await connection.execute(statement)


@dataclass
class Kind:
    """Searches of one kind: who may see how many channels."""

    name: str
    draw: Callable[[], Sequence[str]]
    searches: int
    at_once: int = AT_ONCE
    a_second: int = 0  # that begin, whether the ones before have ended or not; 0: as many as are at once
    floor: bool = False  # what a statement costs that does nothing
    rate: float = 0.0  # searches a second
    took_ms: list[float] = field(default_factory=list[float])
    agreement: list[float] = field(default_factory=list[float])


async def memory_scale(servers: Servers, console: Console, items: int) -> None:
    """Fills, measures and prints."""
    vocabulary, embedder = Vocabulary(1), WordLlama()
    with database(servers, "memory_scale") as url:
        pool: Pool = AsyncConnectionPool[Any](
            url, min_size=AT_ONCE, max_size=AT_ONCE + 2, open=False, kwargs={"autocommit": True}
        )
        async with pool:
            began = time.perf_counter()
            await fill(pool, embedder, vocabulary, items)
            filled = time.perf_counter()
            await MemoryEmbedding(pool, embedder).index()
            indexed = time.perf_counter()
            kinds = await measured(pool, embedder, vocabulary, items)
            names = [name for name, _ in channels(items)]
            kinds.append(await turns(pool, servers.redis_url, embedder, vocabulary, "what memory adds to a turn", names))
            largest = f"what memory adds to a turn, in a channel of {channels(items)[0][1]:,} items"
            kinds.append(await turns(pool, servers.redis_url, embedder, vocabulary, largest, names[:1]))
    console.print(_table(kinds))
    explained = EXPLAINED.format(
        items=items,
        scopes=SCOPES,
        seconds=filled - began,
        indexed=indexed - filled,
        at_once=AT_ONCE,
        found=FOUND,
        agreed=AGREED,
    )
    console.print(explained, style="dim")


async def measured(pool: Pool, embedder: WordLlama, vocabulary: Vocabulary, items: int) -> list["Kind"]:
    """Return how long searches of each kind take, among so many items that are there."""
    names = [name for name, _ in channels(items)]
    sizes = [size for _, size in channels(items)]

    def of_one() -> Sequence[str]:
        return vocabulary.random.choices(names, sizes)

    kinds = [
        Kind("one channel, one search after the other", of_one, 300, at_once=1),
        Kind(f"one channel, {ARRIVING} searches a second begin", of_one, 300, a_second=ARRIVING),
        Kind("one channel", of_one, 1_000),
        Kind("five channels", lambda: sorted(set(vocabulary.random.choices(names, sizes, k=5))), 400),
        Kind("a tenth of all channels", lambda: vocabulary.random.sample(names, SCOPES // 10), 200),
        Kind("all channels", lambda: names, 200),
    ]
    for kind in kinds:
        await _measure(pool, embedder, vocabulary, kind)
        await _agree(pool, embedder, vocabulary, kind)
    adding = Kind("one channel, while more is added", of_one, 1_000)
    stop = asyncio.Event()
    more = asyncio.create_task(_add_meanwhile(pool, embedder, vocabulary, names, stop))
    await _measure(pool, embedder, vocabulary, adding)
    stop.set()
    adding.name += f", {await more:.0f} items a second"
    nothing = Kind("nothing: SELECT 1", of_one, 2_000, floor=True)
    await _measure(pool, embedder, vocabulary, nothing)
    return [*kinds, adding, nothing]


async def turns(
    pool: Pool, redis_url: str, embedder: WordLlama, vocabulary: Vocabulary, name: str, names: Sequence[str]
) -> "Kind":
    """Return how long a turn in one of these channels waits for memory, one after the other: for the values of three owners, and
    a search in the channel."""
    values = Values(pool, redis_url)
    memory = LongTerm(NobodyAsks(), MemorySearch(pool), values, Items(pool), embedder)
    kind = Kind(name, lambda: [vocabulary.random.choice(names)], 300, at_once=1)
    for number in range(WARMING + kind.searches):
        [channel], question = kind.draw(), vocabulary.said(3, 8)
        place, audience = Place(team=TEAM, channel=channel, thread_ts="1.0"), Audience(frozenset({channel}))
        began = time.perf_counter()
        told = await memory.told_values(place, "U1", audience)
        recalled(await memory.found(TEAM, audience, question, FOUND), told)
        if number >= WARMING:
            kind.took_ms.append(1000 * (time.perf_counter() - began))
    await values.close()
    return kind


async def _measure(pool: Pool, embedder: WordLlama, vocabulary: Vocabulary, kind: Kind) -> None:
    search = MemorySearch(pool)
    asked = enumerate([(vocabulary.said(3, 8), kind.draw()) for _ in range(WARMING + kind.searches)])

    async def one(number: int, question: str, seen: Sequence[str]) -> None:
        began = time.perf_counter()
        if kind.floor:
            async with pool.connection() as connection:
                await connection.execute("SELECT 1")
        else:
            [vector] = await embedder.embed([question])
            await search.search(TEAM, seen, question, vector, MODEL, FOUND)
        if number >= WARMING:
            kind.took_ms.append(1000 * (time.perf_counter() - began))

    async def work() -> None:
        for number, (question, seen) in asked:
            await one(number, question, seen)

    began = time.perf_counter()
    if kind.a_second:
        async with asyncio.TaskGroup() as under_way:
            for number, (question, seen) in asked:
                under_way.create_task(one(number, question, seen))
                await asyncio.sleep(vocabulary.random.expovariate(kind.a_second))
    else:
        await asyncio.gather(*(work() for _ in range(kind.at_once)))
    kind.rate = (WARMING + kind.searches) / (time.perf_counter() - began)


async def _agree(pool: Pool, embedder: WordLlama, vocabulary: Vocabulary, kind: Kind) -> None:
    quick, thorough = MemorySearch(pool), MemorySearch(pool, {**BOUNDS, "looked_at": 10**9})
    for _ in range(AGREED):
        question, seen = vocabulary.said(3, 8), kind.draw()
        [vector] = await embedder.embed([question])
        found, all_looked_at = [
            {one.item.id for one in await search.search(TEAM, seen, question, vector, MODEL, FOUND)}
            for search in (quick, thorough)
        ]
        if all_looked_at:
            kind.agreement.append(len(found & all_looked_at) / len(all_looked_at))


async def _add_meanwhile(
    pool: Pool, embedder: WordLlama, vocabulary: Vocabulary, names: Sequence[str], stop: asyncio.Event
) -> float:
    """Remember one item after the other; return how many a second."""
    began, count = time.perf_counter(), 0
    while not stop.is_set():
        await add(pool, embedder, [(vocabulary.random.choice(names), vocabulary.said(), "later", count)])
        count += 1
    return count / (time.perf_counter() - began)


def _table(kinds: Sequence[Kind]) -> Table:
    table = Table(title="\nHow long a search takes among much", title_justify="left")
    for name in ("may be seen", "p50, ms", "p99, ms", "a second", "agreement"):
        table.add_column(name, justify="left" if name == "may be seen" else "right")
    for kind in kinds:
        agreed = f"{statistics.fmean(kind.agreement):.3f}" if kind.agreement else ""
        times = (percentile(kind.took_ms, 50), percentile(kind.took_ms, 99))
        table.add_row(kind.name, *(f"{one:.1f}" for one in times), f"{kind.rate:.0f}" if kind.rate else "", agreed)
    return table
