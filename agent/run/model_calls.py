"""A model call from its reservation to its settlement: when it may begin, what it may cost, the call itself, what it cost."""

import logging
import time
from collections.abc import Container, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from agent import metrics, telemetry
from agent.decide.move_outcome import Begin, Ended, Instead, NotYet, Queued, Start
from agent.decide.moves import CallModel
from agent.errors import (
    BudgetExceededError,
    DelayedError,
    FilesNotTakenError,
    HistoryNotTakenError,
    ModelFailedError,
    ModelOutOfReachError,
    ModelRetiredError,
    TooLongError,
    UnreachableError,
)
from agent.memory import compaction
from agent.memory import token_estimate as estimate
from agent.memory.transcript import ApiMessage, Transcript
from agent.model import budget_messages as budget_words
from agent.model.limits import PATIENCE, Patience
from agent.model.normalised import normalised
from agent.model.port import DEAF, Listener, Model, Reply, Request
from agent.model.spending import Ask, Bill, Charge, Refused, SettleFirst, Spender
from agent.run.admission import Admission
from agent.run.file_effects import FileEffects
from agent.run.full_window import after_full_window
from agent.run.memory_effects import MemoryEffects
from agent.run.off_turn import asked_for, read_with, saved_by_cache, without_model
from agent.run.ports import Budget
from agent.run.settlements import Settlements
from agent.run.spent import halted_by_budget, limits_of
from agent.session.charges import spender
from agent.session.rules import Rules
from agent.session.state import Session
from agent.session.steps import Compacted, Halted, Learnt, ModelFailed, ModelReplied, ModelStarted
from agent.types import Pinned

log = logging.getLogger(__name__)

LEAST_SUMMARY_TOKENS = 1_024  # below this a summary would be cut
LEAST_OUTPUT_TOKENS = 256  # with less to spend than this on the answer a call is not worth its input
BUSY_SECONDS = 3.0  # until a budget is asked again that calls under way have set aside: the session is put back meanwhile
BUDGET_TROUBLE_SECONDS = 5.0  # until the budget is asked again when it did not answer
CONFIRM_SECONDS = 1.0  # until a start that stands is confirmed again, when Redis did not answer


def replied(reply: Reply, used: Container[str]) -> ModelReplied:
    """Return the step of a reply, as the API takes it back. `used`: ids of calls that stand in the conversation already."""
    kept = normalised(reply, used)
    return ModelReplied(
        content=kept.content, stop_reason=reply.stop_reason, usage=reply.usage, lost=reply.lost, unusable=kept.unusable
    )


@dataclass(frozen=True, slots=True)
class NextCall:
    """A model call that is to be made, and the session as it stands. `last`: what the call before is charged, where that is not
    committed yet: it is settled with the reservation, or is to be settled first."""

    move: CallModel
    session: Session
    said: Transcript
    rules: Rules
    pinned: Pinned
    now: datetime
    last: Charge | None = None


@dataclass(slots=True)
class ModelCalls:
    """The model and the budget that its calls are paid from."""

    model: Model
    budget: Budget
    attached: FileEffects
    memory: MemoryEffects
    patience: Patience = PATIENCE
    admission: Admission = field(init=False)
    settlements: Settlements = field(init=False)

    def __post_init__(self) -> None:
        self.admission, self.settlements = Admission(self.patience), Settlements(self.budget)

    # ------------------------------------------------------------------------------------------ the start

    async def start(self, call: NextCall) -> Start | SettleFirst:
        """Return the start of the next model call, admitted and paid for, or what follows instead of it.

        While the call waits for a slot nothing is reserved. That the model is out of reach becomes a step of each session that
        would call it: its people are to hear of it.
        """
        move, session, pinned = call.move, call.session, call.pinned
        match self.admission.admit(session, pinned.model):
            case int() | float() as seconds:
                in_flight = session.model.in_flight  # what a lost process started may have been made
                unbilled = in_flight is None or in_flight.epoch == session.epoch
                if move.purpose != "reply":
                    return Instead(without_model(move, session, call.said, unbilled=unbilled))
                known = session.model.outage_since is not None
                failed = ModelFailed(reason="unavailable", since=move.at, unbilled=unbilled)
                return NotYet(seconds) if known else Instead(failed)
            case Queued() as queued:
                return queued
            case None:
                pass
        if session.model.in_flight is not None and session.model.in_flight.epoch == session.epoch:
            return Begin()  # its start is committed: it was put off before anything was sent
        try:
            started = await self._reserved(call)
        except (UnreachableError, DelayedError) as error:
            log.warning("session %s waits: %s", session.id, error)
            self.leave(session, pinned)
            return NotYet(error.seconds if isinstance(error, DelayedError) else BUDGET_TROUBLE_SECONDS)
        if isinstance(started, ModelStarted):
            return Begin((started,))
        self.leave(session, pinned)
        return started if isinstance(started, SettleFirst) else Instead(started)

    def leave(self, session: Session, pinned: Pinned) -> None:
        """Give back what the session's model call holds: it is over, was given up, or is not to be made."""
        self.admission.leave(session, pinned.model)

    async def _reserved(self, call: NextCall) -> ModelStarted | Halted | Compacted | Learnt | SettleFirst:
        """Return the start of the next model call, paid for; or the turn's end when a budget forbids it.

        A conversation that is to be summed up goes on without a model's summary then, and where there is nothing to sum up; one
        that is to be learnt from teaches nothing.
        Raises UnreachableError when the budget cannot be asked, and DelayedError while calls under way hold what is left of it:
        then nothing is spent.
        """
        if call.move.purpose == "reply":
            return await self._reserve(call, LEAST_OUTPUT_TOKENS)
        if asked := asked_for(call.move, call.session, call.said):
            reader = replace(call, pinned=read_with(call.move, call.pinned, call.rules))
            started = await self._reserve(reader, LEAST_SUMMARY_TOKENS, asked)
            if isinstance(started, ModelStarted | SettleFirst):
                return started
        return without_model(call.move, call.session, call.said)

    async def _reserve(
        self, call: NextCall, least: int, messages: Sequence[ApiMessage] | None = None
    ) -> ModelStarted | Halted | SettleFirst:
        """Reserve a call. `messages`: of a request that is not the conversation itself."""
        move, session, rules, pinned, now = call.move, call.session, call.rules, call.pinned, call.now
        await self.settlements.made(session.id)
        limits, price = limits_of(session, rules), rules.prices.get(pinned.model)
        if price is None and any(limit.nano_usd is not None for limit in limits.values()):
            return Halted(error=BudgetExceededError.__name__, sentence=budget_words.no_price(pinned.model))
        payer = Spender(session.place.team, session.id, pinned.agent, session.turn.payer, now, session.seq + 1)
        asked = estimate.input_tokens(call.said, pinned, messages)
        lost = session.model.seq if session.model.in_flight is not None else 0
        saved, first = saved_by_cache(move, session, call.said, now), session.epoch == 1 and session.model.seq == 0
        ask = Ask(payer, asked, least, rules.max_output_tokens, limits, price, lost, saved, first, last=call.last)
        answer = await self.budget.reserve(ask)
        if isinstance(answer, SettleFirst):
            return answer
        if isinstance(answer, Refused):
            if answer.busy:
                raise DelayedError(BUSY_SECONDS)
            return halted_by_budget(answer, payer, rules)
        notes = tuple(note for note in answer.notes if note not in session.spending.noted)
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
            saved_tokens=saved,
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
        """Return the model's reply to the conversation so far, or why there is none; or the new context, with a summary or
        without.

        Raises DelayedError: nothing was sent yet.
        """
        answers = move.purpose == "reply"
        if (refused := await self._confirm(session, rules)) is not None:
            return Ended((refused if answers else without_model(move, session, said, unbilled=True),))
        if answers and (grew := await self.memory.grew(session)) is not None:
            return Ended((grew.model_copy(update={"unbilled": True}),))
        known = await self.memory.known(session, said) if move.purpose == "learn" else ()
        pinned, asked = read_with(move, pinned, rules), asked_for(move, session, said, known)
        messages = await self.attached.shown(session, asked)
        assert session.model.in_flight is not None
        max_tokens, probe = session.model.in_flight.started.max_tokens, self.admission.is_probe(session)
        request = Request(pinned, messages, max_tokens, move.purpose, move.lifetime, probe)
        began_at = time.monotonic()
        with telemetry.chat_span(pinned, max_tokens) as span, metrics.inference(pinned.model) as measured:
            try:
                reply = await self.model.reply(request, listener if answers else DEAF)
            except ModelFailedError as error:
                telemetry.span_failed(span, type(error).__name__)
                measured.error = type(error).__name__
                again_seconds = self._noted(error, pinned.model, began_at)
                return self._without_reply(error, session, said, move, again_seconds)
            telemetry.span_replied(span, reply.stop_reason, reply.usage)
            measured.usages = (reply.usage, *reply.lost)
        self.admission.answered(pinned.model)
        if move.purpose == "compact":
            return Ended((compaction.compaction_step(session, said, reply),))
        if move.purpose == "learn":
            return Ended((await self.memory.learn(session, said, reply, known),))
        if reply.stop_reason == "model_context_window_exceeded":
            return Ended((after_full_window(session, reply.usage, lost=reply.lost),))
        return Ended((replied(reply, said.call_ids),))

    def _noted(self, error: ModelFailedError, model: str, began_at: float) -> float | None:
        """Tell the admission how the call ended; how long a session waits for a model that is out of reach, if it may wait."""
        if isinstance(error, ModelOutOfReachError):
            return self.admission.gave_up(model, began_at, error.retry_seconds)
        self.admission.answered(model)
        return None

    def _without_reply(
        self, error: ModelFailedError, session: Session, said: Transcript, move: CallModel, again_seconds: float | None
    ) -> Ended:
        """Return what follows without a reply: a summary by code, a wait, another model, or the end of the turn."""
        unbilled = error.unbilled
        if move.purpose != "reply":
            log.warning("session %s: no model call to %s: %s", session.id, move.purpose, error)
            return Ended((without_model(move, session, said, unbilled=unbilled),))
        if again_seconds is not None:
            failed = ModelFailed(reason="unavailable", since=move.at, unbilled=unbilled)
            return Ended((failed,), again_seconds=again_seconds)
        match error:
            case ModelRetiredError():
                return Ended((ModelFailed(reason="retired", since=move.at, unbilled=unbilled),))
            case TooLongError() | HistoryNotTakenError():
                refused = isinstance(error, HistoryNotTakenError)
                return Ended((after_full_window(session, None, unbilled=unbilled, refused=refused),))
            case _:
                name = (FilesNotTakenError if isinstance(error, FilesNotTakenError) else ModelFailedError).__name__
                return Ended((Halted(error=name, sentence=error.sentence, unbilled=unbilled),))

    async def _confirm(self, session: Session, rules: Rules) -> Halted | None:
        """Set aside again what Redis lost before the start was committed; what it loses from now on is refilled from Postgres.

        Only where others spend from a budget, too: nobody else fills the session's own before this start is in Postgres.
        Not waited for if it is not to be had: others may wait for this very call.
        """
        assert session.model.in_flight is not None
        started = session.model.in_flight.started
        assert started.bill is not None
        await self.settlements.made(session.id)
        payer, output = spender(session.id, session.place, session.model.seq, started), started.max_tokens
        limits = limits_of(session, rules)
        tokens, price, saved = started.reserved_tokens - output, started.bill.price, started.saved_tokens
        ask = Ask(payer, tokens, output, output, limits, price, saved_tokens=saved, committed=True)
        if not ask.shared:
            return None
        try:
            answer = await self.budget.reserve(ask)
        except UnreachableError as error:
            raise DelayedError(CONFIRM_SECONDS) from error
        if isinstance(answer, Refused):
            return halted_by_budget(answer, payer, rules).model_copy(update={"unbilled": True})
        return None
