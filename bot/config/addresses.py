"""E-mail addresses of people, by which policy may name them: Slack says whose they are, when the bot starts. Pure."""

import re
from collections.abc import Mapping
from dataclasses import replace

from agent.approvals.deciders import how_many, widened
from agent.approvals.policy import Policy, Rule
from agent.types import Approvers
from bot.config.refusal import Refusal

ADDRESS = re.compile(r"[^@\s<>,]+@[^@\s<>,]+\.[^@\s<>,]+")


def addresses(policy: Policy) -> tuple[str, ...]:
    """Return every address in a policy, once."""
    named = (user for rule in policy.rules for approvers in _all(rule) for user in approvers.users)
    return tuple(dict.fromkeys(user for user in named if ADDRESS.fullmatch(user)))


def with_ids(policy: Policy, ids: Mapping[str, str]) -> Policy:
    """Return a policy that names people by their ids. `ids`: by address. Raises Refusal where fewer people are left than a rule
    takes: somebody was named twice."""
    return replace(policy, rules=tuple(_rule_by_ids(rule, ids) for rule in policy.rules))


def _all(rule: Rule) -> tuple[Approvers, ...]:
    return (rule.approvers, *((rule.escalation.to,) if rule.escalation is not None else ()))


def _rule_by_ids(rule: Rule, ids: Mapping[str, str]) -> Rule:
    escalation = rule.escalation and rule.escalation.model_copy(update={"to": _by_id(rule.escalation.to, ids)})
    by_id = replace(rule, approvers=_by_id(rule.approvers, ids), escalation=escalation)
    most, before, needed = _most(by_id), _most(rule), max(rule.quorum, rule.rejections)
    if most is not None and before is not None and most < needed <= before:
        raise Refusal(
            f"signoff.yaml, line {rule.line}: an address and an id are the same person's, so {most} can decide and {needed} are "
            "needed: name more people, or ask fewer."
        )
    return by_id


def _most(rule: Rule) -> int | None:
    """Return how many people may decide at most, if one person asked; None if nobody can say."""
    first, *further = _all(rule)
    return how_many(widened(first, *further) if further else first, ("somebody else",))


def _by_id(approvers: Approvers, ids: Mapping[str, str]) -> Approvers:
    users = tuple(dict.fromkeys(ids.get(user, user) for user in approvers.users))
    return approvers.model_copy(update={"users": users})
