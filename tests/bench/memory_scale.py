"""`python -m tests.bench memory-scale [ITEMS]`: how long a search takes among much, and what it finds beside looking at all."""

import asyncio
import itertools
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopg_pool import AsyncConnectionPool
from rich.console import Console
from rich.table import Table

from agent.embeddings.wordllama import MODEL, WordLlama
from agent.store.fenced import Pool
from agent.store.memory_embedding import MemoryEmbedding
from agent.store.memory_search import BOUNDS, MemorySearch
from bot.stores.embedded_home import Servers
from tests.bench.latency import percentile
from tests.bench.subject import database

ITEMS, SCOPES, TEAM = 1_000_000, 2_000, "T0BENCH"
AT_ONCE, WARMING = 20, 140  # searches: each connection makes its plans
AGREED = 20  # searches of each kind whose results are compared with looking at all
BATCH = 2_000
GROUP = 20  # items that are neighbours
WORDS, SHORTEST, LONGEST = 20_000, 6, 20
FOUND = 10

COPY = "COPY memory (team, channel, kind, body, digest, source, quote, grouped, position, model, embedding) FROM STDIN"
EXPLAINED = """\
{items:,} items over {scopes:,} channels of uneven size, in words with a Zipf distribution; filled in {seconds:.0f} s, vectors
included, and the index of vectors made in {indexed:.0f} s. {at_once} searches at once all the time, by one process beside
Postgres; a search is the embedding of its question and one statement. Agreement: the share of the first {found} that
looking at every item finds too, over {agreed} searches."""


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
    async with pool.connection() as connection, connection.cursor() as cursor, cursor.copy(COPY) as copy:
        for (channel, text, group, position), vector in zip(batch, vectors, strict=True):
            await copy.write_row(
                (
                    TEAM,
                    channel,
                    "summary",
                    text,
                    "",
                    "bench",
                    "",
                    group,
                    position,
                    MODEL,
                    f"[{','.join(f'{one:.6g}' for one in vector)}]",
                )
            )


@dataclass
class Kind:
    """Searches of one kind: who may see how many channels."""

    name: str
    draw: Callable[[], Sequence[str]]
    searches: int
    took_ms: list[float] = field(default_factory=list[float])
    agreement: list[float] = field(default_factory=list[float])


async def memory_scale(servers: Servers, console: Console, items: int) -> None:
    """Fills, measures and prints."""
    vocabulary, embedder = Vocabulary(1), WordLlama()
    names = [name for name, _ in channels(items)]
    sizes = [size for _, size in channels(items)]
    with database(servers, "memory_scale") as url:
        pool: Pool = AsyncConnectionPool[Any](
            url, min_size=AT_ONCE, max_size=AT_ONCE + 2, open=False, kwargs={"autocommit": True}
        )
        async with pool:
            began = time.perf_counter()
            source = rows(vocabulary, items)
            while batch := list(itertools.islice(source, BATCH)):
                await add(pool, embedder, batch)
            filled = time.perf_counter()
            async with pool.connection() as connection:
                await connection.execute("VACUUM ANALYZE")
            await MemoryEmbedding(pool, embedder).index()
            indexed = time.perf_counter()
            kinds = [
                Kind("one channel", lambda: vocabulary.random.choices(names, sizes), 1_000),
                Kind("five channels", lambda: sorted(set(vocabulary.random.choices(names, sizes, k=5))), 1_000),
                Kind("a tenth of all channels", lambda: vocabulary.random.sample(names, SCOPES // 10), 400),
                Kind("all channels", lambda: names, 400),
            ]
            for kind in kinds:
                await _measure(pool, embedder, vocabulary, kind)
                await _agree(pool, embedder, vocabulary, kind)
            adding = Kind("one channel, while more is added", kinds[0].draw, 1_000)
            stop = asyncio.Event()
            more = asyncio.create_task(_add_meanwhile(pool, embedder, vocabulary, names, stop))
            await _measure(pool, embedder, vocabulary, adding)
            stop.set()
            added_per_second = await more
    console.print(_table([*kinds, adding]))
    console.print(f"Added meanwhile: {added_per_second:.0f} items a second.")
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


async def _measure(pool: Pool, embedder: WordLlama, vocabulary: Vocabulary, kind: Kind) -> None:
    search = MemorySearch(pool)
    asked = enumerate([(vocabulary.said(3, 8), kind.draw()) for _ in range(WARMING + kind.searches)])

    async def work() -> None:
        for number, (question, seen) in asked:
            began = time.perf_counter()
            [vector] = await embedder.embed([question])
            await search.search(TEAM, seen, question, vector, MODEL, FOUND)
            if number >= WARMING:
                kind.took_ms.append(1000 * (time.perf_counter() - began))

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))


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
    for name in ("may be seen", "p50, ms", "p99, ms", "agreement"):
        table.add_column(name, justify="left" if name == "may be seen" else "right")
    for kind in kinds:
        agreed = f"{statistics.fmean(kind.agreement):.3f}" if kind.agreement else ""
        table.add_row(kind.name, f"{percentile(kind.took_ms, 50):.1f}", f"{percentile(kind.took_ms, 99):.1f}", agreed)
    return table
