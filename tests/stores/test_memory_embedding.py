"""Vectors that are made after the fact, and anew for another model, while search goes on."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import pytest

from agent.embeddings.port import Vector
from agent.errors import UnreachableError
from agent.store.memory_embedding import BATCH, MemoryEmbedding, index_name
from agent.store.memory_search import MemorySearch
from tests.patience import PATIENCE_SECONDS
from tests.stores.core import Core
from tests.stores.recalled import Remembered, remember


@dataclass
class Axes:
    """A model that knows two words. It can be held, and out of reach."""

    model: str
    dimensions: int = 2
    batches: list[int] = field(default_factory=list[int])
    going_on: asyncio.Event = field(default_factory=asyncio.Event)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    fails: bool = False

    async def embed(self, texts: Sequence[str]) -> Sequence[Vector]:
        """Return one axis for a lamp, the other for anything else."""
        self.batches.append(len(texts))
        self.asked.set()
        if self.fails:
            raise UnreachableError("out of reach")
        await self.going_on.wait()
        return [(1.0, 0.0) if "lamp" in text else (0.0, 1.0) for text in texts]


def free(model: str) -> Axes:
    """Return a model that is not held."""
    axes = Axes(model)
    axes.going_on.set()
    return axes


@pytest.fixture
async def memory(core: Core) -> AsyncIterator[Core]:
    """A core whose memory is empty, and has no index of vectors afterwards."""
    await core.sql("TRUNCATE memory RESTART IDENTITY CASCADE")
    yield core
    await core.sql("TRUNCATE memory RESTART IDENTITY CASCADE")
    for (name,) in await core.sql("SELECT relname FROM pg_class WHERE relname LIKE 'memory_near_%%'"):
        await core.sql(f"DROP INDEX {name}")


async def models(core: Core) -> list[tuple[str, int]]:
    """Return how many items have a vector of which model."""
    return await core.sql("SELECT model, count(*) FROM memory GROUP BY model ORDER BY model")


async def test_what_has_no_vector_gets_one_in_batches(memory: Core) -> None:
    await remember(memory, *(Remembered(f"a lamp {n}") for n in range(BATCH + 1)))
    model = free("one")
    assert await MemoryEmbedding(memory.pool, model).embed_waiting() == BATCH + 1
    assert model.batches == [BATCH, 1]
    assert await models(memory) == [("one", BATCH + 1)]
    assert await MemoryEmbedding(memory.pool, model).embed_waiting() == 0


@pytest.mark.parametrize("names", [("one", "two"), ("two", "one")])
async def test_another_model_embeds_all_anew_while_search_goes_on(memory: Core, names: tuple[str, str]) -> None:
    await remember(memory, Remembered("a lamp"), Remembered("a desk"), Remembered("gone", superseded=True))
    await MemoryEmbedding(memory.pool, free(names[0])).embed_waiting()

    held = Axes(names[1])
    under_way = asyncio.create_task(MemoryEmbedding(memory.pool, held).embed_waiting())
    search = MemorySearch(memory.pool)
    assert [one.item.text for one in await search.search("T1", ["C1"], "lamp", (1.0, 0.0), names[1], 5)] == ["a lamp"]
    held.going_on.set()
    assert await under_way == 2

    found = await search.search("T1", ["C1"], "bulb", (1.0, 0.0), names[1], 5)
    assert [one.item.text for one in found] == ["a lamp", "a desk"]
    assert await models(memory) == [("", 1), (names[1], 2)]


async def test_a_text_that_changed_meanwhile_is_embedded_as_it_is_now(memory: Core) -> None:
    await remember(memory, Remembered("a desk"))
    held = Axes("one")
    under_way = asyncio.create_task(MemoryEmbedding(memory.pool, held).embed_waiting())
    async with asyncio.timeout(PATIENCE_SECONDS):
        await held.asked.wait()
    await memory.sql("UPDATE memory SET body = 'a lamp'")
    held.going_on.set()
    assert await under_way == 2
    assert await memory.sql("SELECT embedding::text FROM memory") == [("[1,0]",)]


async def test_a_model_out_of_reach_leaves_all_as_it_is(memory: Core) -> None:
    await remember(memory, Remembered("a desk"))
    with pytest.raises(UnreachableError):
        await MemoryEmbedding(memory.pool, Axes("one", fails=True)).embed_waiting()
    assert await models(memory) == [("", 1)]


async def test_vectors_are_indexed_once_there_are_many(memory: Core) -> None:
    await remember(memory, *(Remembered(f"a lamp {n}") for n in range(10)))
    few, many = (MemoryEmbedding(memory.pool, free("one"), indexed=indexed) for indexed in (11, 10))
    await few.embed_waiting()
    assert not await few.index()
    made = await asyncio.gather(many.index(), many.index(), many.index())
    assert sum(made) == 1
    assert not await many.index()
    assert await memory.sql("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", index_name("one")) == [(True,)]


async def test_an_index_that_was_left_unfinished_is_made_anew(memory: Core) -> None:
    await remember(memory, *(Remembered(f"a lamp {n}") for n in range(10)))
    vectors = MemoryEmbedding(memory.pool, free("one"), indexed=10)
    await vectors.embed_waiting()
    await vectors.index()
    await memory.sql("UPDATE pg_index SET indisvalid = false WHERE indexrelid = to_regclass(%s)", index_name("one"))
    assert await vectors.index()
    assert await memory.sql("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", index_name("one")) == [(True,)]
