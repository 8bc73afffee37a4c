"""A session in the hands of its holder: as it stands, what is noted and not yet written, and how long it is surely ours."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime

from agent import fence, metrics, telemetry
from agent.decide.call_decision import Decided, decided_by
from agent.decide.facts import NOTHING_FOUND
from agent.decide.for_approvers import reminded_at
from agent.decide.for_cards import due_at
from agent.decide.for_rest import learns_at
from agent.decide.reminders import ReminderClock
from agent.decide.run_outcome import RunOutcome, run_outcome
from agent.memory.transcript import Transcript
from agent.model.spending import Charge
from agent.run.turn_trace import TurnTrace
from agent.session import charges
from agent.session.inbox import Inboxed
from agent.session.machine import apply
from agent.session.rules import Rules
from agent.session.snapshot import beginning, placed
from agent.session.state import Session
from agent.session.steps import (
    CardShown,
    DirectShown,
    FoundChanged,
    Halted,
    NoticeShown,
    ProposedAction,
    Step,
    ToolReturned,
    ToolStarted,
)
from agent.store.sessions import Beside, Lease, Release, Store
from agent.types import Outcome, Pinned

log = logging.getLogger(__name__)

CONFIRM_SECONDS = 1.0  # a hold that was confirmed longer ago is confirmed again before an effect without a start
UNWRITTEN_SECONDS = 0.05  # that what is noted may wait for reads that are under way: longer ones find it written
LOGGED_MESSAGES = 3  # of a turn that did not come to its own end


@dataclass(slots=True)
class Unwritten:
    """What the next commit writes."""

    steps: list[Step] = field(default_factory=list[Step])
    inbox_ids: list[int] = field(default_factory=list[int])
    ended: dict[str, Outcome] = field(default_factory=dict[str, Outcome])  # by action
    charges: list[Charge] = field(default_factory=list[Charge])  # of model calls that are over
    settled: list[Charge] = field(default_factory=list[Charge])  # likewise, and settled with the reservation of the next call
    capped_seq: int | None = None
    decided: list[Decided] = field(default_factory=list[Decided])
    runs: list[tuple[RunOutcome, int]] = field(default_factory=list[tuple[RunOutcome, int]])  # that ended, and their tokens
    pin_id: str | None = None  # what a new session is run with
    since: float = 0.0  # when the first of it was noted

    @property
    def loses_nothing(self) -> bool:
        """Return whether only steps are noted that may be lost: a card or a notice is simply shown once more."""
        return not self.inbox_ids and all(isinstance(step, CardShown | NoticeShown | DirectShown) for step in self.steps)

    @property
    def may_wait(self) -> bool:
        """Return whether what is noted may stay unwritten for a moment while reads run: a crash then repeats these reads, and the
        model call that asked for them. What came of a run whose start is written is written at once."""
        begun = {step.call_id for step in self.steps if isinstance(step, ToolStarted)}
        lost = any(isinstance(step, ToolReturned | FoundChanged) and step.call_id not in begun for step in self.steps)
        return not lost and (self.seconds_left or 0.0) > 0.0

    def settled_with_next(self) -> None:
        """Note that the charges are settled, though not written yet."""
        self.settled, self.charges = [*self.settled, *self.charges], []

    @property
    def seconds_left(self) -> float | None:
        """Return for how long what is noted may still wait; None where nothing is, or may be lost."""
        return None if self.loses_nothing else max(0.0, self.since + UNWRITTEN_SECONDS - time.monotonic())


@dataclass(frozen=True, slots=True)
class Pins:
    """What the session is run with, and what its agent starts new sessions with."""

    pinned: Pinned
    present: Pinned


class Held:
    """One claim's copy of a session, and what its next commit writes.

    Wide because all that is known of a claim is here once: the session, what is noted of it, its hold and its trace.
    """

    def __init__(
        self, lease: Lease, pins: Pins, store: Store, lease_seconds: float, settle: Callable[[str, Sequence[Charge]], None]
    ) -> None:
        self.lease, self.pins = lease, pins
        self.session = Session(lease.session_id, lease.place, lease.epoch)
        self.said = Transcript()
        self.wakes, self.behind = lease.wakes, False  # `behind`: it was given more than was read
        self.inbox: list[Inboxed] = []
        self.facts = NOTHING_FOUND
        self.unwritten = Unwritten()
        self._store, self._settle = store, settle
        self._rested = self.session  # as it stood when no turn was open
        self.trace = TurnTrace(pins.pinned, lease.session_id, lease.epoch)
        self._confirmed = (lease.claimed_monotonic_seconds, lease_seconds)  # when it was surely ours, and for how long from then

    async def load(self) -> None:
        """Fold the log, and read the inbox. Raises UnreadableError."""
        if self.lease.given is not None:
            self.inbox = [self.lease.given]
            if not self.lease.opens:
                await self._load_log()
            return
        # Side by side: since the claim nobody else writes steps or takes inbox rows.
        await asyncio.gather(self._load_log(), self.read_inbox())

    async def _load_log(self) -> None:
        recorded = await self._store.load(self.lease)
        if (session := beginning(recorded, self.session)) is None:
            session, recorded = self.session, await self._store.load(self.lease, whole=True)
        self.session = self._rested = session
        self.said = Transcript.of(session)
        for item in recorded:
            self._fold(item.step, item.epoch)
            self.trace.found(self.session.turn.number, item.epoch)

    async def read_inbox(self) -> None:
        """See what the session was given. Raises UnreadableError."""
        self.wakes, rows = await self._store.inbox(self.lease)
        self.behind = False
        self.inbox = [row for row in rows if row.id not in self.unwritten.inbox_ids]

    def due_seconds(self, after: datetime, rules: Rules) -> float | None:
        """Return the seconds until the clock alone gives the session something to do that it had not at `after`. None: never."""
        clock = ReminderClock.of(rules, self.facts)
        reminded = reminded_at(self.session, after, rules, self.facts)
        possible = (due_at(self.session, after, clock), reminded, learns_at(self.session, rules))
        times = [at for at in possible if at is not None and at > after]
        due = min(times, default=None)
        return None if due is None else (due - self.lease.now()).total_seconds()

    # ------------------------------------------------------------------------------------------ steps

    def apply(self, step: Step) -> None:
        """Fold a step in that is in the log already, or is about to be."""
        if (due := charges.charge(self.session, step)) is not None:
            self.unwritten.charges.append(due)
        if (decided := decided_by(self.session, step)) is not None:
            self.unwritten.decided.append(decided)
        self.unwritten.capped_seq = charges.capping_call(self.session, step) or self.unwritten.capped_seq
        outcome, before = run_outcome(self.session, step), self._rested.spending.used_tokens
        self._fold(step, self.lease.epoch)
        self.trace.note(self.session, step, due, outcome)
        if outcome is not None:
            self.unwritten.runs.append((outcome, self.session.spending.used_tokens - before))

    def _fold(self, step: Step, epoch: int) -> None:
        if not self.session.turn.open:
            self._rested = self.session
        self.session = apply(self.session, step, epoch)
        self.said.add(step)

    def note(self, *steps: Step, inbox_ids: Sequence[int] = ()) -> None:
        """Fold steps in; they are written with the next commit, before anything else begins."""
        for step in (placed(step, self.session, self._rested) for step in steps):
            if isinstance(step, Halted):
                for shape in self.said.shapes(LOGGED_MESSAGES):
                    log.warning("session %s ends a turn with %s after %s", self.session.id, step.error, shape)
            if isinstance(step, ToolReturned) and (action_id := _action_of(self.session, step.call_id)) is not None:
                self.unwritten.ended[action_id] = step.outcome
            if isinstance(step, ProposedAction) and (before := _action_of(self.session, step.call_id)) is not None:
                self.unwritten.ended[before] = "refused"  # asked anew: what was approved before is not run
            self.apply(step)
            self.unwritten.since = self.unwritten.since or time.monotonic()
            self.unwritten.steps.append(step)
        self.unwritten.inbox_ids += inbox_ids
        self.take(*inbox_ids)

    def take(self, *inbox_ids: int) -> None:
        """Note that inbox rows are answered."""
        self.inbox = [row for row in self.inbox if row.id not in inbox_ids]

    async def commit(self, *, confirm: bool = False) -> None:
        """Write what was noted, and have the model calls settled that are charged by now. Raises FencedError.

        `confirm`: also ask whether we still hold the session if that was not confirmed just now.
        """
        writing = self.unwritten
        nothing = not writing.steps and not writing.inbox_ids
        if nothing and (self.surely_ours or not confirm):
            self._report()  # what a gate has written
            return
        sent = time.monotonic()
        left_seconds, woken = await self._store.append(self.lease, *self._writing())
        self.behind = woken > self.wakes
        self.confirmed(sent, left_seconds)
        self._has_written()

    async def release(self, due_at: datetime | None, *, unfinished: bool) -> bool:
        """Write what was noted, and let go in the same statement. True: the session is due now. Raises FencedError."""
        release = Release(self.wakes, due_at, unfinished)
        due_now = await self._store.append_and_release(self.lease, *self._writing(), release)
        self._has_written()
        return due_now

    def _writing(self) -> tuple[int, Sequence[Step], Beside]:
        writing = self.unwritten
        charges = [*writing.settled, *writing.charges]
        beside = Beside(writing.inbox_ids, writing.ended, charges, writing.capped_seq, writing.pin_id)
        return self.session.seq - len(writing.steps), writing.steps, beside

    def _has_written(self) -> None:
        """Tell of what is committed."""
        self._report()
        charges, self.unwritten = self.unwritten.charges, Unwritten()
        self._settle(self.session.id, charges)  # only what is committed: Redis is filled from there

    def _report(self) -> None:
        """Leave a span of each decision that is committed, and count it and each turn that is over."""
        for each in self.unwritten.decided:
            told = replace(each, tool=self.pins.pinned.recorded(each.tool))
            with self.trace.within(self.session):
                telemetry.decision_span(**asdict(told))
            metrics.count_decision(told.tool, told.outcome, told.waited_seconds)
        for outcome, tokens in self.unwritten.runs:
            metrics.run_ended(self.pins.pinned.agent, outcome, tokens)
        self.unwritten.decided.clear()
        self.unwritten.runs.clear()

    # ------------------------------------------------------------------------------------------ the hold

    @property
    def surely_ours(self) -> bool:
        """Return whether that was confirmed just now."""
        return time.monotonic() - self._confirmed[0] <= CONFIRM_SECONDS

    def confirmed(self, sent: float, left_seconds: float) -> None:
        """Note that the database confirmed then that the session is ours, and for how long if nobody renews it."""
        self._confirmed = (sent, left_seconds)

    def fenced(self) -> AbstractContextManager[None]:
        """Run a block whose effects begin within 5 seconds of what was confirmed, and never after our hold may have run out."""
        confirmed_at, seconds = self._confirmed
        return fence.effects_of_start(confirmed_at, within_seconds=min(fence.BEGIN_WITHIN_SECONDS, seconds))


def _action_of(session: Session, call_id: str) -> str | None:
    """Return the id of the action of a call of the latest reply."""
    return next(state.action_id for state in session.turn.calls if state.call.id == call_id)
