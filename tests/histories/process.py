"""A process, as far as Postgres and the outside can tell: it is frozen, killed, or loses the database's answer at any moment.

A frozen one renews no lease and does nothing; when it goes on, its sessions may be another's. A killed one does nothing ever
again. Both happen between any two exchanges with the database, the outside and the tools.
"""

import asyncio
import functools
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool

from agent import fence
from agent.decide import for_approved
from agent.decide import for_cards as card_moves
from agent.model.limits import Patience
from agent.run import claim as held
from agent.run import model_calls, narration, retries, runner
from agent.run.effects import Effects
from agent.run.runner import Agent, Runner
from agent.run.worker import Worker
from agent.session.rules import Bounds, Rules
from agent.store import queue
from agent.store.queue import Queue
from agent.store.sessions import Store
from agent.tool.definition import registry
from agent.types import Pinned
from bot.cards.review import can_show
from tests.histories.outside import OPEN_CARDS, Outside
from tests.histories.ports import Ports
from tests.histories.toolbox import Toolbox

TROUBLE_SECONDS = 0.4  # until what failed is tried again
LEASE_SECONDS, RENEW_SECONDS, BEGIN_WITHIN_SECONDS = 0.8, 0.2, 0.4  # 10, 2.5 and 5 in earnest
BOUNDS = Bounds(calls_per_reply=8, cards_per_hour=15, open_cards=OPEN_CARDS, open_cards_per_person=12)
PATIENCE = Patience(first_open_seconds=0.05, longest_open_seconds=0.3, calls_at_once=4)


def quicken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that is waited for takes about a twelfth of its time, in the same proportions."""
    monkeypatch.setattr(queue, "MOST_FAILURES", 1_000)  # processes die far more often than they ever should
    monkeypatch.setattr(retries, "LONGEST_WAIT_SECONDS", 0.2)
    monkeypatch.setattr(retries, "FIRST_TROUBLE_SECONDS", 0.04)
    monkeypatch.setattr(model_calls, "BUDGET_TROUBLE_SECONDS", 0.2)
    monkeypatch.setattr(card_moves, "QUICK_SECONDS", 0.03)
    monkeypatch.setattr(held, "CONFIRM_SECONDS", 0.08)
    monkeypatch.setattr(retries, "TROUBLE_SECONDS", TROUBLE_SECONDS)
    monkeypatch.setattr(narration, "QUIET_SECONDS", 0.02)
    monkeypatch.setattr(narration, "APPEND_SECONDS", 0.02)
    monkeypatch.setattr(narration, "FIRST_CHARACTERS", 3)
    monkeypatch.setattr(runner, "TROUBLE_SECONDS", TROUBLE_SECONDS)
    monkeypatch.setattr(for_approved, "DECISION_LIFETIME", timedelta(seconds=2))
    monkeypatch.setattr(fence, "BEGIN_WITHIN_SECONDS", BEGIN_WITHIN_SECONDS)
    monkeypatch.setattr(fence, "effects_of_start", functools.partial(fence.effects_of_start, within_seconds=BEGIN_WITHIN_SECONDS))


class Line(AsyncConnectionPool[Any]):
    """The way to the database of one process."""

    def __init__(self, process: "Process", database_url: str) -> None:
        super().__init__(database_url, min_size=1, max_size=16, open=False, kwargs={"autocommit": True})
        self._process = process

    @asynccontextmanager
    async def connection(self, timeout: float | None = None) -> AsyncGenerator[psycopg.AsyncConnection[Any]]:  # noqa: ASYNC109
        """As the pool's, but what is done with it may wait for long, and its answer may be lost."""
        if self._process.outside.happens(0.1):
            await self._process.outside.dawdle()
        await self._process.goes_on()
        async with super().connection(timeout) as connection:
            yield connection
        if self._process.outside.happens(0.1):
            await self._process.outside.dawdle()
        await self._process.goes_on()
        if self._process.outside.happens(0.004):
            raise psycopg.OperationalError("the answer of the database was lost")


class Freezable(Worker):
    """A worker that can stop renewing what it holds."""

    def freeze(self) -> None:
        """Renew nothing."""
        for lease, _, _ in self._drives.values():
            self._renewal.drop(lease)

    def thaw(self) -> None:
        """Renew what we think we hold."""
        for lease, _, _ in self._drives.values():
            self._renewal.hold(lease)


class Process:
    """A worker that shares nothing."""

    def __init__(self, outside: Outside, database_url: str) -> None:
        self.outside = outside
        self.frozen = self.killed = False
        self._database_url = database_url
        self._running, self._over = asyncio.Event(), asyncio.Event()
        self._running.set()
        self._life: asyncio.Task[None] | None = None
        self._worker: Freezable | None = None

    async def goes_on(self) -> None:
        """Until the process is not frozen. Raises OperationalError in a killed one: nothing reaches the database from there."""
        await self._running.wait()
        if self.killed:
            raise psycopg.OperationalError("the process is gone")

    async def start(self) -> None:
        """Begin to work."""
        begun = asyncio.Event()
        self._life = asyncio.create_task(self._live(begun))
        await begun.wait()

    async def _live(self, begun: asyncio.Event) -> None:
        with suppress(psycopg.OperationalError):  # of what is handed back at the end
            async with Line(self, self._database_url) as pool:
                store, queue, tools = Store(pool), Queue(pool, lease_seconds=LEASE_SECONDS), Toolbox(self.outside, self.goes_on)
                ports = Ports(self, tools)
                effects = Effects(ports, ports, ports, store, tools, PATIENCE, ports)

                def agent() -> Agent:
                    pinned = Pinned(model=self.outside.model, system="You help.", tools=())
                    judge, present = self.outside.policy.judge, registry([*tools.values()])
                    return Agent(
                        pinned,
                        Rules(
                            present,
                            max_iterations=4,
                            judge=judge,
                            bounds=BOUNDS,
                            context_tokens=300,
                            can_show=lambda proposed: can_show(proposed, present),
                        ),
                    )

                runner = Runner(store, queue, effects, lambda place: agent())
                self._worker = Freezable(
                    self._database_url, queue, runner, poll_seconds=0.05, renew_seconds=RENEW_SECONDS, stop_seconds=0.3
                )
                async with self._worker:
                    begun.set()
                    await self._over.wait()
        begun.set()

    def freeze(self) -> None:
        """As SIGSTOP does."""
        if self._worker is not None and not self.frozen:
            self.frozen = True
            self._running.clear()
            self._worker.freeze()

    def thaw(self) -> None:
        """As SIGCONT does."""
        if self._worker is not None and self.frozen:
            self.frozen = False
            self._worker.thaw()
            self._running.set()

    async def kill(self) -> None:
        """As SIGKILL does: whatever is under way gets nowhere any more."""
        self.killed = True
        await self.stop()

    async def stop(self) -> None:
        """As SIGTERM does: what is under way may end, the rest is handed back."""
        self.frozen = False
        self._running.set()
        self._over.set()
        if self._life is not None:
            await self._life
