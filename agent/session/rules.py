"""What a session is run by, and the limits that every session has."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from agent.approvals import policy
from agent.approvals.deciders import FULL_MEMBERS, Membership
from agent.approvals.quiet_hours import QuietHours
from agent.model.limits import PATIENCE
from agent.model.spending import BudgetKind, BudgetLimits, Limit, Price
from agent.session.steps import ProposedAction
from agent.tool.definition import Tool, Tools
from agent.types import Asker, Verdict

# A decided call starts within this time or asks again.
DECISION_LIFETIME = timedelta(minutes=15)
# The same call with the same arguments runs this often in a turn; after that it is answered with a note.
SAME_CALL_LIMIT = 2


def anything(proposed: ProposedAction) -> bool:
    """Return True: where nobody says how much people can be shown, there is no limit."""
    return True


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much a model may ask for at a time, and how many cards may wait for people."""

    calls_per_reply: int = 20  # further ones are answered with an error
    cards_per_hour: int | None = None  # that a conversation may bring before people; None: as many as it likes
    open_cards: int = 20  # of a conversation, that wait for people at a time
    open_cards_per_person: int | None = None  # likewise of the person who asked first, in all conversations


@dataclass(frozen=True, slots=True)
class Rules:
    """What a session is run by.

    Wide because each field is one setting that a session is run by.
    """

    tools: Tools
    max_iterations: int = 10
    max_output_tokens: int = 16_000  # of one reply, thoughts and calls included
    budget_tokens: int = 50_000  # of a session
    judge: Callable[[Tool, Mapping[str, Any], Asker], Verdict] = policy.Policy().judge
    bounds: Bounds = Bounds()
    limits: BudgetLimits = field(default_factory=dict[BudgetKind, Limit])  # of people and the workspace
    prices: Mapping[str, Price] = field(default_factory=dict[str, Price])  # by model
    context_tokens: int = 12_500  # a conversation that takes more is compacted when its turn is over (`agent.model.windows`)
    can_show: Callable[[ProposedAction], bool] = anything  # whether people can be shown all of an action
    people_wait: bool = True  # whether a call of these tools may wait for a person: then what is cached is to last
    askers: frozenset[Membership] = FULL_MEMBERS  # whose words may lead to a call
    remembers: bool = False  # whether what is remembered is looked up for a turn
    learns_with: str = ""  # the model that reads what people said for what is worth remembering; empty: nothing is learnt
    learns_after: timedelta = timedelta(minutes=30)  # that nobody said anything more
    quiet_hours: QuietHours | None = None  # in which nobody is reminded
    outage_time: timedelta = PATIENCE.outage_time  # that a turn waits for a model out of reach
