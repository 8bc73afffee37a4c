"""How things are between a session and its model."""

from dataclasses import dataclass
from datetime import datetime

from agent.session.steps import ModelStarted
from agent.types import Purpose


@dataclass(frozen=True)
class ModelCall:
    """A model call that has no reply yet, and is not charged. `epoch`: of the holder who made it."""

    started: ModelStarted
    epoch: int


@dataclass(frozen=True)
class ModelState:
    """How things are between the session and its model, from one turn to the next."""

    in_flight: ModelCall | None = None
    seq: int = 0  # of the latest model call
    reply_seq: int = 0
    reply_text: str = ""  # what the model said beside its calls
    outage_since: datetime | None = None  # the model is out of reach
    retired: bool = False  # the pinned model is not offered any more
    heard_at: datetime | None = None  # when people last said something, by Slack's clock
    learnt_turn: int = 0  # the last one whose messages were read for what is worth remembering

    @property
    def asked_to(self) -> Purpose | None:
        """Return what the model call that has no reply yet is for. None: there is none."""
        return None if self.in_flight is None else self.in_flight.started.purpose


NEVER_ASKED = ModelState()
