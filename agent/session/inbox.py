"""What comes in from people: a row of the inbox each, committed before Slack hears "received"."""

from typing import Annotated, Literal

from pydantic import Field, JsonValue, TypeAdapter

from agent.types import Frozen, OutcomeAnswer, Place, Said, Wish


class Message(Frozen):
    """A message in the session's thread. `form` says whether there is something for the model to read."""

    kind: Literal["message"] = "message"
    said: Said
    form: Literal["text", "bare", "too_long"] = "text"
    length: int = 0  # of the message as it was sent, in characters
    app: str = ""  # the app that it was sent through: one whose messages the configuration lets count


class Where(Frozen):
    """Where something was clicked: a card may stand in two places, and its author is to be told where they look."""

    channel: str  # empty: on the Home tab, and they are told directly
    thread_ts: str = ""  # empty: in no thread


class Click(Frozen):
    """A decision of one person on one action; `wish`: they want to allow such calls from now on as well."""

    kind: Literal["click"] = "click"
    action_id: str
    user: str
    decision: Literal["approved", "rejected"]
    reason: str = ""
    wish: Wish | None = None
    where: Where | None = None  # None: as in old rows, in the session's thread


class Edit(Frozen):
    """A person changed the arguments of an action: it is to be proposed anew."""

    kind: Literal["edit"] = "edit"
    action_id: str
    user: str
    arguments: dict[str, JsonValue]
    where: Where | None = None


class Withdraw(Frozen):
    """A person takes back what waits, so that the conversation can go on."""

    kind: Literal["withdraw"] = "withdraw"
    user: str
    action_ids: tuple[str, ...]


class Nudge(Frozen):
    """Somebody who asked wants those who may decide to be told once more."""

    kind: Literal["nudge"] = "nudge"
    user: str
    action_ids: tuple[str, ...]
    where: Where | None = None


class Inquiry(Frozen):
    """A question of somebody who may decide, for those who asked. It decides nothing, and the model does not read it."""

    kind: Literal["inquiry"] = "inquiry"
    action_id: str
    user: str
    text: str


class OutcomeClick(Frozen):
    """What a person says of a call whose outcome is unknown."""

    kind: Literal["outcome_click"] = "outcome_click"
    action_id: str
    user: str
    answer: OutcomeAnswer
    where: Where | None = None


class ContinueClick(Frozen):
    """A person allows the session another budget after it had run out."""

    kind: Literal["continue_click"] = "continue_click"
    turn: int
    user: str


class StopPressed(Frozen):
    """A person pressed Stop."""

    kind: Literal["stop"] = "stop"
    user: str


Received = Annotated[
    Message | Click | Edit | Withdraw | Nudge | Inquiry | OutcomeClick | ContinueClick | StopPressed, Field(discriminator="kind")
]
RECEIVED: TypeAdapter[Received] = TypeAdapter(Received)


class Inboxed(Frozen):
    """A row of the inbox: received, committed, and not yet folded into the session."""

    id: int
    received: Received


def told_in(click: Click | Edit | Nudge | OutcomeClick, place: Place) -> Place:
    """Return where its author is told what came of a click on an action of the session at `place`."""
    return place.model_copy(update=click.where.model_dump()) if click.where is not None else place
