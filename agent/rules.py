"""What a session is run by, and the limits that every session has."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from agent import policy
from agent.spending import Kind, Limit, Limits, Price
from agent.tool import Tool, Tools
from agent.types import Asker, Verdict

# A decided call starts within this time or asks again (DESIGN, Approvals).
DECISION_LIFETIME = timedelta(minutes=15)
# The same call with the same arguments runs this often in a turn; after that it is answered with a note (issue: tools).
SAME_CALL_LIMIT = 2

# A turn whose model is out of reach goes on by itself when it is back, unless it takes longer than this.
OUTAGE_TIME = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Rules:
    """What a session is run by."""

    tools: Tools
    max_iterations: int = 10
    budget_tokens: int = 50_000  # of a session
    judge: Callable[[Tool, Mapping[str, Any], Asker], Verdict] = policy.Policy().judge
    cards_per_hour: int | None = None  # that a conversation may bring before people; None: as many as it likes
    limits: Limits = field(default_factory=dict[Kind, Limit])  # of people and the workspace
    prices: Mapping[str, Price] = field(default_factory=dict[str, Price])  # by model
    context_tokens: int = 12_500  # a conversation that takes more is compacted when its turn is over (`agent.windows`)
    people_wait: bool = True  # whether a call of these tools may wait for a person: then what is cached is to last
    outage_time: timedelta = OUTAGE_TIME  # that a turn waits for a model out of reach
