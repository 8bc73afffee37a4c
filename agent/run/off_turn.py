"""Model calls that no turn waits for: a summary, and reading what people said for what is worth remembering; and how any call
begins."""

from collections.abc import Sequence
from datetime import datetime

from agent.decide.moves import CallModel
from agent.memory import compaction, extraction
from agent.memory.items import MemoryItem
from agent.memory.transcript import ApiMessage, Transcript
from agent.session.rules import Rules
from agent.session.state import Session
from agent.session.steps import Compacted, Learnt
from agent.types import Pinned


def without_model(move: CallModel, session: Session, said: Transcript, *, unbilled: bool = False) -> Compacted | Learnt:
    """Return what follows where no model is to be had for it: a summary by code, or nothing that is learnt."""
    if move.purpose == "learn":
        return Learnt(unbilled=unbilled)
    return compaction.compaction_step(session, said, None, unbilled=unbilled)


def read_with(move: CallModel, pinned: Pinned, rules: Rules) -> Pinned:
    """Return the model, prompt and tools of a call: a small model reads what is to be learnt."""
    return extraction.pinned_for(pinned, rules.learns_with) if move.purpose == "learn" else pinned


def saved_by_cache(move: CallModel, session: Session, said: Transcript, now: datetime) -> int:
    """Return how many tokens less than its input a call should be charged, since the provider still has how it begins.

    Nothing for a summary in the middle of a turn, which leaves that turn out, and for what another model reads.
    """
    goes_on = move.purpose == "reply" or (move.purpose == "compact" and not session.turn.open)
    return said.saved_tokens(move.lifetime, now) if goes_on else 0


def asked_for(move: CallModel, session: Session, said: Transcript, known: Sequence[MemoryItem] = ()) -> list[ApiMessage]:
    """Return the messages of a request; empty where there is nothing to sum up or to learn from. `known`: facts that may be said
    again."""
    match move.purpose:
        case "reply":
            return said.messages()
        case "compact":
            return compaction.summary_request(session, said)
        case "learn":
            return extraction.learning_request(said, known, with_answers=not session.context.known_from)
