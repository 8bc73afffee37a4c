"""Search in what is remembered: by words and by meaning, among the items of some channels and nothing else.

score = z(BM25 of the item with its neighbours) + weight · z(cosine of the item alone), z over all items that may be seen. Words
of a neighbour count 0.6 times as much as the item's own: what an answer says is often found by the words of the question
before it. Formula and figures: measured by `make bench memory` on a conversational set with evidence labels.

Whatever may not be seen is left out before anything is counted, so that no score, order or frequency tells of it. An item whose
embedding is of another model counts by its words alone, as if it were of average meaning.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import AsyncRawCursor
from psycopg.adapt import Dumper
from psycopg.pq import Format
from psycopg.rows import tuple_row

from agent.embeddings.port import Vector
from agent.memory.items import MemoryItem
from agent.store.fenced import Pool
from agent.store.memory_items import item_of
from agent.store.memory_statements import SETTINGS, statement
from agent.text import whole

FIGURES: Mapping[str, float] = {
    "k1": 1.2,  # of BM25, as everywhere
    "b": 0.75,
    "neighbour": 0.6,
    "window": 3.0,  # items: how long an item of average length is with its neighbours
    "nothing": 1e-6,  # a spread below it is rounding: all fit alike
}
# Items: where more may be seen, only candidates are. Among 1,000,000 items a look at each of 11,000 took 0.13 times as long as
# candidates, at each of 40,000 0.6 times, and at each of 74,000 1.4 times: the fewer may be seen, the longer the index of vectors
# goes on. A look at each is exact; candidates found eight to nine of its ten.
LOOKED_AT = 40_000
BOUNDS: Mapping[str, int] = {
    "looked_at": LOOKED_AT,
    "places": 1_000,  # of one word, which give candidates
    "by_words": 100,  # candidates
    "by_meaning": 60,
    "sampled": 64,  # scopes, for how vectors are spread
    "sampled_each": 4,  # items
}
# How much meaning counts beside words, by the model that made the vectors.
WEIGHTS: Mapping[str, float] = {"minilm-l6-v2-int8": 1.5}
WEIGHT = 1.0  # of WordLlama, and of models that nobody has measured

MOST_CHARACTERS = 4_000  # of a question


@dataclass(frozen=True, slots=True)
class Found:
    """An item, and how well it fits beside the others of the same search. Scores of two searches cannot be compared."""

    item: MemoryItem
    score: float


@dataclass(frozen=True, slots=True)
class _Asked:
    """The vector of a question, as Postgres is told it."""

    vector: Vector


class _AskedDumper(Dumper):
    """The bytes of a vector in Postgres: to write 256 numbers in decimals took a fifth of what a search takes of this process."""

    format = Format.BINARY

    def dump(self, obj: _Asked) -> bytes:
        """Return how many numbers, a zero, and the numbers."""
        return struct.pack(f">HH{len(obj.vector)}f", len(obj.vector), 0, *obj.vector)


psycopg.adapters.register_dumper(_Asked, _AskedDumper)


class MemorySearch:
    """Search in Postgres."""

    def __init__(self, pool: Pool, bounds: Mapping[str, int] = BOUNDS) -> None:
        self._pool = pool
        self._bounds = bounds

    async def search(
        self, team: str, channels: Sequence[str], words: str, vector: Vector | None, model: str, limit: int
    ) -> Sequence[Found]:
        """Return the items of these channels that fit best, the best first. `vector` is that of the words, by `model`; without
        one only words count, and items that share none with the question are not found."""
        values = {
            "team": team,
            "channels": list(channels),
            "words": whole(words)[:MOST_CHARACTERS].replace("\x00", " "),
            "vector": None if vector is None else _Asked(vector),
            "model": model,
            "weight": WEIGHTS.get(model, WEIGHT),
            "limit": limit,
            **FIGURES,
            **self._bounds,
        }
        return [Found(item_of(item), score) for *item, score in await self._rows(model, vector, values)]

    async def _rows(self, model: str, vector: Vector | None, values: Mapping[str, Any]) -> Sequence[Any]:
        text, names = statement(model, None if vector is None else len(vector))
        async with (
            self._pool.connection() as connection,
            AsyncRawCursor(connection, row_factory=tuple_row) as cursor,
        ):
            async with connection.pipeline():  # one round trip, and one transaction
                await connection.execute(SETTINGS)
                await cursor.execute(text.encode(), [values[name] for name in names], prepare=True)
            return await cursor.fetchall()  # in the pipeline this would be a second round trip
