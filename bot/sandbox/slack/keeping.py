"""The workspace on the disk: what is in it outlives the process that shows it.

Kept is what Slack keeps: people, channels, messages, Home tabs, ids and times, and the events that nobody has acked, which stand
in the same write as what caused them. Not kept is what a client forgets when it is closed, such as open dialogs, and what ends
within minutes anyway, such as response URLs.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, cast

from bot.sandbox.slack.types import Channel, File, Message, Person, Unacked, View
from bot.sandbox.slack.wire import Json
from bot.sandbox.slack.workspace import NumberedIds, Workspace

FORMAT = 1
"""Of the file; another number is that of another version."""
FILE, CONTENTS = "workspace.json", "files"


class UnreadableError(Exception):
    """What lies there is no workspace of this version. Its text names the file."""


class Keeper:
    """Writes a workspace down after each change, one write for all changes that came meanwhile."""

    def __init__(self, workspace: Workspace, folder: Path) -> None:
        self._workspace = workspace
        self._folder = folder
        self._written = -1
        self._failure: OSError | None = None
        self._news = asyncio.Condition()
        self._texts: dict[tuple[str, str], tuple[Message, str]] = {}
        """Each message with its JSON: most are written again and again as they are."""

    async def keep(self) -> None:
        """Write until this is cancelled, or cannot be done any more."""
        try:
            (self._folder / CONTENTS).mkdir(parents=True, exist_ok=True)
            while True:
                change, version = self._workspace.next_change(), self._workspace.version
                if version == self._written:
                    await change
                    continue
                text = self._to_json()
                await asyncio.to_thread(self._write_down, text, list(self._workspace.files.values()))
                await self._announce(version)
        except OSError as error:
            self._failure = error
            await self._announce(self._written)

    async def kept(self) -> None:
        """Return when all that is in the workspace now is on the disk. Raises OSError where that cannot be."""
        version = self._workspace.version
        async with self._news:
            await self._news.wait_for(lambda: self._written >= version or self._failure is not None)
        if self._failure is not None:
            raise self._failure

    async def _announce(self, written: int) -> None:
        async with self._news:
            self._written = written
            self._news.notify_all()

    def _write_down(self, text: str, files: list[File]) -> None:
        for file in files:
            content = self._folder / CONTENTS / file.id
            if not content.exists():
                _replace(content, file.content)
        _replace(self._folder / FILE, text.encode())

    def _to_json(self) -> str:
        """Return the whole workspace as JSON."""
        messages = [self._message_text(one) for there in self._workspace.messages.values() for one in there.values()]
        rest = json.dumps(_without_messages(self._workspace), ensure_ascii=False)
        return f'{{"messages": [{", ".join(messages)}], {rest[1:]}'

    def _message_text(self, message: Message) -> str:
        key = (message.channel, message.ts)
        before, text = self._texts.get(key, (None, ""))
        if before is not message:
            text = json.dumps(_message_json(message), ensure_ascii=False)
            self._texts[key] = (message, text)
        return text


def restore(workspace: Workspace, folder: Path) -> bool:
    """Put what was kept in this folder into a new workspace; return whether there was any. Raises UnreadableError."""
    path = folder / FILE
    try:
        kept = cast(Json, json.loads(path.read_bytes()))
        if kept["format"] != FORMAT:
            raise ValueError("another version")
        _put(workspace, kept, folder / CONTENTS)
    except FileNotFoundError:
        if path.exists():
            raise UnreadableError(str(path)) from None
        return False
    except (OSError, ValueError, LookupError, TypeError):
        raise UnreadableError(str(path)) from None
    return True


def _without_messages(workspace: Workspace) -> Json:
    return {
        "format": FORMAT,
        "ids": workspace.new_id.numbers if isinstance(workspace.new_id, NumberedIds) else {},
        "last_ts_micros": workspace.last_ts_micros,
        "people": [_shallow(one) for one in workspace.people.values()],
        "channels": [{**_shallow(one), "members": sorted(one.members)} for one in workspace.channels.values()],
        "files": [_shallow(one, without=("content",)) for one in workspace.files.values()],
        "ephemerals": [[user, _message_json(one)] for user, only in workspace.ephemerals.items() for one in only.values()],
        "homes": [_shallow(one, without=("names",)) for one in workspace.homes.values()],
        "statuses": _pairs(workspace.statuses),
        "titles": _pairs(workspace.titles),
        "prompts": _pairs(workspace.prompts),
        "pressed": _pairs(workspace.pressed),
        "selections": _pairs(workspace.selections),
        "usergroups": workspace.usergroups,
        "streams": [list(key) for key in workspace.streams],
        "read_up_to": _pairs(workspace.read_up_to),
        "unacked": [_shallow(one) for one in workspace.unacked.values()],
        "base_url": workspace.base_url,
    }


def _put(workspace: Workspace, kept: Json, contents: Path) -> None:
    if isinstance(workspace.new_id, NumberedIds):
        workspace.new_id.numbers.update(kept["ids"])
    workspace.last_ts_micros = kept["last_ts_micros"]
    workspace.people.clear()
    workspace.channels.clear()
    workspace.names.clear()
    for one in kept["people"]:
        workspace.add_person(Person(**one))
    for one in kept["channels"]:
        channel: Json = {**_tuples(one), "members": frozenset(one["members"])}
        workspace.add_channel(Channel(**channel))
    for one in kept["files"]:
        workspace.files[one["id"]] = File(**one, content=(contents / one["id"]).read_bytes())
    for one in kept["messages"]:
        message = _message(workspace, one)
        workspace.messages[message.channel][message.ts] = message
        if message.thread_ts is not None:
            workspace.replies[message.channel, message.thread_ts].append(message.ts)
    for user, one in kept["ephemerals"]:
        workspace.ephemerals[user][one["ts"]] = _message(workspace, one)
    for one in kept["homes"]:
        workspace.homes[one["user"]] = View(**one, names=workspace.names)
    workspace.usergroups.update({group: tuple(users) for group, users in kept["usergroups"].items()})
    for name in ("statuses", "titles", "prompts", "pressed", "selections", "read_up_to"):
        getattr(workspace, name).update({tuple(key): value for key, value in kept[name]})
    for one in kept.get("unacked", ()):  # workspaces of earlier versions have none
        workspace.unacked[one["payload"]["event_id"]] = Unacked(**one)
    workspace.base_url = kept.get("base_url", "")
    until = time.monotonic() + workspace.stream_seconds
    workspace.streams.update({(channel, ts): until for channel, ts in kept["streams"]})


def _message_json(message: Message) -> Json:
    return {**_shallow(message, without=("names", "files")), "files": [file.id for file in message.files]}


def _message(workspace: Workspace, kept: Json) -> Message:
    whole: Json = {**_tuples(kept), "files": tuple(workspace.files[id] for id in kept["files"])}
    return Message(**whole, names=workspace.names)


def _shallow(value: Any, *, without: tuple[str, ...] = ()) -> Json:
    return {field.name: getattr(value, field.name) for field in fields(value) if field.name not in without}


def _tuples(kept: Json) -> Json:
    """Return fields as they were: JSON has lists where these have tuples."""
    return {name: tuple(cast(list[Any], value)) if isinstance(value, list) else value for name, value in kept.items()}


def _pairs(of: Mapping[tuple[str, ...], Any]) -> list[list[Any]]:
    """Return a mapping as JSON can have it: its keys are tuples."""
    return [[list(key), value] for key, value in of.items()]


def _replace(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, for its owner alone."""
    fresh = path.with_name(f"{path.name}.new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    fresh.rename(path)
