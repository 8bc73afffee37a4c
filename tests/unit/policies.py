"""Random policies, arguments and askers, and who could settle a call under them: worked out in plain Python, without CEL."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from hypothesis import strategies as st
from pydantic import BaseModel

from agent.approvals.condition import Condition
from agent.approvals.policy import Policy, Rule
from agent.tool.definition import Effect, Tool
from agent.types import Approvers, Asker, Escalation

PEOPLE = ("UA", "UB", "UC", "UD")
GROUPS = {"S1": frozenset({"UA", "UB"}), "S2": frozenset({"UB", "UC"})}
MEMBERS = frozenset({"UA", "UC", "UD"})  # of the conversation
CHANNEL = "C1"

Truth = bool | None  # None: unclear


class Anything(BaseModel, extra="allow"):
    """Arguments of every shape: they are validated before policy sees them."""


async def never(arguments: Any, context: Any) -> dict[str, Any]:
    """Handlers are not run here."""
    raise AssertionError


def tool(name: str = "shop__order", effect: Effect = Effect.WRITE) -> Tool:
    """A tool of this effect that takes everything."""
    return Tool(name=name, description=name, arguments=Anything, handler=never, effect=effect)


# ---------------------------------------------------------------------------------------------- conditions


@dataclass(frozen=True)
class Meant:
    """A condition, and what it means: an answer, or None where the arguments do not give one."""

    text: str
    means: Callable[[Mapping[str, Any], str], Truth]

    def truth(self, arguments: Mapping[str, Any], requester: str) -> Truth:
        """The answer for a call. What CEL cannot hold exactly makes every look at the arguments unclear."""
        if "args" in self.text and not exact(arguments):
            return None
        return self.means(arguments, requester)


def exact(value: Any) -> bool:
    """Whether CEL can hold a value as it is."""
    if isinstance(value, str):
        return "\0" not in value and re.search("[\ud800-\udfff]", value) is None
    if isinstance(value, bool) or value is None:
        return True
    if isinstance(value, int):
        return -(2**63) <= value < 2**64
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(exact(key) and exact(below) for key, below in cast(dict[str, Any], value).items())
    return all(exact(below) for below in value)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _above(name: str, least: int) -> Meant:
    return Meant(f"args.{name} > {least}", lambda args, _: args[name] > least if _number(args.get(name)) else None)


def _containing(name: str, part: str) -> Meant:
    return Meant(
        f"args.{name}.contains('{part}')", lambda args, _: part in args[name] if isinstance(args.get(name), str) else None
    )


def _guarded(name: str, text: str) -> Meant:
    return Meant(f"has(args.{name}) && args.{name} == '{text}'", lambda args, _: name in args and args[name] == text)


def _nested(text: str) -> Meant:
    def means(args: Mapping[str, Any], _: str) -> Truth:
        inner: Any = args.get("o")
        if not isinstance(inner, dict) or "k" not in inner:
            return None
        return cast(dict[str, Any], inner)["k"] == text

    return Meant(f"args.o.k == '{text}'", means)


def _long(least: int) -> Meant:
    return Meant(
        f"size(args.l) > {least}",
        lambda args, _: len(args["l"]) > least if isinstance(args.get("l"), list | str | dict) else None,
    )


MEANT = (
    Meant("true", lambda args, requester: True),
    Meant("false", lambda args, requester: False),
    Meant("requester == 'UA'", lambda args, requester: requester == "UA" if requester else None),
    _above("n", 1),
    _above("m", 100),
    _containing("t", "pay"),
    _containing("t", ""),
    _guarded("t", "pay"),
    _nested("pay"),
    _long(2),
)
BY_TEXT = {meant.text: meant for meant in MEANT}

texts = st.sampled_from(["", "pay", "payroll", "pay\0", "\0pay", "\ud800", "é"]) | st.text("pay\0é", max_size=4)
values = st.one_of(
    st.none(),
    st.integers(-3, 3),
    st.sampled_from([2**53 + 1, 2**63 - 1, 2**63, 2**64, -(2**63) - 1, 10**30]),
    texts,
    st.lists(st.integers(0, 3), max_size=4),
    st.fixed_dictionaries({}, optional={"k": texts, "k\0": st.just(1)}),
)
arguments = st.fixed_dictionaries(
    {}, optional={"n": values, "m": values, "t": values | texts, "o": values, "l": values, "t\0": values}
)

# ---------------------------------------------------------------------------------------------- policies

approvers = st.builds(
    Approvers,
    users=st.lists(st.sampled_from(PEOPLE), unique=True, max_size=3).map(tuple),
    groups=st.lists(st.sampled_from(sorted(GROUPS)), unique=True, max_size=2).map(tuple),
    channel_members=st.booleans(),
    requester=st.sampled_from([None, False, True]),
)
brought_in = st.builds(
    Approvers,
    users=st.lists(st.sampled_from(PEOPLE), unique=True, max_size=2).map(tuple),
    groups=st.lists(st.sampled_from(sorted(GROUPS)), unique=True, max_size=1).map(tuple),
    channel_members=st.booleans(),
    requester=st.sampled_from([None, True]),  # an escalation shuts nobody out: in signoff.yaml that is refused
)
conditions = st.sampled_from([None, *MEANT]).map(lambda meant: Condition(meant.text) if meant else None)
rules = st.builds(
    Rule,
    tool=st.sampled_from(["shop__order", "shop__*", "*", "shop__orders", "other"]),
    effect=st.sampled_from([(), (Effect.WRITE,), (Effect.READ, Effect.EGRESS)]),
    when=conditions,
    answer=st.sampled_from(["allow", "ask", "ask", "ask", "refuse"]),
    approvers=approvers,
    quorum=st.integers(1, 2),
    rejections=st.integers(1, 2),
    expires_seconds=st.sampled_from([60, 3600]),
    escalation=st.none() | st.builds(Escalation, after_seconds=st.sampled_from([30, 59, 60]), to=brought_in),
    reason=st.sampled_from(["", "Large orders need two people"]),
)
policies = st.lists(rules, max_size=5).map(lambda drawn: Policy(tuple(drawn)))
tools = st.sampled_from([tool(effect=effect) for effect in (Effect.READ, Effect.WRITE)])
askers = st.lists(st.sampled_from(PEOPLE), unique=True, min_size=1, max_size=2).map(
    lambda users: Asker(users=tuple(users), channel=CHANNEL)
)

# ---------------------------------------------------------------------------------------------- who could settle it


def among(user: str, approvers: Approvers, requesters: Sequence[str]) -> bool:
    """Whether somebody is one of these."""
    if user in requesters and approvers.requester is not None:
        return approvers.requester
    in_group = any(user in GROUPS[group] for group in approvers.groups)
    return user in approvers.users or in_group or (approvers.channel_members and user in MEMBERS)


def may_decide(user: str, rule: Any, requesters: Sequence[str], seconds: int) -> bool:
    """Whether somebody's click counts, by a rule or verdict that asks, when its card has waited so long."""
    if seconds >= rule.expires_seconds or (user in requesters and rule.approvers.requester is False):
        return False
    later = rule.escalation
    brought = later is not None and seconds >= later.after_seconds and among(user, later.to, requesters)
    return among(user, rule.approvers, requesters) or brought


DEFAULT = Rule(tool="*")  # asks one member of the conversation


def restrictions(policy: Policy, of: Tool, arguments: Mapping[str, Any], asker: Asker) -> Sequence[Rule] | None:
    """All rules that must be satisfied, every unclear condition being decided in the strictest way. None: it is refused."""
    found: list[Rule] = []
    for requester in asker.users:
        own: list[Rule] = []
        surely = False
        for rule in policy.rules:
            begins = rule.tool.endswith("*") and of.name.startswith(rule.tool[:-1])
            if surely or not (begins or rule.tool == of.name) or (rule.effect and of.effect not in rule.effect):
                continue
            truth = True if rule.when is None else BY_TEXT[rule.when.text].truth(arguments, requester)
            if truth is False or (truth is None and rule.answer == "allow"):
                continue
            if rule.answer == "refuse":
                return None
            own += [rule] if rule.answer == "ask" else []
            surely = truth is True
        if not own and not surely and of.effect is not Effect.READ:
            own.append(DEFAULT)
        found += own
    return found
