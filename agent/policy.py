"""What policy says of a call. Pure. Until rules are data: reads run, everything else asks a member of the conversation."""

from collections.abc import Mapping
from typing import Any

from agent.tool import Effect, Tool
from agent.types import Approvers, Asker, Verdict


def judge(tool: Tool, arguments: Mapping[str, Any], asker: Asker) -> Verdict:
    """The verdict for a call of `tool` with validated arguments, with the rule that made it.

    An egress call sends what the model chose to the outside, and no host is allowed yet, so it asks like a write.
    """
    if tool.effect is Effect.READ:
        return Verdict(answer="allow", rule="default (reads run)")
    return Verdict(answer="ask", rule=f"default (one member approves each {tool.effect} call)")


def suffices(approved: Verdict, now: Verdict) -> bool:
    """Whether what was approved still satisfies policy as it is now: only a stricter outcome asks anew."""
    if now.answer == "refuse":
        return False
    if now.answer == "allow":
        return True
    return approved.quorum >= now.quorum and not _narrower(approved.approvers, now.approvers)


def _narrower(then: Approvers, now: Approvers) -> bool:
    """Whether somebody who could decide then may not decide now."""
    if now.requester is False and then.requester is not False:
        return True
    if then.requester and not now.requester:
        return True
    lost = set(then.users) - set(now.users) or set(then.groups) - set(now.groups)
    return bool(lost) or (then.channel_members and not now.channel_members)
