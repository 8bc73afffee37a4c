"""The JSON that Slack sends: messages, events, interactions. Shapes as in docs.slack.dev, read by slack_bolt 1.30."""

from __future__ import annotations

import re
import secrets
import time
from typing import Any
from urllib.parse import quote

from bot.sandbox.slack.nouns import Channel, File, Message, View
from bot.sandbox.slack.reading import unescape
from bot.sandbox.slack.wire import Json
from bot.sandbox.slack.workspace import Workspace

VERIFICATION_TOKEN = "sandbox-verification-token"


def message_json(workspace: Workspace, message: Message, *, metadata: bool = True) -> Json:
    """A message as conversations.history, events and block_actions show it."""
    shown: Json = {
        "type": "message",
        "user": message.user,
        "ts": message.ts,
        "text": message.text,
        "team": workspace.team_id,
    }
    blocks = message.blocks or (() if message.bot_id else _typed_text(message.text))
    replies = workspace.replies.get((message.channel, message.ts), ())
    optional: Json = {
        "blocks": list(blocks),
        "subtype": message.subtype,
        "bot_id": message.bot_id,
        "app_id": workspace.app_id if message.bot_id == workspace.bot_id else None,
        "metadata": message.metadata if metadata else None,
        "edited": {"user": message.user, "ts": message.ts} if message.edited else None,
        "files": [file_json(workspace, file) for file in message.files],
        "reactions": [{"name": name, "count": 1, "users": [workspace.bot_user_id]} for name in message.reactions],
        "thread_ts": message.thread_ts or (message.ts if replies else None),
        "reply_count": len(replies),
    }
    shown |= {key: value for key, value in optional.items() if value}
    if message.subtype == "bot_message":
        del shown["user"]
    if message.thread_ts and (root := workspace.message(message.channel, message.thread_ts)):
        shown["parent_user_id"] = root.user
    return shown


def file_json(workspace: Workspace, file: File) -> Json:
    """A file as events and files.info show it. Both addresses ask for the bot's token."""
    ending = file.name.rpartition(".")[2].lower() if "." in file.name else "binary"
    place = f"{workspace.base_url}files-pri/{workspace.team_id}-{file.id}"
    name = quote(file.name.lower().replace(" ", "_"), safe="")
    return {
        "id": file.id,
        "created": file.created,
        "timestamp": file.created,
        "name": file.name,
        "title": file.name,
        "mimetype": file.mimetype,
        "filetype": ending,
        "pretty_type": ending.upper(),
        "user": file.user,
        "user_team": workspace.team_id,
        "size": len(file.content),
        "mode": "hosted",
        "is_external": False,
        "external_type": "",
        "url_private": f"{place}/{name}",
        "url_private_download": f"{place}/download/{name}",
        "file_access": "visible",
    }


_MENTIONED = re.compile(r"<@(\w+)>")


def _typed_text(text: str) -> tuple[Json, ...]:
    """The rich_text block that Slack's client makes of what a person types."""
    parts: list[Json] = []
    for index, part in enumerate(_MENTIONED.split(text)):
        if index % 2:
            parts.append({"type": "user", "user_id": part})
        elif part:
            parts.append({"type": "text", "text": unescape(part)})
    if not parts:
        return ()
    section: Json = {"type": "rich_text_section", "elements": parts}
    return ({"type": "rich_text", "block_id": "typed", "elements": [section]},)


# events


def event_callback(workspace: Workspace, event: Json) -> Json:
    """The envelope of the Events API around one event, with an event id of its own."""
    return {
        "token": VERIFICATION_TOKEN,
        "team_id": workspace.team_id,
        "context_team_id": workspace.team_id,
        "context_enterprise_id": None,
        "api_app_id": workspace.app_id,
        "event": event,
        "type": "event_callback",
        "event_id": f"Ev{secrets.token_hex(5).upper()}",
        "event_time": int(time.time()),
        "authorizations": [
            {
                "enterprise_id": None,
                "team_id": workspace.team_id,
                "user_id": workspace.bot_user_id,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": False,
        "event_context": f"4-{secrets.token_hex(24)}",
    }


def message_event(workspace: Workspace, channel: Channel, message: Message) -> Json:
    shown = message_json(workspace, message)
    shown.pop("reply_count", None)
    place = {"channel": channel.id, "event_ts": message.ts, "channel_type": channel.event_channel_type}
    return {**shown, **place, "client_msg_id": secrets.token_hex(16)}


def mention_event(workspace: Workspace, channel: Channel, message: Message) -> Json:
    event = message_event(workspace, channel, message)
    for gone in ("channel_type", "subtype", "parent_user_id"):
        event.pop(gone, None)
    return {**event, "type": "app_mention"}


def changed_event(workspace: Workspace, channel: Channel, after: Message, before: Message, ts: str) -> Json:
    return {
        "type": "message",
        "subtype": "message_changed",
        "hidden": True,
        "message": message_json(workspace, after),
        "previous_message": message_json(workspace, before),
        "channel": channel.id,
        "channel_type": channel.event_channel_type,
        "ts": ts,
        "event_ts": ts,
    }


def deleted_event(workspace: Workspace, channel: Channel, before: Message, ts: str) -> Json:
    return {
        "type": "message",
        "subtype": "message_deleted",
        "hidden": True,
        "deleted_ts": before.ts,
        "previous_message": message_json(workspace, before),
        "channel": channel.id,
        "channel_type": channel.event_channel_type,
        "ts": ts,
        "event_ts": ts,
    }


# interactions


def view_json(workspace: Workspace, view: View) -> Json:
    """A view as views.open answers it and interactions carry it."""
    body = view.body
    return {
        "id": view.id,
        "team_id": workspace.team_id,
        "app_id": workspace.app_id,
        "app_installed_team_id": workspace.team_id,
        "bot_id": workspace.bot_id,
        "type": view.type,
        "title": body.get("title"),
        "submit": body.get("submit"),
        "close": body.get("close"),
        "blocks": list(view.blocks),
        "private_metadata": view.private_metadata,
        "callback_id": view.callback_id,
        "external_id": body.get("external_id") or "",
        "state": {"values": view.state},
        "hash": view.hash,
        "clear_on_close": bool(body.get("clear_on_close")),
        "notify_on_close": bool(body.get("notify_on_close")),
        "root_view_id": view.root_view_id,
        "previous_view_id": view.previous_view_id,
    }


def interaction(workspace: Workspace, kind: str, user: str, **more: Any) -> Json:
    """What every interaction carries, and `more`. A trigger id is in it where Slack sends one."""
    person = workspace.people[user]
    payload: Json = {
        "type": kind,
        "user": {"id": user, "username": person.name, "name": person.name, "team_id": workspace.team_id},
        "api_app_id": workspace.app_id,
        "token": VERIFICATION_TOKEN,
        "team": {"id": workspace.team_id, "domain": "sandbox"},
        "enterprise": None,
        "is_enterprise_install": False,
    }
    if kind != "view_closed":
        payload["trigger_id"] = workspace.new_trigger(user)
    return {**payload, **more}


def action_json(element: Json, block_id: str, chosen: Json, action_ts: str) -> Json:
    """One entry of `actions`: the element, and what was chosen in it (empty for a button)."""
    kept = {key: element[key] for key in ("action_id", "type", "text", "value", "style") if key in element}
    return {**kept, **chosen, "block_id": block_id, "action_ts": action_ts}
