"""Policies that are deployed in turn while cards wait, and what each wants of a call, said once more in plain Python."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from agent.approvals.condition import Condition
from agent.approvals.policy import Policy, Rule
from agent.types import Approvers, Escalation
from tests.histories.outside import BOSS, COPIES, GUEST, PLAIN_URL, Asks

OTHERS = Approvers(channel_members=True, requester=False)
GROUP = Approvers(groups=("S1",))
LATER = Escalation(after_seconds=1, to=Approvers(users=(BOSS,)))
HOSTS = ("docs.example.com",)

POLICIES = (
    Policy(
        (
            Rule(tool="pay", quorum=2, rejections=2, expires_seconds=3, remind_seconds=1, escalation=LATER, name="two"),
            Rule(tool="send", approvers=OTHERS, expires_seconds=1, name="others, soon"),
            Rule(tool="wipe", quorum=2, post_to=COPIES, name="two, copied"),
        ),
        HOSTS,
    ),
    Policy(
        (
            Rule(tool="pay", approvers=OTHERS, quorum=2, expires_seconds=1, name="two others, soon"),
            Rule(tool="send", when=Condition("args.n == 0"), answer="allow", name="nothing is sent freely"),
            Rule(tool="send", approvers=GROUP, quorum=2, expires_seconds=2, name="two of the group"),
            Rule(tool="book", expires_seconds=2, remind_seconds=1, name="one"),
            Rule(tool="wipe", answer="refuse", name="refused"),
        ),
        HOSTS,
    ),
    Policy(
        (
            Rule(tool="pay", quorum=3, name="three"),
            Rule(tool="book", approvers=Approvers(users=("U2", GUEST)), expires_seconds=1, name="these, soon"),
            Rule(tool="wipe", approvers=GROUP, rejections=2, post_to=COPIES, expires_seconds=2, name="group, copied"),
        ),
        HOSTS,
    ),
    Policy(
        tuple(Rule(tool=tool, quorum=2, expires_seconds=1, name="two, soon") for tool in ("pay", "send", "book", "wipe")), HOSTS
    ),
    Policy(
        (
            Rule(tool="pay", when=Condition("args.note.contains('payroll')"), answer="refuse", name="no payroll"),
            Rule(tool="pay", when=Condition("args.note.startsWith('fyi')"), approvers=OTHERS, name="another one"),
            Rule(tool="send", when=Condition("args.note == 'rent'"), answer="allow", name="the rent is sent freely"),
            Rule(tool="book", when=Condition("args.note.contains('rent')"), quorum=2, expires_seconds=3, name="two"),
        ),
        HOSTS,
    ),
    Policy((), HOSTS),
)

ONE = Asks(members=True)
ANOTHER = replace(ONE, requester=False)
TWO, THREE, TWO_OTHERS = replace(ONE, quorum=2), replace(ONE, quorum=3), replace(ANOTHER, quorum=2)
OF_THE_GROUP = Asks(group=True)
FREELY, NEVER = Asks("run"), Asks("refuse")


def wanted(policy: Policy, tool: str, effect: str, arguments: Mapping[str, Any]) -> Asks:
    """Return what a policy wants of a call. Of a text that is not there, or holds a NUL, the strictest is taken for true."""
    asks = _by_rules(POLICIES.index(policy), tool, arguments) or _by_default(tool, arguments)
    return replace(asks, requester=False) if effect == "irreversible" else asks


def _by_rules(number: int, tool: str, arguments: Mapping[str, Any]) -> Asks | None:
    n, note = arguments.get("n"), str(arguments.get("note"))
    clear = arguments.get("note") is not None and "\0" not in note
    match number, tool:
        case 0, "pay":
            return replace(TWO, later=frozenset({BOSS}))
        case (0, "wipe") | (3, "pay" | "send" | "book" | "wipe"):
            return TWO
        case 0, "send":
            return ANOTHER
        case 1, "pay":
            return TWO_OTHERS
        case 1, "send":
            return FREELY if n == 0 else replace(OF_THE_GROUP, quorum=2)
        case 1, "wipe":
            return NEVER
        case 2, "pay":
            return THREE
        case 2, "book":
            return Asks(users=frozenset({"U2", GUEST}))
        case 2, "wipe":
            return OF_THE_GROUP
        case 4, "pay":
            return NEVER if not clear or "payroll" in note else ANOTHER if note.startswith("fyi") else None
        case 4, "send":
            return FREELY if note == "rent" else None
        case 4, "book":
            return TWO if not clear or "rent" in note else None
        case _:
            return None


def _by_default(tool: str, arguments: Mapping[str, Any]) -> Asks:
    if tool == "look" or (tool == "fetch" and arguments["url"] == PLAIN_URL):
        return FREELY
    return ONE
