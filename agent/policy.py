"""What policy says of a call. Pure. Until rules are data: reads run, everything else asks a member of the conversation."""

from agent.tool import Effect, Tool
from agent.types import Verdict


def judge(tool: Tool) -> Verdict:
    """The verdict for a call of `tool`, with the rule that made it.

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
    return approved.approvers == now.approvers and approved.quorum >= now.quorum
