"""A worker: listens for waking sessions, claims what is due, and drives many sessions side by side."""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import psycopg

from agent.cancelled import cancelled
from agent.errors import FencedError
from agent.run.runner import Runner
from agent.store.queue import CHANNEL, RENEW_SECONDS, Queue, Renewal
from agent.store.sessions import Lease

log = logging.getLogger(__name__)

SLOTS = 64  # sessions driven at once by one process
CLOCK_SLOTS = 16  # of these, such as only the clock woke: a thousand reminders at once leave the others room
POLL_SECONDS = 1.0  # beside the notifications: due times, expired leases, lost notifications
STOP_SECONDS = 7.0  # for what is under way at the end; less than the lease


@dataclass
class Worker:
    """`async with Worker(...)`: works while the block runs; at its end everything held is handed back.

    Wide because eight of its attributes are its settings.
    """

    database_url: str  # for a separate connection: a pooler in transaction mode passes no notifications
    queue: Queue
    runner: Runner
    slots: int = SLOTS
    clock_slots: int = CLOCK_SLOTS
    poll_seconds: float = POLL_SECONDS
    renew_seconds: float = RENEW_SECONDS
    stop_seconds: float = STOP_SECONDS
    _drives: dict[str, tuple[Lease, asyncio.Task[None], asyncio.Event]] = field(
        default_factory=dict[str, tuple[Lease, asyncio.Task[None], asyncio.Event]]
    )
    _due: asyncio.Event = field(default_factory=asyncio.Event)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _others_wait: bool = False  # more was due at the last look than there was room for

    async def __aenter__(self) -> "Worker":
        loop = asyncio.get_running_loop()
        self._renewal = Renewal(
            self.database_url,
            lambda lease: _in_loop(loop, self._lost, lease),
            lease_seconds=self.queue.lease_seconds,
            renew_seconds=self.renew_seconds,
        )
        self._renewal.start()
        self._listening, self._claiming = asyncio.create_task(self._listen_for_wakes()), asyncio.create_task(self._claim())
        return self

    async def __aexit__(self, *error: object) -> None:
        self._stopping.set()
        self._due.set()
        self._listening.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(self.stop_seconds):
                # A claim under way is not cut off: its sessions would be leased to nobody.
                await asyncio.gather(self._listening, self._claiming, return_exceptions=True)
                if self._drives:
                    await asyncio.wait([task for _, task, _ in self._drives.values()])
        left = [(lease, task) for lease, task, _ in self._drives.values()]
        await cancelled([task for _, task in left])
        self._renewal.stop()
        if left:
            await self.queue.hand_back([lease for lease, _ in left])
        await self.runner.effects.background.drain()

    @property
    def failure(self) -> psycopg.Error | None:
        """Return why leases cannot be renewed at the moment."""
        return self._renewal.failure

    # ------------------------------------------------------------------------------------------ inside

    async def _listen_for_wakes(self) -> None:
        """Listen for notifications: wake a session that is driven here; for any other one, look for something to claim."""
        while True:
            try:
                async with await psycopg.AsyncConnection[Any].connect(self.database_url, autocommit=True) as connection:
                    await connection.execute(f"LISTEN {CHANNEL}")  # pyright: ignore[reportArgumentType] # a constant
                    self._due.set()
                    async for notification in connection.notifies():
                        self._wake(notification.payload)
            except psycopg.Error as error:
                log.warning("notifications are off, polling goes on: %s", error)
                await asyncio.sleep(self.poll_seconds)

    def _wake(self, session_id: str) -> None:
        held = self._drives.get(session_id)
        if held is not None:
            held[2].set()
        else:
            self._due.set()

    async def _claim(self) -> None:
        while not self._stopping.is_set():
            self._due.clear()
            free, clock_free = self._free()
            try:
                leases = await self.queue.claim(free, clock_free) if free else []
            except psycopg.Error as error:
                log.warning("nothing can be claimed: %s", error)
                leases = []
            for lease in leases:
                self.drive(lease)
            by_clock = sum(lease.by_clock for lease in leases)
            self._others_wait = len(leases) >= free
            if len(leases) < max(free, 1) and by_clock < max(clock_free, 1):
                await self._rest()

    def _free(self) -> tuple[int, int]:
        """Return how many more sessions could be driven, and how many of these may be the clock's."""
        free = self.slots - len(self._drives)
        by_clock = sum(lease.by_clock for lease, _, _ in self._drives.values())
        return max(free, 0), max(min(free, self.clock_slots - by_clock), 0)

    def lease_seconds(self) -> float:
        """See `FreeSlots.lease_seconds`. Where others wait longer already, the queue says whose turn it is."""
        room = self._free()[0] > 0 and not self._others_wait and not self._stopping.is_set()
        return self.queue.lease_seconds if room else 0.0

    async def _rest(self) -> None:
        """Wait until something may be due."""
        try:
            async with asyncio.timeout(self.poll_seconds):
                await self._due.wait()
        except TimeoutError:
            return

    def drive(self, lease: Lease) -> None:
        """Drive a session that was claimed, beside the others. See `FreeSlots.drive`."""
        before = self._drives.get(lease.session_id)
        if before is not None and (lease.abandoned or lease.epoch > before[0].epoch + 1):
            before[1].cancel()  # an older claim of ours ran out; one that was released a moment ago has its last words to say
        woken = asyncio.Event()
        self._renewal.hold(lease)
        task = asyncio.create_task(self._drive_lease(lease, woken), name=lease.session_id)
        self._drives[lease.session_id] = (lease, task, woken)

    async def _drive_lease(self, lease: Lease, woken: asyncio.Event) -> None:
        try:
            due_now = await self.runner.run(lease, woken, self._stopping)
        except FencedError as error:
            log.warning("%s", error)
            due_now = False
        except psycopg.Error as error:  # the lease runs out by itself, and the session is found again
            log.warning("session %s: the database does not answer: %s", lease.session_id, error)
            due_now = False
        finally:
            self._renewal.drop(lease)
            held = self._drives.get(lease.session_id)
            if held is not None and held[0] is lease:
                del self._drives[lease.session_id]
        # Woken: too late for this drive to see it. One free: there may be more that it kept out.
        if due_now or woken.is_set() or self._free()[lease.by_clock] <= 1:
            self._due.set()

    def _lost(self, lease: Lease) -> None:
        """Give up everything that runs for a session that another process holds."""
        held = self._drives.get(lease.session_id)
        if held is not None and held[0] is lease:
            held[1].cancel()


def _in_loop(loop: asyncio.AbstractEventLoop, lost: Any, lease: Lease) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(lost, lease)
