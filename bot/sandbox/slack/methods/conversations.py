"""conversations.* and users.conversations: reading what is there, and who is in it."""

from __future__ import annotations

import base64
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import TypeVar

from bot.sandbox.slack.arguments import Arguments
from bot.sandbox.slack.payloads import message_json
from bot.sandbox.slack.types import Channel, Message
from bot.sandbox.slack.web_api import Desk
from bot.sandbox.slack.wire import Json, Refused

T = TypeVar("T")


def replies(desk: Desk, given: Arguments) -> Json:
    channel = _channel_in_scope(desk, given, "history")
    start = desk.workspace.message(channel.id, given.needed("ts", "thread_not_found"))
    if start is None:
        raise Refused("thread_not_found")
    root_ts = start.thread_ts or start.ts
    root, later = desk.workspace.thread(channel.id, root_ts)[:1], desk.workspace.thread(channel.id, root_ts)[1:]
    # The first message stands at the head of every page; the bounds are for the replies.
    items, paging = page(_between(later, given), given, default=1000, most=1000)
    return {"messages": [_shown(desk, given, one) for one in (*root, *items)], **paging}


def history(desk: Desk, given: Arguments) -> Json:
    channel = _channel_in_scope(desk, given, "history")
    top = [one for one in desk.workspace.messages[channel.id].values() if one.thread_ts is None]
    newest_first = list(reversed(_between(top, given)))
    items, paging = page(newest_first, given, default=100, most=999)
    return {"messages": [_shown(desk, given, one) for one in items], **paging}


def info(desk: Desk, given: Arguments) -> Json:
    channel = _channel_in_scope(desk, given, "read")
    shown = _conversation_json(desk, channel)
    if given.flag("include_num_members"):
        shown["num_members"] = len(channel.members)
    return {"channel": shown}


def _conversation_json(desk: Desk, channel: Channel) -> Json:
    shown: Json = {
        "id": channel.id,
        "name": channel.name,
        "is_channel": channel.kind == "channel",
        "is_group": False,
        "is_im": channel.kind == "im",
        "is_mpim": channel.kind == "mpim",
        "is_private": channel.kind != "channel",
        "is_member": desk.workspace.bot_user_id in channel.members,
        "is_archived": channel.archived,
        "is_shared": bool(channel.shared_with),
        "is_ext_shared": channel.is_ext_shared,
        "is_org_shared": bool(channel.shared_with) and channel.within_organisation,
        "is_pending_ext_shared": bool(channel.invited),
        "pending_shared": list(channel.invited),
        "pending_connected_team_ids": list(channel.invited),
        "shared_team_ids": [desk.workspace.team_id, *channel.shared_with],
        "context_team_id": desk.workspace.team_id,
        "topic": {"value": channel.topic, "creator": "", "last_set": 0},
        "purpose": {"value": channel.purpose, "creator": "", "last_set": 0},
    }
    if channel.kind == "im":
        shown["user"] = next(iter(channel.members - {desk.workspace.bot_user_id}))
        del shown["name"]
    return shown


def members(desk: Desk, given: Arguments) -> Json:
    channel = _channel_in_scope(desk, given, "read")
    items, paging = page(sorted(channel.members), given, default=100, most=1000)
    return {"members": items, **paging}


def open_dm(desk: Desk, given: Arguments) -> Json:
    workspace = desk.workspace
    if given.text("channel"):
        channel = desk.channel(given.text("channel"))
    else:
        users = [one.strip() for one in given.needed("users", "users_list_not_supplied").split(",") if one.strip()]
        if not all(one in workspace.people for one in users):
            raise Refused("user_not_found")
        desk.needs("im:write" if len(users) == 1 else "mpim:write")
        channel = workspace.dm_channel(users[0]) if len(users) == 1 else _group_dm(desk, users)
    if not given.flag("return_im"):
        return {"channel": {"id": channel.id}}
    return {"channel": {"id": channel.id, "is_im": channel.kind == "im", "is_mpim": channel.kind == "mpim"}}


def _group_dm(desk: Desk, users: list[str]) -> Channel:
    wanted = frozenset(users) | {desk.workspace.bot_user_id}
    for channel in desk.workspace.channels.values():
        if channel.kind == "mpim" and channel.members == wanted:
            return channel
    return desk.workspace.new_group_dm(wanted)


KINDS = {"public_channel": "channel", "private_channel": "private", "mpim": "mpim", "im": "im"}


def of_user(desk: Desk, given: Arguments) -> Json:
    """Answer users.conversations: of the bot, or of `user`; what is not public only where the bot is in it too."""
    workspace = desk.workspace
    user = given.text("user") or workspace.bot_user_id
    if user not in workspace.people:
        raise Refused("user_not_found")
    wanted = (given.text("types") or "public_channel").split(",")
    if not set(wanted) <= set(KINDS):
        raise Refused("invalid_types")
    kinds = {KINDS[one.strip()] for one in wanted}
    found = [one for one in workspace.channels.values() if one.kind in kinds and user in one.members]
    for channel in found:
        desk.needs(f"{channel.event_kind}:read")
    seen = [one for one in found if one.kind == "channel" or workspace.bot_user_id in one.members]
    if given.flag("exclude_archived"):
        seen = [one for one in seen if not one.archived]
    items, paging = page(seen, given, default=100, most=999)
    shown = [_conversation_json(desk, one) for one in items]
    for one in shown:
        del one["is_member"]  # docs: left out here
    return {"channels": shown, **paging}


def _channel_in_scope(desk: Desk, given: Arguments, what: str) -> Channel:
    """Return the channel, when the scope for its kind was granted: channels:history, groups:read, ..."""
    channel = desk.channel(given.needed("channel", "channel_not_found"))
    desk.needs(f"{channel.event_kind}:{what}")
    if what == "history" and desk.workspace.bot_user_id not in channel.members:
        raise Refused("not_in_channel")
    return channel


def _between(messages: list[Message], given: Arguments) -> list[Message]:
    """Return the messages between `oldest` and `latest`, which themselves are left out unless `inclusive`."""
    oldest, latest = given.text("oldest"), given.text("latest")
    order = [message.ts for message in messages]
    first = (bisect_left if given.flag("inclusive") else bisect_right)(order, oldest) if oldest else 0
    last = (bisect_right if given.flag("inclusive") else bisect_left)(order, latest) if latest else len(order)
    return messages[first:last]


def page(items: Sequence[T], given: Arguments, *, default: int, most: int) -> tuple[list[T], Json]:
    """Return the items that `limit` and `cursor` ask for, and where the next ones begin."""
    limit = given.number("limit", default)
    if not 1 <= limit <= most:
        raise Refused("invalid_limit")
    start = _cursor_start(given.text("cursor"))
    part = list(items[start : start + limit])
    more = start + limit < len(items)
    cursor = base64.b64encode(f"next:{start + limit}".encode()).decode() if more else ""
    return part, {"has_more": more, "response_metadata": {"next_cursor": cursor}}


def _cursor_start(cursor: str | None) -> int:
    if not cursor:
        return 0
    try:
        return int(base64.b64decode(cursor, validate=True).decode().removeprefix("next:"))
    except ValueError:
        raise Refused("invalid_cursor") from None


def _shown(desk: Desk, given: Arguments, message: Message) -> Json:
    return message_json(desk.workspace, message, metadata=given.flag("include_all_metadata"))
