"""A message in another channel: shown before it is posted, and found again by its key when the answer was lost."""

import asyncio
import re
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, Field, JsonValue

from agent.tool.arguments import Arguments
from agent.tool.bound import check_bound
from agent.tool.definition import Effect, Result, Tool, ToolContext, ToolError, failed
from agent.types import Change, Magnitude, Preview
from tools.slack.port import Channel, Slack

MOST_CHARACTERS = 3_000
LOOKS, BETWEEN_LOOKS_SECONDS = 2, 1.0  # a list of Slack's may lag a moment behind what was posted
RINGING = re.compile(r"<!(?:channel|here|everyone|subteam)|(?<!\w)@(?:channel|here|everyone)\b")

DESCRIPTION = f"""\
Post a message in another Slack channel than this thread. A person has to approve it first, and sees the whole text.
Call it only when somebody asks to tell or announce something elsewhere. To answer here, simply answer instead; never post \
what you would say in this thread.
Needs a channel that you are a member of, and the final text: first ask for either if it is not clear. At most \
{MOST_CHARACTERS:,} characters. Mentions and links in Slack's angle brackets stand there as text and notify nobody; a line says \
for whom it was posted.
Comes back: {{"channel", "channel_id", "ts"}}.
Calling it again posts a second message: never repeat it unless that is asked for. Errors: not_found (no such channel, or you \
are not a member of it: somebody can invite you there), permission_denied (you may not post there), unexpected (Slack's rate \
limit: the detail says how long to wait): nothing was posted."""


class PostMessage(Arguments, frozen=True):
    """What to post where."""

    channel: str = Field(
        min_length=2, max_length=100, description="The channel's name as people see it, such as '#general', or its id."
    )
    text: str = Field(min_length=1, max_length=MOST_CHARACTERS, description="The whole message, in Slack's mrkdwn.")


class PostedMessage(BaseModel, frozen=True):
    """Where the message stands."""

    channel: str
    channel_id: str
    ts: str


def post_message(port: Slack) -> Tool:
    """Return the tool."""

    async def post(arguments: PostMessage, context: ToolContext) -> PostedMessage:
        channel = await _channel(port, arguments.channel, context.requester)
        if context.bound:
            check_bound(context.bound, await _resolved_channel(port, channel))
        ts = await port.post(channel.id, arguments.text, context.requester, context.idempotency_key, context.place)
        return _posted(channel, ts)

    async def preview(arguments: PostMessage, context: ToolContext) -> Preview:
        channel = await _channel(port, arguments.channel, context.requester)
        bound = await _resolved_channel(port, channel)
        readers = len(await port.members(channel.id))
        kind = f"{'public' if channel.public else 'shared' if channel.shared else 'private'} channel"
        others = ", people of other organisations among them," if channel.shared else ""
        changes = [Change(what=f"#{channel.name}", after=f"a {kind}{others} gets a new message")]
        if RINGING.search(arguments.text):
            changes.append(Change(what="Mentions of many people", after="stand there as text and notify nobody"))
        reached = Magnitude(number=Decimal(readers), of="members")
        return Preview(headline=f"Post in #{channel.name}", changes=tuple(changes), bound=bound, magnitude=reached)

    async def reconcile(arguments: PostMessage, context: ToolContext) -> Result | None:
        """Look whether it was posted: either way it is not posted by this."""
        bound: Any = context.bound.get("channel")
        channel = await (port.channel(bound["id"]) if bound else _channel(port, arguments.channel, context.requester))
        for look in range(LOOKS):
            if look:
                await asyncio.sleep(BETWEEN_LOOKS_SECONDS)
            if (ts := await port.find_post(channel.id, context.idempotency_key)) is not None:
                return Result(ok=True, result=_posted(channel, ts).model_dump())
        return failed("unexpected", f"The message was not posted: it was looked for in #{channel.name} and is not there.")

    return Tool(
        name="slack_post_message",
        description=DESCRIPTION,
        arguments=PostMessage,
        handler=post,
        effect=Effect.WRITE,
        time_limit_seconds=15.0,
        reconcile=reconcile,
        can="Post in a channel. Ask: “Tell #orders that the lamps are back”",
        verb="Post message",
        consequence="Everybody there reads it, and for whom it was posted.",
        headline=lambda arguments: f"Post in {arguments.channel}",
        preview=preview,
        named=("channel",),
        several="messages",
    )


async def _channel(port: Slack, name: str, requester: str) -> Channel:
    """Return the channel of this name or id, of those that the bot is in; a private one only for its own members. Raises
    ToolError."""
    wanted = name.lstrip("#").casefold()
    for channel in await port.channels():
        if (channel.id == name or channel.name.casefold() == wanted) and (
            channel.public or requester in await port.members(channel.id)
        ):
            return channel
    raise ToolError("not_found", f"There is no channel {name!r} that I am a member of, so nothing was posted.")


async def _resolved_channel(port: Slack, channel: Channel) -> dict[str, JsonValue]:
    """Return what a channel's name stands for, and for how many people it is: names are given anew, a private channel may
    become a public one, and people join it."""
    readers = "everybody" if channel.public else f"{len(await port.members(channel.id))} members"
    return {"channel": {"id": channel.id, "name": channel.name, "readers": readers}}


def _posted(channel: Channel, ts: str) -> PostedMessage:
    return PostedMessage(channel=f"#{channel.name}", channel_id=channel.id, ts=ts)
