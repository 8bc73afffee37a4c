"""What the effect of a move brings back."""

from dataclasses import dataclass

from agent.moves import Settle
from agent.steps import Step


@dataclass(frozen=True, slots=True)
class Ended:
    """Steps, inbox rows that are answered, a click that may be counted, an author who may do that, a grant that still holds."""

    steps: tuple[Step, ...] = ()
    inbox_ids: tuple[int, ...] = ()
    settle: Settle | None = None
    permitted: int | None = None  # inbox row
    vouched: str | None = None  # key of the move that runs under the grant
    again_seconds: float = 0.0  # until the same move may be made again
