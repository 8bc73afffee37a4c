"""How a session's status is shown beside its thread."""

from typing import Literal

from agent.session.state import Session

SurfaceStatus = Literal["processing", "suspended", "active"]


def surface_status(session: Session, *, busy: bool) -> SurfaceStatus | None:
    """Return the status to be shown; None: leave it as it is, since a click is being judged and changes it in a moment.

    `busy`: effects are under way.
    """
    if not session.turn.open or session.status == "idle":
        return "active"
    if session.status == "ready":
        return "processing"
    return None if busy else "suspended"
