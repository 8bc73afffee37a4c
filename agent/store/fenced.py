"""The right to write a session's log, and what every fenced statement has in common."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, LiteralString, TypeVar

from psycopg import AsyncConnection
from psycopg.rows import tuple_row
from psycopg_pool import AsyncConnectionPool
from pydantic import TypeAdapter, ValidationError

from agent.errors import FencedError, UnreadableError
from agent.session.inbox import Inboxed
from agent.session.steps import STEPS, Recorded
from agent.types import Place

PgConnection = AsyncConnection[Any]
Pool = AsyncConnectionPool[Any]
_Stored = TypeVar("_Stored")


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write a session's log, as of one claim."""

    session_id: str
    place: Place
    epoch: int
    pin_id: str | None
    wakes: int  # how often the session had been woken
    by_clock: bool  # nobody waits for it: a reminder is due, say
    claimed_at: datetime  # by the database's clock
    claimed_monotonic_seconds: float  # the same moment on this machine's own clock
    abandoned: bool = False  # the claim before this one was never released: its process died, or was lost
    given: Inboxed | None = None  # all that waits to be answered in it, where the claim knows that

    @property
    def opens(self) -> bool:
        """Return whether the session has just been opened, and holds nothing else."""
        return self.given is not None and self.epoch == self.wakes == 1

    def now(self) -> datetime:
        """Return the database's clock, carried on by this machine's own."""
        return self.claimed_at + timedelta(seconds=time.monotonic() - self.claimed_monotonic_seconds)


async def rows(pool: Pool, statement: LiteralString, values: Any = ()) -> list[tuple[Any, ...]]:
    """Return the rows of one statement, which is a whole transaction."""
    async with pool.connection() as connection, connection.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(statement, values)
        return await cursor.fetchall()


def parse_stored(stored: TypeAdapter[_Stored], body: str) -> _Stored:
    """Return what a stored JSON text holds. Raises UnreadableError, which names the fault without people's words."""
    try:
        return stored.validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]  # the input is people's words
        raise UnreadableError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def recorded_steps(found: Sequence[tuple[int, int, str]]) -> list[Recorded]:
    """Return the steps of a log, whose rows are seq, epoch and JSON. Raises UnreadableError."""
    steps = parse_stored(STEPS, f"[{','.join(body for _, _, body in found)}]")  # in one go: a log is long
    return [Recorded(seq=seq, epoch=epoch, step=step) for (seq, epoch, _), step in zip(found, steps, strict=True)]


def confirm_held(count: int, lease: Lease) -> None:
    """Raise FencedError unless the statement found the session held as the lease says."""
    confirm_held_under(count, lease.session_id, lease.epoch)


def confirm_held_under(count: int, session_id: str, epoch: int) -> None:
    """Raise FencedError unless the statement found the session held under this epoch."""
    if not count:
        raise FencedError(f"session {session_id} is no longer held under epoch {epoch}")
