"""The section `policy` of signoff.yaml: what may stand in a rule, and what cannot be meant."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, InstanceOf, ValidationInfo, field_validator

from agent import types
from agent.approvals import policy
from agent.approvals.condition import Condition, ConditionError
from agent.approvals.deciders import how_many, widened
from agent.tool.definition import Effect
from bot.config.addresses import ADDRESS
from bot.config.sections import Section, given

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 24 * 3600}
MOST_SECONDS = 365 * 24 * 3600
REASON_CHARACTERS = 200

# Where people find an id in Slack's own apps; `signoff whois` looks up those of people.
WHERE_ITS_ID_IS = {
    "user": "`signoff whois` finds it by name or e-mail address, and in Slack it is in the profile under ⋮, *Copy member ID*",
    "user group": "in Slack it is under *People*, *User groups*, in the group's ⋯ menu, *Copy group ID*",
    "channel": "in Slack it is at the end of the channel's details, which a click on its name opens",
}


def _slack_id(letters: str, what: str) -> AfterValidator:
    def check(name: str) -> str:
        if not re.fullmatch(rf"[{letters}][A-Z0-9]+", name):
            raise ValueError(
                f"should be the id of a Slack {what}, such as {letters[0]}012AB3CD, not {name!r}: {WHERE_ITS_ID_IS[what]}"
            )
        return name

    return AfterValidator(check)


def _named_person(name: str) -> str:
    if not re.fullmatch("[UW][A-Z0-9]+", name) and not ADDRESS.fullmatch(name):
        raise ValueError(
            f"should be a person's e-mail address in Slack or their id, such as U012AB3CD, not {name!r}: "
            f"{WHERE_ITS_ID_IS['user']}"
        )
    return name


ChannelId = Annotated[str, _slack_id("CG", "channel")]
ConversationId = Annotated[str, _slack_id("CDG", "channel")]  # direct messages too


def duration_seconds(text: Any, most: int = MOST_SECONDS) -> int:
    """Return the seconds of a duration such as 4s, 30m, 24h or 7d, of at most so many. Raises ValueError."""
    found = re.fullmatch(r"([0-9]{1,9})([smhd])", text) if isinstance(text, str) else None
    seconds = int(found[1]) * SECONDS[found[2]] if found else 0
    if not 0 < seconds <= most:
        raise ValueError(f"should be a duration such as 4s, 30m, 24h or 7d, and at most {most // SECONDS['d']}d")
    return seconds


def duration(seconds: int) -> str:
    """Return a time as people write it: in the largest unit that comes out even, and one day as 24h."""
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


class ApproversSection(Section):
    """Anybody in one of these sets may decide."""

    users: tuple[Annotated[str, AfterValidator(_named_person)], ...] = ()
    """People by their ids, or by their e-mail addresses in Slack, as those are when the bot starts."""
    groups: tuple[Annotated[str, _slack_id("S", "user group")], ...] = ()
    """Members of Slack's user groups, by their ids, as they are at the click."""
    channel_members: bool = Field(default=False, strict=True)
    """Every member of the conversation."""
    requester: bool | None = Field(default=None, strict=True)
    """True: those who asked may decide too; False: they may not; None: if they are in one of the sets."""

    def as_type(self) -> types.Approvers:
        """Return them as the core takes them."""
        return types.Approvers.model_validate(self.model_dump())


def somebody(approvers: ApproversSection) -> ApproversSection:
    if most_people(approvers.as_type()) == 0:
        raise ValueError("names nobody who could approve: add users, groups or `channel_members: true`")
    return approvers


def most_people(approvers: types.Approvers) -> int | None:
    """Return how many people these are at most, if one person asked; None if nobody can say."""
    return how_many(approvers, ("somebody else",))


class Escalate(Section):
    """Who may decide too when a card has waited so long."""

    after: Annotated[int, BeforeValidator(duration_seconds)]
    """From when the card was posted; shorter than `expires`."""
    to: Annotated[ApproversSection, AfterValidator(somebody)]
    """People who are added. Nobody is taken away."""

    def as_type(self) -> types.Escalation:
        """Return it as the core takes it."""
        return types.Escalation(after_seconds=self.after, to=self.to.as_type())


def _tool_pattern(name: str) -> str:
    if "*" in name[:-1]:
        raise ValueError(f"should have a * at its end alone, where it stands for every name that begins so, not {name!r}")
    return name


def _some(effects: tuple[Effect, ...]) -> tuple[Effect, ...]:
    if not effects:
        raise ValueError("is empty, so the rule is for no call: name read, egress, write or irreversible, or remove it")
    return effects


def _in_one_line(text: str) -> str:
    if "\n" in text.strip() or not text.strip() or len(text) > REASON_CHARACTERS:
        raise ValueError(f"should be one line of at most {REASON_CHARACTERS} characters, in plain words: it stands on cards")
    return text.strip()


class RuleSection(Section):
    """One rule of `policy`. The order of the fields matters: each is checked against those before it.

    Wide because it is one rule of the file, a field a key.
    """

    tool: Annotated[str, AfterValidator(_tool_pattern)] = Field(min_length=1)
    """A tool's name; with a * at its end: how the names of its tools begin."""
    effect: Annotated[tuple[Effect, ...], AfterValidator(_some)] = ()
    """Only tools of these effects; without it those of every effect."""
    when: Annotated[InstanceOf[Condition] | None, BeforeValidator(_condition)] = None
    """Over args, requester and channel; without it the rule matches every call. Where it is unclear, policy is stricter."""
    verdict: Literal["ask", "allow", "refuse"] = "ask"
    """Asks people, lets it run, or refuses it."""
    approvers: Annotated[ApproversSection, AfterValidator(somebody)] = ApproversSection(channel_members=True)
    """Who may decide; default: members of the conversation."""
    expires: Annotated[int, BeforeValidator(duration_seconds)] = policy.DAY_SECONDS
    """Then the card is closed, and the call does not run."""
    remind: Annotated[int | None, BeforeValidator(duration_seconds)] = None
    """Until the first reminder; each further wait is twice the one before."""
    escalate: Annotated[Escalate | None, BeforeValidator(given)] = None
    """Who may decide too, from when on."""
    quorum: int = Field(default=1, ge=1, strict=True)
    """How many approvals settle it."""
    rejections: int = Field(default=1, ge=1, strict=True)
    """How many of them settle it."""
    post_to: ChannelId = ""
    """Where the card stands besides the thread."""
    notify: types.Notify = "dm"
    """How those are told that a card waits whom the rule names: `dm`, people by a direct message and user groups by a mention on
    the card; `mention`, all of them by a mention on the card; `none`, by nothing but the card."""
    reason: Annotated[str, AfterValidator(_in_one_line)] = ""
    """Why the rule is there, for people: it stands on the card."""

    @field_validator("approvers", "expires", "remind", "escalate", "quorum", "rejections", "post_to", "notify")
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
        those = widened(approvers.as_type(), escalate.to.as_type()) if escalate else approvers.as_type()
        most = most_people(those)
        if most is not None and number > most:
            who = "`approvers` and those of `escalate` are" if escalate else "`approvers` are"
            raise ValueError(f"is {number}, but {who} {most} at most: name more of them, or ask fewer")
        return number

    def rule(self, name: str, line: int) -> policy.Rule:
        """Return it as the core takes it. `name` says where it stands, in words fit for a card; `line` counts from 1."""
        return policy.Rule(
            tool=self.tool,
            effect=self.effect,
            when=self.when,
            answer=self.verdict,
            approvers=self.approvers.as_type(),
            quorum=self.quorum,
            rejections=self.rejections,
            expires_seconds=self.expires,
            remind_seconds=self.remind,
            escalation=self.escalate.as_type() if self.escalate else None,
            post_to=self.post_to,
            notify=self.notify,
            reason=self.reason,
            name=name,
            line=line,
        )
