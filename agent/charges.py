"""What a model call is charged when it is over, whichever way it ends. Pure.

A reply says what it used. A call without one is charged as it was reserved: nobody knows what the model made of it, and it is
not to be free. Only one that never reached the model costs nothing.
"""

import json
from collections.abc import Sequence

from agent.errors import AgentMaxIterationsError
from agent.session import Session
from agent.spending import Charge, Spender
from agent.steps import Compacted, Halted, ModelFailed, ModelReplied, ModelStarted, Step, WindowExceeded
from agent.types import Place, Usage

EndsCall = ModelStarted | ModelReplied | ModelFailed | WindowExceeded | Compacted | Halted


def charged_tokens(started: ModelStarted | None, ended_by: EndsCall) -> int:
    """Of the model call that this step ends."""
    match ended_by:
        case ModelReplied() | WindowExceeded(usage=Usage()) | Compacted(usage=Usage()):
            return sum(each.charged_tokens for each in _told(ended_by))
        case Halted(unbilled=True) | ModelFailed(unbilled=True) | WindowExceeded(unbilled=True) | Compacted(unbilled=True):
            return 0
        case _:
            return started.reserved_tokens if started is not None else 0


def charge(session: Session, step: Step) -> Charge | None:
    """What is due with this next step of a session. None: it ends no model call."""
    started = session.model_started
    if started is None or started.bill is None or not isinstance(step, EndsCall):
        return None
    tokens = charged_tokens(started, step)
    match step:
        case ModelReplied(usage=usage) | WindowExceeded(usage=Usage() as usage) | Compacted(usage=Usage() as usage):
            price = started.bill.price
            nano_usd = sum(price.nano_usd(each) for each in _told(step)) if price is not None else 0
        case Halted(unbilled=True) | ModelFailed(unbilled=True) | WindowExceeded(unbilled=True) | Compacted(unbilled=True):
            usage, nano_usd = None, 0
        case _:
            usage, nano_usd = None, started.bill.nano_usd
    who = spender(session.id, session.place, session.model_seq, started)
    return Charge(who, tokens, nano_usd, usage)


def _told(step: ModelReplied | WindowExceeded | Compacted) -> tuple[Usage, ...]:
    """What the provider said that a call used, tries that broke off included."""
    return (*([step.usage] if step.usage is not None else []), *step.lost)


def spender(session_id: str, place: Place, seq: int, started: ModelStarted) -> Spender:
    """Who pays for the call that started like this."""
    bill = started.bill
    assert bill is not None
    return Spender(place.team, session_id, bill.agent, bill.payer, bill.started_at, seq)


def capped(session: Session, step: Step) -> int | None:
    """The model call after which the turn ends with this step because it may make no more; None for any other end."""
    hit = isinstance(step, Halted) and step.error == AgentMaxIterationsError.__name__
    return session.model_seq if hit and session.model_seq else None


def begun(after_seq: int, steps: Sequence[Step]) -> str:
    """Rows of `usage` for the model calls that start with these steps, as JSON."""
    calls = [(seq, step) for seq, step in enumerate(steps, after_seq + 1) if isinstance(step, ModelStarted)]
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
    """What is written into the rows of calls that are over, as JSON."""
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
