"""Which version of a prompt is live: labels, the share of new sessions that a canary gets, and that which a shadow is run for.
Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from agent.canonical import sha256

Label = Literal["production", "canary", "shadow"]


@dataclass(frozen=True, slots=True)
class Labelled:
    """A label points at a version, by its number and its digest. `share`: the percentage of sessions that a canary or a shadow
    gets."""

    version: int
    digest: str
    share: int = 100


Live = Mapping[Label, Labelled]  # of one prompt; what has no label is not in it


def live_version(live: Live, session_id: str) -> Labelled | None:
    """Return the version that a new session gets; None: the one that comes with the code. The same session always gets the same
    one, on whichever replica."""
    canary = live.get("canary")
    if canary is not None and hundredth(session_id) < canary.share:
        return canary
    return live.get("production")


def shadowed(live: Live, session_id: str) -> Labelled | None:
    """Return the version that runs hidden behind a session, if one does. It is at the other end than the canary, so that both
    are compared with the version that is live as long as their shares leave room for that."""
    shadow = live.get("shadow")
    return shadow if shadow is not None and hundredth(session_id) >= 100 - shadow.share else None


def hundredth(session_id: str) -> int:
    """Return a number from 0 to 99 that a session always has, spread evenly over sessions."""
    return int(sha256(f"canary:{session_id}")[:8], 16) % 100
