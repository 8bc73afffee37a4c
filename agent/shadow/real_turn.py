"""A turn of a real conversation, read from its log: what the model was asked first, what its calls came to, and how it ended.

Pure.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from agent.decide.run_outcome import RunOutcome, run_outcome
from agent.memory.transcript import Transcript
from agent.session import charges
from agent.session.calls import tool_calls
from agent.session.evolve import replace
from agent.session.machine import apply
from agent.session.state import Session
from agent.session.steps import (
    ActionDecided,
    Asked,
    Edited,
    ModelReplied,
    ModelStarted,
    OutcomeTold,
    Recorded,
    Step,
    ToolReturned,
)
from agent.shadow.judged import GivenUpError
from agent.types import Block, Call


@dataclass(frozen=True, slots=True)
class CallResult:
    """What the model read of one of its calls. `source`: what it was read from, if that is not to be trusted."""

    text: str
    images: tuple[Block, ...]
    succeeded: bool
    source: str


@dataclass(frozen=True, slots=True)
class RealTurn:
    """A turn that is over. `session` and `said` are as they were right before the model was asked first.

    `agreed`: people let through, unchanged, whatever they were asked about.
    """

    session: Session
    said: Transcript
    calls: tuple[Call, ...]
    results: Mapping[str, CallResult]  # by call
    agreed: bool
    outcome: RunOutcome
    iterations: int
    tokens: int
    nano_usd: int


def real_turn(log: Iterable[Recorded], empty: Session, number: int) -> RealTurn | None:
    """Return the turn of this number. `empty`: the session before its first step. None: it is not over yet.

    Raises GivenUpError for a turn that cannot be run once more: a click opened it, somebody stopped it, or no model was asked.
    """
    reader = _TurnReader(empty, number)
    for recorded in log:
        reader.take(recorded)
        if reader.over:
            return reader.turn()
    return None


@dataclass(slots=True)
class _TurnReader:
    """What is known after as many steps as were read."""

    session: Session
    number: int
    said: Transcript = field(default_factory=Transcript)
    whole: Transcript = field(default_factory=Transcript)  # of the turn, too; `said` ends before it
    before: Session | None = None
    calls: list[Call] = field(default_factory=list[Call])
    sources: dict[str, str] = field(default_factory=lambda: defaultdict(str))
    agreed: bool = True
    outcome: RunOutcome | None = None
    nano_usd: int = 0
    over: bool = False

    def take(self, recorded: Recorded) -> None:
        """Take in the next step."""
        step = recorded.step
        within = self.session.turn.number == self.number and self.session.turn.open
        if within and self.before is None and isinstance(step, ModelStarted) and step.purpose == "reply":
            self.before = self.session
        if within and self.before is not None:
            self._take_of_turn(step)
        self.session = apply(self.session, step, recorded.epoch)
        self.whole.add(step)
        if self.before is None:
            self.said.add(step)
        if isinstance(step, Asked | OutcomeTold) and self.session.turn.number == self.number:
            _check_opening(step)
        self.over = self.session.turn.number == self.number and not self.session.turn.open

    def _take_of_turn(self, step: Step) -> None:
        self.outcome = self.outcome or run_outcome(self.session, step)
        if (charge := charges.charge(self.session, step)) is not None:
            self.nano_usd += charge.nano_usd
        match step:
            case ModelReplied():
                self.calls += tool_calls(step)
            case ToolReturned():
                self.sources[step.call_id] = step.source
            case Edited():
                self.agreed = False
            case ActionDecided():
                self.agreed = self.agreed and step.decision == "approved"
            case _:
                pass  # it says nothing that a hidden run needs

    def turn(self) -> RealTurn:
        """Return the turn. Raises GivenUpError."""
        if self.before is None or self.outcome == "stopped":
            raise GivenUpError("no model was asked, or somebody stopped it")
        return RealTurn(
            _hidden(self.before),
            self.said,
            tuple(self.calls),
            self._results(),
            self.agreed,
            self.outcome or "error",
            self.session.turn.iterations,
            self.session.spending.used_tokens - self.before.spending.used_tokens,
            self.nano_usd,
        )

    def _results(self) -> Mapping[str, CallResult]:
        """Return what the model read of the turn's calls: what people said to them included."""
        of_turn = {call.id for call in self.calls}
        content = [block for message in self.whole.messages() for block in message["content"]]
        return {
            block["tool_use_id"]: _call_result(block, self.sources[block["tool_use_id"]])
            for block in content
            if block["type"] == "tool_result" and block["tool_use_id"] in of_turn
        }


def _check_opening(step: Asked | OutcomeTold) -> None:
    if not isinstance(step, Asked) or step.goes_on or not step.said:
        raise GivenUpError("a click opened it")


def _call_result(block: Mapping[str, Any], source: str) -> CallResult:
    content = block["content"]
    blocks = cast(Sequence[Block], [{"type": "text", "text": content}] if isinstance(content, str) else content)
    return CallResult(str(blocks[0]["text"]), tuple(blocks[1:]), not block.get("is_error"), source)


def _hidden(session: Session) -> Session:
    """Return the session without all that people see: cards, messages, and notes that they are still to be told."""
    spending, standing = replace(session.spending, notes=()), replace(session.standing, grants={}, rejected=frozenset[str]())
    model = replace(session.model, outage_since=None)
    return replace(session, actions={}, posts={}, stream=None, spending=spending, standing=standing, model=model)
