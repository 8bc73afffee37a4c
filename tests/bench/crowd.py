"""Sessions that wait for people, brought there by the store and the queue: the statements that the bot itself makes.

Only Slack and the model are left out. Each session is received, claimed and pinned, asks for an order, has its card posted,
and is released until its reminder.
"""

import asyncio
from collections.abc import Coroutine, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from psycopg_pool import AsyncConnectionPool

from agent.approvals.digest import action_digest, action_id
from agent.decide.for_cards import due_at
from agent.session.inbox import Message
from agent.session.machine import fold
from agent.session.state import Session
from agent.session.steps import Asked, ModelReplied, ModelStarted, Posted, PostStarted, ProposedAction, Recorded, Step
from agent.store.pins import pin_id_of
from agent.store.queue import Queue
from agent.store.sessions import Beside, Lease, Store
from agent.tool.definition import Tool, registry
from agent.types import Block, Pinned, Place, Said, Usage, Verdict
from tools.catalog import catalog

CONNECTIONS = 16
BATCH = 400  # sessions under way at once: what takes far less than a lease
REMIND_SECONDS, EXPIRE_SECONDS = 3_600, 24 * 3_600
REQUESTER, MODEL = "U0CROWD", "claude-sonnet-5-5"
ORDER = {"customer": "ada@example.com", "sku": "LMP-001", "quantity": 1, "note": ""}
# What is not suspended as it should be: a lease, a due time other than the reminder's, a row that nobody has taken.
UNLIKE = """
SELECT count(*) FROM session LEFT JOIN action ON action.session_id = session.id AND action.status = 'pending'
WHERE lease_until IS NOT NULL
   OR wake_at IS DISTINCT FROM action.expires_at - make_interval(secs => %s)
   OR EXISTS (SELECT FROM inbox WHERE inbox.session_id = session.id AND taken_at IS NULL)
"""
EXPECTED = "SELECT count(*) FROM session"

Pool = AsyncConnectionPool[Any]


async def suspend(database_url: str, places: Iterable[Place], reminded_at: datetime | None = None) -> None:
    """Bring a session in each place to wait for its card, and to remind of it at a given time or after REMIND_SECONDS.

    Raises RuntimeError when one does not wait as it should.
    """
    # Not waiting for the disk: a setting of the connection, for the sake of those who wait for the bench.
    options = {"autocommit": True, "options": "-c synchronous_commit=off"}
    number = 0
    async with AsyncConnectionPool[Any](
        database_url, min_size=CONNECTIONS, max_size=CONNECTIONS, open=False, kwargs=options
    ) as pool:
        crowd = _Crowd(pool, reminded_at)
        coming = iter(places)
        while batch := list(islice(coming, BATCH)):
            await crowd.bring(batch)
            number += len(batch)
        async with pool.connection() as connection:
            [(unlike,)] = await (await connection.execute(UNLIKE, [EXPIRE_SECONDS - REMIND_SECONDS])).fetchall()
            [(found,)] = await (await connection.execute(EXPECTED)).fetchall()
    if unlike or found != number:
        raise RuntimeError(f"{found} of {number} sessions are there, and {unlike} do not wait as they should.")


class _Crowd:
    """One database's sessions on their way."""

    def __init__(self, pool: Pool, reminded_at: datetime | None) -> None:
        self._store, self._queue = Store(pool), Queue(pool)
        self._reminded_at = reminded_at
        tools = registry(catalog(pool))
        self._order: Tool = tools["create_order"]
        self._pinned = Pinned(model=MODEL, system="", tools=tuple(tool.schema() for tool in tools.values()))
        self._verdict = Verdict(answer="ask", rule="the bench", remind_seconds=REMIND_SECONDS, expires_seconds=EXPIRE_SECONDS)

    async def bring(self, places: Iterable[Place]) -> None:
        """Up to BATCH sessions, side by side."""
        await _side_by_side(self._receive(place) for place in places)
        await _side_by_side(self._suspend(lease) for lease in await self._queue.claim(BATCH))

    async def _receive(self, place: Place) -> None:
        message = Message(said=Said(user=REQUESTER, text="please order a desk lamp", ts=place.thread_ts))
        await self._store.receive(place, f"{place.team}:{place.channel}:{place.thread_ts}", message, opens=True)

    async def _suspend(self, lease: Lease) -> None:
        """What a drive of it writes, the steps in one commit instead of three."""
        wakes, inbox = await self._store.inbox(lease)
        await self._store.pins.keep(pin_id_of(self._pinned), self._pinned)
        said = tuple(row.received.said for row in inbox if isinstance(row.received, Message))
        proposed = self._proposed(lease)
        call: Block = {"type": "tool_use", "id": proposed.call_id, "name": proposed.tool, "input": proposed.arguments}
        steps: tuple[Step, ...] = (
            Asked(said=said),
            ModelStarted(iteration=1, reserved_tokens=5_000, max_tokens=4_096),
            ModelReplied(content=(call,), stop_reason="tool_use", usage=Usage(input_tokens=900, output_tokens=90)),
            proposed,
            PostStarted(key=proposed.shown_in),
            Posted(key=proposed.shown_in, ts=f"{lease.place.thread_ts}1"),
        )
        await self._store.append(lease, 0, steps, Beside(inbox_ids=[row.id for row in inbox], pin_id=pin_id_of(self._pinned)))
        log = [Recorded(seq=number, epoch=lease.epoch, step=step) for number, step in enumerate(steps, 1)]
        due = due_at(fold(Session(lease.session_id, lease.place, lease.epoch), log), lease.now())
        await self._queue.release(lease, wakes, due)

    def _proposed(self, lease: Lease) -> ProposedAction:
        call_id = "toolu_1"
        reminded_at = self._reminded_at or lease.now() + timedelta(seconds=REMIND_SECONDS)
        id = action_id(lease.session_id, 3, call_id, 3)
        wording = self._order.wording(self._order.arguments.model_validate(ORDER))
        return ProposedAction(
            action_id=id,
            call_id=call_id,
            tool=self._order.name,
            arguments=dict(ORDER),
            verdict=self._verdict,
            digest=action_digest(lease.session_id, self._order, dict(ORDER), self._verdict, wording),
            wording=wording,
            requesters=(REQUESTER,),
            expires_at=reminded_at + timedelta(seconds=EXPIRE_SECONDS - REMIND_SECONDS),
            message=f"card:{id}",
        )


async def _side_by_side(works: Iterator[Coroutine[Any, Any, None]]) -> None:
    """As many at once as there are connections: a queue for these would cost more than the statements."""

    async def one_after_another() -> None:
        for work in works:
            await work

    async with asyncio.TaskGroup() as group:
        for _ in range(CONNECTIONS):
            group.create_task(one_after_another())
