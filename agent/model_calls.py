"""A model call from its reservation to its settlement: what it may cost, the call itself, what it did cost."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from agent import budget_words, estimate
from agent.charges import spender
from agent.ended import Ended
from agent.errors import BudgetExceededError, DelayedError, ModelFailedError, UnreachableError
from agent.ports import DEAF, Budget, Listener, Model, Request
from agent.rules import Rules
from agent.session import Session
from agent.spending import Ask, Bill, Charge, Limit, Limits, Refused, Spender
from agent.steps import Halted, ModelReplied, ModelStarted
from agent.transcript import Transcript
from agent.types import Pinned

log = logging.getLogger(__name__)

MAX_OUTPUT_TOKENS = 4_096
LEAST_OUTPUT_TOKENS = 256  # with less to spend than this on the answer a call is not worth its input
BUSY_SECONDS = 3.0  # until a budget is asked again that calls under way have set aside: the session is put back meanwhile
CONFIRM_SECONDS = 1.0  # until a start that stands is confirmed again, when Redis did not answer


@dataclass(slots=True)
class ModelCalls:
    """The model and the budget that its calls are paid from."""

    model: Model
    budget: Budget
    _settling: dict[str, asyncio.Task[None]] = field(default_factory=dict[str, asyncio.Task[None]])  # by session

    async def reserve(
        self, session: Session, said: Transcript, rules: Rules, pinned: Pinned, now: datetime, iteration: int
    ) -> ModelStarted | Halted:
        """The start of the next model call, paid for; or the turn's end when a budget forbids it.

        Raises UnreachableError when the budget cannot be asked, and DelayedError while calls under way hold what is left of it:
        then nothing is spent.
        """
        await self.settled(session.id)
        limits, price = _limits(session, rules), rules.prices.get(pinned.model)
        if price is None and any(limit.nano_usd is not None for limit in limits.values()):
            return Halted(error=BudgetExceededError.__name__, sentence=budget_words.no_price(pinned.model))
        payer = Spender(session.place.team, session.id, pinned.agent, session.requesters[0], now, session.seq + 1)
        asked = estimate.input_tokens(said, pinned)
        lost = session.model_seq if session.model_started is not None else 0
        ask = Ask(payer, asked, LEAST_OUTPUT_TOKENS, MAX_OUTPUT_TOKENS, limits, price, lost)
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
        return ModelStarted(iteration=iteration, reserved_tokens=answer.tokens, max_tokens=answer.output, bill=bill)

    async def call(self, session: Session, said: Transcript, rules: Rules, pinned: Pinned, listener: Listener = DEAF) -> Ended:
        """The model's reply to the conversation so far, or why there is none. Raises DelayedError: nothing was sent yet."""
        if (refused := await self._confirm(session, rules)) is not None:
            return Ended((refused,))
        request = Request(pinned, said.messages(), session.max_tokens)
        try:
            reply = await self.model.reply(request, listener)
        except ModelFailedError as error:
            return Ended((Halted(error=type(error).__name__, sentence=error.sentence, unbilled=error.unbilled),))
        return Ended((ModelReplied(content=reply.content, stop_reason=reply.stop_reason, usage=reply.usage),))

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
    sentence = budget_words.exceeded(refused, payer.user)
    return Halted(error=BudgetExceededError.__name__, sentence=sentence, offer_continue=offer)
