"""`signoff policy test`: calls with the verdict that a team expects of its policy, in a YAML file beside it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError

from agent.approvals.deciders import PersonFacts, approvers_after, deciders_of, may_decide
from agent.approvals.policy import Policy, Rule
from agent.tool.definition import Result, Tools
from agent.tool.validation import validate
from agent.types import Asker, Verdict
from bot.config.file import plainly
from bot.config.policy_section import ApproversSection
from bot.config.refusal import Refusal
from bot.config.sections import Section
from bot.config.yaml_file import read_yaml


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str | int) else value


class CaseCall(Section):
    """What the model asks for."""

    tool: str
    arguments: Mapping[str, Any] = {}


class Expected(Section):
    """What policy should say. Only what is named is looked at."""

    verdict: Literal["allow", "ask", "refuse"] | None = None
    approvers: ApproversSection | None = None
    """Exactly these users, user groups and, with `channel_members`, the members of the conversation."""
    quorum: int | None = None
    requester: bool | None = None
    """Whether those who asked, being members of the conversation, may decide."""
    rule: Annotated[tuple[int, ...], BeforeValidator(_as_list)] | Literal["default"] | None = None
    """The numbers of the rules in signoff.yaml that make the verdict, counted from 1; `default`: none of them."""


class Case(Section):
    """One call, and what policy should say of it."""

    name: str = ""
    call: CaseCall
    requester: Annotated[tuple[str, ...], BeforeValidator(_as_list)] = Field(default=("U0SOMEBODY",), min_length=1)
    channel: str = "C0SOMEWHERE"
    expect: Expected


@dataclass(frozen=True, slots=True)
class Numbered:
    """A case, and its line in the file, from 1."""

    line: int
    case: Case

    def __str__(self) -> str:
        """Return what a sentence calls it."""
        return f"“{self.case.name}”" if self.case.name else f"a call of {self.case.call.tool}"


CASES: TypeAdapter[tuple[Case, ...]] = TypeAdapter(tuple[Case, ...])


def read_cases(path: Path) -> Sequence[Numbered]:
    """Return the cases of a file. Raises Refusal, a sentence with the line, for one that cannot be meant."""
    try:
        file = read_yaml(path)
    except FileNotFoundError:
        raise Refusal(f"{path} does not exist: name a file of cases.") from None
    content = file.content()
    if file.problems:
        raise Refusal(f"{path}, line {file.problems[0].line}: {file.problems[0].wrong}.")
    try:
        cases = CASES.validate_python(content if content is not None else ())
    except ValidationError as invalid:
        error = invalid.errors()[0]
        place = [str(part) for part in error["loc"]]
        where = f"`{'.'.join(place[1:])}` of case {int(place[0]) + 1}" if place[1:] else "the file"
        told = f"it {plainly(error)}" if place else "it should be a list of cases, `- call: ...`"
        raise Refusal(f"{path}, line {file.line(place)}: {where}: {told}.") from None
    return [Numbered(file.line([str(index)]), case) for index, case in enumerate(cases)]


def unmet_cases(cases: Sequence[Numbered], policy: Policy, tools: Tools, unseen: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Yield each line and sentence, without its full stop, that says what policy does not say as expected.

    Raises Refusal for a call of a tool that is not there: `unseen` are what the names begin with of servers that do not answer.
    """
    for each in cases:
        call = each.case.call
        if call.tool not in tools:
            down = " (its server does not answer)" if call.tool.startswith(tuple(unseen)) else ""
            raise Refusal(f"{each} in line {each.line} calls {call.tool}, which is not there{down}: {', '.join(tools)} are.")
        validated = validate(tools, call.tool, call.arguments)
        if isinstance(validated, Result):
            yield each.line, f"{each} never comes to policy: {validated.detail}".removesuffix(".")
            continue
        arguments = validated.model_dump(mode="json")
        asker = Asker(users=each.case.requester, channel=each.case.channel)
        verdict = policy.judge(tools[call.tool], arguments, asker)
        tried = [policy.tried(tools[call.tool], arguments, user, asker.channel) for user in asker.users]
        speaking = [one.rule for of in tried for one in of if one.counts]
        for wrong in _compared(each.case, verdict, policy, speaking):
            yield each.line, f"{each} {wrong}: it is decided by {verdict.because}"


def _compared(case: Case, verdict: Verdict, policy: Policy, speaking: Sequence[Rule]) -> Iterator[str]:
    """Yield what is not as expected. `speaking`: the rules that made the verdict, none of them for the default."""
    expect = case.expect
    if expect.verdict is not None and verdict.answer != expect.verdict:
        yield f"has the verdict {verdict.answer}, not {expect.verdict}"
        return  # nothing else can be as expected
    numbers = tuple(sorted({policy.rules.index(rule) + 1 for rule in speaking}))
    if expect.rule is not None and expect.rule != (numbers or "default"):
        yield f"is decided by {_rules(numbers or 'default')}, not by {_rules(expect.rule)}"
    if verdict.answer != "ask":
        return
    if expect.quorum is not None and verdict.quorum != expect.quorum:
        yield f"needs {verdict.quorum} approvals, not {expect.quorum}"
    if expect.approvers is not None and _sets(verdict.approvers) != _sets(expect.approvers):
        yield f"may be approved by {_approver_names(verdict.approvers)}, not by {_approver_names(expect.approvers)}"
    may = _requester_may(case, verdict)
    if expect.requester is not None and may is not expect.requester:
        yield {
            True: "lets the requester decide",
            False: "does not let the requester decide",
            None: "lets the requester decide only where they are in one of its user groups",
        }[may]


def _requester_may(case: Case, verdict: Verdict) -> bool | None:
    """Return whether all who asked may decide, from the start. None: that depends on who is in a user group."""
    deciders = deciders_of(approvers_after(verdict, 0), case.requester)
    answers = {
        may_decide(PersonFacts(user, "member", frozenset({case.channel})), deciders, case.channel) for user in case.requester
    }
    return False if False in answers else None if None in answers else True


def _sets(approvers: Any) -> tuple[frozenset[str], frozenset[str], bool]:
    return frozenset(approvers.users), frozenset(approvers.groups), bool(approvers.channel_members)


def _approver_names(approvers: Any) -> str:
    members = ["members of the conversation"] if approvers.channel_members else []
    return ", ".join([*sorted(approvers.users), *sorted(approvers.groups), *members]) or "nobody"


def _rules(numbers: tuple[int, ...] | str) -> str:
    if isinstance(numbers, str):
        return f"the {numbers}"
    return f"rule{'s' if len(numbers) > 1 else ''} {' and '.join(map(str, numbers))}"
