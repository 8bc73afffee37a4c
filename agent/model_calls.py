"""A model call from its reservation to its settlement: when it may begin, what it may cost, the call itself, what it cost."""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from agent import budget_words, compaction, estimate, telemetry
from agent.admission import Admission
from agent.charges import spender
from agent.ended import Ended
from agent.errors import (
    BudgetExceededError,
    DelayedError,
    FilesNotTakenError,
    ModelFailedError,
    ModelOutOfReachError,
    ModelRetiredError,
    TooLongError,
    UnreachableError,
)
from agent.file_effects import FileEffects
from agent.moves import CallModel
from agent.patience import PATIENCE, Patience
from agent.ports import DEAF, Budget, Listener, Model, Request
from agent.rules import Rules
from agent.session import Session
from agent.spending import Ask, Bill, Charge, Limit, Limits, Refused, Spender
from agent.steps import Compacted, Halted, ModelFailed, ModelReplied, ModelStarted, Step, WindowExceeded
from agent.transcript import Transcript
from agent.types import Pinned, Usage

log = logging.getLogger(__name__)

MAX_OUTPUT_TOKENS = 4_096
LEAST_SUMMARY_TOKENS = 1_024  # below this a summary would be cut
LEAST_OUTPUT_TOKENS = 256  # with less to spend than this on the answer a call is not worth its input
BUSY_SECONDS = 3.0  # until a budget is asked again that calls under way have set aside: the session is put back meanwhile
BUDGET_TROUBLE_SECONDS = 5.0  # until the budget is asked again when it did not answer
CONFIRM_SECONDS = 1.0  # until a start that stands is confirmed again, when Redis did not answer


def window_exceeded(
    session: Session, usage: Usage | None, *, lost: tuple[Usage, ...] = (), unbilled: bool = False
) -> WindowExceeded | Halted:
    """What follows when the model's window refuses a conversation: it is compacted, and goes on once; then the turn ends."""
    if session.window == "fits":
        return WindowExceeded(usage=usage, lost=lost, unbilled=unbilled)
    sentence = (
        "This conversation is too long for the model, even after I summed up what came before. Nothing more was run; "
        "please ask for less at once, or start a new thread."
    )
    return Halted(error=TooLongError.__name__, sentence=sentence, unbilled=unbilled)


@dataclass(frozen=True, slots=True)
class NotYet:
    """The call may not begin before so many seconds are over."""

    seconds: float


@dataclass(slots=True)
class ModelCalls:
    """The model and the budget that its calls are paid from."""

    model: Model
    budget: Budget
    attached: FileEffects
    patience: Patience = PATIENCE
    admission: Admission = field(init=False)
    _settling: dict[str, asyncio.Task[None]] = field(default_factory=dict[str, asyncio.Task[None]])  # by session

    def __post_init__(self) -> None:
        self.admission = Admission(self.patience)

    # ------------------------------------------------------------------------------------------ the start

    async def start(
        self, move: CallModel, session: Session, said: Transcript, rules: Rules, pinned: Pinned, now: datetime
    ) -> Step | NotYet | asyncio.Task[Ended] | None:
        """The start of the next model call, admitted and paid for, or what follows instead of it. None: its start stands already.

        A task: the call waits for a slot, and is to be started when that task is done; nothing is reserved until then. That the
        model is out of reach becomes a step of each session that would call it: its people are to hear of it.
        """
        match self.admission.admit(session, pinned.model):
            case int() | float() as seconds:
                if move.purpose == "compact":
                    return compaction.compacted(session, said, None, unbilled=True)
                known = session.outage_since is not None
                return NotYet(seconds) if known else ModelFailed(reason="unavailable", since=move.at, unbilled=True)
            case asyncio.Task() as waiting:
                return waiting
            case None:
                pass
        if session.model_epoch == session.epoch:
            return None
        try:
            return await self.reserve(session, said, rules, pinned, now, move)
        except (UnreachableError, DelayedError) as error:
            log.warning("session %s waits: %s", session.id, error)
            self.leave(session, pinned)
            return NotYet(error.seconds if isinstance(error, DelayedError) else BUDGET_TROUBLE_SECONDS)

    def leave(self, session: Session, pinned: Pinned) -> None:
        """The session's call is over, was given up, or is not to be made."""
        self.admission.leave(session, pinned.model)

    async def reserve(
        self, session: Session, said: Transcript, rules: Rules, pinned: Pinned, now: datetime, move: CallModel
    ) -> ModelStarted | Halted | Compacted:
        """The start of the next model call, paid for; or the turn's end when a budget forbids it.

        A conversation that is to be summed up goes on without a model's summary then, and where there is nothing to sum up.
        Raises UnreachableError when the budget cannot be asked, and DelayedError while calls under way hold what is left of it:
        then nothing is spent.
        """
        if move.purpose == "reply":
            return await self._reserve(session, said, rules, pinned, now, move, LEAST_OUTPUT_TOKENS)
        if compaction.request(session, said):
            started = await self._reserve(session, said, rules, pinned, now, move, LEAST_SUMMARY_TOKENS)
            if isinstance(started, ModelStarted):
                return started
        return compaction.compacted(session, said, None)

    async def _reserve(
        self, session: Session, said: Transcript, rules: Rules, pinned: Pinned, now: datetime, move: CallModel, least: int
    ) -> ModelStarted | Halted:
        await self.settled(session.id)
        limits, price = _limits(session, rules), rules.prices.get(pinned.model)
        if price is None and any(limit.nano_usd is not None for limit in limits.values()):
            return Halted(error=BudgetExceededError.__name__, sentence=budget_words.no_price(pinned.model))
        payer = Spender(session.place.team, session.id, pinned.agent, session.requesters[0], now, session.seq + 1)
        asked = estimate.input_tokens(said, pinned)
        lost = session.model_seq if session.model_started is not None else 0
        ask = Ask(payer, asked, least, MAX_OUTPUT_TOKENS, limits, price, lost)
        answer = await self.budget.reserve(ask)
        if isinstance(answer, Refused):
            if answer.busy:
                raise DelayedError(BUSY_SECONDS)
            return _exceeded(answer, payer)
        notes = tuple(note for note in answer.notes if note not in session.noted_budgets)
        bill = Bill(
            payer=payer.user,
            agent=payer.agent,
            model=pinned.model,
            started_at=now,
            nano_usd=answer.nano_usd,
            price=price,
            notes=notes,
        )
        return ModelStarted(
            iteration=move.iteration,
            reserved_tokens=answer.tokens,
            max_tokens=answer.output,
            purpose=move.purpose,
            bill=bill,
        )

    # ------------------------------------------------------------------------------------------ the call

    async def call(
        self,
        session: Session,
        said: Transcript,
        rules: Rules,
        pinned: Pinned,
        move: CallModel,
        listener: Listener = DEAF,
    ) -> Ended:
        """The model's reply to the conversation so far, or why there is none; or the new context, with a summary or without.

        Raises DelayedError: nothing was sent yet.
        """
        summing_up = move.purpose == "compact"
        if (refused := await self._confirm(session, rules)) is not None:
            return Ended((compaction.compacted(session, said, None, unbilled=True) if summing_up else refused,))
        asked = compaction.request(session, said) if summing_up else said.messages()
        messages = await self.attached.shown(session, asked)
        probe = self.admission.is_probe(session)
        request = Request(pinned, messages, session.max_tokens, move.purpose, move.lifetime, probe)
        began_at = time.monotonic()
        with telemetry.chat_span(pinned.model, session.max_tokens) as span:
            try:
                reply = await self.model.reply(request, DEAF if summing_up else listener)
            except ModelFailedError as error:
                telemetry.failed(span, type(error).__name__)
                again_seconds = self._noted(error, pinned.model, began_at)
                return self._without_reply(error, session, said, move, again_seconds)
            telemetry.replied(span, reply.stop_reason, reply.usage)
        self.admission.answered(pinned.model)
        if summing_up:
            return Ended((compaction.compacted(session, said, reply),))
        if reply.stop_reason == "model_context_window_exceeded":
            return Ended((window_exceeded(session, reply.usage, lost=reply.lost),))
        return Ended((ModelReplied(content=reply.content, stop_reason=reply.stop_reason, usage=reply.usage, lost=reply.lost),))

    def _noted(self, error: ModelFailedError, model: str, began_at: float) -> float | None:
        """Tell the admission how the call ended; how long a session waits for a model that is out of reach, if it may wait."""
        if isinstance(error, ModelOutOfReachError):
            return self.admission.gave_up(model, began_at, error.retry_seconds)
        self.admission.answered(model)
        return None

    def _without_reply(
        self, error: ModelFailedError, session: Session, said: Transcript, move: CallModel, again_seconds: float | None
    ) -> Ended:
        """A summary is made without the model, a model out of reach is waited for, a retired one left; else the turn ends."""
        unbilled = error.unbilled
        if move.purpose == "compact":
            log.warning("session %s is summed up without the model: %s", session.id, error)
            return Ended((compaction.compacted(session, said, None, unbilled=unbilled),))
        if again_seconds is not None:
            failed = ModelFailed(reason="unavailable", since=move.at, unbilled=unbilled)
            return Ended((failed,), again_seconds=again_seconds)
        match error:
            case ModelRetiredError():
                return Ended((ModelFailed(reason="retired", since=move.at, unbilled=unbilled),))
            case TooLongError():
                return Ended((window_exceeded(session, None, unbilled=unbilled),))
            case FilesNotTakenError():
                return Ended((Halted(error=FilesNotTakenError.__name__, sentence=error.sentence, unbilled=unbilled),))
            case _:
                return Ended((Halted(error=ModelFailedError.__name__, sentence=error.sentence, unbilled=unbilled),))

    async def _confirm(self, session: Session, rules: Rules) -> Halted | None:
        """The start is committed, so nothing that Redis loses from now on is lost for good; whatever it lost before is set aside
        anew. Not waited for if it is not to be had: others may wait for this very call."""
        started = session.model_started
        assert started is not None
        assert started.bill is not None
        await self.settled(session.id)
        payer, output = spender(session.id, session.place, session.model_seq, started), started.max_tokens
        limits = _limits(session, rules)
        ask = Ask(payer, started.reserved_tokens - output, output, output, limits, started.bill.price)
        try:
            answer = await self.budget.reserve(ask)
        except UnreachableError as error:
            raise DelayedError(CONFIRM_SECONDS) from error
        return _exceeded(answer, payer).model_copy(update={"unbilled": True}) if isinstance(answer, Refused) else None

    # ------------------------------------------------------------------------------------------ settlement

    def settle(self, session_id: str, charges: Sequence[Charge]) -> None:
        """Settle what is committed by now, while the session goes on."""
        if charges:
            before = self._settling.get(session_id)
            self._settling[session_id] = asyncio.create_task(self._settle(session_id, charges, before))

    async def _settle(self, session_id: str, charges: Sequence[Charge], before: asyncio.Task[None] | None) -> None:
        try:
            if before is not None:
                await before
            for charge in charges:
                await self.budget.settle(charge)
        except UnreachableError as error:  # it is in Postgres, and whoever looks after the budgets will do it again
            log.warning("session %s: %s", session_id, error)
        finally:
            if self._settling.get(session_id) is asyncio.current_task():
                del self._settling[session_id]

    async def settled(self, session_id: str) -> None:
        """Until the session's last model call is settled: before its next reservation, and before another process has it."""
        if (settling := self._settling.get(session_id)) is not None:
            await asyncio.shield(settling)


def _limits(session: Session, rules: Rules) -> Limits:
    """Of everything that this session's calls count in."""
    return {**rules.limits, "session": Limit(tokens=rules.budget_tokens + session.granted_tokens)}


def _exceeded(refused: Refused, payer: Spender) -> Halted:
    """The turn's end, in words; with an offer to continue if only the conversation's own budget is short."""
    log.warning("session %s: %s", payer.session_id, "; ".join(map(str, refused.short)))
    offer = all(each.scope.kind == "session" for each in refused.short)
    sentence = budget_words.exceeded(refused)
    return Halted(error=BudgetExceededError.__name__, sentence=sentence, offer_continue=offer)
