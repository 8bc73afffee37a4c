"""How a session's status is shown beside its thread: when it has changed, in order, and without anybody waiting for it."""

import asyncio

from agent.decide.surface_status import SurfaceStatus
from agent.run.background import Background
from agent.run.ports import Surface
from agent.types import Place

SETTLE_SECONDS = 2.0  # that a session's release waits for Slack to show how it rests


class ShownStatus:
    """Of one claim. `shown`: the one that is there before it; None: nobody knows, since the claim before was never released."""

    def __init__(self, surface: Surface, place: Place, background: Background, shown: SurfaceStatus | None = "active") -> None:
        self._surface, self._place, self._background = surface, place, background
        self._shown = self._wanted = shown
        self._one_at_a_time = asyncio.Lock()
        self._newest: asyncio.Task[None] | None = None

    def show(self, status: SurfaceStatus | None) -> None:
        """Show it if it is another one than before. None: leave it as it is."""
        if status is not None and status != self._wanted:
            self._wanted = status
            self._newest = self._background.begin(self._show(status))

    async def settled(self) -> None:
        """Wait until the newest is shown, or for SETTLE_SECONDS. Who dies while a session is still theirs is followed by somebody
        who shows it anew; who dies after its release is not."""
        if self._newest is not None:
            await asyncio.wait({self._newest}, timeout=SETTLE_SECONDS)

    async def _show(self, status: SurfaceStatus) -> None:
        async with self._one_at_a_time:  # side by side, an older one might come last, and stay
            if self._shown != status == self._wanted:
                self._shown = status
                await self._surface.status(self._place, status)
