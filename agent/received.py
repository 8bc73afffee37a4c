"""What comes in from people: a row of the inbox each, committed before Slack hears "received"."""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from agent.types import Noun, OutcomeAnswer, Said


class Message(Noun):
    """A message in the session's thread. `form` says whether there is something for the model to read."""

    kind: Literal["message"] = "message"
    said: Said
    form: Literal["text", "bare", "too_long"] = "text"
    length: int = 0  # of the message as it was sent, in characters


class Click(Noun):
    """A decision of one person on one action."""

    kind: Literal["click"] = "click"
    action_id: str
    user: str
    decision: Literal["approved", "rejected"]
    reason: str = ""


class OutcomeClick(Noun):
    """What a person says of a call whose outcome is unknown."""

    kind: Literal["outcome_click"] = "outcome_click"
    action_id: str
    user: str
    answer: OutcomeAnswer


class ContinueClick(Noun):
    """A person allows the session another budget after it had run out."""

    kind: Literal["continue_click"] = "continue_click"
    turn: int
    user: str


class StopPressed(Noun):
    """A person pressed Stop."""

    kind: Literal["stop"] = "stop"
    user: str


Received = Annotated[Message | Click | OutcomeClick | ContinueClick | StopPressed, Field(discriminator="kind")]
RECEIVED: TypeAdapter[Received] = TypeAdapter(Received)


class Inboxed(Noun):
    """A row of the inbox: received, committed, and not yet folded into the session."""

    id: int
    received: Received
