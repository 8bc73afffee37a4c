"""The trace of one claim: a span for what it does of each turn, with what that came to."""

from collections.abc import Generator
from contextlib import contextmanager

from agent import telemetry
from agent.decide.run_outcome import RunOutcome
from agent.model.spending import Charge
from agent.session.charges import usages_of
from agent.session.state import Session
from agent.session.steps import ModelStarted, Step
from agent.trace_ids import working_on
from agent.types import Pinned


class TurnTrace:
    """The spans of one claim, one after the other."""

    def __init__(self, pinned: Pinned, session_id: str, epoch: int) -> None:
        self._pinned, self._session_id, self._epoch = pinned, session_id, epoch
        self._part: telemetry.TurnSpan | None = None
        self._before: tuple[int, int] | None = None

    def found(self, turn: int, epoch: int) -> None:
        """Note that a claim before this one, of this epoch, has worked on a turn."""
        self._before = (turn, epoch)

    def note(self, session: Session, step: Step, charge: Charge | None, outcome: RunOutcome | None) -> None:
        """Add what a step, which has just been folded into the session, says of the turn: what was charged, and how it ended."""
        if outcome is not None:
            self._of_turn(session).outcome = outcome
        if isinstance(step, ModelStarted):
            self._of_turn(session).iterations += step.purpose == "reply"
        if charge is not None:
            self._of_turn(session).usages += usages_of(step)
            self._of_turn(session).cost_usd += charge.nano_usd / 1e9

    @contextmanager
    def within(self, session: Session, *, between_turns: bool = False) -> Generator[None]:
        """Run a block whose effects belong to the turn that is open; or, `between_turns`, to the one that was last."""
        if not session.turn.open and not between_turns:
            yield
            return
        token = working_on.set((session.id, session.turn.number))
        try:
            with telemetry.within(self._of_turn(session)):
                yield
        finally:
            working_on.reset(token)

    def end(self, session: Session, error_type: str = "") -> None:
        """End the span that is open, if one is."""
        if self._part is not None:
            self._part.end(error_type, waits=session.turn.open and session.turn.number == self._part.turn)
            self._part = None

    def _of_turn(self, session: Session) -> telemetry.TurnSpan:
        """Return the span of the turn that the session is in; that of another one ends."""
        turn = session.turn.number
        if self._part is None or self._part.turn != turn:
            self.end(session)
            before = self._before[1] if self._before is not None and self._before[0] == turn else None
            self._part = telemetry.turn_span(self._pinned, self._session_id, turn, self._epoch, before)
        return self._part
