"""The sections of signoff.yaml: what may stand in them, and what cannot be meant."""

import math
import re
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, InstanceOf, ValidationInfo, field_validator

from agent import policy, types
from agent.condition import Condition, ConditionError
from agent.spending import Price

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 24 * 3600}
MOST_SECONDS = 365 * 24 * 3600


class Section(BaseModel):
    """A mapping in the file. A key that it does not know is an error: a misspelt limit must not be no limit."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _given(value: Any) -> Any:
    """A key with nothing after it would read as None, and a limit must not vanish like that."""
    if value is None:
        raise ValueError("is empty: give it a value, or remove it")
    return value


def _scaled(zeros: int) -> BeforeValidator:
    """Dollars as a whole number of their 10^zeros-th part. YAML reads 0.3 as a float, whose shortest spelling is meant."""

    def scale(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
            raise ValueError("should be a number of dollars, such as 5 or 0.25")
        exact = Decimal(str(value))
        if exact != round(exact, 6):
            raise ValueError("should have at most six decimals")
        return int(exact.scaleb(zeros))

    return BeforeValidator(scale)


Tokens = Annotated[Annotated[int, Field(gt=0, strict=True)] | None, BeforeValidator(_given)]
Usd = Annotated[Annotated[int, Field(gt=0), _scaled(9)] | None, BeforeValidator(_given)]  # as billionths
UsdPerMillion = Annotated[int, _scaled(6)]  # as trillionths a token
OwnPrice = Annotated[UsdPerMillion | None, BeforeValidator(_given)]


class Budget(Section):
    """What one agent may spend. Tokens are input plus output, cache reads at a tenth, as they are priced. None: no such limit."""

    session_tokens: int = Field(default=50_000, gt=0, strict=True)
    user_tokens_per_day: Tokens = None
    """Of one person with this agent, in all conversations. Days and months are those of UTC."""
    user_usd_per_day: Usd = None


class WorkspaceBudget(Section):
    """What all agents together may spend."""

    workspace_tokens_per_day: Tokens = None
    workspace_usd_per_day: Usd = None
    workspace_tokens_per_month: Tokens = None
    workspace_usd_per_month: Usd = None


class ModelPrice(Section):
    """In dollars a million tokens. The caches cost what they usually do, in proportion to the input, unless it is said."""

    input: UsdPerMillion
    output: UsdPerMillion
    cache_write_5m: OwnPrice = None
    cache_write_1h: OwnPrice = None
    cache_read: OwnPrice = None

    def price(self) -> Price:
        """For the heart."""

        def given(price: int | None, percent: int) -> int:
            return price if price is not None else -(-self.input * percent // 100)

        return Price(
            input=self.input,
            output=self.output,
            cache_write_5m=given(self.cache_write_5m, 125),
            cache_write_1h=given(self.cache_write_1h, 200),
            cache_read=given(self.cache_read, 10),
        )


class Agent(Section):
    model: str = Field(default="claude-sonnet-5-5", min_length=1)
    prompt: str = Field(default="assistant", pattern=r"^[a-z][a-z0-9_-]*(@[0-9]+)?$")
    """A prompt's name for its promoted version; name@2 pins one."""
    tools: tuple[str, ...] | None = None
    """Names of tool packs, Python files with tools, `mcp:NAME` for those of an MCP server; None: all there are but files and
    those that reach out of the house (`bot.packs.ON_REQUEST`)."""
    max_iterations: int = Field(default=10, gt=0, strict=True)
    """Model calls in one turn."""
    budget: Budget = Budget()
    context_tokens: Annotated[int | None, BeforeValidator(_given)] = Field(default=None, ge=1_000, strict=True)
    """A conversation that takes more is compacted when a turn of it is over; None: a quarter of its budget."""
    cards_per_hour: Annotated[int | None, BeforeValidator(_given)] = Field(default=None, gt=0, strict=True)
    """How many approval cards one conversation may ask for in an hour; None: no limit."""

    def beside(self, folder: Path) -> "Agent":
        """With its tool files as seen from here, where signoff.yaml lies in `folder`."""
        if self.tools is None:
            return self
        return self.model_copy(
            update={"tools": tuple(str(folder / name) if name.endswith(".py") else name for name in self.tools)}
        )


def _tool_prefix(name: str) -> str:
    if re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) is None or len(name) > 40:
        raise ValueError("should be at most 40 small letters, digits and single underscores: tools are named after it")
    return name


DatabaseName = Annotated[str, AfterValidator(_tool_prefix)]


class Database(Section):
    """A Postgres whose tables the agent may read, and change where a person approves it."""

    url: str
    """The variable that holds its address, as ${NAME}: an address may hold a password."""
    rows: int = Field(default=100, ge=1, le=1000, strict=True)
    """Of one result."""
    seconds: int = Field(default=5, ge=1, le=60, strict=True)
    """Of one statement."""

    @field_validator("url")
    @classmethod
    def _only_a_variable(cls, url: str) -> str:
        if re.fullmatch(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}", url) is None:
            raise ValueError('should name a variable of the environment, as in "${REPORTS_URL}": addresses hold passwords')
        return url


class McpServer(Section):
    """What is said here of a server of .mcp.json."""

    annotations: Literal["trust", "ignore"] = "trust"
    """Whether what it says of its tools' effects counts; ignore: each of them is a write."""
    timeout_seconds: float = Field(default=60.0, gt=0, le=3600, strict=True)
    """Of one call."""


# ---------------------------------------------------------------------------------------------- policy


def _slack_id(letters: str, what: str) -> AfterValidator:
    def check(name: str) -> str:
        if not re.fullmatch(rf"[{letters}][A-Z0-9]+", name):
            raise ValueError(f"should be the id of a Slack {what}, such as {letters[0]}012AB3CD, not {name!r}")
        return name

    return AfterValidator(check)


Channel = Annotated[str, _slack_id("CG", "channel")]


def _seconds(text: Any) -> int:
    """Of a duration such as 4s, 30m, 24h or 7d."""
    found = re.fullmatch(r"([0-9]{1,9})([smhd])", text) if isinstance(text, str) else None
    seconds = int(found[1]) * SECONDS[found[2]] if found else 0
    if not 0 < seconds <= MOST_SECONDS:
        raise ValueError("should be a duration such as 4s, 30m, 24h or 7d, and at most 365d")
    return seconds


def duration(seconds: int) -> str:
    """As people write it: in the largest unit that comes out even, and one day as 24h."""
    for letter in ("d", "h", "m"):
        if seconds % SECONDS[letter] == 0 and (letter != "d" or seconds > SECONDS[letter]):
            return f"{seconds // SECONDS[letter]}{letter}"
    return f"{seconds}s"


def _condition(text: Any) -> Condition:
    if not isinstance(text, str):
        raise ValueError('should be a CEL expression in quotes, such as "args.quantity > 10"')
    try:
        return Condition(text)
    except ConditionError as error:
        raise ValueError(f"cannot be a condition over args, requester and channel: {error}") from None


class Approvers(Section):
    """Anybody in one of these sets may decide."""

    users: tuple[Annotated[str, _slack_id("UW", "user")], ...] = ()
    groups: tuple[Annotated[str, _slack_id("S", "user group")], ...] = ()
    channel_members: bool = Field(default=False, strict=True)
    requester: bool | None = Field(default=None, strict=True)
    """True: those who asked may decide too; False: they may not; None: if they are in one of the sets."""

    def noun(self) -> types.Approvers:
        """As the heart takes them."""
        return types.Approvers.model_validate(self.model_dump())


def _somebody(approvers: Approvers) -> Approvers:
    if _most(approvers.noun()) == 0:
        raise ValueError("names nobody who could approve: add users, groups or `channel_members: true`")
    return approvers


def _most(approvers: types.Approvers) -> int | None:
    """How many people these are at most, where one person asked. None: nobody can say."""
    return policy.how_many(approvers, ("somebody else",))


class Escalate(Section):
    """Who may decide too when a card has waited so long."""

    after: Annotated[int, BeforeValidator(_seconds)]
    to: Annotated[Approvers, AfterValidator(_somebody)]

    def noun(self) -> types.Escalation:
        """As the heart takes it."""
        return types.Escalation(after_seconds=self.after, to=self.to.noun())


class Rule(Section):
    """One rule of `policy`. The order of the fields matters: each is checked against those before it."""

    tool: str = Field(min_length=1)
    when: Annotated[InstanceOf[Condition] | None, BeforeValidator(_condition)] = None
    verdict: Literal["ask", "allow", "refuse"] = "ask"
    approvers: Annotated[Approvers, AfterValidator(_somebody)] = Approvers(channel_members=True)
    expires: Annotated[int, BeforeValidator(_seconds)] = policy.DAY_SECONDS
    remind: Annotated[int | None, BeforeValidator(_seconds)] = None
    """Until the first reminder; each further wait is twice the one before."""
    escalate: Annotated[Escalate | None, BeforeValidator(_given)] = None
    quorum: int = Field(default=1, ge=1, strict=True)
    rejections: int = Field(default=1, ge=1, strict=True)
    """How many of them settle it."""
    post_to: Channel = ""
    """Where the card stands besides the thread."""

    @field_validator("approvers", "expires", "remind", "escalate", "quorum", "rejections", "post_to")
    @classmethod
    def _somebody_is_asked(cls, value: Any, info: ValidationInfo) -> Any:
        verdict = info.data.get("verdict", "ask")
        if verdict != "ask":
            raise ValueError(f"is for rules that ask, and `verdict: {verdict}` asks nobody: remove one of the two")
        return value

    @field_validator("remind")
    @classmethod
    def _a_reminder_comes_in_time(cls, remind: int, info: ValidationInfo) -> int:
        expires = info.data.get("expires")
        if expires is not None and remind >= expires:
            raise ValueError(f"should be shorter than `expires`, which is {duration(expires)}, or nobody is ever reminded")
        return remind

    @field_validator("escalate")
    @classmethod
    def _an_escalation_comes_in_time(cls, escalate: Escalate, info: ValidationInfo) -> Escalate:
        expires = info.data.get("expires")
        if expires is not None and escalate.after >= expires:
            raise ValueError(f"never happens: `after` should be shorter than `expires`, which is {duration(expires)}")
        return escalate

    @field_validator("escalate")
    @classmethod
    def _an_escalation_only_adds(cls, escalate: Escalate, info: ValidationInfo) -> Escalate:
        approvers = info.data.get("approvers")
        if approvers is None:
            return escalate
        if escalate.to.requester and approvers.requester is False:
            raise ValueError("lets those who asked decide, but `approvers` keep them out: remove one `requester` of the two")
        if escalate.to.requester is False and approvers.requester is not False:
            raise ValueError("cannot keep out those who asked, it only adds people: write `requester: false` into `approvers`")
        return escalate

    @field_validator("quorum", "rejections")
    @classmethod
    def _there_are_enough(cls, number: int, info: ValidationInfo) -> int:
        approvers, escalate = info.data.get("approvers"), info.data.get("escalate")
        if approvers is None or "escalate" not in info.data:
            return number
        those = policy.widened(approvers.noun(), escalate.to.noun()) if escalate else approvers.noun()
        most = _most(those)
        if most is not None and number > most:
            who = "`approvers` and those of `escalate` are" if escalate else "`approvers` are"
            raise ValueError(f"is {number}, but {who} {most} at most: name more of them, or ask fewer")
        return number

    def rule(self, name: str, line: int) -> policy.Rule:
        """As the heart takes it. `name` says where it stands, in words fit for a card; `line` counts from 1."""
        return policy.Rule(
            tool=self.tool,
            when=self.when,
            answer=self.verdict,
            approvers=self.approvers.noun(),
            quorum=self.quorum,
            rejections=self.rejections,
            expires_seconds=self.expires,
            remind_seconds=self.remind,
            escalation=self.escalate.noun() if self.escalate else None,
            post_to=self.post_to,
            name=name,
            line=line,
        )
