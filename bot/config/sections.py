"""The sections of signoff.yaml: what may stand in them, and what cannot be meant."""

import math
import re
from collections.abc import Mapping
from datetime import time
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, ValidationInfo, field_validator

from agent.approvals.deciders import FULL_MEMBERS, Membership
from agent.approvals.quiet_hours import QuietHours
from agent.model.spending import Price
from agent.session.rules import Bounds


class Section(BaseModel):
    """A mapping in the file. A key that it does not know is an error: a misspelt limit must not be no limit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def fields_by_key(cls) -> Mapping[str, str]:
        """Return the names of its fields by their keys in the file: `from` can be no name of a field."""
        return {field.alias or name: name for name, field in cls.model_fields.items()}


def given(value: Any) -> Any:
    """Return the value of a key. Nothing after it would read as None, and a limit must not vanish like that."""
    if value is None:
        raise ValueError("is empty: give it a value, or remove it")
    return value


def _scaled(zeros: int) -> BeforeValidator:
    """Read dollars as a whole number of their 10^zeros-th part. YAML reads 0.3 as a float, whose shortest spelling is meant."""

    def scale(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
            raise ValueError("should be a number of dollars, such as 5 or 0.25")
        exact = Decimal(str(value))
        if exact != round(exact, 6):
            raise ValueError("should have at most six decimals")
        return int(exact.scaleb(zeros))

    return BeforeValidator(scale)


Tokens = Annotated[Annotated[int, Field(gt=0, strict=True)] | None, BeforeValidator(given)]
Usd = Annotated[Annotated[int, Field(gt=0), _scaled(9)] | None, BeforeValidator(given)]  # as billionths
UsdPerMillion = Annotated[int, _scaled(6)]  # as trillionths a token
OwnPrice = Annotated[UsdPerMillion | None, BeforeValidator(given)]


class BudgetSection(Section):
    """What one agent may spend. Tokens are input plus output, cache reads at a tenth, as they are priced. What is not named has
    no limit."""

    session_tokens: int = Field(default=50_000, gt=0, strict=True)
    """Of one conversation."""
    user_tokens_per_day: Tokens = None
    """Of one person with this agent, in all conversations. Days and months are those of UTC."""
    user_usd_per_day: Usd = None
    """The same in dollars; needs `prices` for its model."""


class WorkspaceBudget(Section):
    """What all agents together may spend."""

    workspace_tokens_per_day: Tokens = None
    """Of all conversations. Days are those of UTC."""
    workspace_usd_per_day: Usd = None
    """The same in dollars."""
    workspace_tokens_per_month: Tokens = None
    """Months are those of UTC, too."""
    workspace_usd_per_month: Usd = None
    """The same in dollars."""


class ModelPrice(Section):
    """In dollars a million tokens. The caches cost what they usually do, in proportion to the input, unless it is said."""

    input: UsdPerMillion
    """Of what is sent."""
    output: UsdPerMillion
    """Of what comes back, thoughts included."""
    cache_write_5m: OwnPrice = None
    """Default: 1.25 times the input."""
    cache_write_1h: OwnPrice = None
    """Default: twice the input."""
    cache_read: OwnPrice = None
    """Default: a tenth of the input."""

    def price(self) -> Price:
        """Return it as the core takes it."""

        def own(price: int | None, percent: int) -> int:
            return price if price is not None else -(-self.input * percent // 100)

        return Price(
            input=self.input,
            output=self.output,
            cache_write_5m=own(self.cache_write_5m, 125),
            cache_write_1h=own(self.cache_write_1h, 200),
            cache_read=own(self.cache_read, 10),
        )


def _prompt_reference(text: str) -> str:
    if re.fullmatch(r"[a-z][a-z0-9_-]*(@[0-9]+)?", text) is None:
        raise ValueError("should be the name of a prompt, such as assistant, or a version of it, such as assistant@2")
    return text


class AgentSection(Section):
    model: str = Field(default="claude-sonnet-5-5", min_length=1)
    """Its name in the Messages API."""
    prompt: Annotated[str, AfterValidator(_prompt_reference)] = "assistant"
    """A prompt's name for its promoted version; name@2 pins one."""
    variables: Mapping[str, JsonValue] = {}
    """Values for the variables of the prompt."""
    tools: tuple[str, ...] | None = None
    """Names of tool packs, Python files with tools, `mcp:NAME` for those of an MCP server; without it all there are but files and
    those that reach out of the house: `web`, `prompts`, and of `slack` what reads other channels or posts."""
    max_iterations: int = Field(default=10, gt=0, strict=True)
    """Model calls in one turn."""
    max_output_tokens: int = Field(default=16_000, ge=1_024, le=128_000, strict=True)
    """Of one reply, its thoughts and calls included: a call that does not fit is not made."""
    budget: BudgetSection = BudgetSection()
    """What it may spend."""
    context_tokens: Annotated[int | None, BeforeValidator(given)] = Field(default=None, ge=1_000, strict=True)
    """A conversation that takes more is summed up when a turn of it is over; without it a quarter of its budget."""
    cards_per_hour: Annotated[int | None, BeforeValidator(given)] = Field(default=None, gt=0, strict=True)
    """How many approval cards one conversation may ask for in an hour; without it no limit."""
    calls_per_reply: int = Field(default=20, gt=0, strict=True)
    """Calls of one reply of the model; further ones are answered with an error."""
    open_cards: int = Field(default=20, gt=0, strict=True)
    """Approval cards of one conversation that wait at a time."""
    open_cards_per_person: int = Field(default=50, gt=0, strict=True)
    """Of those that one person asked for, in all conversations."""

    def bounds(self) -> Bounds:
        """Return the bounds as the core has them."""
        return Bounds(self.calls_per_reply, self.cards_per_hour, self.open_cards, self.open_cards_per_person)

    def beside(self, folder: Path) -> "AgentSection":
        """Return the agent with its tool files as seen from here; signoff.yaml is in `folder`."""
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
    connections: int = Field(default=5, ge=1, le=100, strict=True)
    """Of one process, at a time; further calls wait for one of them."""

    @field_validator("url")
    @classmethod
    def _only_a_variable(cls, url: str) -> str:
        if re.fullmatch(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}", url) is None:
            raise ValueError('should name a variable of the environment, as in "${REPORTS_URL}": addresses hold passwords')
        return url


class PeopleSection(Section):
    """Who but full members of the workspace may ask. A person whom a rule names by id may decide, no matter what is set here."""

    guests: Literal["refuse", "ask"] = "refuse"
    """Guests of the workspace."""
    external: Literal["refuse", "ask"] = "refuse"
    """People of other organisations, in shared channels."""

    def askers(self) -> frozenset[Membership]:
        """Return which people may ask."""
        others: dict[Membership, str] = {"guest": self.guests, "external": self.external}
        asking: list[Membership] = [membership for membership, may in others.items() if may == "ask"]
        return FULL_MEMBERS.union(asking)


def _clock_time(text: Any) -> time:
    found = re.fullmatch(r"([0-9]{1,2}):([0-9]{2})", text) if isinstance(text, str) else None
    if found is None or int(found[1]) > 23 or int(found[2]) > 59:
        raise ValueError('should be a time of the day in quotes, from "00:00" to "23:59"')
    return time(int(found[1]), int(found[2]))


ClockTime = Annotated[time, BeforeValidator(_clock_time)]


class QuietHoursSection(Section):
    """When people get no reminders in direct messages, each by the clock of the time zone in their Slack profile. What is due
    then comes when they are over. Cards and nudges come at once, and a card expires at any hour."""

    begin: ClockTime = Field(alias="from")
    """From when on, such as "20:00"."""
    end: ClockTime = Field(alias="to")
    """Until when, such as "08:00"; before `from`: on the next day."""
    weekends: bool = Field(default=False, strict=True)
    """Whether all of Saturday and Sunday are quiet, too."""

    @field_validator("end")
    @classmethod
    def _some_time_is_not_quiet(cls, end: time, info: ValidationInfo) -> time:
        if end == info.data.get("begin"):
            raise ValueError("is the same as `from`: let them differ, or remove `quiet_hours`")
        return end

    def as_type(self) -> QuietHours:
        """Return them as the core takes them."""
        return QuietHours(self.begin, self.end, self.weekends)


def _app_id(id: str) -> str:
    if re.fullmatch(r"A[A-Z0-9]+", id) is None:
        raise ValueError("should be the id of a Slack app, such as A0123: the log names it where a message is ignored")
    return id


AppId = Annotated[str, AfterValidator(_app_id)]


class McpServer(Section):
    """What is said here of a server of .mcp.json."""

    annotations: Literal["trust", "ignore"] = "trust"
    """Whether what it says of its tools' effects counts; ignore: each of them is a write."""
    open_world: Annotated[Annotated[bool, Field(strict=True)] | None, BeforeValidator(given)] = None
    """Whether its reads send what they are asked further out. false: the team vouches that they do not, and they run unasked,
    but for those that take an address; true: they do, whatever the server says; without it as the server says, and where it does
    not, they do."""
    connect_seconds: float = Field(default=60.0, gt=0, le=3600, strict=True)
    """From its start until its tools are listed: a package runner may fetch the server first."""
    call_seconds: float = Field(default=60.0, gt=0, le=3600, strict=True)
    """Of one call."""
