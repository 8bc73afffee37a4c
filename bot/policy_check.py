"""`signoff policy check`: what in the policy cannot have been meant, and which rule speaks for a call, and why."""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from agent.policy import Policy, Rule, Tried, widened, wider
from agent.tool import Result, Tool, Tools, validate
from agent.types import Approvers, Asker, Verdict
from bot.config import Problem
from bot.refusal import Refusal
from bot.schema import argument_names
from bot.sections import duration

log = logging.getLogger(__name__)


# ---------------------------------------------------------------------------------------------- the rules


def lint(policy: Policy, tools: Tools, unseen: Sequence[str] = ()) -> Sequence[Problem]:
    """Rules that do nothing, or not what they seem to, by line. `tools`: all that there are, but for those whose names begin
    with one of `unseen`: their servers could not be asked."""
    return sorted([*_dangerous(policy, tools), *_idle(policy, tools, unseen)])


def hold_to(policy: Policy, tools: Tools, unseen: Sequence[str] = ()) -> None:
    """What a bot looks at when it starts. Raises Refusal for a rule that would be dangerous; others are named in the log."""
    for problem in _dangerous(policy, tools):
        raise Refusal(f"signoff.yaml, line {problem.line}: {problem.wrong}.")
    for problem in _idle(policy, tools, unseen):
        log.warning("signoff.yaml, line %d: %s", problem.line, problem.wrong)


def _dangerous(policy: Policy, tools: Tools) -> Iterator[Problem]:
    """A write that nobody is asked about should not trouble people with what became of it, whenever its result is lost."""
    for rule in policy.rules:
        tool = tools.get(rule.tool)
        if tool is not None and (wrong := unkeepable(rule, tool)):
            yield Problem(rule.line, wrong)


def unkeepable(rule: Rule, tool: Tool) -> str:
    """Why a rule cannot be kept for its tool, with the mend; empty where it can."""
    if rule.answer != "allow" or tool.repeatable or tool.reconcile is not None:
        return ""
    return (
        f"`verdict: allow` cannot be kept for {rule.tool}, because a run whose result is lost could neither be repeated "
        "nor looked up: remove it, or have the tool honour its idempotency key"
    )


def _idle(policy: Policy, tools: Tools, unseen: Sequence[str]) -> Iterator[Problem]:
    for index, rule in enumerate(policy.rules):
        tool = tools.get(rule.tool)
        if tool is None and rule.tool.startswith(tuple(unseen)):
            pass
        elif tool is None:
            yield Problem(rule.line, f"there is no tool {rule.tool}: the tools are {', '.join(tools)}")
        elif rule.when is not None:
            declared = argument_names(tool)
            for name in sorted(rule.when.arguments() - set(declared)):
                there = ", ".join(declared) or "none"
                yield Problem(rule.line, f"args.{name} is no argument of {rule.tool}: there are {there}")
        if rule.escalation and not wider(widened(rule.approvers, rule.escalation.to), rule.approvers):
            yield Problem(rule.line, "`escalate.to` adds nobody who may not decide from the start: name others, or remove it")
        for earlier in policy.rules[:index]:
            if earlier.tool == rule.tool and (earlier.when is None or earlier.when == rule.when):
                why = "speaks for every call of it" if earlier.when is None else "has the same condition"
                yield Problem(rule.line, f"this rule for {rule.tool} is never reached: the one of line {earlier.line} {why}")
                break


# ---------------------------------------------------------------------------------------------- one call


def read_call(tools: Tools, name: str, arguments: str) -> tuple[Tool, Mapping[str, Any], str]:
    """A tool, the arguments that its rules look at, and what is wrong with them, from JSON. Raises Refusal.

    A session's calls are validated before they are judged; here a few arguments are enough to ask about a rule.
    """
    if name not in tools:
        raise Refusal(f"There is no tool {name}: the tools are {', '.join(tools)}.")
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
    """Which rule speaks for the call, why the ones before it do not, and what follows: one line each."""
    requester = asker.users[0] if asker.users else ""
    tried = policy.tried(tool.name, arguments, requester, asker.channel)
    yield from (f"{each.rule}: {_came_to(each)}" for each in tried)
    if not tried or tried[-1].matched is False:
        yield f"no {'further ' if tried else ''}rule for {tool.name}"
    verdict = policy.judge(tool, arguments, asker)
    yield f"decided by: {verdict.rule}"
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
            return f"could not be evaluated ({tried.why}), which counts as matched and asks"


def _in_words(verdict: Verdict) -> str:
    match verdict.answer:
        case "allow":
            return "allow: it runs, and nobody is asked"
        case "refuse":
            return "refuse: it does not run, and nobody is asked"
        case "ask":
            return f"ask: {'; '.join(_question(verdict))}"


def _question(verdict: Verdict) -> Iterator[str]:
    """Who is asked, and how it ends; of the rest only what the rule says."""
    yield _who(verdict.approvers)
    yield f"{verdict.quorum} must approve, within {duration(verdict.expires_seconds)}"
    if verdict.rejections > 1:
        yield f"{verdict.rejections} rejections settle it"
    if verdict.remind_seconds is not None:
        yield f"a reminder after {duration(verdict.remind_seconds)}, and each further wait is twice as long"
    if verdict.escalation is not None:
        yield f"after {duration(verdict.escalation.after_seconds)} also {_who(verdict.escalation.to)}"
    if verdict.post_to:
        yield f"the card stands in {verdict.post_to} too"


def _who(approvers: Approvers) -> str:
    sets = [
        *approvers.users,
        *(f"members of the user group {group}" for group in approvers.groups),
        *(["members of the conversation"] if approvers.channel_members else []),
        *(["whoever asked"] if approvers.requester else []),
    ]
    return " or ".join(sets) + (", but not whoever asked" if approvers.requester is False else "")
