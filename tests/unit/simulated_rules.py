"""What a simulated session is run by: tools of every effect, and policies that change under it."""

from dataclasses import replace
from typing import Any

from pydantic import BaseModel

from agent.approvals.policy import Policy, Rule
from agent.tool.definition import Effect, Tool, registry
from agent.types import Approvers, Escalation, Preview


class Nothing(BaseModel):
    """No arguments."""

    n: int = 0


async def never(arguments: Nothing, context: Any) -> dict[str, Any]:
    """Handlers are not run here."""
    raise AssertionError


def tool(name: str, effect: Effect) -> Tool:
    """A tool of this effect."""
    return Tool(name=name, description=name, arguments=Nothing, handler=never, effect=effect)


async def previewed(arguments: Nothing, context: Any) -> Preview:
    """Nor are previews."""
    raise AssertionError


TOOLS = registry(
    [
        tool("look", Effect.READ),
        tool("pay", Effect.WRITE),
        replace(tool("send", Effect.WRITE), idempotent=True, preview=previewed),
        tool("wipe", Effect.IRREVERSIBLE),
        tool("jot", Effect.WRITE),
    ]
)
LATER = Escalation(after_seconds=3600, to=Approvers(users=("U9",)))
NAMED = Approvers(users=("U2", "U8"), channel_members=True)
TWO = Rule(tool="pay", approvers=NAMED, quorum=2, rejections=2, remind_seconds=600, escalation=LATER, name="two")
COPIED = Rule(tool="wipe", post_to="C9", expires_seconds=3600, name="copied")
STRICT = Rule(tool="pay", quorum=3, name="three")
REFUSED = Rule(tool="wipe", answer="refuse", name="refused")
FREELY = Rule(tool="jot", answer="allow", name="jotted freely")
POLICIES = (Policy((TWO, COPIED, FREELY)), Policy((STRICT, COPIED, FREELY)), Policy((TWO, REFUSED, FREELY)), Policy())
