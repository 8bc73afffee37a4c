"""Which model calls may begin: those that a slot is free for, to models that are within reach. Of one process."""

import random
import time
from dataclasses import dataclass, field

from agent import metrics
from agent.decide.move_outcome import Ended, Queued
from agent.model.breaker import Breaker
from agent.model.limits import Patience
from agent.model.slots import Slots
from agent.session.state import Session


@dataclass(slots=True)
class Admission:
    """A slot is taken before a call is started, and left when it is over, however it ends."""

    patience: Patience
    slots: Slots = field(init=False)
    _breakers: dict[str, Breaker] = field(default_factory=dict[str, Breaker])  # by model
    _probes: set[str] = field(default_factory=set[str])  # whose call is to find out whether the model is back

    def __post_init__(self) -> None:
        self.slots = Slots(self.patience.calls_at_once)

    def admit(self, session: Session, model: str) -> float | Queued | None:
        """Return None if the session's call may begin, else how many seconds to wait while the model is out of reach.

        Queued: the call waits for a slot, and is to ask again after that.
        """
        who, breaker = _holder(session), self._breaker(model)
        if seconds := breaker.wait_seconds(who, time.monotonic()):
            self.leave(session, model)
            return seconds * random.uniform(1.0, 1.25)  # not all at once
        if not self.slots.take(who):
            return Queued(self._slot(who, session))
        if breaker.begin(who):
            self._probes.add(who)
        return None

    async def _slot(self, who: str, session: Session) -> Ended:
        await self.slots.wait(who, (session.place.team, session.place.channel))
        return Ended()

    def leave(self, session: Session, model: str) -> None:
        """Give back the slot and the probe of a call that is over, was given up, or is not to be made."""
        who = _holder(session)
        self.slots.leave(who)
        self._probes.discard(who)
        self._breaker(model).leave(who)

    def is_probe(self, session: Session) -> bool:
        """Return whether the session's call is one try only."""
        return _holder(session) in self._probes

    def answered(self, model: str) -> None:
        """Note that the model was reached."""
        self._breaker(model).succeeded(time.monotonic())
        metrics.show_reach(model, open=False)

    def gave_up(self, model: str, began_at: float, retry_seconds: float | None) -> float | None:
        """Note that a call that began then had no answer. Returns how long its session waits at least; None: longer than any
        may."""
        if (retry_seconds or 0.0) >= self.patience.outage_time.total_seconds():
            return None  # the next call finds out whether the model means that
        breaker = self._breaker(model)
        wait_seconds = breaker.failed(began_at, time.monotonic(), retry_seconds)
        metrics.show_reach(model, open=breaker.open)
        return wait_seconds

    def _breaker(self, model: str) -> Breaker:
        made = Breaker(self.patience.first_open_seconds, self.patience.longest_open_seconds)
        return self._breakers.setdefault(model, made)


def _holder(session: Session) -> str:
    """Return who holds a slot: one claim of a session."""
    return f"{session.id}@{session.epoch}"
