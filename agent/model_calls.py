"""A model call from its reservation to its settlement: when it may begin, what it may cost, the call itself, what it did cost."""

import asyncio
import logging
import random
import time
from dataclasses import dataclass, field
from datetime import datetime

from agent import estimate, telemetry
from agent.breaker import Breaker
from agent.ended import Ended
from agent.errors import BudgetExceededError, ModelFailedError, ModelOutOfReachError, ModelRetiredError, UnreachableError
from agent.moves import CallModel
from agent.patience import PATIENCE, Patience
from agent.ports import Budget, Model, Request
from agent.rules import Rules
from agent.session import Session
from agent.slots import Slots
from agent.steps import Halted, ModelFailed, ModelReplied, ModelStarted
from agent.transcript import Transcript
from agent.types import Pinned

log = logging.getLogger(__name__)

MAX_OUTPUT_TOKENS = 4_096
LEAST_OUTPUT_TOKENS = 256  # with less to spend than this on the answer a call is not worth its input
BUDGET_TROUBLE_SECONDS = 5.0  # until the budget is asked again when it did not answer


@dataclass(frozen=True, slots=True)
class NotYet:
    """The call may not begin before so many seconds are over."""

    seconds: float


@dataclass(slots=True)
class ModelCalls:
    """The model and the budget that its calls are paid from."""

    model: Model
    budget: Budget
    patience: Patience = PATIENCE
    slots: Slots = field(init=False)
    _breakers: dict[str, Breaker] = field(default_factory=dict[str, Breaker])  # by model
    _probes: set[str] = field(default_factory=set[str])  # holders whose call is to find out whether the model is back
    _settling: dict[str, asyncio.Task[None]] = field(default_factory=dict[str, asyncio.Task[None]])  # by session

    def __post_init__(self) -> None:
        self.slots = Slots(self.patience.calls_at_once)

    # ------------------------------------------------------------------------------------------ the start

    async def start(
        self, move: CallModel, session: Session, said: Transcript, rules: Rules, pinned: Pinned
    ) -> ModelStarted | ModelFailed | Halted | NotYet | asyncio.Task[Ended]:
        """The start of the next model call, with a slot and a reservation; or why it cannot be started.

        That the model is out of reach becomes a step of each session that would call it: its people are to hear of it.
        A task: the call waits for a slot, and is to be started when that task is done. Nothing is reserved until then.
        """
        who = _holder(session)
        breaker = self._breaker(pinned.model)
        if seconds := breaker.wait_seconds(who, time.monotonic()):
            self.leave(session, pinned)
            if session.outage_since is None:
                return ModelFailed(reason="unavailable", since=move.at)
            return NotYet(seconds * random.uniform(1.0, 1.25))  # not all at once
        if not self.slots.take(who):
            return asyncio.create_task(self._slot(who, session), name=f"slot:{session.id}")
        if breaker.begin(who):
            self._probes.add(who)
        try:
            reserved = await self.reserve(session, said, rules, pinned)
        except UnreachableError as error:
            log.warning("session %s waits: %s", session.id, error)
            self.leave(session, pinned)
            return NotYet(BUDGET_TROUBLE_SECONDS)
        if isinstance(reserved, Halted):
            self.leave(session, pinned)
            return reserved
        tokens, output = reserved
        return ModelStarted(iteration=move.iteration, reserved_tokens=tokens, max_tokens=output)

    async def _slot(self, who: str, session: Session) -> Ended:
        await self.slots.wait(who, (session.place.team, session.place.channel))
        return Ended()

    def leave(self, session: Session, pinned: Pinned) -> None:
        """The session's call is over or was given up, or is not to be made: others may have its slot, and make the probe."""
        who = _holder(session)
        self.slots.leave(who)
        self._probes.discard(who)
        self._breaker(pinned.model).leave(who)

    def _breaker(self, model: str) -> Breaker:
        made = Breaker(self.patience.first_open_seconds, self.patience.longest_open_seconds)
        return self._breakers.setdefault(model, made)

    async def reserve(self, session: Session, said: Transcript, rules: Rules, pinned: Pinned) -> tuple[int, int] | Halted:
        """Tokens set aside for the next model call and, of these, its output; or the turn's end when the budget forbids it.

        Raises UnreachableError when the budget cannot be asked: then nothing is spent.
        """
        await self.settled(session.id)
        used = session.used_tokens + session.reserved_tokens
        limit = rules.budget_tokens + session.granted_tokens
        asked = estimate.input_tokens(said, pinned)
        output = min(MAX_OUTPUT_TOKENS, limit - used - asked)
        if output >= LEAST_OUTPUT_TOKENS and await self.budget.reserve(session.id, used, limit, asked + output):
            return asked + output, output
        error = BudgetExceededError(f"{used} of {limit} tokens used; the next call takes about {asked} and its answer")
        log.warning("session %s: %s", session.id, error)
        sentence = (
            f"This conversation has used its budget of {limit:,} tokens, so I stopped before the next step. "
            "Continue with another budget, or start a new thread."
        )
        return Halted(error=type(error).__name__, sentence=sentence, offer_continue=True)

    # ------------------------------------------------------------------------------------------ the call

    async def call(self, session: Session, said: Transcript, pinned: Pinned, at: datetime) -> Ended:
        """The model's reply to the conversation so far, or why there is none. `at`: when the call was decided on."""
        request = Request(pinned, said.messages(), session.max_tokens, probe=_holder(session) in self._probes)
        began_at, breaker = time.monotonic(), self._breaker(pinned.model)
        with telemetry.chat_span(pinned.model, session.max_tokens) as span:
            try:
                reply = await self.model.reply(request)
            except ModelFailedError as error:
                telemetry.failed(span, type(error).__name__)
                return self._failed(error, breaker, began_at, at)
            telemetry.replied(span, reply.stop_reason, reply.usage)
        breaker.succeeded(time.monotonic())
        self._settling[session.id] = asyncio.create_task(
            self._settle(session.id, session.used_tokens + reply.usage.charged_tokens)
        )
        return Ended((ModelReplied(content=reply.content, stop_reason=reply.stop_reason, usage=reply.usage),))

    def _failed(self, error: ModelFailedError, breaker: Breaker, began_at: float, at: datetime) -> Ended:
        """A model out of reach is waited for, unless it said to come back too late; a retired one is left; else the turn ends."""
        now, most = time.monotonic(), self.patience.outage_time.total_seconds()
        match error:
            case ModelOutOfReachError() if (error.retry_seconds or 0.0) < most:
                pause = breaker.failed(began_at, now, error.retry_seconds)
                return Ended((ModelFailed(reason="unavailable", since=at),), again_seconds=pause)
            case ModelOutOfReachError():
                pass  # whoever asks next finds out whether it means that
            case _:
                breaker.succeeded(now)  # it was reached
        if isinstance(error, ModelRetiredError):
            return Ended((ModelFailed(reason="retired", since=at),))
        return Ended((Halted(error=ModelFailedError.__name__, sentence=error.sentence),))

    # ------------------------------------------------------------------------------------------ settlement

    async def _settle(self, session_id: str, used_tokens: int) -> None:
        try:
            await self.budget.settle(session_id, used_tokens)
        except UnreachableError as error:  # the log has what was used, and the next reservation brings it along
            log.warning("session %s: %s", session_id, error)
        finally:
            self._settling.pop(session_id, None)

    async def settled(self, session_id: str) -> None:
        """Until the session's last model call is settled: before its next reservation, and before another process has it."""
        if (settling := self._settling.get(session_id)) is not None:
            await settling


def _holder(session: Session) -> str:
    """Who holds slots and probes: one claim of the session."""
    return f"{session.id}@{session.epoch}"
