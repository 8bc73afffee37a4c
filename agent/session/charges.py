"""What a model call is charged when it is over, whichever way it ends. Pure.

A reply says what it used. A call without one is charged as it was reserved: nobody knows what the model made of it, and it is
not to be free. Only one that never reached the model costs nothing.
"""

import json
from collections.abc import Sequence

from agent.errors import AgentMaxIterationsError
from agent.model.spending import Charge, Spender
from agent.session.state import Session
from agent.session.steps import Compacted, Halted, Learnt, ModelFailed, ModelReplied, ModelStarted, Step, WindowExceeded
from agent.types import Place, Usage

EndsCall = ModelStarted | ModelReplied | ModelFailed | WindowExceeded | Compacted | Learnt | Halted


def charged_tokens(started: ModelStarted, ended_by: EndsCall) -> int:
    """Return what the model call that began with `started` is charged, when this step ends it."""
    match ended_by:
        case ModelReplied() | WindowExceeded(usage=Usage()) | Compacted(usage=Usage()) | Learnt(usage=Usage()):
            return sum(each.charged_tokens for each in _reported_usages(ended_by))
        case Halted() | ModelFailed() | WindowExceeded() | Compacted() | Learnt() if ended_by.unbilled:
            return 0
        case _:
            return started.reserved_tokens


def charge(session: Session, step: Step) -> Charge | None:
    """Return what this next step of a session charges; None if it ends no model call."""
    in_flight = session.model.in_flight
    if in_flight is None or in_flight.started.bill is None or not isinstance(step, EndsCall):
        return None
    started, bill = in_flight.started, in_flight.started.bill
    tokens = charged_tokens(started, step)
    match step:
        case ModelReplied() | WindowExceeded(usage=Usage()) | Compacted(usage=Usage()) | Learnt(usage=Usage()):
            usage = step.usage
            price = bill.price
            nano_usd = sum(price.nano_usd(each) for each in _reported_usages(step)) if price is not None else 0
        case Halted() | ModelFailed() | WindowExceeded() | Compacted() | Learnt() if step.unbilled:
            usage, nano_usd = None, 0
        case _:
            usage, nano_usd = None, bill.nano_usd
    who = spender(session.id, session.place, session.model.seq, started)
    return Charge(who, tokens, nano_usd, usage)


def usages_of(step: Step) -> tuple[Usage, ...]:
    """Return what the provider said that the model call used which this step ends; nothing of any other step."""
    return _reported_usages(step) if isinstance(step, ModelReplied | WindowExceeded | Compacted | Learnt) else ()


def _reported_usages(step: ModelReplied | WindowExceeded | Compacted | Learnt) -> tuple[Usage, ...]:
    """Return what the provider said that a call used, tries that broke off included."""
    return (*([step.usage] if step.usage is not None else []), *step.lost)


def spender(session_id: str, place: Place, seq: int, started: ModelStarted) -> Spender:
    """Return who pays for the call that started like this."""
    bill = started.bill
    assert bill is not None
    return Spender(place.team, session_id, bill.agent, bill.payer, bill.started_at, seq)


def capping_call(session: Session, step: Step) -> int | None:
    """Return the model call after which the turn ends with this step because it may make no more; None for any other end."""
    hit = isinstance(step, Halted) and step.error == AgentMaxIterationsError.__name__
    return session.model.seq if hit and session.model.seq else None


def usage_rows(after_seq: int, steps: Sequence[Step]) -> str:
    """Return rows of `usage` for the model calls that start with these steps, as JSON."""
    calls = [(seq, step) for seq, step in enumerate(steps, after_seq + 1) if isinstance(step, ModelStarted)]
    if not calls:
        return "[]"
    return json.dumps(
        [
            {
                "seq": seq,
                "tokens": step.reserved_tokens,
                "purpose": step.purpose,
                "iteration": step.iteration,
                **step.bill.model_dump(mode="json", exclude={"price"}),
            }
            for seq, step in calls
            if step.bill is not None
        ]
    )


def charged(charges: Sequence[Charge]) -> str:
    """Return what is written into the rows of calls that are over, as JSON."""
    if not charges:
        return "[]"
    return json.dumps(
        [
            {
                "seq": each.spender.seq,
                "tokens": each.tokens,
                "nano_usd": each.nano_usd,
                "usage": each.usage.model_dump() if each.usage is not None else None,
            }
            for each in charges
        ]
    )
