"""The plan of a search in memory, which is made before anybody knows how many rows there are."""

from agent.store.memory_search import BOUNDS
from agent.store.memory_statements import SETTINGS, statement
from tests.stores.core import Core
from tests.stores.recalled import MODEL

TYPES = {"team": "text", "channels": "text[]", "words": "text", "vector": "vector", "model": "text"}


async def test_nothing_is_compared_with_everything_whatever_the_planner_expects(core: Core) -> None:
    await core.sql("TRUNCATE memory RESTART IDENTITY CASCADE")  # then the planner expects one row of everything
    text, names = statement(MODEL, 3)
    types = ["bigint" if name in BOUNDS or name == "limit" else TYPES.get(name, "float8") for name in names]
    async with core.pool.connection() as connection, connection.transaction():
        await connection.execute(SETTINGS)
        await connection.execute(f"PREPARE search ({', '.join(types)}) AS {text}".encode())
        plan = await connection.execute(f"EXPLAIN EXECUTE search ({', '.join('NULL' for _ in names)})".encode())
        lines = [line.strip() for (line,) in await plan.fetchall()]
    assert any(line.startswith("Hash Cond") for line in lines)
    assert not [line for line in lines if line.startswith(("Join Filter", "Merge Cond"))]
