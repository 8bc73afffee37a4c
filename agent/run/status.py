"""How a session's status is shown beside its thread: when it has changed, and without anybody waiting for it."""

from agent.decide.surface_status import SurfaceStatus
from agent.run.background import Background
from agent.run.ports import Surface
from agent.types import Place


class Status:
    """Of one claim."""

    def __init__(self, surface: Surface, place: Place, background: Background) -> None:
        self._surface, self._place, self._background = surface, place, background
        self._shown: SurfaceStatus = "active"

    def show(self, status: SurfaceStatus | None) -> None:
        """Show it if it is another one than before. None: leave it as it is."""
        if status is not None and status != self._shown:
            self._shown = status
            self._background.begin(self._surface.status(self._place, status))
