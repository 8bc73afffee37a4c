"""A limit of model calls at once. Those that wait are served in rounds, one of each channel: none starves another."""

import asyncio
from collections import deque
from collections.abc import Hashable


class Slots:
    """Slots are taken before a call is started, and left when it is over, however it ends."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: set[str] = set()
        # By channel, the next one to be served first.
        self._waiting: dict[Hashable, deque[tuple[str, asyncio.Future[None]]]] = {}

    @property
    def held(self) -> int:
        """Return how many slots are taken."""
        return len(self._held)

    def take(self, who: str) -> bool:
        """Take a slot if one is free and nobody waits for it, or if `who` has one. False: wait for it."""
        if who not in self._held and (self._waiting or len(self._held) >= self._most):
            return False
        self._held.add(who)
        return True

    async def wait(self, who: str, channel: Hashable) -> None:
        """Wait until `who` has a slot. Cancelled, it has none."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(channel, deque()).append((who, turn))
        self._serve()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():  # it is passed by when its turn comes
                raise
            self.leave(who)
            raise

    def leave(self, who: str) -> None:
        """Give the slot back, if `who` has one."""
        if who in self._held:
            self._held.remove(who)
            self._serve()

    def _serve(self) -> None:
        while self._waiting and len(self._held) < self._most:
            channel, queue = next(iter(self._waiting.items()))
            del self._waiting[channel]
            who, turn = queue.popleft()
            if queue:
                self._waiting[channel] = queue  # behind all others
            if not turn.done():
                self._held.add(who)
                turn.set_result(None)
