"""Sessions seen from both sides: as a holder writes them and as psql shows them."""

import asyncio
import itertools
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool

from agent.session.inbox import Message, Received
from agent.store.pins import pin_id_of
from agent.store.queue import CLAIM, Queue
from agent.store.sessions import Beside, Lease, Pool, Store, session_id
from agent.types import Pinned, Place, Said
from tests.patience import PATIENCE_SECONDS

LOOK_SECONDS = 0.02  # between two looks at what the database is doing
EMPTY = (
    'TRUNCATE session, pin, inbox, step, output, action, vote, "grant", usage, budget_raise, chore, attachment, feedback, '
    "memory, memory_said, memory_gone, memory_value, conversation_message, conversation_position, candidate_case RESTART IDENTITY"
)


def place(number: int = 1, team: str = "T1") -> Place:
    """A separate thread for each number."""
    return Place(team=team, channel="C1", thread_ts=f"{number}.0")


def message(text: str = "Hello", ts: str = "1.0") -> Message:
    """What a person said."""
    return Message(said=Said(user="U1", text=text, ts=ts))


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Until it holds, whatever happens on the way to it."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await condition():  # noqa: ASYNC110  # the database sends no event for it
            await asyncio.sleep(LOOK_SECONDS)


@dataclass
class Core:
    """A store and a queue on one pool, and SQL beside them."""

    pool: Pool
    database_url: str
    store: Store = field(init=False)
    queue: Queue = field(init=False)
    _keys: "itertools.count[int]" = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.store, self.queue = Store(self.pool), Queue(self.pool)

    async def sql(self, statement: Any, *values: Any, **named: Any) -> list[tuple[Any, ...]]:
        """Rows of a statement; none for one that gives none."""
        async with self.pool.connection() as connection:
            cursor = await connection.execute(statement, named or values)
            return await cursor.fetchall() if cursor.description else []

    async def wake(self, at: Place, received: Received | None = None) -> int:
        """Something new for the session, which begins with it if need be; the id of its inbox row."""
        key = f"test:{next(self._keys)}"
        assert await self.store.receive(at, key, received or message(), opens=True)
        [(inbox_id,)] = await self.sql("SELECT id FROM inbox WHERE key = %s", key)
        return inbox_id

    async def hold(self, at: Place) -> Lease:
        """Wake a session and claim it."""
        await self.wake(at)
        leases = await self.queue.claim(1000)
        return next(lease for lease in leases if lease.session_id == session_id(at))

    async def expire(self, *leases: Lease) -> None:
        """As if their time had run out, their holders' processes killed."""
        ids = [lease.session_id for lease in leases]
        await self.sql("UPDATE session SET lease_until = now() - interval '1 second' WHERE id = ANY(%s)", ids)

    async def pin(self, lease: Lease, pinned: Pinned) -> None:
        """Fix what a session is run with."""
        await self.store.pins.keep(pin_id_of(pinned), pinned)
        await self.store.append(lease, 0, (), Beside(pin_id=pin_id_of(pinned)))

    async def tables(self) -> dict[str, list[str]]:
        """Every row of every table of the core, as text."""
        names = await self.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        rows = {name: await self.sql(f'SELECT row::text FROM "{name}" AS row ORDER BY 1') for (name,) in names}
        return {name: [text for (text,) in found] for name, found in rows.items()}

    async def waits_for_a_lock(self) -> bool:
        """Whether a statement of this database is held up by another transaction."""
        found = await self.sql("""
            SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
        """)
        return bool(found)

    async def held_up(self, work: "asyncio.Task[Any]") -> None:
        """Until this work waits for another transaction's end. Fails when it does not have to."""

        async def waiting() -> bool:
            return work.done() or await self.waits_for_a_lock()

        await until(waiting)
        assert not work.done(), "it did not wait"

    async def connect(self) -> psycopg.AsyncConnection[Any]:
        """A connection beside the pool, for a transaction that stays open; the test closes it."""
        return await psycopg.AsyncConnection[Any].connect(self.database_url)


@asynccontextmanager
async def opened_core(database_url: str) -> AsyncGenerator[Core]:
    """A store and a queue, with nothing in them."""
    pool: Pool = AsyncConnectionPool(database_url, max_size=32, open=False, kwargs={"autocommit": True})
    async with pool:
        core = Core(pool, database_url)
        await core.sql(EMPTY)
        yield core


@contextmanager
def rival(core: Core) -> Generator[list[Any]]:
    """Another process, as far as Postgres can tell: claims whatever it can get, all the time."""
    claimed: list[Any] = []
    over = threading.Event()

    def claim() -> None:
        with psycopg.connect(core.database_url, autocommit=True) as connection:
            while not over.wait(LOOK_SECONDS):
                claimed.extend(
                    connection.execute(CLAIM, {"slots": 9, "clock_slots": 9, "lease_seconds": 10, "most_failures": 3}).fetchall()
                )

    thread = threading.Thread(target=claim)
    thread.start()
    try:
        yield claimed
    finally:
        over.set()
        thread.join()
