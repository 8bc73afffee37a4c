"""chat.startStream, appendStream, stopStream: a message that grows while it is read."""

from __future__ import annotations

import time
from typing import Any

from bot.sandbox.slack.arguments import Arguments
from bot.sandbox.slack.blocks import MARKDOWN_CHARACTERS
from bot.sandbox.slack.methods.chat import checked_blocks, own_message
from bot.sandbox.slack.methods.sessions import put_status
from bot.sandbox.slack.payloads import message_json
from bot.sandbox.slack.types import Message
from bot.sandbox.slack.web_api import Desk
from bot.sandbox.slack.wire import Json, Refused
from bot.sandbox.slack.workspace import Workspace

_PLAN = "stream-plan"
_TEXT = "stream-text"


def start(desk: Desk, given: Arguments) -> Json:
    workspace = desk.workspace
    channel = desk.channel(given.needed("channel", "channel_not_found"))
    if workspace.bot_user_id not in channel.members:
        raise Refused("not_in_channel")
    root = workspace.message(channel.id, given.needed("thread_ts", "invalid_thread_ts"))
    if root is None or root.thread_ts is not None:
        raise Refused("thread_not_found")
    if channel.kind != "im":
        for recipient in ("recipient_user_id", "recipient_team_id"):
            given.needed(recipient, f"missing_{recipient}")
        reader = workspace.people.get(given.needed("recipient_user_id"))
        if reader is None:
            raise Refused("user_not_found")
        if given.text("recipient_team_id") != (reader.team_id or workspace.team_id):
            raise Refused("team_not_found")  # docs: the team that this user belongs to; taken at its word
    mode = given.text("task_display_mode") or "timeline"
    if mode not in ("timeline", "plan"):
        raise Refused("invalid_arguments")
    chunks = _chunks(given)
    message = workspace.add_message(
        channel.id,
        workspace.bot_user_id,
        "",
        bot_id=workspace.bot_id,
        thread_ts=root.ts,
        streaming=True,
        # In a plan all tasks stand together; else each is a card between the texts.
        blocks=({"type": "plan", "block_id": _PLAN, "title": "", "tasks": []},) if mode == "plan" else (),
    )
    workspace.streams[channel.id, message.ts] = time.monotonic() + workspace.stream_seconds
    message = _grow(desk, message, chunks)
    desk.events.posted(message)
    return {"channel": channel.id, "ts": message.ts}


def append(desk: Desk, given: Arguments) -> Json:
    message = _open_stream(desk, given)
    chunks = _chunks(given)
    if not chunks:
        raise Refused("no_text")
    _grow(desk, message, chunks)
    return {"channel": message.channel, "ts": message.ts}


def stop(desk: Desk, given: Arguments) -> Json:
    before = _open_stream(desk, given)
    chunks = _chunks(given)
    last_blocks = checked_blocks(given.json_list("blocks", "invalid_blocks_format"))
    if status := given.text("session_status"):
        put_status(desk, before.channel, before.thread_ts or before.ts, status)
    grown = _grow(desk, before, chunks)
    after = close_stream(
        desk.workspace, grown, blocks=(*_blocks_with_content(grown), *last_blocks), metadata=given.json_object("metadata")
    )
    desk.events.changed(before, after)
    return {"channel": after.channel, "ts": after.ts, "message": message_json(desk.workspace, after)}


def close_stream(workspace: Workspace, message: Message, **changes: Any) -> Message:
    workspace.streams.pop((message.channel, message.ts), None)
    return workspace.change_message(message, **{"streaming": False, "blocks": _blocks_with_content(message), **changes})


def _blocks_with_content(message: Message) -> tuple[Json, ...]:
    """Return the message's blocks without a plan that nothing was put into."""
    return tuple(block for block in message.blocks if block["type"] != "plan" or block["title"] or block["tasks"])


def _open_stream(desk: Desk, given: Arguments) -> Message:
    channel = desk.channel(given.needed("channel", "channel_not_found"))
    message = own_message(desk, channel, given.needed("ts", "message_not_found"), "message_not_owned_by_app")
    until = desk.workspace.streams.get((channel.id, message.ts))
    if until is not None and time.monotonic() > until:
        close_stream(desk.workspace, message)
        until = None
    if until is None:
        raise Refused("message_not_in_streaming_state")
    return message


def _chunks(given: Arguments) -> list[Json]:
    """Return the chunks that were sent; markdown_text counts as one."""
    chunks, text = given.json_list("chunks"), given.text("markdown_text")
    if chunks and text:
        raise Refused.with_messages("invalid_arguments", ["chunks and markdown_text exclude each other"])
    sent = chunks if chunks else [{"type": "markdown_text", "text": text}] if text else []
    for chunk in sent:
        if chunk.get("type") not in ("markdown_text", "task_update", "plan_update", "blocks"):
            raise Refused("invalid_chunks")
    if sum(len(chunk.get("text") or "") for chunk in sent if chunk["type"] == "markdown_text") > MARKDOWN_CHARACTERS:
        raise Refused("msg_too_long")
    return sent


def _grow(desk: Desk, message: Message, chunks: list[Json]) -> Message:
    text, blocks = message.text, list(message.blocks)
    for chunk in chunks:
        match chunk["type"]:
            case "markdown_text":
                text += chunk["text"]
                _put(blocks, {"type": "markdown", "block_id": _TEXT, "text": text})
            case "plan_update":
                before = next((block for block in blocks if block["block_id"] == _PLAN), None)
                tasks = before["tasks"] if before else ()
                _put(blocks, {"type": "plan", "block_id": _PLAN, "title": chunk["title"], "tasks": list(tasks)})
            case "task_update":
                _put_task(blocks, _task(chunk))
            case _:
                blocks += checked_blocks(chunk["blocks"])
    return desk.workspace.change_message(message, text=text, blocks=tuple(blocks))


def _put(blocks: list[Json], block: Json) -> None:
    """Put a block in the place of the one with the same id, or at the end."""
    for index, one in enumerate(blocks):
        if one["block_id"] == block["block_id"]:
            blocks[index] = block
            return
    blocks.append(block)


def _put_task(blocks: list[Json], task: Json) -> None:
    """Put a task into the plan, where there is one."""
    plan = next((block for block in blocks if block["block_id"] == _PLAN), None)
    if plan is None:
        _put(blocks, task)
        return
    tasks = list(plan["tasks"])
    _put(tasks, task)
    _put(blocks, {**plan, "tasks": tasks})


def _task(chunk: Json) -> Json:
    task: Json = {"type": "task_card", "block_id": f"task-{chunk['id']}", "task_id": chunk["id"]}
    task |= {"title": chunk["title"], "status": chunk["status"]}
    for part in ("details", "output"):
        if chunk.get(part):
            section: Json = {"type": "rich_text_section", "elements": [{"type": "text", "text": chunk[part]}]}
            task[part] = {"type": "rich_text", "elements": [section]}
    if chunk.get("sources"):
        task["sources"] = chunk["sources"]
    return task
