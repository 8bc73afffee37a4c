"""The sections of signoff.yaml: what may stand in them, and what cannot be meant."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, InstanceOf, ValidationInfo, field_validator

from agent import policy, types
from agent.condition import Condition, ConditionError

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 24 * 3600}
MOST_SECONDS = 365 * 24 * 3600


class Section(BaseModel):
    """A mapping in the file. A key that it does not know is an error: a misspelt limit must not be no limit."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Budget(Section):
    session_tokens: int = Field(default=50_000, gt=0, strict=True)
    """Input plus output of all model calls of a session, cache reads at a tenth, as they are priced."""


class Agent(Section):
    model: str = Field(default="claude-sonnet-5-5", min_length=1)
    prompt: str = Field(default="assistant", pattern=r"^[a-z][a-z0-9_-]*(@[0-9]+)?$")
    """A prompt's name for its promoted version; name@2 pins one."""
    tools: tuple[str, ...] | None = None
    """Names of tool packs; None: all there are."""
    max_iterations: int = Field(default=10, gt=0, strict=True)
    """Model calls in one turn."""
    budget: Budget = Budget()


# ---------------------------------------------------------------------------------------------- policy


def _slack_id(letters: str, what: str) -> AfterValidator:
    def check(name: str) -> str:
        if not re.fullmatch(rf"[{letters}][A-Z0-9]+", name):
            raise ValueError(f"should be the id of a Slack {what}, such as {letters[0]}012AB3CD, not {name!r}")
        return name

    return AfterValidator(check)


def _seconds(text: Any) -> int:
    """Of a duration such as 4s, 30m, 24h or 7d."""
    found = re.fullmatch(r"([0-9]{1,9})([smhd])", text) if isinstance(text, str) else None
    seconds = int(found[1]) * SECONDS[found[2]] if found else 0
    if not 0 < seconds <= MOST_SECONDS:
        raise ValueError("should be a duration such as 4s, 30m, 24h or 7d, and at most 365d")
    return seconds


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

    @property
    def most(self) -> int | None:
        """How many people these are at most, where one person asked. None: nobody can say."""
        if self.groups or self.channel_members:
            return None
        return len(set(self.users)) + (self.requester is True)


class Rule(Section):
    """One rule of `policy`. The order of the fields matters: each is checked against those before it."""

    tool: str = Field(min_length=1)
    when: Annotated[InstanceOf[Condition] | None, BeforeValidator(_condition)] = None
    verdict: Literal["ask", "allow", "refuse"] = "ask"
    approvers: Approvers = Approvers(channel_members=True)
    quorum: int = Field(default=1, ge=1, strict=True)
    expires: Annotated[int, BeforeValidator(_seconds)] = policy.DAY_SECONDS

    @field_validator("approvers", "quorum", "expires")
    @classmethod
    def _somebody_is_asked(cls, value: Any, info: ValidationInfo) -> Any:
        verdict = info.data.get("verdict", "ask")
        if verdict != "ask":
            raise ValueError(f"is for rules that ask, and `verdict: {verdict}` asks nobody: remove one of the two")
        return value

    @field_validator("approvers")
    @classmethod
    def _there_is_somebody(cls, approvers: Approvers) -> Approvers:
        if approvers.most == 0:
            raise ValueError("names nobody who could approve: add users, groups or `channel_members: true`")
        return approvers

    @field_validator("quorum")
    @classmethod
    def _there_are_enough(cls, quorum: int, info: ValidationInfo) -> int:
        approvers = info.data.get("approvers")
        if approvers is not None and approvers.most is not None and quorum > approvers.most:
            raise ValueError(f"is {quorum}, but `approvers` are {approvers.most} at most: name more of them, or ask fewer")
        return quorum

    def rule(self, name: str, line: int) -> policy.Rule:
        """As the heart takes it. `name` says where it stands, in words fit for a card; `line` counts from 1."""
        return policy.Rule(
            tool=self.tool,
            when=self.when,
            answer=self.verdict,
            approvers=types.Approvers.model_validate(self.approvers.model_dump()),
            quorum=self.quorum,
            expires_seconds=self.expires,
            name=name,
            line=line,
        )
