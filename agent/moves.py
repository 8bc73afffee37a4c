"""What comes next: moves, in the imperative; and what they bring before people."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from agent.received import Click, OutcomeClick
from agent.steps import Step
from agent.types import Call, Decision, Look, Preview, Verdict

# ------------------------------------------------------------------------------------------------ what people see


@dataclass(frozen=True, slots=True)
class Card:
    """An action as people see it."""

    action_id: str
    tool: str
    arguments: dict[str, Any]
    digest: str
    requesters: tuple[str, ...]
    expires_at: datetime
    verdict: Verdict  # its approvers are those who may decide now: after an escalation, the further ones too
    look: Look = "pending"
    voters: tuple[str, ...] = ()  # who approved so far
    rejecters: tuple[str, ...] = ()  # who rejected so far, where one is not enough
    escalated: bool = False
    decided_by: str = ""
    reason: str = ""
    decided_at: datetime | None = None
    result: str = ""
    edited_by: str = ""
    preview: Preview | None = None
    sources: tuple[str, ...] = ()
    said: str = ""
    not_posted: str = ""  # Slack's error where the card could not be posted in the channel of `verdict.post_to`


@dataclass(frozen=True, slots=True)
class Cards:
    """One message with a row for each action: several calls of one turn, or just one."""

    rows: tuple[Card, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the agent says, in Markdown; part `part` of a long one."""

    text: str
    continue_turn: int | None = None  # offers a Continue button


@dataclass(frozen=True, slots=True)
class Notice:
    """A fixed sentence to people about what is going on."""

    subject: Literal["capabilities", "too_long", "waiting", "reminder", "escalated"]
    length: int = 0
    cards: tuple[Card, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """The outcome of a call is unknown: what should be done?"""

    card: Card


Content = Cards | Answer | Notice | Question


# ------------------------------------------------------------------------------------------------ moves


@dataclass(frozen=True, slots=True)
class Record:
    """Write steps that have no effect outside, and take the inbox rows that they answer."""

    steps: tuple[Step, ...]
    inbox_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class CallModel:
    """Ask the model for its next reply."""

    iteration: int
    key: str = "model"


@dataclass(frozen=True, slots=True)
class RunTool:
    """Run a call; `action_id` names the approval of a gated one."""

    call: Call
    idempotency_key: str
    action_id: str | None
    digest: str | None
    key: str


@dataclass(frozen=True, slots=True)
class Reconcile:
    """A call was started by a process that is gone: find out whether it happened."""

    call: Call
    idempotency_key: str
    key: str


@dataclass(frozen=True, slots=True)
class Post:
    """Bring a message into the thread. `found`: an earlier process may have posted it already, so look first."""

    key: str
    content: Content
    found: bool
    inbox_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ShowCard:
    """Bring an action's card up to date."""

    action: Card
    ts: str
    key: str


@dataclass(frozen=True, slots=True)
class Settle:
    """Judge a click and settle its action, in one conditional statement."""

    inbox_id: int
    click: Click | OutcomeClick
    key: str


@dataclass(frozen=True, slots=True)
class Close:
    """End an undecided action without a person's yes: expired, withdrawn, or never delivered."""

    action_id: str
    decision: Decision
    by: str
    reason: str
    key: str


Move = Record | CallModel | RunTool | Reconcile | Post | ShowCard | Settle | Close
