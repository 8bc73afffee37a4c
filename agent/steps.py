"""The steps of a session's log: past tense, frozen, never changed. Moves, the imperatives, are in `agent.moves`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import AliasChoices, Field, JsonValue, TypeAdapter

from agent.spending import Bill
from agent.types import (
    Block,
    Decision,
    KeptResult,
    Look,
    Noun,
    Outcome,
    OutcomeAnswer,
    Pattern,
    Preview,
    Purpose,
    Said,
    Usage,
    Verdict,
)


class Asked(Noun):
    """People said something that opens a turn."""

    kind: Literal["asked"] = "asked"
    said: tuple[Said, ...]
    budget_tokens: int = 0  # added to the session's budget by a Continue


class Attached(Noun):
    """A file that people attached was read, or could not be; `blocks` are what the model reads of it.

    A block of an image or a PDF names its bytes by a handle: they are kept beside the log (`agent.attachments`).
    """

    kind: Literal["attached"] = "attached"
    file_id: str
    blocks: tuple[Block, ...]
    kept_bytes: int = 0
    source: str = ""  # empty: it was not read


class ModelStarted(Noun):
    """A model call is about to be made; `reserved_tokens` were set aside for it."""

    kind: Literal["model_started"] = "model_started"
    iteration: int
    reserved_tokens: int  # for input and output together
    max_tokens: int  # of output
    purpose: Purpose = "reply"
    bill: Bill | None = None  # None: of before there were bills


class ModelReplied(Noun):
    """The model's reply, its blocks byte for byte."""

    kind: Literal["model_replied"] = "model_replied"
    content: tuple[Block, ...]
    stop_reason: str
    usage: Usage
    lost: tuple[Usage, ...] = ()  # of tries before it that broke off: they are charged, too


class ModelFailed(Noun):
    """A model call, decided on at `since`, gave no reply, or was not even made: the model is out of reach, or retired."""

    kind: Literal["model_failed"] = "model_failed"
    reason: Literal["unavailable", "retired"]
    since: datetime
    unbilled: bool = False  # no try got as far as to cost anything


class Resumed(Noun):
    """The last reply was not the end of the turn: the model is asked to go on. `reason`: why it had stopped."""

    kind: Literal["resumed"] = "resumed"
    reason: str


class LeftOut(Noun):
    """This turn, whose last reply was a refusal or unknown to us, is left out of what the model reads from now on."""

    kind: Literal["left_out"] = "left_out"


class Repinned(Noun):
    """The model that the session was pinned to is gone: from now on it runs with another model, prompt and tools."""

    kind: Literal["repinned"] = "repinned"
    pin_id: str
    model: str
    model_before: str
    prompt: str = ""


class WindowExceeded(Noun):
    """The model's window refused the conversation, or ended in the midst of a reply, which is thrown away."""

    kind: Literal["window_exceeded"] = "window_exceeded"
    usage: Usage | None = None
    lost: tuple[Usage, ...] = ()  # of tries before that broke off
    unbilled: bool = False  # it was refused before anything was read


class Compacted(Noun):
    """A new context begins. It holds `head`, then the steps from `since` on: everything before them is read by no model again.

    `state` is the session right before `since`, so that whoever loads it can begin there; `shape` says which fields it has.
    The other fields are what the head was made of, for the next compaction, and for a longer memory.
    """

    kind: Literal["compacted"] = "compacted"
    since: int = 0
    head: str
    facts: tuple[str, ...] = ()  # what is to be known when everything else is forgotten, a line each
    first: tuple[str, ...] = ()  # what the conversation began with, word for word
    results: tuple[KeptResult, ...] = ()  # long ones that can still be read by their handle
    sources: tuple[str, ...] = ()  # untrusted ones that the head may draw on
    summary_by: Literal["model", "code"] = "model"
    usage: Usage | None = None  # None: no model was asked, or it gave no reply
    lost: tuple[Usage, ...] = ()  # of tries before that broke off
    unbilled: bool = False  # no try got as far as to cost anything
    shape: str = ""
    state: Mapping[str, JsonValue] = Field(default_factory=dict[str, JsonValue])


class Previewed(Noun):
    """A tool said what a call would change."""

    kind: Literal["previewed"] = "previewed"
    call_id: str
    preview: Preview


class ProposedAction(Noun):
    """A call waits for people. `digest` binds what was shown: tool, schema, arguments, verdict and session.

    `message` is the key of the message that it is shown in, together with other calls of the same turn. `ran`: it ran without a
    card, and people are asked only about its unknown outcome.
    """

    kind: Literal["proposed_action"] = "proposed_action"
    action_id: str
    call_id: str
    tool: str
    arguments: dict[str, JsonValue]
    verdict: Verdict
    digest: str
    requesters: tuple[str, ...]  # who asked, and whoever edited the arguments
    expires_at: datetime
    message: str = ""
    edited_by: str = ""  # empty: these are the model's arguments
    preview: Preview | None = None
    sources: tuple[str, ...] = ()  # untrusted ones that were read in this turn
    said: str = ""  # the model's own words beside the call
    ran: bool = False

    @property
    def proposed_at(self) -> datetime:
        """When it was brought before people: what reminders and escalation are counted from."""
        return self.expires_at - timedelta(seconds=self.verdict.expires_seconds)


class Voted(Noun):
    """One person's word on an action that needs more than one. A later word of theirs replaces it."""

    kind: Literal["voted"] = "voted"
    action_id: str
    by: str
    decision: Literal["approved", "rejected"] = "approved"


class Edited(Noun):
    """A person changed an action's arguments. The action is over; its call is judged anew with these."""

    kind: Literal["edited"] = "edited"
    action_id: str
    by: str
    arguments: dict[str, JsonValue]
    edited_at: datetime


class Escalated(Noun):
    """An action has waited so long that further people may decide it."""

    kind: Literal["escalated"] = "escalated"
    action_id: str
    escalated_at: datetime


class Granted(Noun):
    """An approver allowed further calls like the one that they approved."""

    kind: Literal["granted"] = "granted"
    grant_id: str
    action_id: str
    tool: str
    pattern: Pattern
    verdict: Verdict  # that their approval satisfied
    by: str
    expires_at: datetime
    most_uses: int


class GrantEnded(Noun):
    """A grant did not hold when it was to be used: revoked, used up, or over."""

    kind: Literal["grant_ended"] = "grant_ended"
    grant_id: str


class ActionDecided(Noun):
    """People, or the clock, settled an action."""

    kind: Literal["action_decided"] = "action_decided"
    action_id: str
    decision: Decision
    by: str = ""
    reason: str = ""
    decided_at: datetime


class ToolStarted(Noun):
    """A call is about to run. A gated one names the action or the grant that allows it."""

    kind: Literal["tool_started"] = "tool_started"
    call_id: str
    idempotency_key: str
    action_id: str | None = None
    grant_id: str | None = None
    digest: str = ""  # of a call under a grant: of what would have been shown


class ToolReturned(Noun):
    """A call has its result. `refused` means that it did not run; `source` names where an untrusted text came from."""

    kind: Literal["tool_returned"] = "tool_returned"
    call_id: str
    outcome: Outcome
    text: str
    source: str = ""


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
    changes: int = Field(default=0, validation_alias=AliasChoices("changes", "votes"))  # of an open card: votes, escalation


class Halted(Noun):
    """A turn ends without the model's own answer; `sentence` is what people read, `error` the name of the exception."""

    kind: Literal["halted"] = "halted"
    error: str
    sentence: str
    offer_continue: bool = False
    unbilled: bool = False  # the model call that it ends never reached the model: it costs nothing


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
    | Attached
    | ModelStarted
    | ModelReplied
    | ModelFailed
    | Resumed
    | LeftOut
    | Repinned
    | WindowExceeded
    | Compacted
    | Previewed
    | ProposedAction
    | Voted
    | Edited
    | Escalated
    | ActionDecided
    | Granted
    | GrantEnded
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
