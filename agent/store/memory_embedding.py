"""Vectors of what is remembered: made after the fact, and anew when the model is another one, while search goes on.

Writers may leave the vector of an item out. Whatever has none of today's model gets one here, in batches; until then an item is
found by its words.
"""

from collections.abc import Sequence
from typing import LiteralString

from psycopg import sql

from agent.canonical import sha256
from agent.embeddings.port import Embedder, Vector
from agent.store.chores import Chore
from agent.store.fenced import Pool, rows
from agent.store.memory_search import LOOKED_AT

EVERY_SECONDS = 5.0
BATCH = 128

# By ranges of the index `memory_model`: to find nothing to do must cost nothing.
WAITING: LiteralString = """
(SELECT id, body FROM memory WHERE valid_until IS NULL AND model < %(model)s ORDER BY model LIMIT %(batch)s)
UNION ALL
(SELECT id, body FROM memory WHERE valid_until IS NULL AND model > %(model)s ORDER BY model LIMIT %(batch)s)
LIMIT %(batch)s
"""
# A text that was changed meanwhile stays as it is, and is embedded the next time.
EMBEDDED: LiteralString = """
UPDATE memory SET model = %(model)s, embedding = made.vector::vector
FROM unnest(%(ids)s::bigint[], %(bodies)s::text[], %(vectors)s::text[]) AS made (id, body, vector)
WHERE memory.id = made.id AND memory.body = made.body
"""
MANY: LiteralString = """
SELECT count(*) = %(indexed)s
FROM (SELECT FROM memory WHERE valid_until IS NULL AND model = %(model)s LIMIT %(indexed)s) AS item
"""
# Of an index that does not fit into it, each further vector is looked up on disk; what is not needed is not taken.
ROOM: LiteralString = "SET maintenance_work_mem = '1GB'"
# One process at a time makes the index. What one that died has left is not valid, and of no use.
MINE: LiteralString = "SELECT pg_try_advisory_lock(hashtextextended(%(name)s, 0))"
NOT_MINE: LiteralString = "SELECT pg_advisory_unlock(hashtextextended(%(name)s, 0))"
VALID: LiteralString = "SELECT count(*) FROM pg_index WHERE indexrelid = to_regclass(%(name)s) AND indisvalid"


class MemoryEmbedding:
    """Vectors in Postgres. With fewer than `indexed` of them each is looked at."""

    def __init__(self, pool: Pool, embedder: Embedder, indexed: int = LOOKED_AT) -> None:
        self._pool = pool
        self._embedder = embedder
        self._indexed = indexed

    async def embed_waiting(self) -> int:
        """Embed what has no vector of this model yet, up to the last; return how many. Raises UnreachableError."""
        done = 0
        while found := await rows(self._pool, WAITING, {"model": self._embedder.model, "batch": BATCH}):
            bodies = [body for _, body in found]
            await self._keep([id for id, _ in found], bodies, await self._embedder.embed(bodies))
            done += len(found)
        return done

    async def index(self) -> bool:
        """Make the index of this model's vectors once there are many; return whether it was made now."""
        name = {"name": index_name(self._embedder.model)}
        [(many,)] = await rows(self._pool, MANY, {"model": self._embedder.model, "indexed": self._indexed})
        if not many or await rows(self._pool, VALID, name) == [(1,)]:
            return False
        async with self._pool.connection() as connection:
            if await (await connection.execute(MINE, name)).fetchone() == (False,):
                return False
            try:
                if await (await connection.execute(VALID, name)).fetchone() == (1,):
                    return False
                await connection.execute(sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(sql.Identifier(name["name"])))
                await connection.execute(ROOM)
                await connection.execute(index_statement(self._embedder))
            finally:
                await connection.execute("RESET maintenance_work_mem")
                await connection.execute(NOT_MINE, name)
        return True

    async def _keep(self, ids: Sequence[int], bodies: Sequence[str], vectors: Sequence[Vector]) -> None:
        made = {"ids": list(ids), "bodies": list(bodies), "vectors": [str(list(vector)) for vector in vectors]}
        async with self._pool.connection() as connection:
            await connection.execute(EMBEDDED, {"model": self._embedder.model, **made})


def index_name(model: str) -> str:
    """Return the name of the index of a model's vectors."""
    return f"memory_near_{sha256(model)[:16]}"


def index_statement(embedder: Embedder) -> sql.Composed:
    """Return what makes the index. Others write meanwhile; half the precision is enough to find candidates."""
    return sql.SQL(
        "CREATE INDEX CONCURRENTLY {} ON memory USING hnsw ((embedding::halfvec({})) halfvec_ip_ops) "
        "WHERE valid_until IS NULL AND model = {}"
    ).format(sql.Identifier(index_name(embedder.model)), sql.Literal(embedder.dimensions), sql.Literal(embedder.model))


def embedding(pool: Pool, embedder: Embedder) -> Chore:
    """Return the chore that embeds what waits for it, and indexes the vectors once there are many."""
    vectors = MemoryEmbedding(pool, embedder)

    async def work(_: float) -> None:
        await vectors.embed_waiting()
        await vectors.index()

    return Chore("memory_embedding", EVERY_SECONDS, 0.0, work)
