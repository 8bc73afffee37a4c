"""The types that everything is made of: frozen values, without a word on what happens to them."""

from decimal import Decimal
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter

OTHER = "_OTHER"  # what OpenTelemetry's conventions call a value that would be one of too many
ApiMessage = dict[str, Any]  # one message of the Messages API
Block = dict[str, JsonValue]  # one content block of the Messages API, kept exactly as it came
Decision = Literal["approved", "rejected", "expired", "withdrawn", "undeliverable", "edited"]
Outcome = Literal["succeeded", "failed", "unknown", "refused"]
Purpose = Literal["reply", "compact", "learn"]  # of a model call
Lifetime = Literal["5m", "1h"]  # of what the provider keeps of a request in its cache
OutcomeAnswer = Literal["happened", "run_again", "leave"]
Look = Literal[
    "pending", "approved", "rejected", "expired", "withdrawn", "edited", "succeeded", "failed", "unknown", "left", "refused"
]


class Frozen(BaseModel):
    """A frozen value. Unknown fields are refused: old code must not drop what newer code wrote."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Place(Frozen):
    """Where a session lives: one Slack thread."""

    team: str
    channel: str
    thread_ts: str

    @property
    def direct(self) -> bool:
        """Return whether it is a direct message of one person: Slack's ids say so."""
        return self.channel.startswith("D")


class Attachment(Frozen):
    """A file that a person attached: its name for the model, and by what it is fetched. What is in it is read in the turn."""

    id: str
    name: str
    mimetype: str = ""
    size: int = 0  # in bytes, as far as it was told


class FileRoom(Frozen):
    """What a session has left for files and for images of results."""

    files: int
    bytes: int
    tokens: int


class Said(Frozen):
    """One message of a person, as the model will read it."""

    user: str
    text: str
    ts: str
    files: tuple[Attachment, ...] = ()
    opener: str = ""  # who began the thread, if that was another person
    sources: tuple[str, ...] = ()  # of quotes in the text: somebody else wrote them


class Origin(Frozen):
    """Where in memory something is from that the model was told: a fact by its id, a summary or a document by channel and source,
    a value by owner and key. Once that is gone, the model reads nothing more that may have come of it."""

    fact: int = 0
    channel: str = ""
    source: str = ""
    owner: str = ""
    key: str = ""


class Pinned(Frozen):
    """What a session is run with for its whole life, whatever is deployed meanwhile."""

    model: str
    system: str
    tools: tuple[dict[str, JsonValue], ...]
    agent: str = ""  # its name in signoff.yaml
    prompt: str = ""  # NAME@N, whose text `system` is
    prompt_digest: str = ""
    instructions: str = ""  # of the channel, which the model reads below the prompt
    instructions_from: str = ""  # CHANNEL@VERSION:DIGEST

    def recorded(self, tool: str) -> str:
        """Return a tool's name as traces, figures and logs have it. A call may name one that the model made up: nobody knows what
        that says."""
        return tool if any(each.get("name") == tool for each in self.tools) else OTHER


PINNED: TypeAdapter[Pinned] = TypeAdapter(Pinned)


class Usage(Frozen):
    """Tokens of one model call, as the API counted them."""

    input_tokens: int
    output_tokens: int
    cache_creation_input_tokens: int = 0
    cache_read_input_tokens: int = 0
    cache_creation_1h_input_tokens: int = 0  # of the cache_creation_input_tokens, those kept for an hour: they cost more

    @property
    def read_tokens(self) -> int:
        """Return the whole input, wherever it came from (reference: model API, trap 10)."""
        return self.input_tokens + self.cache_creation_input_tokens + self.cache_read_input_tokens

    @property
    def charged_tokens(self) -> int:
        """Return input and output; a cache read counts a tenth, as it is priced."""
        reads = -(-self.cache_read_input_tokens // 10)
        return self.input_tokens + self.cache_creation_input_tokens + reads + self.output_tokens


class Call(Frozen):
    """What the model asks for: one tool_use block."""

    id: str
    tool: str
    arguments: dict[str, JsonValue]


class Task(Frozen):
    """A call as people watch it being made, while nobody has to be asked about it."""

    id: str  # of the call
    tool: str
    arguments: dict[str, JsonValue]
    state: Literal["in_progress", "complete", "error"] = "in_progress"


class KeptResult(Frozen):
    """A tool's result that the model reads no more as such, and can read by its handle."""

    handle: str
    what: str  # the call
    characters: int


class Approvers(Frozen):
    """Who may decide: anybody in one of these sets. Read at the click, since memberships change while a card waits."""

    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()  # Slack user groups
    channel_members: bool = False  # of the session's conversation
    requester: bool | None = None  # True: those who asked may decide too; False: they may not; None: like everybody else


class Asker(Frozen):
    """Who asked, and where: what a rule may look at besides the arguments."""

    users: tuple[str, ...]
    channel: str
    read_outside: bool = False  # whether the conversation holds what strangers, servers or pages said

    @property
    def direct(self) -> bool:
        """Return whether it was in a direct message, where there is nobody else."""
        return self.channel.startswith("D")


class Escalation(Frozen):
    """Further people who may decide, once an action has waited so long."""

    after_seconds: int
    to: Approvers


class Verdict(Frozen):
    """What policy says of a call, with the rule that made it."""

    answer: Literal["allow", "ask", "refuse"]
    rule: str
    approvers: Approvers = Approvers(channel_members=True)
    quorum: int = 1  # so many approvals settle it
    rejections: int = 1  # and so many rejections
    expires_seconds: int = 24 * 3600
    remind_seconds: int | None = None  # until the first reminder; each further wait is twice the one before
    escalation: Escalation | None = None
    post_to: str = ""  # a channel where the card stands besides the thread
    reason: str = ""  # why its rule is there, in the words of those who wrote it

    @property
    def because(self) -> str:
        """Return the rule, with its reason where it has one, for a sentence."""
        return f"{self.rule}: {self.reason}" if self.reason else self.rule


class Change(Frozen):
    """One thing that a call would change."""

    what: str
    before: str = ""
    after: str = ""


class Magnitude(Frozen):
    """How much a call moves or touches: an amount of money, or a count of what it names, such as rows or readers."""

    number: Decimal
    of: str  # a currency by its code of ISO 4217, or what is counted, in the plural


class Preview(Frozen):
    """What a call would do, found out without doing it.

    `bound` says by argument what it resolved to: an id instead of a name, a price, the rows that were found. The handler gets
    exactly this, and acts on it or says what is different by now (`agent.tool.definition.ChangedError`).
    """

    headline: str = ""  # the action by names instead of ids; empty: as the tool's own headline has it
    changes: tuple[Change, ...] = ()
    trouble: str = ""  # why nothing could be found out
    bound: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])
    magnitude: Magnitude | None = None  # beside the headline, and on the button


class Wording(Frozen):
    """What a card says of a call in the words of the tool's author or server, and how it asks: as they were when it was made."""

    effect: str
    verb: str
    consequence: str = ""
    undo: str = ""
    headline: str = ""


class Allowed(Frozen):
    """What a grant lets one argument be."""

    argument: str
    to_be: Literal["exactly", "at_most", "anything"]
    value: JsonValue = None  # of the call that the grant was given for


GrantPattern = tuple[Allowed, ...]


class Wish(Frozen):
    """A standing permission that an approver asks for together with their approval."""

    pattern: GrantPattern
    lasts_seconds: int
    most_uses: int
