"""A model call from its reservation to its settlement: what it may cost, the call itself, what it did cost."""

import asyncio
import logging
from dataclasses import dataclass, field

from agent import estimate
from agent.ended import Ended
from agent.errors import BudgetExceededError, ModelFailedError, UnreachableError
from agent.ports import DEAF, Budget, Listener, Model, Request
from agent.rules import Rules
from agent.session import Session
from agent.steps import Halted, ModelReplied
from agent.transcript import Transcript
from agent.types import Pinned

log = logging.getLogger(__name__)

MAX_OUTPUT_TOKENS = 4_096
LEAST_OUTPUT_TOKENS = 256  # with less to spend than this on the answer a call is not worth its input


@dataclass(slots=True)
class ModelCalls:
    """The model and the budget that its calls are paid from."""

    model: Model
    budget: Budget
    _settling: dict[str, asyncio.Task[None]] = field(default_factory=dict[str, asyncio.Task[None]])  # by session

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

    async def call(self, session: Session, said: Transcript, pinned: Pinned, listener: Listener = DEAF) -> Ended:
        """The model's reply to the conversation so far, or why there is none."""
        request = Request(pinned, said.messages(), session.max_tokens)
        try:
            reply = await self.model.reply(request, listener)
        except ModelFailedError as error:
            return Ended((Halted(error=type(error).__name__, sentence=error.sentence),))
        self._settling[session.id] = asyncio.create_task(
            self._settle(session.id, session.used_tokens + reply.usage.charged_tokens)
        )
        return Ended((ModelReplied(content=reply.content, stop_reason=reply.stop_reason, usage=reply.usage),))

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
