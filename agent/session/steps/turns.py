"""Steps that open and end a turn: what people said or attached, Stop, and an end without an answer."""

from datetime import datetime
from typing import Literal

from agent.types import Block, Frozen, Origin, OutcomeAnswer, Said


class Asked(Frozen):
    """People said something that opens a turn."""

    kind: Literal["asked"] = "asked"
    said: tuple[Said, ...]
    budget_tokens: int = 0  # added to the session's budget by a Continue
    goes_on: bool = False  # it is a Continue: nothing new is asked for


class OutcomeTold(Frozen):
    """A person said what became of a call with an unknown outcome; this opens a turn."""

    kind: Literal["outcome_told"] = "outcome_told"
    action_id: str
    by: str
    answer: OutcomeAnswer
    told_at: datetime


class Attached(Frozen):
    """A file that people attached was read, or could not be; `blocks` are what the model reads of it.

    A block of an image or a PDF names its bytes by a handle: they are kept beside the log (`agent.memory.attachments`).
    """

    kind: Literal["attached"] = "attached"
    file_id: str
    blocks: tuple[Block, ...]
    kept_bytes: int = 0
    source: str = ""  # empty: it was not read


class Recalled(Frozen):
    """What is remembered that may bear on this turn was looked up. `text` is what the model reads of it; empty: there is nothing.

    It is kept as it was told: a later request begins with the same bytes.
    """

    kind: Literal["recalled"] = "recalled"
    text: str = ""
    channels: tuple[str, ...] = ()  # that it was learnt in: who reads along has to be able to read these
    sources: tuple[str, ...] = ()
    origins: tuple[Origin, ...] = ()  # what has to be remembered still for it to be read on


class Stopped(Frozen):
    """A person pressed Stop: nothing more is started in this turn."""

    kind: Literal["stopped"] = "stopped"
    by: str


class Halted(Frozen):
    """A turn ends without the model's own answer; `sentence` is what people read, `error` the name of the exception."""

    kind: Literal["halted"] = "halted"
    error: str
    sentence: str
    offer_continue: bool = False
    unbilled: bool = False  # the model call that it ends never reached the model: it costs nothing
