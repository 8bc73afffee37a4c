"""Search in memory: scores as plain Python makes them, of what may be seen and of nothing else."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg_pool import AsyncConnectionPool

from agent.embeddings.port import Vector
from agent.store.fenced import Pool
from agent.store.memory_embedding import MemoryEmbedding, index_name
from agent.store.memory_search import BOUNDS, Found, MemorySearch
from tests.patience import PATIENCE_SECONDS
from tests.profiles import examples
from tests.stores.core import Core
from tests.stores.recalled import MODEL, Remembered, Unit, best, expected, lexemes, remember

VECTORS: Sequence[Unit] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.6, 0.8, 0.0), (0.0, -0.6, 0.8))
WORDS = ("lamp", "lamps", "desk", "the", "Ann", "prefers", "green", "tea", "Lampe", "日本語", "")
CHANNELS = ("C1", "C2", "")

MUCH: Mapping[str, int] = {**BOUNDS, "looked_at": 0, "places": 5, "by_words": 4, "by_meaning": 4}  # as if it were much to see
USED = "SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelid = to_regclass(%s)"
# What is wrong in the narrow rows, or missing there.
NOT_AS_NARROW = """
WITH wide AS (
    SELECT memory.id, scope.id, memory_place(memory.id, channel, grouped, position), coalesce(expires_at, 'infinity'),
        length(memory.words), model, embedding::text
    FROM memory JOIN memory_scope AS scope USING (team, channel) WHERE valid_until IS NULL
), narrow AS (
    SELECT item, scope, place, expires_at, length, model, embedding::text FROM memory_narrow
)
(TABLE narrow EXCEPT TABLE wide) UNION ALL (TABLE wide EXCEPT TABLE narrow)
"""
CHANGES = ("forget", "supersede", "reword", "move", "restore", "embed", "expire", "regroup")


def any_body(random: Random) -> str:
    """Return some words."""
    return " ".join(random.choices(WORDS, k=random.randrange(7)))


def any_item(random: Random) -> Remembered:
    """Return an item, most often one that is true, in a channel that may be asked for."""
    return Remembered(
        body=any_body(random),
        channel=random.choice([*CHANNELS, "C3"]),
        team=random.choice(["T1", "T1", "T1", "T2"]),
        group=random.choice(["", "S1", "S1", "S2"]),
        position=random.randrange(5),
        vector=random.choice([None, *VECTORS]),
        model=random.choice([MODEL, MODEL, "another model"]),
        superseded=random.random() < 0.2,
        expires_hours=random.choice([None, None, 1.0, -1.0]),
    )


@dataclass(frozen=True, slots=True)
class Axes:
    """A model of which nothing is asked but its name."""

    model: str
    dimensions: int = 3

    async def embed(self, texts: Sequence[str]) -> Sequence[Vector]:
        """Raise: nothing is to be embedded."""
        raise AssertionError(f"nobody should embed {texts}")


@asynccontextmanager
async def emptied(database_url: str) -> AsyncGenerator[Core]:
    """A core whose memory is empty."""
    pool: Pool = AsyncConnectionPool(database_url, min_size=1, max_size=2, open=False, kwargs={"autocommit": True})
    async with pool:
        core = Core(pool, database_url)
        await core.sql("TRUNCATE memory RESTART IDENTITY CASCADE")
        yield core


@pytest.fixture
async def memory(core_database_url: str) -> AsyncIterator[Core]:
    """A core whose memory is empty."""
    async with emptied(core_database_url) as core:
        yield core


async def search(
    core: Core,
    words: str,
    vector: Unit | None = None,
    channels: Sequence[str] = ("C1",),
    limit: int = 10,
    bounds: Mapping[str, int] = BOUNDS,
) -> Sequence[Found]:
    """Ask as a conversation of T1 does."""
    return await MemorySearch(core.pool, bounds).search("T1", channels, words, vector, MODEL, limit)


async def texts(core: Core, words: str, vector: Unit | None = None, channels: Sequence[str] = ("C1",)) -> list[str]:
    """Return what is found, the best first."""
    return [found.item.text for found in await search(core, words, vector, channels)]


async def change(core: Core, items: dict[int, Remembered], how: str, which: int) -> None:
    """Do something to an item, there and in `items`."""
    ids = sorted(items)
    id = ids[which % len(ids)]
    match how:
        case "forget":
            await core.sql("DELETE FROM memory WHERE id = %s", id)
            del items[id]
        case "supersede":
            await core.sql("UPDATE memory SET valid_until = now() WHERE id = %s", id)
            items[id] = replace(items[id], superseded=True)
        case "restore":
            await core.sql("UPDATE memory SET valid_until = NULL WHERE id = %s", id)
            items[id] = replace(items[id], superseded=False)
        case "reword":
            await core.sql("UPDATE memory SET body = 'green desk desk' WHERE id = %s", id)
            items[id] = replace(items[id], body="green desk desk")
        case "embed":
            await core.sql("UPDATE memory SET model = %s, embedding = '[0.6,0.8,0]' WHERE id = %s", MODEL, id)
            items[id] = replace(items[id], model=MODEL, vector=(0.6, 0.8, 0.0))
        case "expire":
            await core.sql("UPDATE memory SET expires_at = now() - interval '1 hour' WHERE id = %s", id)
            items[id] = replace(items[id], expires_hours=-1.0)
        case "regroup":
            await core.sql("UPDATE memory SET grouped = 'S1', position = 2 WHERE id = %s", id)
            items[id] = replace(items[id], group="S1", position=2)
        case _:
            await core.sql("UPDATE memory SET channel = 'C2' WHERE id = %s", id)
            items[id] = replace(items[id], channel="C2")


def test_scores_are_those_of_plain_python_whatever_was_written(core_database_url: str) -> None:
    met: Counter[str] = Counter()

    async def play(seed: int) -> None:
        random = Random(seed)
        written = [any_item(random) for _ in range(random.randrange(40))]
        changed = [(random.choice(CHANGES), random.randrange(100)) for _ in range(random.randrange(6))]
        question, vector = any_body(random), random.choice([None, *VECTORS])
        channels = set(random.sample(CHANNELS, random.randrange(4)))
        async with emptied(core_database_url) as core:
            items = await remember(core, *written)
            for how, which in changed:
                if items:
                    await change(core, items, how, which)
            words = await lexemes(core, [question, *(item.body for item in items.values())])
            scores = expected(items, "T1", channels, words, question, vector)
            found = await search(core, question, vector, sorted(channels), limit=5)
            assert [one.score for one in found] == pytest.approx(best(scores, 5), abs=1e-4)
            for one in found:
                assert one.score == pytest.approx(scores[one.item.id], abs=1e-4)
                assert one.item.text == items[one.item.id].body
            met[f"{len(found)} found"] += 1
            # What may not be seen changes nothing: all of it goes, and the very same comes out.
            by_candidates = await search(core, question, vector, sorted(channels), limit=5, bounds=MUCH)
            unseen = [id for id, item in items.items() if item.team != "T1" or item.channel not in channels or not item.holds]
            await core.sql("DELETE FROM memory WHERE id = ANY(%s)", unseen)
            assert await search(core, question, vector, sorted(channels), limit=5) == found
            assert await search(core, question, vector, sorted(channels), limit=5, bounds=MUCH) == by_candidates
            assert {one.item.id for one in by_candidates} <= scores.keys()
            assert bool(by_candidates) == bool(found)
            met.update(["unseen"] if unseen else [])
            # No word is left of what is not true, and none is missing of what is.
            [(kept, missing)] = await core.sql("""
                SELECT count(*) FILTER (WHERE memory.id IS NULL), count(*) FILTER (WHERE memory_word.item IS NULL)
                FROM (SELECT id, lexeme FROM memory, unnest(words) WHERE valid_until IS NULL) AS memory
                FULL JOIN memory_word ON memory_word.item = memory.id AND memory_word.word = memory.lexeme
            """)
            assert (kept, missing) == (0, 0)
            assert await core.sql(NOT_AS_NARROW) == []

    @examples(1)
    @given(seed=st.integers(0, 2**32))
    def any_memory(seed: int) -> None:
        asyncio.run(play(seed))

    any_memory()
    assert {"0 found", "1 found", "5 found", "unseen"} <= met.keys()  # not about nothing


async def test_words_of_what_stands_beside_it_count_for_an_item(memory: Core) -> None:
    await remember(
        memory,
        Remembered("Which desk lamp do you want?", group="S1", position=1),
        Remembered("The green one please", group="S1", position=2),
        Remembered("Something else entirely", group="S1", position=4),
        Remembered("Nothing of that sort", group="S2", position=2),
    )
    assert await texts(memory, "desk lamp") == ["Which desk lamp do you want?", "The green one please"]


async def test_of_what_stands_around_a_candidate_only_that_is_found_whose_neighbours_are_looked_at_too(memory: Core) -> None:
    said = ("a lamp", "a desk", "some tea", "a chair")
    vectors = ((1.0, 0.0, 0.0), *[(0.6, 0.8, 0.0)] * 3)
    await remember(
        memory, *(Remembered(said[at], group="S1", position=at, vector=vectors[at]) for at in range(4)), Remembered("a cup")
    )
    one = {**MUCH, "by_words": 1, "by_meaning": 1}
    found = await search(memory, "lamp", (1.0, 0.0, 0.0), bounds=one)
    assert [hit.item.text for hit in found] == ["a lamp", "a desk"]


async def test_what_is_not_true_any_more_is_never_found(memory: Core) -> None:
    await remember(
        memory,
        Remembered("Ann likes tea", vector=(1.0, 0.0, 0.0)),
        Remembered("Ann likes coffee", vector=(1.0, 0.0, 0.0), superseded=True),
        Remembered("Ann likes water", vector=(1.0, 0.0, 0.0), expires_hours=-1.0),
    )
    [(id,)] = await memory.sql("SELECT id FROM memory WHERE body = 'Ann likes tea'")
    assert await texts(memory, "Ann", (1.0, 0.0, 0.0)) == ["Ann likes tea"]
    await memory.sql("DELETE FROM memory WHERE id = %s", id)
    assert await texts(memory, "Ann", (1.0, 0.0, 0.0)) == []


async def test_nothing_is_found_in_a_channel_that_was_not_asked_for(memory: Core) -> None:
    await remember(memory, Remembered("the secret lamp", channel="C2"), Remembered("the secret lamp", team="T2"))
    assert await texts(memory, "secret lamp") == []
    assert await texts(memory, "secret lamp", channels=()) == []
    assert await texts(memory, "secret lamp", channels=("C1", "C2")) == ["the secret lamp"]


async def test_an_item_of_another_model_is_found_by_its_words(memory: Core) -> None:
    await remember(
        memory,
        Remembered("a lamp", vector=(1.0, 0.0, 0.0), model="another model"),
        Remembered("a desk", vector=(1.0, 0.0, 0.0), model="another model"),
        Remembered("some tea", vector=(0.0, 1.0, 0.0)),
    )
    assert await texts(memory, "lamp", (0.0, 1.0, 0.0)) == ["a lamp", "some tea"]


async def test_meaning_finds_what_shares_no_word(memory: Core) -> None:
    await remember(memory, Remembered("a lamp", vector=(1.0, 0.0, 0.0)), Remembered("a desk", vector=(0.0, 1.0, 0.0)))
    assert await texts(memory, "tea", (0.6, 0.8, 0.0)) == ["a desk", "a lamp"]
    assert await texts(memory, "tea") == []


async def test_other_languages_are_found_by_plain_words(memory: Core) -> None:
    await remember(memory, Remembered("Die Lampe steht im Büro"), Remembered("lampe du bureau"), Remembered("電球 は 緑"))
    assert await texts(memory, "Büro") == ["Die Lampe steht im Büro"]
    assert await texts(memory, "緑") == ["電球 は 緑"]


async def test_emptying_memory_empties_what_it_is_searched_by(memory: Core) -> None:
    await remember(memory, Remembered("a lamp"))
    await memory.sql("TRUNCATE memory RESTART IDENTITY CASCADE")
    assert await memory.sql("SELECT (SELECT count(*) FROM memory_word), (SELECT count(*) FROM memory_scope)") == [(0, 0)]


async def test_what_is_confirmed_or_embedded_anew_keeps_its_words(memory: Core) -> None:
    await remember(memory, Remembered("a lamp"))
    before = await memory.sql("SELECT xmin::text, word FROM memory_word")
    await memory.sql("UPDATE memory SET confirmed = confirmed + 1, model = 'm', embedding = '[1,0,0]'")
    assert await memory.sql("SELECT xmin::text, word FROM memory_word") == before


@pytest.mark.parametrize("words", ["", "the of and", "\x00", "\ud83d", "lamp " * 100_000, "'lamp' & ! | :* <->"])
async def test_any_question_is_answered(memory: Core, words: str) -> None:
    await remember(memory, Remembered("a lamp", vector=(1.0, 0.0, 0.0)))
    assert await texts(memory, words, (1.0, 0.0, 0.0)) == ["a lamp"]


async def test_what_is_set_for_a_search_holds_for_nothing_else(memory: Core) -> None:
    pool: Pool = AsyncConnectionPool(memory.database_url, min_size=1, max_size=1, open=False, kwargs={"autocommit": True})
    async with pool:
        core = Core(pool, memory.database_url)
        before = await core.sql("SELECT current_setting('plan_cache_mode'), current_setting('jit')")
        await search(core, "lamp")
        assert await core.sql("SELECT current_setting('plan_cache_mode'), current_setting('jit')") == before


async def test_the_index_of_vectors_is_taken_where_much_may_be_seen(memory: Core) -> None:
    items = [Remembered(f"lamp {n}", channel=f"C{n % 50}", vector=VECTORS[n % 3]) for n in range(1_000)]
    await remember(memory, *items)
    await MemoryEmbedding(memory.pool, Axes(MODEL), indexed=1).index()
    await memory.sql("VACUUM ANALYZE memory")
    [(before,)] = await memory.sql(USED, index_name(MODEL))
    seen = [f"C{n}" for n in range(40)]
    found = await search(memory, "desk", (0.0, 1.0, 0.0), seen, bounds=MUCH)
    assert {one.item.channel for one in found} <= set(seen)
    assert len(found) == MUCH["by_meaning"]
    async with asyncio.timeout(PATIENCE_SECONDS):  # Postgres counts a scan a moment later
        while await memory.sql(USED, index_name(MODEL)) == [(before,)]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    await memory.sql(f"DROP INDEX {index_name(MODEL)}")
