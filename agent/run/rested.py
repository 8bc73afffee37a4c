"""Sessions as this process let go of them, a few of them, for a short way back: the next claim reads no log that it knows.

Never needed, and never trusted by itself: what is kept counts only where the next claim comes right after the one that kept it,
in the same row, with the log as long as it was. A session that waits still holds nothing: however many wait, no more than
`MOST_STEPS` are kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from agent.memory.transcript import Transcript
from agent.session.inbox import Inboxed
from agent.session.state import Session
from agent.store.fenced import Lease

MOST_STEPS = 2_000  # in all: some 200 conversations of a few turns, in about ten megabytes


@dataclass(frozen=True, slots=True)
class Rested:
    """A session as a claim let go of it."""

    session: Session
    rested: Session  # as it stood when no turn was open
    said: Transcript
    worked_on: tuple[int, int] | None  # the turn that was worked on last, and the epoch of that claim
    wakes: int  # how often it had been woken when `inbox` was read
    inbox: Sequence[Inboxed]  # what was not answered
    created_at: datetime | None

    def followed_by(self, lease: Lease) -> bool:
        """Return whether nobody else has had the session since."""
        known = (self.session.epoch + 1, self.session.seq, self.created_at)
        return known == (lease.epoch, lease.last_seq, lease.created_at)

    def inbox_of(self, lease: Lease) -> list[Inboxed] | None:
        """Return what the session was given, as of the claim; None: that is to be read."""
        if lease.wakes == self.wakes:
            return list(self.inbox)
        if lease.wakes == self.wakes + 1 and lease.received is not None:
            return [*self.inbox, lease.received]
        return None


@dataclass(slots=True)
class RestedSessions:
    """Those that this process let go of last."""

    most_steps: int = MOST_STEPS
    _kept: dict[str, Rested] = field(default_factory=dict[str, Rested])  # the oldest first
    _steps: int = 0

    def keep(self, rested: Rested) -> None:
        """Keep one, in the place of those that were kept for longest."""
        self._drop(rested.session.id)
        self._kept[rested.session.id] = rested
        self._steps += rested.session.seq
        while self._steps > self.most_steps:
            self._drop(next(iter(self._kept)))

    def take(self, lease: Lease) -> Rested | None:
        """Return the session of a claim as it stands, if that is known; it is kept no longer."""
        rested = self._drop(lease.session_id)
        return rested if rested is not None and rested.followed_by(lease) else None

    def _drop(self, session_id: str) -> Rested | None:
        if (rested := self._kept.pop(session_id, None)) is not None:
            self._steps -= rested.session.seq
        return rested
