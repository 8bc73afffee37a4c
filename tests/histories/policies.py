"""Policies that are deployed in turn while cards wait. Each that asks names what the others do not."""

from agent.condition import Condition
from agent.policy import Policy, Rule
from agent.types import Approvers, Escalation
from tests.histories.outside import BOSS, COPIES

OTHERS = Approvers(channel_members=True, requester=False)
GROUP = Approvers(groups=("S1",))
LATER = Escalation(after_seconds=1, to=Approvers(users=(BOSS,)))

POLICIES = (
    Policy(
        (
            Rule(tool="pay", quorum=2, rejections=2, expires_seconds=3, remind_seconds=1, escalation=LATER, name="two"),
            Rule(tool="send", approvers=OTHERS, expires_seconds=1, name="others, soon"),
            Rule(tool="wipe", quorum=2, post_to=COPIES, name="two, copied"),
        )
    ),
    Policy(
        (
            Rule(tool="pay", approvers=OTHERS, quorum=2, expires_seconds=1, name="two others, soon"),
            Rule(tool="send", when=Condition("args.n == 0"), answer="allow", name="nothing is sent freely"),
            Rule(tool="send", approvers=GROUP, quorum=2, expires_seconds=2, name="two of the group"),
            Rule(tool="book", expires_seconds=2, remind_seconds=1, name="one"),
            Rule(tool="wipe", answer="refuse", name="refused"),
        )
    ),
    Policy(
        (
            Rule(tool="pay", quorum=3, name="three"),
            Rule(tool="book", approvers=Approvers(users=("U2", "U3")), expires_seconds=1, name="these, soon"),
            Rule(tool="wipe", approvers=GROUP, rejections=2, post_to=COPIES, expires_seconds=2, name="group, copied"),
        )
    ),
    Policy(tuple(Rule(tool=tool, quorum=2, expires_seconds=1, name="two, soon") for tool in ("pay", "send", "book", "wipe"))),
    Policy(),
)
ALLOWED = frozenset({"look"})  # whatever is deployed


def allows(policy: Policy, tool: str, n: int) -> bool:
    """Whether nobody has to be asked, said once more in other words."""
    return tool in ALLOWED or (policy is POLICIES[1] and tool == "send" and n == 0)
