"""What comes next: moves, in the imperative; and what they bring before people.

Long because it has every move there is, and everything that people see by one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from agent.decide.move_keys import MODEL, REPIN, MoveKey
from agent.session.inbox import Click, Edit, Nudge, OutcomeClick
from agent.session.post_keys import PostKey
from agent.session.steps import NoticeLook, Step, Unasked
from agent.types import (
    Attachment,
    Call,
    Change,
    Decision,
    FileRoom,
    Lifetime,
    Look,
    Place,
    Preview,
    Purpose,
    Task,
    Verdict,
    Wording,
)

# ------------------------------------------------------------------------------------------------ what people see


@dataclass(frozen=True, slots=True)
class Card:
    """An action as people see it.

    Wide because it is all that a person who decides is shown, as one value that the surface draws.
    """

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
    wording: Wording | None = None  # the author's or server's words, as they were when it was proposed
    changed: tuple[Change, ...] = ()  # what is not as the card before this one showed it
    too_few: str = ""  # a sentence: why the quorum could not be met when it was posted
    not_posted: str = ""  # Slack's error where the card could not be posted in the channel of `verdict.post_to`


@dataclass(frozen=True, slots=True)
class Cards:
    """One message with a row for each action: several calls of one turn, or just one.

    `answered`: it asked what became of its call, and people have said so.
    """

    rows: tuple[Card, ...]
    answered: bool = False


@dataclass(frozen=True, slots=True)
class Permitted:
    """A call that ran without a card, by the standing permission of `card.decided_by`; `use` of so many."""

    card: Card
    grant_id: str
    use: int
    most_uses: int


@dataclass(frozen=True, slots=True)
class AnswerPart:
    """What the agent says, in Markdown; part `part` of a long one."""

    text: str
    continue_turn: int | None = None  # offers a Continue button
    rated_turn: int | None = None  # asks how good it was
    tasks: tuple[Task, ...] = ()  # what was done for it, where people could watch that
    permitted: tuple[Permitted, ...] = ()  # what ran in the turn without a card, though policy asks
    after_words: bool = False  # the turn was stopped: what people could read so far stays above it


@dataclass(frozen=True, slots=True)
class Work:
    """What a turn is at: its calls, and the first words of its answer."""

    tasks: tuple[Task, ...] = ()
    words: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """A fixed sentence to people about what is going on."""

    subject: Literal["capabilities", "too_long", "reminder", "told", "outage", "inquiry"]
    length: int = 0
    cards: tuple[Card, ...] = ()
    text: str = ""  # of one that is a sentence of ours, or that holds words of somebody
    by: str = ""  # whose words those are


@dataclass(frozen=True, slots=True)
class CardNotice:
    """What a thread says of a message with cards: that it waits, or how that ended. `cards`: what waits, or all that did."""

    cards: tuple[Card, ...]
    look: NoticeLook


@dataclass(frozen=True, slots=True)
class Question:
    """The outcome of a call is unknown: what should be done? `said`: the model's words on that, which stand with it."""

    card: Card
    said: str = ""


@dataclass(frozen=True, slots=True)
class DirectMessage:
    """What one person who may decide is told in a direct message; `again`: once more, below it."""

    user: str
    cards: tuple[Card, ...]
    session: Place  # where they wait
    card_at: tuple[str, str]  # channel and ts of the message with the card; empty where they cannot open it
    again: bool = False
    nudged_by: str = ""  # who wants them to be told again; empty: the clock does


Content = Cards | AnswerPart | Work | Notice | CardNotice | Question | DirectMessage


# ------------------------------------------------------------------------------------------------ moves


@dataclass(frozen=True, slots=True)
class Record:
    """Write steps that have no effect outside, and take the inbox rows that they answer."""

    steps: tuple[Step, ...]
    inbox_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class CallModel:
    """Ask the model for its next reply, or to sum up what was said before this turn; `at`: when that was decided."""

    iteration: int
    at: datetime
    key: MoveKey = MODEL
    purpose: Purpose = "reply"
    lifetime: Lifetime = "5m"  # of what the provider keeps of the request


@dataclass(frozen=True, slots=True)
class Repin:
    """Go on with the model, prompt and tools that the agent has now: the pinned model is not offered any more."""

    key: MoveKey = REPIN


@dataclass(frozen=True, slots=True)
class FetchFile:
    """Read a file that somebody attached. Its bytes and tokens have to fit into what the session has left for them."""

    file: Attachment
    room: FileRoom
    key: MoveKey


@dataclass(frozen=True, slots=True)
class Recall:
    """Look up what is remembered that may bear on the turn. `values`: the values that people keep, too, once in a context."""

    values: bool
    key: MoveKey


@dataclass(frozen=True, slots=True)
class RunTool:
    """Run a call; `action_id` names the approval of a gated one, `grant_id` the standing permission.

    With a `digest` it has yet to pass the gate; without one nobody is asked, or it has passed and was lost in a crash. `bound`
    is what its preview resolved: the run acts on that.
    """

    call: Call
    idempotency_key: str
    action_id: str | None
    digest: str | None
    key: MoveKey
    grant_id: str | None = None
    bound: Mapping[str, Any] = field(default_factory=dict[str, Any])
    judged: str = ""  # `digest.judged_digest` of the tool and the arguments that were judged: nothing else is to run
    unasked: Unasked | None = None  # policy lets it run, and it is no plain read
    repeats: bool = False  # a write that was lost in a crash, and may have happened


@dataclass(frozen=True, slots=True)
class Vouch:
    """Find out whether the giver of a standing permission could still approve the call that is to run under it."""

    grant_id: str
    call_id: str
    key: MoveKey


@dataclass(frozen=True, slots=True)
class CountCards:
    """Find out how many cards that this person asked for wait in other conversations: once for each reply that adds to them."""

    user: str
    reply_seq: int
    key: MoveKey


@dataclass(frozen=True, slots=True)
class MakePreview:
    """Have a tool say what a call would change."""

    call_id: str
    tool: str
    arguments: dict[str, Any]
    key: MoveKey


@dataclass(frozen=True, slots=True)
class Reconcile:
    """A call was started by a process that is gone: find out whether it happened."""

    call: Call
    idempotency_key: str
    key: MoveKey
    bound: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Post:
    """Bring a message into the thread. `found`: an earlier process may have posted it already, so look first.

    `channel`: another one than the session's, or `to`: the direct messages of a person; `thread_ts` there (empty: not in a
    thread). `stream_ts`: the message that has grown so far becomes this one. `instead_of`: the message that goes once this one
    stands. `within`: the question that it stands with, instead of in a separate message.
    """

    key: PostKey
    content: Content
    found: bool
    inbox_ids: tuple[int, ...] = ()
    channel: str = ""
    thread_ts: str = ""
    stream_ts: str = ""
    to: str = ""
    instead_of: str = ""
    within: Question | None = None


@dataclass(frozen=True, slots=True)
class ShowCard:
    """Bring a message with cards up to date, wherever it stands: (channel, ts) of each. `alone`: what else shows one of its rows,
    by ts: a question about its outcome that is answered. `gone`: the reminders of such questions, which are taken away."""

    cards: Cards
    places: tuple[tuple[str, str], ...]
    key: MoveKey
    alone: tuple[tuple[str, Card], ...] = ()
    gone: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ShowDirect:
    """Bring the direct message `message` of somebody up to date; it says of the actions `over` that they are over."""

    message: PostKey
    content: DirectMessage
    to: str
    ts: str
    over: tuple[str, ...]
    key: MoveKey


@dataclass(frozen=True, slots=True)
class FindZones:
    """Find out in which time zones people are, who are to be reminded when their quiet hours are over."""

    users: tuple[str, ...]
    key: MoveKey


@dataclass(frozen=True, slots=True)
class ShowNotice:
    """Bring the notice of a message with cards up to date. `channel`: another one than the session's."""

    content: CardNotice
    notice: PostKey
    channel: str
    ts: str
    key: MoveKey


@dataclass(frozen=True, slots=True)
class Settle:
    """Judge what a person did to an action and settle it, in one conditional statement."""

    inbox_id: int
    click: Click | Edit | OutcomeClick
    key: MoveKey


@dataclass(frozen=True, slots=True)
class Admit:
    """Find out whether a person may ask for something: whether their messages, or their click on Continue, open a turn."""

    inbox_ids: tuple[int, ...]
    user: str
    key: MoveKey
    app: str = ""  # through which they ask: one that may ask though it is nobody


@dataclass(frozen=True, slots=True)
class Permit:
    """Find out whether a person may stop what others asked for, or take back what waits."""

    inbox_id: int
    user: str
    key: MoveKey


@dataclass(frozen=True, slots=True)
class TurnAway:
    """Tell a person why their edit changes nothing, or what comes of their nudge: `steps` are noted with it."""

    inbox_id: int
    of: Edit | Nudge
    text: str
    key: MoveKey
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Close:
    """End an undecided action without a person's yes: expired, withdrawn, or never delivered."""

    action_id: str
    decision: Decision
    by: str
    reason: str
    key: MoveKey


TurnMove = CallModel | Repin | FetchFile | Recall | RunTool | Vouch | CountCards | MakePreview | Reconcile
# `agent.decide.ways` says how each is made.
Outward = TurnMove | Post | ShowCard | ShowNotice | ShowDirect | FindZones | Settle | Admit | Permit | TurnAway | Close
Move = Record | Outward
