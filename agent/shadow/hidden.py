"""A hidden run of one turn: the same decisions as of a real one, and no effect but model calls.

It asks `agent.decide.next_moves` what comes next, as the loop does. A call is answered with what the real conversation has on
record for the same call; no tool is entered, and nothing leaves this process but requests to the model.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from agent.decide.moves import CallModel, Move, Post, Recall, Record, RunTool
from agent.decide.next_moves import next_moves
from agent.decide.run_outcome import HALTED, RunOutcome
from agent.decide.ways import run_started
from agent.errors import BudgetExceededError, ModelFailedError
from agent.memory import token_estimate as estimate
from agent.memory.transcript import ApiMessage, Transcript
from agent.model.port import Model, Reply, Request
from agent.run.model_calls import LEAST_OUTPUT_TOKENS, replied
from agent.session.evolve import replace
from agent.session.machine import apply
from agent.session.rules import Rules
from agent.session.state import Session
from agent.session.steps import Halted, LeftOut, ModelStarted, Recalled, Repinned, Step, ToolReturned
from agent.shadow.judged import GivenUpError, JudgedCall, asking_nobody, judged
from agent.shadow.real_turn import CallResult, RealTurn
from agent.tool.definition import failed
from agent.types import Call, Pinned

NOT_RECORDED = failed("unexpected", "This is a rehearsal, and no result of such a call is on record. Go on without it.")
NOTED = failed("permission_denied", "This is a rehearsal: the call is noted as proposed and did not run. Go on without it.")


class Purse(Protocol):
    """What hidden runs are paid from: never a person's budget."""

    async def reserve(self, tokens: int) -> None:
        """Set tokens aside. Raises GivenUpError where the day's ceiling does not allow that, or the run is ours no more."""
        ...

    async def settle(self, reserved: int, used: int) -> None:
        """Put what was used in the place of what was set aside."""
        ...


@dataclass(frozen=True, slots=True)
class Outside:
    """What a hidden run has of the world: the model, and the files of the conversation that the model has seen.

    `slot` is held while the model is called.
    """

    model: Model
    shown: Callable[[Session, list[ApiMessage]], Awaitable[Sequence[ApiMessage]]]
    slot: Callable[[], AbstractAsyncContextManager[None]]
    purse: Purse


@dataclass(frozen=True, slots=True)
class HiddenRun:
    """What a hidden run came to. `unrecorded`: reads of which nothing was on record."""

    outcome: RunOutcome
    iterations: int
    tokens: int
    nano_usd: int
    tools: tuple[str, ...]
    writes: tuple[JudgedCall, ...]
    unrecorded: int


async def run_hidden(turn: RealTurn, pinned: Pinned, rules: Rules, outside: Outside) -> HiddenRun:
    """Return what becomes of a turn with another version. Raises GivenUpError where that cannot be compared."""
    hidden = _Hidden(pinned, rules, outside, _recorded(turn, rules), turn.session, turn.said)
    hidden.lead_from_here()
    return await hidden.run()


def first_tokens(turn: RealTurn, pinned: Pinned) -> int:
    """Return the least tokens that a hidden run takes: its first request, and a short answer."""
    return estimate.input_tokens(turn.said, pinned) + LEAST_OUTPUT_TOKENS


def _recorded(turn: RealTurn, rules: Rules) -> dict[str, list[CallResult]]:
    """Return what calls came to, by what they were, in the order in which they were made."""
    found: dict[str, list[CallResult]] = {}
    for call in turn.calls:
        of = judged(rules, turn.session, call)
        if of is not None and call.id in turn.results:
            found.setdefault(of.key, []).append(turn.results[call.id])
    return found


def _first_move(moves: Sequence[Move]) -> Move:
    if not moves:
        raise GivenUpError("nothing was left to do before there was an answer")
    return moves[0]


@dataclass(slots=True)
class _Hidden:
    """A hidden run under way.

    Wide because all that is known of it is here once: its session, what it may use, and what it has come to.
    """

    pinned: Pinned
    rules: Rules
    outside: Outside
    recorded: dict[str, list[CallResult]]
    session: Session
    said: Transcript
    outcome: RunOutcome = "success"
    tokens: int = 0
    nano_usd: int = 0
    tools: list[str] = field(default_factory=list[str])
    writes: list[JudgedCall] = field(default_factory=list[JudgedCall])
    unrecorded: int = 0
    answered: Counter[str] = field(default_factory=Counter[str])  # results that were read, by call

    def lead_from_here(self) -> None:
        """Let this version lead from here: thoughts of another one are bound to that (reference: model API, trap 8)."""
        self.session = replace(self.session, model=replace(self.session.model, retired=True))
        self._fold_in(Repinned(pin_id="", model=self.pinned.model, model_before="", prompt=self.pinned.prompt))

    async def run(self) -> HiddenRun:
        """Make moves until there is an answer that could be posted."""
        rules = asking_nobody(self.rules)
        while not isinstance(move := _first_move(next_moves(self.session, (), rules, datetime.now(UTC))), Post):
            await self._make_move(move)
        figures = (self.session.turn.iterations, self.tokens, self.nano_usd)
        return HiddenRun(self.outcome, *figures, tuple(self.tools), tuple(self.writes), self.unrecorded)

    async def _make_move(self, move: Move) -> None:
        match move:
            case Record(steps=steps):
                self._fold_in(*steps)
            case CallModel(purpose="reply"):
                await self._call_model(move)
            case RunTool():
                self._fold_in(run_started(move), self._recorded_result(move.call))
            case Recall():  # the real turn looked nothing up
                self._fold_in(Recalled())
            case _:
                raise GivenUpError(f"a hidden run makes no {type(move).__name__}")

    def _fold_in(self, *steps: Step) -> None:
        for step in steps:
            match step:
                case Halted():
                    self.outcome = HALTED.get(step.error, "error")
                case LeftOut():
                    self.outcome = "refused"
                case _:
                    pass  # the run goes on, or comes to its own end
            self.session = apply(self.session, step, self.session.epoch)
            self.said.add(step)

    # ------------------------------------------------------------------------------------------ the model

    async def _call_model(self, move: CallModel) -> None:
        """Call the model, paid from the purse of hidden runs. One run spends at most what a session of its agent may."""
        asked = estimate.input_tokens(self.said, self.pinned)
        most = min(self.rules.max_output_tokens, self.rules.budget_tokens - self.tokens - asked)
        if most < LEAST_OUTPUT_TOKENS:
            self._fold_in(Halted(error=BudgetExceededError.__name__, sentence="", unbilled=True))
            return
        reserved = asked + most
        await self.outside.purse.reserve(reserved)
        self._fold_in(ModelStarted(iteration=move.iteration, reserved_tokens=reserved, max_tokens=most, purpose=move.purpose))
        reply = await self._paid_reply(
            reserved,
            Request(self.pinned, await self.outside.shown(self.session, self.said.messages()), most, lifetime=move.lifetime),
        )
        if reply.stop_reason == "model_context_window_exceeded":
            raise GivenUpError("the conversation is too long for the model")
        self._fold_in(replied(reply, self.said.call_ids))

    async def _paid_reply(self, reserved: int, request: Request) -> Reply:
        try:
            async with self.outside.slot():
                reply = await self.outside.model.reply(request)
        except ModelFailedError as error:
            await self.outside.purse.settle(reserved, 0 if error.unbilled else reserved)
            raise GivenUpError(f"the model gave no reply ({type(error).__name__})") from error
        usages, price = (reply.usage, *reply.lost), self.rules.prices.get(self.pinned.model)
        used = sum(usage.charged_tokens for usage in usages)
        await self.outside.purse.settle(reserved, used)
        self.tokens += used
        self.nano_usd += sum(price.nano_usd(usage) for usage in usages) if price is not None else 0
        return reply

    # ------------------------------------------------------------------------------------------ calls

    def _recorded_result(self, call: Call) -> ToolReturned:
        """Return what the real conversation has on record for this call, or that there is nothing. Nothing is run."""
        of = judged(self.rules, self.session, call)
        assert of is not None  # what policy refuses, or no tool takes, is never a move
        self.tools.append(of.tool)
        if of.writes:
            self.writes.append(of)
        results = self.recorded.get(of.key, [])
        if not results:
            self.unrecorded += not of.writes
            return ToolReturned(call_id=call.id, outcome="refused", text=(NOTED if of.writes else NOT_RECORDED).text())
        result = results[min(self.answered[of.key], len(results) - 1)]
        self.answered[of.key] += 1
        outcome = "succeeded" if result.succeeded else "failed"
        return ToolReturned(call_id=call.id, outcome=outcome, text=result.text, images=result.images, source=result.source)
