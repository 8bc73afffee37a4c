"""A session in the hands of its holder: as it stands, what is noted and not yet written, and how long it is surely ours."""

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager

from agent import charges, fence
from agent.machine import apply
from agent.session import Session
from agent.snapshot import beginning, placed
from agent.spending import Charge
from agent.steps import CardShown, ProposedAction, Step, ToolReturned
from agent.store import Lease, Store
from agent.transcript import Transcript
from agent.types import Outcome

CONFIRM_SECONDS = 1.0  # a hold that was confirmed longer ago is confirmed again before an effect without a start of its own


class Held:
    """One claim's copy of a session, and what its next commit writes."""

    def __init__(self, lease: Lease, store: Store, lease_seconds: float) -> None:
        self.session = Session(lease.session_id, lease.place, lease.epoch)
        self.said = Transcript()
        self.taken: list[int] = []  # inbox rows
        self._lease, self._store = lease, store
        self._rested = self.session  # as it stood when no turn was open
        self._unwritten: list[Step] = []
        self._ended: dict[str, Outcome] = {}  # by action
        self._charges: list[Charge] = []  # of model calls that are over
        self._capped_seq: int | None = None
        self._confirmed_at = lease.claimed_monotonic_seconds  # when the database last confirmed that we hold the session
        self._seconds = lease_seconds  # how long that lasted from then on

    async def load(self) -> None:
        """Fold the log. Raises UnreadableError."""
        recorded = await self._store.load(self._lease)
        if (session := beginning(recorded, self.session)) is None:
            session, recorded = self.session, await self._store.load(self._lease, whole=True)
        self.session = self._rested = session
        self.said = Transcript.of(session)
        for item in recorded:
            self._fold(item.step, item.epoch)

    # ------------------------------------------------------------------------------------------ steps

    def apply(self, step: Step) -> None:
        """A step that is in the log already, or is about to be."""
        if (due := charges.charge(self.session, step)) is not None:
            self._charges.append(due)
        self._capped_seq = charges.capped(self.session, step) or self._capped_seq
        self._fold(step, self._lease.epoch)

    def _fold(self, step: Step, epoch: int) -> None:
        if not self.session.open:
            self._rested = self.session
        self.session = apply(self.session, step, epoch)
        self.said.add(step)

    def note(self, steps: Sequence[Step], inbox_ids: Sequence[int] = ()) -> None:
        """Fold steps in; they are written with the next commit, before anything else begins."""
        for step in (placed(step, self.session, self._rested) for step in steps):
            if isinstance(step, ToolReturned) and (action_id := self.action_of(step.call_id)) is not None:
                self._ended[action_id] = step.outcome
            if isinstance(step, ProposedAction) and (before := self.action_of(step.call_id)) is not None:
                self._ended[before] = "refused"  # asked anew: what was approved before is not run
            self.apply(step)
            self._unwritten.append(step)
        self.taken += inbox_ids

    def action_of(self, call_id: str) -> str | None:
        """The action of a call of the latest reply."""
        return next(state.action_id for state in self.session.calls if state.call.id == call_id)

    @property
    def owes(self) -> bool:
        """A model call is over whose charge is not written yet."""
        return bool(self._charges)

    @property
    def loses_nothing(self) -> bool:
        """Only steps that nothing is lost with are noted: a card is simply shown once more."""
        return not self.taken and all(isinstance(step, CardShown) for step in self._unwritten)

    async def commit(self, *, confirm: bool = False) -> Sequence[Charge]:
        """Write what was noted; the charges that are committed by now. Raises FencedError.

        `confirm`: also ask whether we still hold the session if that was not confirmed just now.
        """
        nothing = not self._unwritten and not self.taken
        if nothing and not (confirm and time.monotonic() - self._confirmed_at > CONFIRM_SECONDS):
            return ()
        sent, seq, due = time.monotonic(), self.session.seq - len(self._unwritten), self._charges
        left_seconds = await self._store.append(
            self._lease,
            seq,
            self._unwritten,
            inbox_ids=self.taken,
            ended=self._ended,
            charges=due,
            capped_seq=self._capped_seq,
        )
        self.confirmed(sent, left_seconds)
        self._unwritten, self.taken, self._ended, self._charges, self._capped_seq = [], [], {}, [], None
        return due

    # ------------------------------------------------------------------------------------------ the hold

    def confirmed(self, sent: float, left_seconds: float) -> None:
        """The database said in answer to what was sent then that the session is ours, and for how long if nobody renews it."""
        self._confirmed_at, self._seconds = sent, left_seconds

    def fenced(self) -> AbstractContextManager[None]:
        """Effects begin within 5 seconds of what was confirmed, and never when our hold may have run out by then."""
        return fence.started(self._confirmed_at, within_seconds=min(fence.BEGIN_WITHIN_SECONDS, self._seconds))
