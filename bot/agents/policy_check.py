"""`signoff policy check`: what in the policy cannot have been meant, and which rule speaks for a call, and why."""

import json
import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, cast

from agent.approvals.deciders import how_many, widened, wider
from agent.approvals.policy import Policy, Rule, Tried
from agent.tool.definition import Result, Tool, Tools
from agent.tool.json_schema import JsonArguments
from agent.tool.validation import validate
from agent.types import Approvers, Asker, Verdict
from bot.cards.schema import Property, properties
from bot.config.file import Config, Problem
from bot.config.policy_section import duration
from bot.config.refusal import Refusal

log = logging.getLogger(__name__)

NEAR_NAMES = 3  # that are proposed in the place of one


# ---------------------------------------------------------------------------------------------- the rules


def lint(policy: Policy, tools: Tools, unseen: Sequence[str] = ()) -> Sequence[Problem]:
    """Return what cannot have been meant, by line: rules that do nothing, or not what they seem to.

    `tools`: all that there are, but for those whose names begin with one of `unseen`: their servers could not be asked.
    """
    found: list[Problem] = []
    for index, rule in enumerate(policy.rules):
        said = [
            *(_without_tools(rule, tools) if not _may_be_unseen(rule, unseen) else ()),
            *_about_arguments(rule, [tool for tool in tools.values() if rule.covers(tool)]),
            *_about_people(rule),
            *_shadowed(rule, policy.rules[:index], tools),
        ]
        found += [Problem(rule.line, wrong) for wrong in said]
    return sorted(found)


def name_problems(policy: Policy, tools: Tools, unseen: Sequence[str] = ()) -> None:
    """Write into the log what `lint` finds, when a bot starts."""
    for problem in lint(policy, tools, unseen):
        log.warning("signoff.yaml, line %d: %s", problem.line, problem.wrong)


def _may_be_unseen(rule: Rule, unseen: Sequence[str]) -> bool:
    """Return whether a server that could not be asked may have a tool that the rule is for."""
    name = rule.tool.removesuffix("*")
    return name.startswith(tuple(unseen)) or (rule.tool.endswith("*") and any(prefix.startswith(name) for prefix in unseen))


def _without_tools(rule: Rule, tools: Tools) -> Iterator[str]:
    named = [tool for tool in tools.values() if rule.names(tool.name)]
    if not named:
        there = f"tool {rule.tool}" if not rule.tool.endswith("*") else f"tool whose name begins with {rule.tool[:-1]}"
        yield f"there is no {there}: {near(rule.tool.removesuffix('*'), tools)}the tools are {', '.join(tools)}"
    elif not any(rule.covers(tool) for tool in named):
        effects = ", ".join(sorted({str(tool.effect) for tool in named}))
        yield f"no call of {rule.tool} has one of the effects {', '.join(rule.effect)}: what is there is {effects}"


def _about_arguments(rule: Rule, covered: Sequence[Tool]) -> Iterator[str]:
    """Yield which arguments of its condition no tool has, and which may be absent without that it looks."""
    if rule.when is None or not covered:
        return
    for name in sorted(rule.when.arguments() | rule.when.looked_for()):
        declared = {tool.name: {one.name: one for one in properties(tool.schema()["input_schema"], {})} for tool in covered}
        if not any(name in arguments for arguments in declared.values()):
            there = ", ".join(dict.fromkeys(one for arguments in declared.values() for one in arguments)) or "none"
            yield f"args.{name} is no argument of {rule.tool}: there are {there}"
            continue
        missing = [tool.name for tool in covered if _may_be_missing(tool, declared[tool.name].get(name))]
        null = [tool.name for tool in covered if (one := declared[tool.name].get(name)) is not None and one.shape.nullable]
        if missing and name not in rule.when.looked_for():
            yield f"args.{name} may be missing in a call of {_some(missing)}, and {_then(rule)}: write `has(args.{name}) && ...`"
        elif null and name not in rule.when.null_checked():
            yield f"args.{name} may be null in a call of {_some(null)}, and {_then(rule)}: write `args.{name} != null && ...`"


def _may_be_missing(tool: Tool, argument: Property | None) -> bool:
    """Return whether a validated call can lack it: a pydantic model fills in its defaults, a JSON schema does not."""
    return argument is None or (issubclass(tool.arguments, JsonArguments) and not argument.required)


def _then(rule: Rule) -> str:
    match rule.answer:
        case "allow":
            return "then this rule allows nothing"
        case "refuse":
            return "then this rule refuses the call"
        case "ask":
            return "then this rule asks, and what those behind it say holds too"


def _some(names: Sequence[str]) -> str:
    return f"{names[0]} and {len(names) - 1} more" if len(names) > 1 else names[0]


def _about_people(rule: Rule) -> Iterator[str]:
    """Yield what of a rule's people does nothing, or is too few where one of them asks."""
    escalation = rule.escalation
    everybody = widened(rule.approvers, escalation.to) if escalation else rule.approvers
    if escalation and not wider(everybody, rule.approvers):
        yield "`escalate.to` adds nobody who may not decide from the start: name others, or remove it"
    left = how_many(everybody, everybody.users[:1])
    if rule.answer == "ask" and left is not None and everybody.requester is False and left < rule.quorum:
        are = "is" if left == 1 else "are"
        yield (
            f"what {' or '.join(everybody.users)} asks for is always refused: `requester: false` shuts out the requester, and "
            f"{left} {are} left where `quorum` is {rule.quorum}: name more approvers, or ask fewer"
        )


def _shadowed(rule: Rule, earlier: Sequence[Rule], tools: Tools) -> Iterator[str]:
    """Yield that no call reaches the rule, and why: one earlier rule or several speak for all of its tools."""
    for other in earlier:
        if _includes(other, rule) and (other.when is None or other.when == rule.when):
            why = "speaks for every call of it" if other.when is None else "has the same condition"
            yield f"this rule for {rule.tool} is never reached: the one of line {other.line} {why}"
            return
    covered = [tool for tool in tools.values() if rule.covers(tool)]
    speaking = [
        next((other.line for other in earlier if other.when in (None, rule.when) and other.covers(tool)), None)
        for tool in covered
    ]
    if covered and None not in speaking:
        lines = ", ".join(dict.fromkeys(str(line) for line in speaking))
        yield f"this rule for {rule.tool} is never reached: those of lines {lines} speak for every call of it"


def _includes(rule: Rule, other: Rule) -> bool:
    """Return whether a rule is for every call that the other is for, conditions aside, whatever tools there are."""
    prefix = rule.tool.removesuffix("*")
    named = rule.tool == other.tool or (rule.tool.endswith("*") and other.tool.startswith(prefix))
    return named and (not rule.effect or (bool(other.effect) and set(other.effect) <= set(rule.effect)))


def unknown_packs(config: Config, packs: Collection[str]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield what agents name as their tools and is not there, each with its place in the file and a sentence."""
    for name, agent in config.agents.items():
        for index, pack in enumerate(agent.tools or ()):
            if pack not in packs:
                there = f"{near(pack, packs)}there are {', '.join(packs)}"
                wrong = f"agent `{name}` wants the tool pack `{pack}`, which is not there: {there}"
                yield ("agents", name, "tools", str(index)), wrong


def near(name: str, there: Collection[str]) -> str:
    """Return the beginning of a sentence with the names that somebody may have meant; nothing where none is like it."""
    meant = get_close_matches(name, there, NEAR_NAMES)
    return f"did you mean {' or '.join(meant)}? " if meant else ""


# ---------------------------------------------------------------------------------------------- one call


def read_call(tools: Tools, name: str, arguments: str) -> tuple[Tool, Mapping[str, Any], str]:
    """Return a tool, the arguments that its rules look at, and what is wrong with them, from JSON. Raises Refusal.

    A session's calls are validated before they are judged; here a few arguments are enough to ask about a rule.
    """
    if name not in tools:
        raise Refusal(f"There is no tool {name}: {near(name, tools)}the tools are {', '.join(tools)}.")
    try:
        given = json.loads(arguments)
    except ValueError as error:
        raise Refusal(f"--args is not JSON ({error}): write it like '{{\"quantity\": 12}}'.") from None
    if not isinstance(given, dict):
        raise Refusal("--args should be a JSON object, such as '{\"quantity\": 12}'.")
    validated = validate(tools, name, cast(dict[str, Any], given))
    if isinstance(validated, Result):
        return tools[name], cast(dict[str, Any], given), f"a session would not come to ask: {validated.detail}"
    return tools[name], validated.model_dump(mode="json"), ""


def explain(policy: Policy, tool: Tool, arguments: Mapping[str, Any], asker: Asker) -> Iterator[str]:
    """Yield which rule speaks for the call, why the ones before it do not, and what follows: one line each."""
    requester = asker.users[0] if asker.users else ""
    tried = policy.tried(tool, arguments, requester, asker.channel)
    yield from (f"{each.rule}: {_came_to(each)}" for each in tried)
    if not any(each.matched or each.counts for each in tried[-1:]):
        yield f"no {'further ' if tried else ''}rule for {tool.name}"
    verdict = policy.judge(tool, arguments, asker)
    yield f"decided by: {verdict.rule}"
    if verdict.reason:
        yield f"reason: {verdict.reason}"
    yield f"verdict: {_in_words(verdict)}"


def _came_to(tried: Tried) -> str:
    match tried:
        case Tried(rule=Rule(when=None)):
            return "matches every call"
        case Tried(matched=True):
            return "true, matches"
        case Tried(matched=False):
            return "false"
        case _:
            counts = {"refuse": "matched", "allow": "not matched", "ask": "matched, and the rules behind it hold too"}
            return f"unclear, since {tried.why}: counts as {counts[tried.rule.answer]}"


def _in_words(verdict: Verdict) -> str:
    match verdict.answer:
        case "allow":
            return "allow: it runs, and nobody is asked"
        case "refuse":
            return "refuse: it does not run, and nobody is asked"
        case "ask":
            return f"ask: {'; '.join(_asking_text(verdict))}"


def _asking_text(verdict: Verdict) -> Iterator[str]:
    """Yield who is asked, and how it ends; of the rest only what the rule says."""
    yield _approvers_text(verdict.approvers)
    yield f"{verdict.quorum} must approve, within {duration(verdict.expires_seconds)}"
    if verdict.rejections > 1:
        yield f"{verdict.rejections} rejections settle it"
    if verdict.remind_seconds is not None:
        yield f"a reminder after {duration(verdict.remind_seconds)}, and each further wait is twice as long"
    if verdict.escalation is not None:
        yield f"after {duration(verdict.escalation.after_seconds)} also {_approvers_text(verdict.escalation.to)}"
    if verdict.post_to:
        yield f"the card stands in {verdict.post_to} too"
    if (verdict.approvers.users or verdict.approvers.groups) and verdict.notify != "dm":
        yield "nobody is notified" if verdict.notify == "none" else "they are mentioned on the card"


def _approvers_text(approvers: Approvers) -> str:
    sets = [
        *approvers.users,
        *(f"members of the user group {group}" for group in approvers.groups),
        *(["members of the conversation"] if approvers.channel_members else []),
        *(["the requester"] if approvers.requester else []),
    ]
    return " or ".join(sets) + (", but not the requester" if approvers.requester is False else "")
