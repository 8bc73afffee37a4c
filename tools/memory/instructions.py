"""Instructions of a channel: what the agent is to do in every conversation there, set by somebody who administers it."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from agent.text import cut_end
from agent.tool.arguments import Arguments
from agent.tool.bound import check_bound
from agent.tool.definition import Tool, ToolContext, ToolError
from agent.types import Change, Preview
from tools.memory.port import Memory, thread_of_call

MOST_CHARACTERS, SHOWN_CHARACTERS = 2_000, 1_500

SET = f"""\
Set the standing instructions of this channel, which you then follow in every new conversation here: language, tone, what to \
check first, whom to name. A person has to approve it, and sees the text before and after.
Call it only when somebody who administers the channel asks for instructions for everybody here; for what one person prefers, \
call set_memory. The new text replaces the whole of the old one, which stands in your system prompt: keep what is still meant. \
An empty text removes it.
Needs the whole text, at most {MOST_CHARACTERS:,} characters. Running conversations keep what they began with.
Comes back: {{"version"}}. Calling it again adds a version. Errors: permission_denied (only who made the channel or \
administers the workspace may ask for it)."""


class SetInstructions(Arguments, frozen=True):
    """What to do in this channel."""

    text: str = Field(max_length=MOST_CHARACTERS, description="The whole of the instructions. Empty: there are to be none.")


def set_channel_instructions(port: Memory) -> Tool:
    """Return the tool."""

    async def keep(arguments: SetInstructions, context: ToolContext) -> Mapping[str, Any]:
        place, before = thread_of_call(context), await _before(port, context)
        if context.bound:
            check_bound(context.bound, {"instructions": before})
        return {"version": await port.instructions.set(place.team, place.channel, arguments.text.strip(), context.requester)}

    async def preview(arguments: SetInstructions, context: ToolContext) -> Preview:
        before = await _before(port, context)
        change = Change(
            what="Instructions of this channel",
            before=cut_end(before, SHOWN_CHARACTERS) or "(none)",
            after=cut_end(arguments.text, SHOWN_CHARACTERS) or "(none)",
        )
        return Preview(headline="Set the instructions of this channel", changes=(change,), bound={"instructions": before})

    return Tool(
        name="set_channel_instructions",
        description=SET,
        arguments=SetInstructions,
        handler=keep,
        can="Follow instructions in this channel. Ask: “From now on, answer in French here”",
        verb="Set instructions",
        consequence="I follow it in every new conversation here, for everybody.",
        named=("text",),
        preview=preview,
    )


async def _before(port: Memory, context: ToolContext) -> str:
    """Return the instructions as they are. Raises ToolError for somebody who may not change them."""
    place = thread_of_call(context)
    if not await port.administers(context.requester, place.channel):
        raise ToolError(
            "permission_denied",
            "Only who made this channel, or administers the workspace, may set its instructions: ask them to.",
        )
    now = await port.instructions.now(place.team, place.channel)
    return now.text if now is not None else ""
