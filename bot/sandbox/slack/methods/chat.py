"""chat.* and reactions.*: posting, changing, deleting."""

from __future__ import annotations

import time
from typing import Any

from bot.sandbox.slack.arguments import Arguments
from bot.sandbox.slack.blocks import MARKDOWN_CHARACTERS, blocks_too_long, message_faults, with_ids
from bot.sandbox.slack.payloads import message_json
from bot.sandbox.slack.types import Channel, Message
from bot.sandbox.slack.web_api import Desk
from bot.sandbox.slack.wire import Json, Refused

TEXT_CHARACTERS = 40_000
"""chat.postMessage cuts a longer text."""
UPDATE_CHARACTERS = 4_000
"""chat.update is said to refuse a longer text; taken at its word, so that nobody relies on more."""
METADATA_CHARACTERS = 16_000


def post_message(desk: Desk, given: Arguments) -> Json:
    channel = _where(desk, given.needed("channel", "channel_not_found"))
    content = _content(given)
    if not content:
        raise Refused("no_text")
    metadata = _metadata(given)
    message = desk.workspace.add_message(
        channel.id,
        desk.workspace.bot_user_id,
        bot_id=desk.workspace.bot_id,
        thread_ts=_thread(desk, channel, given),
        metadata=metadata,
        **{"text": "", **content},
    )
    _quiet_again(desk, message)
    desk.events.posted(message)
    return {"channel": channel.id, "ts": message.ts, "message": message_json(desk.workspace, message)}


def update(desk: Desk, given: Arguments) -> Json:
    channel = desk.channel(given.needed("channel", "channel_not_found"))
    before = own_message(desk, channel, given.needed("ts", "message_not_found"))
    if time.monotonic() <= desk.workspace.streams.get((channel.id, before.ts), 0.0):
        raise Refused("streaming_state_conflict")  # not said in Slack's reference; refused, so that nobody relies on it
    text = given.text("text")
    if text and len(text) > UPDATE_CHARACTERS:
        raise Refused("msg_too_long")
    content = _content(given)
    metadata = _metadata(given)
    if not content and metadata is None:
        raise Refused("no_text")
    if content:
        # Text without blocks takes the place of the blocks, and only then the message is marked as edited.
        content = {"blocks": (), **content, "edited": not content.get("blocks"), "streaming": False}
    if metadata is not None:
        content["metadata"] = metadata or None
    after = desk.workspace.change_message(before, **content)
    desk.events.changed(before, after)
    return {
        "channel": channel.id,
        "ts": after.ts,
        "text": after.text,
        "message": message_json(desk.workspace, after),
    }


def post_ephemeral(desk: Desk, given: Arguments) -> Json:
    channel = _where(desk, given.needed("channel", "channel_not_found"))
    user = given.needed("user")
    if user not in channel.members:
        raise Refused("user_not_in_channel")
    content = _content(given)
    if not content:
        raise Refused("no_text")
    shown = desk.workspace.add_ephemeral(user, channel.id, thread_ts=_thread(desk, channel, given), **{"text": "", **content})
    return {"message_ts": shown.ts}


def delete(desk: Desk, given: Arguments) -> Json:
    channel = desk.channel(given.needed("channel", "channel_not_found"))
    before = own_message(desk, channel, given.needed("ts", "message_not_found"), refusal="cant_delete_message")
    desk.events.deleted(before, desk.workspace.delete_message(before))
    return {"channel": channel.id, "ts": before.ts}


def get_permalink(desk: Desk, given: Arguments) -> Json:
    channel = desk.channel(given.needed("channel", "channel_not_found"))
    ts = given.needed("message_ts", "message_not_found")
    if desk.workspace.message(channel.id, ts) is None:
        raise Refused("message_not_found")
    return {"channel": channel.id, "permalink": f"{desk.base_url()}archives/{channel.id}/p{ts.replace('.', '')}"}


def add_reaction(desk: Desk, given: Arguments) -> Json:
    message, name = _reacted(desk, given)
    if name in message.reactions:
        raise Refused("already_reacted")
    desk.workspace.change_message(message, reactions=(*message.reactions, name))
    return {}


def remove_reaction(desk: Desk, given: Arguments) -> Json:
    message, name = _reacted(desk, given)
    if name not in message.reactions:
        raise Refused("no_reaction")
    desk.workspace.change_message(message, reactions=tuple(one for one in message.reactions if one != name))
    return {}


def _reacted(desk: Desk, given: Arguments) -> tuple[Message, str]:
    channel = desk.channel(given.needed("channel", "channel_not_found"))
    message = desk.workspace.message(channel.id, given.needed("timestamp", "bad_timestamp"))
    if message is None:
        raise Refused("message_not_found")
    return message, given.needed("name", "invalid_name")


def own_message(desk: Desk, channel: Channel, ts: str, refusal: str = "cant_update_message") -> Message:
    message = desk.workspace.message(channel.id, ts)
    if message is None:
        raise Refused("message_not_found")
    if message.bot_id != desk.workspace.bot_id:
        raise Refused(refusal)
    return message


def _where(desk: Desk, name: str) -> Channel:
    """Return the channel to post in: an id, a #name, or a user's id for the DM with them."""
    workspace = desk.workspace
    if name in workspace.people and name != workspace.bot_user_id:
        return workspace.dm_channel(name)
    by_name = {channel.name: channel.id for channel in workspace.channels.values() if channel.kind == "channel"}
    channel = desk.channel(by_name.get(name.removeprefix("#"), name))
    if workspace.bot_user_id not in channel.members and "chat:write.public" not in desk.scopes:
        raise Refused("not_in_channel")
    return channel


def _thread(desk: Desk, channel: Channel, given: Arguments) -> str | None:
    """Return thread_ts, when it is the ts of a message that can start a thread."""
    thread_ts = given.text("thread_ts")
    if not thread_ts:
        return None
    root = desk.workspace.message(channel.id, thread_ts)
    if root is None or root.thread_ts is not None:
        raise Refused("thread_not_found")
    return thread_ts


def _content(given: Arguments) -> Json:
    """Return text and blocks as the message will have them; empty when there is nothing to show."""
    text, markdown = given.text("text"), given.text("markdown_text")
    blocks = checked_blocks(given.json_list("blocks", "invalid_blocks_format"))
    if markdown:
        if text or blocks:
            raise Refused("markdown_text_conflict")
        if len(markdown) > MARKDOWN_CHARACTERS:
            raise Refused("msg_too_long")
        blocks = ({"type": "markdown", "text": markdown, "block_id": "markdown"},)
        text = markdown
    content: Json = {}
    if text and text.strip():
        content["text"] = text[:TEXT_CHARACTERS]
    if blocks:
        content["blocks"] = blocks
    return content


def checked_blocks(blocks: list[Json] | None) -> tuple[Json, ...]:
    """Return the blocks with their ids, or Slack's refusal."""
    if blocks is None:
        return ()
    if faults := message_faults(blocks):
        raise Refused.with_messages("invalid_blocks", faults)
    if blocks_too_long(blocks):
        raise Refused("msg_blocks_too_long")
    return tuple(with_ids(blocks))


def _metadata(given: Arguments) -> Json | None:
    """Return the message's metadata: None where none was sent, {} to take it away."""
    metadata: Any = given.parsed("metadata", "invalid_metadata_format")
    if metadata is None or metadata == {}:
        return metadata
    if not isinstance(metadata, dict) or {"event_type", "event_payload"} - metadata.keys():
        raise Refused("invalid_metadata_format")
    if len(str(metadata)) > METADATA_CHARACTERS:  # pyright: ignore[reportUnknownArgumentType] JSON
        raise Refused("metadata_too_large")
    return metadata  # pyright: ignore[reportUnknownVariableType] JSON


def _quiet_again(desk: Desk, message: Message) -> None:
    """Take away the "is thinking..." of assistant.threads.setStatus, as a post does; a session's status stays."""
    key = (message.channel, message.thread_ts or message.ts)
    if key in desk.workspace.loading:
        del desk.workspace.loading[key]
        desk.workspace.changed()
