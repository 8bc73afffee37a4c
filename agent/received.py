"""What comes in from people: a row of the inbox each, committed before Slack hears "received"."""

from typing import Annotated, Literal

from pydantic import Field, JsonValue, TypeAdapter

from agent.types import Noun, OutcomeAnswer, Said, Wish


class Message(Noun):
    """A message in the session's thread. `form` says whether there is something for the model to read."""

    kind: Literal["message"] = "message"
    said: Said
    form: Literal["text", "bare", "too_long"] = "text"
    length: int = 0  # of the message as it was sent, in characters


class Click(Noun):
    """A decision of one person on one action; `wish`: they want to allow such calls from now on as well."""

    kind: Literal["click"] = "click"
    action_id: str
    user: str
    decision: Literal["approved", "rejected"]
    reason: str = ""
    wish: Wish | None = None


class Edit(Noun):
    """A person changed the arguments of an action: it is to be proposed anew."""

    kind: Literal["edit"] = "edit"
    action_id: str
    user: str
    arguments: dict[str, JsonValue]


class Withdraw(Noun):
    """A person takes back what waits, so that the conversation can go on."""

    kind: Literal["withdraw"] = "withdraw"
    user: str
    action_ids: tuple[str, ...]


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


Received = Annotated[Message | Click | Edit | Withdraw | OutcomeClick | ContinueClick | StopPressed, Field(discriminator="kind")]
RECEIVED: TypeAdapter[Received] = TypeAdapter(Received)


class Inboxed(Noun):
    """A row of the inbox: received, committed, and not yet folded into the session.

    `permitted`: this process has found out that its author may do this. Where nobody had to be asked it stays False.
    """

    id: int
    received: Received
    permitted: bool = False
