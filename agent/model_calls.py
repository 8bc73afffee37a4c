"""A model call from its reservation to its settlement: what it may cost, the call itself, what it did cost."""

import asyncio
import logging
from dataclasses import dataclass, field

from agent import compaction, estimate
from agent.ended import Ended
from agent.errors import BudgetExceededError, ModelFailedError, TooLongError, UnreachableError
from agent.moves import CallModel
from agent.ports import Budget, Model, Request
from agent.rules import Rules
from agent.session import Session
from agent.steps import Compacted, Halted, ModelReplied, WindowExceeded
from agent.transcript import Transcript
from agent.types import Pinned, Purpose, Usage

log = logging.getLogger(__name__)

MAX_OUTPUT_TOKENS = 4_096
LEAST_SUMMARY_TOKENS = 1_024  # below this a summary would be cut
LEAST_OUTPUT_TOKENS = 256  # with less to spend than this on the answer a call is not worth its input


def window_exceeded(session: Session, usage: Usage | None) -> WindowExceeded | Halted:
    """What follows when the model's window refuses a conversation: it is compacted, and goes on once; then the turn ends."""
    if session.window == "fits":
        return WindowExceeded(usage=usage)
    sentence = (
        "This conversation is too long for the model, even after I summed up what came before. Nothing more was run; "
        "please ask for less at once, or start a new thread."
    )
    return Halted(error=TooLongError.__name__, sentence=sentence)


@dataclass(slots=True)
class ModelCalls:
    """The model and the budget that its calls are paid from."""

    model: Model
    budget: Budget
    _settling: dict[str, asyncio.Task[None]] = field(default_factory=dict[str, asyncio.Task[None]])  # by session

    async def reserve(
        self, session: Session, said: Transcript, rules: Rules, pinned: Pinned, purpose: Purpose = "reply"
    ) -> tuple[int, int] | Halted | Compacted:
        """Tokens set aside for the next model call and, of these, its output; or the turn's end when the budget forbids it.

        A conversation that is to be compacted is compacted without a model then, and where there is nothing to sum up.
        Raises UnreachableError when the budget cannot be asked: then nothing is spent.
        """
        if purpose == "reply":
            return await self._reserve(session, said, rules, pinned, LEAST_OUTPUT_TOKENS)
        reserved: tuple[int, int] | Halted | None = None
        if compaction.request(session, said):
            reserved = await self._reserve(session, said, rules, pinned, LEAST_SUMMARY_TOKENS)
        return reserved if isinstance(reserved, tuple) else compaction.compacted(session, said, None)

    async def _reserve(
        self, session: Session, said: Transcript, rules: Rules, pinned: Pinned, least: int
    ) -> tuple[int, int] | Halted:
        await self.settled(session.id)
        used = session.used_tokens + session.reserved_tokens
        limit = rules.budget_tokens + session.granted_tokens
        asked = estimate.input_tokens(said, pinned)
        output = min(MAX_OUTPUT_TOKENS, limit - used - asked)
        if output >= least and await self.budget.reserve(session.id, used, limit, asked + output):
            return asked + output, output
        error = BudgetExceededError(f"{used} of {limit} tokens used; the next call takes about {asked} and its answer")
        log.warning("session %s: %s", session.id, error)
        sentence = (
            f"This conversation has used its budget of {limit:,} tokens, so I stopped before the next step. "
            "Continue with another budget, or start a new thread."
        )
        return Halted(error=type(error).__name__, sentence=sentence, offer_continue=True)

    async def call(self, session: Session, said: Transcript, pinned: Pinned, move: CallModel) -> Ended:
        """The model's reply to the conversation so far, or why there is none; or the summary of what was said before."""
        compact = move.purpose == "compact"
        messages = compaction.request(session, said) if compact else said.messages()
        request = Request(pinned, messages, session.max_tokens, move.purpose, move.lifetime)
        try:
            reply = await self.model.reply(request)
        except ModelFailedError as error:
            if compact:
                log.warning("session %s is summed up without the model: %s", session.id, error)
                return Ended((compaction.compacted(session, said, None),))
            if isinstance(error, TooLongError):
                return Ended((window_exceeded(session, None),))
            return Ended((Halted(error=type(error).__name__, sentence=error.sentence),))
        self._settling[session.id] = asyncio.create_task(
            self._settle(session.id, session.used_tokens + reply.usage.charged_tokens)
        )
        if compact:
            return Ended((compaction.compacted(session, said, reply),))
        if reply.stop_reason == "model_context_window_exceeded":
            return Ended((window_exceeded(session, reply.usage),))
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
