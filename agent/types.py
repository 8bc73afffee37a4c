"""The values that everything is made of. Frozen, and without a word on what happens to them."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, JsonValue, TypeAdapter

Block = dict[str, JsonValue]  # one content block of the Messages API, kept exactly as it came
Decision = Literal["approved", "rejected", "expired", "withdrawn", "undeliverable", "edited"]
Outcome = Literal["succeeded", "failed", "unknown", "refused"]
Purpose = Literal["reply", "compact"]  # of a model call
Lifetime = Literal["5m", "1h"]  # of what the provider keeps of a request in its cache
OutcomeAnswer = Literal["happened", "run_again", "leave"]
Look = Literal["pending", "approved", "rejected", "expired", "withdrawn", "edited", "succeeded", "failed", "unknown", "refused"]


class Noun(BaseModel):
    """A frozen value. Unknown fields are refused: old code must not drop what newer code wrote."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Place(Noun):
    """Where a session lives: one Slack thread."""

    team: str
    channel: str
    thread_ts: str


class Attachment(Noun):
    """A file that a person attached: its name for the model, and by what it is fetched. What is in it is read in the turn."""

    id: str
    name: str
    mimetype: str = ""
    size: int = 0  # in bytes, as far as it was told


class Room(Noun):
    """What a session has left for files."""

    files: int
    bytes: int
    tokens: int


class Said(Noun):
    """One message of a person, as the model will read it."""

    user: str
    text: str
    ts: str
    files: tuple[Attachment, ...] = ()


class Pinned(Noun):
    """What a session is run with for its whole life, whatever is deployed meanwhile."""

    model: str
    system: str
    tools: tuple[dict[str, JsonValue], ...]
    agent: str = ""  # its name in signoff.yaml
    prompt: str = ""  # NAME@N, whose text `system` is
    prompt_digest: str = ""


PINNED: TypeAdapter[Pinned] = TypeAdapter(Pinned)


class Usage(Noun):
    """Tokens of one model call, as the API counted them."""

    input_tokens: int
    output_tokens: int
    cache_creation_input_tokens: int = 0
    cache_read_input_tokens: int = 0
    cache_creation_1h_input_tokens: int = 0  # of the cache_creation_input_tokens, those kept for an hour: they cost more

    @property
    def read_tokens(self) -> int:
        """The whole input, wherever it came from (reference: model API, trap 10)."""
        return self.input_tokens + self.cache_creation_input_tokens + self.cache_read_input_tokens

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


class KeptResult(Noun):
    """A tool's result that the model reads no more as such, and can read by its handle."""

    handle: str
    what: str  # the call
    characters: int


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


class Escalation(Noun):
    """Further people who may decide, once an action has waited so long."""

    after_seconds: int
    to: Approvers


class Verdict(Noun):
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


class Change(Noun):
    """One thing that a call would change."""

    what: str
    before: str = ""
    after: str = ""


class Preview(Noun):
    """What a call would do, found out without doing it."""

    headline: str = ""  # the action by names instead of ids; empty: as the tool's own headline has it
    changes: tuple[Change, ...] = ()
    trouble: str = ""  # why nothing could be found out


class Allowed(Noun):
    """What a grant lets one argument be."""

    argument: str
    to_be: Literal["exactly", "at_most", "anything"]
    value: JsonValue = None  # of the call that the grant was given for


Pattern = tuple[Allowed, ...]


class Wish(Noun):
    """A standing permission that an approver asks for together with their approval."""

    pattern: Pattern
    lasts_seconds: int
    most_uses: int
