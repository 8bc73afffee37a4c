"""The nouns. A session is a log of steps: past tense, frozen, never changed. Moves, the imperatives, are in `agent.moves`."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter

Block = dict[str, JsonValue]  # one content block of the Messages API, kept exactly as it came

Decision = Literal["approved", "rejected", "expired", "withdrawn", "undeliverable"]
Outcome = Literal["succeeded", "failed", "unknown", "refused"]
OutcomeAnswer = Literal["happened", "run_again", "leave"]
Look = Literal["pending", "approved", "rejected", "expired", "withdrawn", "succeeded", "failed", "unknown", "refused"]


class Noun(BaseModel):
    """A frozen value. Unknown fields are refused: old code must not drop what newer code wrote."""

    model_config = ConfigDict(frozen=True, extra="forbid")


# ------------------------------------------------------------------------------------------------ what comes in


class Place(Noun):
    """Where a session lives: one Slack thread."""

    team: str
    channel: str
    thread_ts: str


class Said(Noun):
    """One message of a person, as the model will read it."""

    user: str
    text: str
    ts: str


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


class Pinned(Noun):
    """What a session is run with for its whole life, whatever is deployed meanwhile."""

    model: str
    system: str
    tools: tuple[dict[str, JsonValue], ...]


PINNED: TypeAdapter[Pinned] = TypeAdapter(Pinned)


# ------------------------------------------------------------------------------------------------ steps


class Usage(Noun):
    """Tokens of one model call, as the API counted them."""

    input_tokens: int
    output_tokens: int
    cache_creation_input_tokens: int = 0
    cache_read_input_tokens: int = 0

    @property
    def charged_tokens(self) -> int:
        """Input and output; a cache read counts a tenth, as it is priced (reference: DESIGN, Model)."""
        reads = -(-self.cache_read_input_tokens // 10)
        return self.input_tokens + self.cache_creation_input_tokens + reads + self.output_tokens


class Call(Noun):
    """What the model asks for: one tool_use block."""

    id: str
    tool: str
    arguments: dict[str, JsonValue]


class Approvers(Noun):
    """Who may decide: anybody in one of these sets. Read at the click, since memberships change while a card waits."""

    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()  # Slack user groups
    channel_members: bool = False  # of the session's conversation
    requester: bool | None = None  # True: those who asked may decide too; False: they may not; None: like everybody else


class Asker(Noun):
    """Who asked, and where: what a rule may look at besides the arguments."""

    users: tuple[str, ...]
    channel: str


class Verdict(Noun):
    """What policy says of a call, with the rule that made it."""

    answer: Literal["allow", "ask", "refuse"]
    rule: str
    approvers: Approvers = Approvers(channel_members=True)
    quorum: int = 1
    expires_seconds: int = 24 * 3600


class Asked(Noun):
    """People said something that opens a turn."""

    kind: Literal["asked"] = "asked"
    said: tuple[Said, ...]
    budget_tokens: int = 0  # added to the session's budget by a Continue


class ModelStarted(Noun):
    """A model call is about to be made; `reserved_tokens` were set aside for it."""

    kind: Literal["model_started"] = "model_started"
    iteration: int
    reserved_tokens: int  # for input and output together
    max_tokens: int  # of output


class ModelReplied(Noun):
    """The model's reply, its blocks byte for byte."""

    kind: Literal["model_replied"] = "model_replied"
    content: tuple[Block, ...]
    stop_reason: str
    usage: Usage


class ProposedAction(Noun):
    """A call waits for people. `digest` binds what was shown: tool, schema, arguments, verdict and session."""

    kind: Literal["proposed_action"] = "proposed_action"
    action_id: str
    call_id: str
    tool: str
    arguments: dict[str, JsonValue]
    verdict: Verdict
    digest: str
    requesters: tuple[str, ...]
    expires_at: datetime


class Voted(Noun):
    """One person approved an action that needs more than one."""

    kind: Literal["voted"] = "voted"
    action_id: str
    by: str


class ActionDecided(Noun):
    """People, or the clock, settled an action."""

    kind: Literal["action_decided"] = "action_decided"
    action_id: str
    decision: Decision
    by: str = ""
    reason: str = ""
    decided_at: datetime


class ToolStarted(Noun):
    """A call is about to run. A gated one names the action that allows it."""

    kind: Literal["tool_started"] = "tool_started"
    call_id: str
    idempotency_key: str
    action_id: str | None = None


class ToolReturned(Noun):
    """A call has its result. `refused` means that it did not run."""

    kind: Literal["tool_returned"] = "tool_returned"
    call_id: str
    outcome: Outcome
    text: str


class PostStarted(Noun):
    """A message is about to be posted; `key` goes into its metadata, so that it can be found if the answer is lost."""

    kind: Literal["post_started"] = "post_started"
    key: str


class Posted(Noun):
    """A message is in Slack (`ts`), or Slack refused it for good (`error`)."""

    kind: Literal["posted"] = "posted"
    key: str
    ts: str = ""
    error: str = ""


class CardShown(Noun):
    """The card of an action shows how things stand."""

    kind: Literal["card_shown"] = "card_shown"
    action_id: str
    look: Look
    votes: int = 0  # that stand on an open card


class Halted(Noun):
    """A turn ends without the model's own answer; `sentence` is what people read, `error` the name of the exception."""

    kind: Literal["halted"] = "halted"
    error: str
    sentence: str
    offer_continue: bool = False


class Stopped(Noun):
    """A person pressed Stop: nothing more is started in this turn."""

    kind: Literal["stopped"] = "stopped"
    by: str


class OutcomeTold(Noun):
    """A person said what became of a call with an unknown outcome; this opens a turn."""

    kind: Literal["outcome_told"] = "outcome_told"
    action_id: str
    by: str
    answer: OutcomeAnswer
    told_at: datetime


Step = Annotated[
    Asked
    | ModelStarted
    | ModelReplied
    | ProposedAction
    | Voted
    | ActionDecided
    | ToolStarted
    | ToolReturned
    | PostStarted
    | Posted
    | CardShown
    | Halted
    | Stopped
    | OutcomeTold,
    Field(discriminator="kind"),
]
STEP: TypeAdapter[Step] = TypeAdapter(Step)


@dataclass(frozen=True, slots=True)
class Recorded:
    """A step in the log: where it stands and under which epoch it was written. Not a model: its step is checked already."""

    seq: int
    epoch: int
    step: Step
