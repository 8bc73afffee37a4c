"""What one of all processes has to do now and then: a row of `chore` says who may, and when it was done last."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import LiteralString

import psycopg
from psycopg_pool import PoolTimeout

from agent.cancelled import cancelled
from agent.errors import DelayedError, RefusedError, UnclearError, UnreachableError
from agent.store.fenced import rows
from agent.store.sessions import Pool, Store

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0  # between two looks at what is due
FORGET_SECONDS = 3600.0
MARGIN_SECONDS = 60.0  # of what is looked back at: a transaction is stamped when it begins, and seen when it commits

# The process that changes the row has the turn. How long ago it was last done, if ever.
TURN: LiteralString = """
INSERT INTO chore AS before (key) VALUES (%(key)s)
ON CONFLICT (key) DO UPDATE SET begun_at = now() WHERE before.begun_at <= now() - make_interval(secs => %(every)s)
RETURNING extract(epoch FROM now() - done_at)::float8
"""
# Asked before each turn, for all chores at once: most looks find nothing, and each turn that is asked for takes a lock.
DUE: LiteralString = """
SELECT wanted.key FROM unnest(%(keys)s::text[], %(every)s::float8[]) AS wanted (key, every)
LEFT JOIN chore ON chore.key = wanted.key
WHERE chore.key IS NULL OR chore.begun_at <= now() - make_interval(secs => wanted.every)
"""
# By the time of its beginning: what happened while it was done is looked at again.
DONE: LiteralString = "UPDATE chore SET done_at = begun_at WHERE key = %(key)s"

# What is done is never done again. Whether this is the first try: a process that tried before may have got far.
ONCE: LiteralString = """
INSERT INTO chore AS before (key) VALUES (%(key)s)
ON CONFLICT (key) DO UPDATE SET begun_at = now()
    WHERE before.done_at IS NULL AND before.begun_at <= now() - make_interval(secs => %(every)s)
RETURNING xmax = 0
"""
AGAIN_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Chore:
    """Something to be done every so often. `work` is told how many seconds to look back: to before it was last done."""

    key: str
    every_seconds: float
    first_seconds: float  # to look back where it was never done
    work: Callable[[float], Awaitable[None]]


def forgetting(store: Store) -> Chore:
    """Return the chore that drops old long results."""

    async def work(_: float) -> None:
        await store.kept.forget_outputs()

    return Chore("outputs", FORGET_SECONDS, 0.0, work)


async def once_of_all(pool: Pool, key: str, work: Callable[[bool], Awaitable[None]]) -> None:
    """Do something that is to be done once by one of all processes. `work` is told whether it may have been done already."""
    async with pool.connection() as connection:
        row = await (await connection.execute(ONCE, {"key": key, "every": AGAIN_SECONDS})).fetchone()
    if row is not None:
        await work(not row[0])
        async with pool.connection() as connection:
            await connection.execute(DONE, {"key": key})


class Chores:
    """`async with Chores(...)`: does what is due while the block runs, side by side with other processes, each in its turn."""

    def __init__(self, pool: Pool, chores: Sequence[Chore]) -> None:
        self._pool = pool
        self._chores = chores

    async def __aenter__(self) -> "Chores":
        self._task = asyncio.create_task(self._run_chores())
        return self

    async def __aexit__(self, *error: object) -> None:
        await cancelled([self._task])

    async def _run_chores(self) -> None:
        while True:
            for chore in await self._due():
                try:
                    await self.look(chore)
                except (psycopg.Error, PoolTimeout, UnreachableError, UnclearError, DelayedError, RefusedError) as error:
                    log.warning("%s is tried again later: %s", chore.key, error)
                except Exception:
                    log.exception("%s failed; it is tried again later", chore.key)
            await asyncio.sleep(LOOK_SECONDS)

    async def _due(self) -> Sequence[Chore]:
        """Return the chores that nobody has done of late."""
        values = {"keys": [chore.key for chore in self._chores], "every": [float(chore.every_seconds) for chore in self._chores]}
        try:
            due = {key for (key,) in await rows(self._pool, DUE, values)}
        except (psycopg.OperationalError, PoolTimeout) as error:  # any other one is a fault of ours, and said as one
            log.warning("what is due is looked for again later: %s", error)
            return ()
        except Exception:
            log.exception("what is due is not found; it is looked for again later")
            return ()
        return [chore for chore in self._chores if chore.key in due]

    async def look(self, chore: Chore) -> bool:
        """Do it if it is due and nobody else does. Raises what it raises; then it is due again as if it had not been done."""
        values = {"key": chore.key, "every": chore.every_seconds}
        async with self._pool.connection() as connection:
            row = await (await connection.execute(TURN, values)).fetchone()
        if row is None:
            return False
        ago: float | None = row[0]
        await chore.work(chore.first_seconds if ago is None else ago + MARGIN_SECONDS)
        async with self._pool.connection() as connection:
            await connection.execute(DONE, values)
        return True
