"""The JSON that Slack sends: messages, events, interactions. Shapes as in docs.slack.dev, read by slack_bolt 1.30."""

from __future__ import annotations

import re
import secrets
import time
from typing import Any
from urllib.parse import quote

from bot.sandbox.slack.reading import unescape
from bot.sandbox.slack.types import Channel, File, Message, View
from bot.sandbox.slack.wire import Json
from bot.sandbox.slack.workspace import Workspace

VERIFICATION_TOKEN = "sandbox-verification-token"


def team_of(workspace: Workspace, user: str) -> str:
    """Return the workspace that somebody belongs to, which Slack names where they act in a shared channel."""
    person = workspace.people.get(user)
    return (person.team_id if person else "") or workspace.team_id


def message_json(workspace: Workspace, message: Message, *, metadata: bool = True) -> Json:
    """Return a message as conversations.history, events and block_actions show it."""
    shown: Json = {
        "type": "message",
        "user": message.user,
        "ts": message.ts,
        "text": message.text,
        "team": team_of(workspace, message.user),
    }
    if shown["team"] != workspace.team_id:
        shown |= {"user_team": shown["team"], "source_team": shown["team"]}
    blocks = message.blocks or (() if message.bot_id else _typed_text(message.text))
    replies = workspace.replies.get((message.channel, message.ts), ())
    optional: Json = {
        "blocks": list(blocks),
        "subtype": message.subtype,
        "bot_id": message.bot_id,
        "app_id": workspace.app_id if message.bot_id == workspace.bot_id else message.app_id,
        "metadata": message.metadata if metadata else None,
        "edited": {"user": message.user, "ts": message.ts} if message.edited else None,
        "files": [file_json(workspace, file) for file in message.files],
        "attachments": list(message.attachments),
        "reactions": [{"name": name, "count": 1, "users": [workspace.bot_user_id]} for name in message.reactions],
        "thread_ts": message.thread_ts or (message.ts if replies else None),
        "reply_count": len(replies),
    }
    shown |= {key: value for key, value in optional.items() if value}
    if message.subtype == "bot_message":
        del shown["user"]  # it has none
    if message.thread_ts and (root := workspace.message(message.channel, message.thread_ts)):
        shown["parent_user_id"] = root.user
    return shown


def file_json(workspace: Workspace, file: File) -> Json:
    """Return a file as events and files.info show it. Both addresses ask for the bot's token."""
    ending = file.name.rpartition(".")[2].lower() if "." in file.name else "binary"
    place = f"{workspace.base_url}files-pri/{workspace.team_id}-{file.id}"
    name = quote(file.name.lower().replace(" ", "_"), safe="")
    heard: Json = {"status": "processing"}
    if file.heard:
        heard = {"status": "complete", "locale": "en-US", "preview": {"content": file.heard, "has_more": False}}
    return {
        **({"subtype": "slack_audio", "transcription": heard} if file.heard or file.clip else {}),
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


def forward_json(workspace: Workspace, message: Message, number: int) -> Json:
    """Return the attachment that a forwarded message becomes: Slack shows its words there, and nothing of it in `text`."""
    original = message_json(workspace, message)
    channel = workspace.channels[message.channel]
    shared: Json = {
        "id": number,
        "is_share": True,
        "is_msg_unfurl": True,
        "ts": message.ts,
        "author_id": message.user,
        "author_name": workspace.names.get(message.user, message.user),
        "channel_id": channel.id,
        "channel_name": "Direct Message" if channel.kind == "im" else channel.name,
        "channel_team": workspace.team_id,
        "from_url": f"https://sandbox.slack.com/archives/{channel.id}/p{message.ts.replace('.', '')}",
        "text": message.text,
        "fallback": f"[{message.ts}] {message.text}",
        "mrkdwn_in": ["text"],
        "footer": "Slack Conversation",
    }
    place = {"team": workspace.team_id, "channel": channel.id, "ts": message.ts}
    if original.get("blocks"):
        shared["message_blocks"] = [{**place, "message": {"blocks": original["blocks"]}}]
    return shared | {key: original[key] for key in ("files", "attachments") if key in original}


_TYPED = re.compile(r"<([^<>\n]+)>")


def _typed_text(text: str) -> tuple[Json, ...]:
    """Return the rich_text block that Slack's client makes of what a person types."""
    parts: list[Json] = []
    for index, part in enumerate(_TYPED.split(text)):
        if index % 2:
            parts.append(_typed_token(part))
        elif part:
            parts.append({"type": "text", "text": unescape(part)})
    if not parts:
        return ()
    section: Json = {"type": "rich_text_section", "elements": parts}
    return ({"type": "rich_text", "block_id": "typed", "elements": [section]},)


def _typed_token(token: str) -> Json:
    """Return a mention or a link of a message's text as an element of rich text."""
    target, _, label = token.partition("|")
    kinds = {"@": ("user", "user_id"), "#": ("channel", "channel_id"), "!": ("broadcast", "range")}
    if target.startswith("!subteam^"):
        return {"type": "usergroup", "usergroup_id": target.removeprefix("!subteam^")}
    if target[:1] in kinds:
        kind, name = kinds[target[0]]
        return {"type": kind, name: target[1:]}
    return {"type": "link", "url": target, **({"text": unescape(label)} if label else {})}


# events


def event_callback(workspace: Workspace, event: Json) -> Json:
    """Return the envelope of the Events API around one event, with a new event id."""
    channel = workspace.channels.get(str(event.get("channel")))
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
        "is_ext_shared_channel": bool(channel and channel.is_ext_shared),
        "event_context": f"4-{secrets.token_hex(24)}",
    }


def message_event(workspace: Workspace, channel: Channel, message: Message) -> Json:
    shown = message_json(workspace, message)
    shown.pop("reply_count", None)
    place = {"channel": channel.id, "event_ts": message.ts, "channel_type": channel.event_channel_type}
    return {**shown, **place, "client_msg_id": secrets.token_hex(16)}


def mention_event(workspace: Workspace, channel: Channel, message: Message) -> Json:
    event = message_event(workspace, channel, message)
    for gone in ("channel_type", "subtype"):
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
    """Return a view as views.open answers it and interactions carry it."""
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
    """Return what every interaction carries, and `more`. A trigger id is in it where Slack sends one."""
    person, team = workspace.people[user], team_of(workspace, user)
    payload: Json = {
        "type": kind,
        "user": {"id": user, "username": person.name, "name": person.name, "team_id": team},
        "api_app_id": workspace.app_id,
        "token": VERIFICATION_TOKEN,
        "team": {"id": team, "domain": "sandbox"},
        "enterprise": None,
        "is_enterprise_install": False,
    }
    if kind != "view_closed":
        payload["trigger_id"] = workspace.new_trigger(user)
    return {**payload, **more}


def action_json(element: Json, block_id: str, chosen: Json, action_ts: str) -> Json:
    """Return one entry of `actions`: the element, and what was chosen in it (empty for a button)."""
    kept = {key: element[key] for key in ("action_id", "type", "text", "value", "style") if key in element}
    return {**kept, **chosen, "block_id": block_id, "action_ts": action_ts}
