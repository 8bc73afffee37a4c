"""What is in the workspace, and who hears of a change. Nothing here sends or receives: it is the state."""

from __future__ import annotations

import asyncio
import mimetypes
import secrets
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast

from bot.sandbox.slack.types import Channel, ChannelKind, File, Message, Person, Unacked, View
from bot.sandbox.slack.wire import Json, Refused

MessageKey = tuple[str, str]
"""(channel id, ts)"""

_PEOPLE = (
    ("ann", "Ann Archer", "#7048e8"),
    ("ben", "Ben Baker", "#1971c2"),
    ("cleo", "Cleo Cooper", "#c2255c"),
    ("dan", "Dan Dyer", "#237a36"),
)
_CHANNELS: tuple[tuple[str, ChannelKind, frozenset[str]], ...] = (
    ("general", "channel", frozenset({"ann", "ben", "cleo", "dan"})),
    ("orders", "channel", frozenset({"ann", "ben", "cleo"})),
    ("support", "channel", frozenset({"ann", "ben", "cleo", "dan"})),
    ("finance", "private", frozenset({"ann", "cleo"})),
    ("mpim", "mpim", frozenset({"ann", "ben"})),
)
SLACKBOT = "USLACKBOT"
TEAM_PREFIX = "TSANDBOX"
"""Begins the id of every sandbox workspace, and of no real one."""
_PREFIX = {"channel": "C", "private": "C", "im": "D", "mpim": "G"}


def _random_id(prefix: str) -> str:
    """Return an id in Slack's form. Ids are random, so that two workspaces never share one in the same database."""
    return prefix + secrets.token_hex(5).upper()


class NumberedIds:
    """Gives ids in Slack's form that are the same in each workspace to which the same happens."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        """The last one of each kind."""

    def __call__(self, prefix: str) -> str:
        self.numbers[prefix] = self.numbers.get(prefix, 0) + 1
        return f"{prefix}{self.numbers[prefix]:010d}"


class Workspace:
    """People, channels, messages, views. Every change goes through `changed`, which wakes those who wait for one.

    Wide because it is all the state that a workspace has, behind every method of the Web API.
    """

    def __init__(
        self, manifest: Mapping[str, Any], *, trigger_seconds: float, stream_seconds: float, numbered: bool = False
    ) -> None:
        self.manifest = cast(Json, manifest)
        self.new_id: Callable[[str], str] = NumberedIds() if numbered else _random_id
        self.trigger_seconds = trigger_seconds
        self.stream_seconds = stream_seconds
        self.team_id, self.app_id, self.bot_id = self.new_id(TEAM_PREFIX), self.new_id("A"), self.new_id("B")
        self.bot_name = str(self.setting("features.bot_user.display_name") or self.setting("display_information.name"))
        self.people: dict[str, Person] = {}
        self.channels: dict[str, Channel] = {}
        self.messages: defaultdict[str, dict[str, Message]] = defaultdict(dict)
        self.earlier: defaultdict[MessageKey, list[Message]] = defaultdict(list)
        """Former versions of a message, oldest first: what a slow client may still show."""
        self.replies: defaultdict[MessageKey, list[str]] = defaultdict(list)
        self.ephemerals: defaultdict[str, dict[str, Message]] = defaultdict(dict)
        self.modals: defaultdict[str, list[View]] = defaultdict(list)
        """The stack of open modals of each person, the topmost last."""
        self.homes: dict[str, View] = {}
        self.selections: dict[tuple[str, str, str], dict[str, dict[str, Json]]] = {}
        """What a person has put into a message's inputs, by (user, channel, ts); other people do not see it."""
        self.pressed: dict[MessageKey, list[str]] = {}
        """Who has pressed a button of a message, by (channel, ts), oldest first."""
        self.read_up_to: dict[tuple[str, str], str] = {}
        """The ts of the last message that a person has looked at, by (user, channel)."""
        self.statuses: dict[MessageKey, str] = {}
        """Of agent sessions, by (channel, thread_ts): active, processing, suspended, closed."""
        self.loading: dict[MessageKey, str] = {}
        """What assistant.threads.setStatus says of a thread, until the bot's next post in it."""
        self.titles: dict[MessageKey, str] = {}
        self.prompts: dict[MessageKey, list[Json]] = {}
        self.failures: defaultdict[str, list[str]] = defaultdict(list)
        self.usergroups: dict[str, tuple[str, ...]] = {}
        self.streams: dict[MessageKey, float] = {}
        """Open streams and until when Slack keeps them, on the monotonic clock."""
        self.files: dict[str, File] = {}
        self.unacked: dict[str, Unacked] = {}
        """What the bot has still to hear, by event id."""
        self.base_url = ""
        """Where the workspace listens, with a slash at the end; until it does, where it listened before, if it is a kept one."""
        self.names: dict[str, str] = {}
        self.version = 0
        self._triggers: dict[str, tuple[str, float]] = {}
        self._used_triggers: set[str] = set()
        self.last_ts_micros = 0
        self._waiting: list[asyncio.Future[None]] = []
        self._settle()

    def _settle(self) -> None:
        ids = {name: self.new_id("U" + name.upper()[:3]) for name, _, _ in _PEOPLE}
        for name, real_name, color in _PEOPLE:
            self.add_person(Person(ids[name], name, real_name, color, is_admin=name == "ann"))
        self.bot_user_id = self.new_id("U")
        self.add_person(Person(self.bot_user_id, self.bot_name.lower(), self.bot_name, "#0b7285", is_bot=True))
        for name, kind, members in _CHANNELS:
            present = frozenset(ids[member] for member in members) | {self.bot_user_id}
            self.add_channel(Channel(self.new_id(_PREFIX[kind]), name, kind, present))

    def add_person(self, person: Person) -> None:
        self.people[person.id] = person
        self.names[person.id] = person.real_name

    def add_channel(self, channel: Channel) -> None:
        self.channels[channel.id] = channel
        self.names[channel.id] = channel.name

    def setting(self, path: str) -> Any:
        """Return the manifest's value at `path` ("settings.socket_mode_enabled"), or None where it has none."""
        found: Any = self.manifest
        for part in path.split("."):
            found = cast(Json, found).get(part) if isinstance(found, Mapping) else None
        return found

    # who hears of a change

    def changed(self) -> None:
        self.version += 1
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            if not one.done():
                one.set_result(None)

    def next_change(self) -> asyncio.Future[None]:
        """Return a future that is done at the next change. Make it in the step in which you look at the state, so none is
        missed."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        return waiter

    # people and channels

    def user_id(self, name_or_id: str) -> str:
        if name_or_id in self.people:
            return name_or_id
        for person in self.people.values():
            if person.name == name_or_id:
                return person.id
        raise LookupError(f"There is nobody called {name_or_id!r}: use one of {[p.name for p in self.people.values()]}.")

    def channel_id(self, name_or_id: str) -> str:
        if name_or_id in self.channels:
            return name_or_id
        for channel in self.channels.values():
            if channel.name == name_or_id.lstrip("#"):
                return channel.id
        raise LookupError(f"There is no channel {name_or_id!r}: use one of {[c.name for c in self.channels.values()]}.")

    def dm_channel(self, user: str, other: str | None = None) -> Channel:
        """Return the DM of `user` with the bot (or with `other`), made when it is first asked for. Its name is "@ann"."""
        members = frozenset({user, other or self.bot_user_id})
        for channel in self.channels.values():
            if channel.kind == "im" and channel.members == members:
                return channel
        made = Channel(self.new_id("D"), f"@{self.people[user].name}", "im", members)
        self.add_channel(made)
        return made

    def new_group_dm(self, members: frozenset[str]) -> Channel:
        made = Channel(self.new_id("G"), "mpdm-" + "-".join(sorted(self.people[one].name for one in members)), "mpim", members)
        self.add_channel(made)
        return made

    def new_ts(self) -> str:
        """Return the time now as Slack's ts, never the same twice."""
        self.last_ts_micros = max(self.last_ts_micros + 1, time.time_ns() // 1000)
        seconds, micros = divmod(self.last_ts_micros, 1_000_000)
        return f"{seconds}.{micros:06d}"

    # messages

    def add_message(self, channel: str, user: str, text: str, **more: Any) -> Message:
        """Add a message, in its thread's list too when `thread_ts` is given."""
        message = Message(channel, self.new_ts(), user, text, names=self.names, **more)
        self.messages[channel][message.ts] = message
        if message.thread_ts is not None:
            self.replies[channel, message.thread_ts].append(message.ts)
        self.changed()
        return message

    def add_file(self, user: str, name: str, content: bytes, heard: str = "", *, clip: bool = False) -> File:
        """Add a file that somebody is about to share in a message."""
        mimetype = mimetypes.guess_type(name)[0] or "application/octet-stream"
        file = File(self.new_id("F"), name, mimetype, user, content, int(time.time()), heard, clip)
        self.files[file.id] = file
        return file

    def sees_file(self, user: str, file_id: str) -> bool:
        """Return whether the file is in a conversation of this person."""
        shared = {place for place, there in self.messages.items() if any(file_id in _ids(one) for one in there.values())}
        return any(user in self.channels[place].members for place in shared)

    def add_ephemeral(self, user: str, channel: str, text: str, *, ts: str | None = None, **more: Any) -> Message:
        """Add a message of the bot that only `user` sees; with `ts`, in the place of the one with that ts."""
        message = Message(channel, ts or self.new_ts(), self.bot_user_id, text, bot_id=self.bot_id, names=self.names, **more)
        self.ephemerals[user][message.ts] = message
        self.changed()
        return message

    def change_message(self, message: Message, **changes: Any) -> Message:
        self.earlier[message.channel, message.ts].append(message)
        after = replace(message, **changes)
        self.messages[message.channel][message.ts] = after
        self.changed()
        return after

    def delete_message(self, message: Message) -> Message | None:
        """Take a message away. One that started a thread leaves a tombstone, which is returned."""
        if self.replies.get((message.channel, message.ts)):
            gone = {"user": SLACKBOT, "text": "This message was deleted.", "blocks": (), "files": (), "metadata": None}
            return self.change_message(message, subtype="tombstone", **gone)
        del self.messages[message.channel][message.ts]
        if message.thread_ts is not None:
            self.replies[message.channel, message.thread_ts].remove(message.ts)
        self.changed()
        return None

    def end_streams(self) -> None:
        """Keep no open stream any longer, as if each had been open for five minutes."""
        self.streams = dict.fromkeys(self.streams, 0.0)

    def message(self, channel: str, ts: str) -> Message | None:
        return self.messages[channel].get(ts)

    def thread(self, channel: str, thread_ts: str) -> list[Message]:
        """Return the first message and its replies, oldest first."""
        there = self.messages[channel]
        order = [thread_ts, *self.replies.get((channel, thread_ts), ())]
        return [there[ts] for ts in order if ts in there]

    # what opens views

    def new_trigger(self, user: str) -> str:
        trigger = f"{secrets.randbelow(10**12)}.{secrets.randbelow(10**12)}.{secrets.token_hex(16)}"
        self._triggers[trigger] = (user, time.monotonic() + self.trigger_seconds)
        return trigger

    def use_trigger(self, trigger: str) -> str:
        """Return the user whose interaction it came from. A trigger works once, for three seconds."""
        if trigger in self._used_triggers:
            raise Refused("exchanged_trigger_id")
        if trigger not in self._triggers:
            raise Refused("invalid_trigger_id")
        user, until = self._triggers[trigger]
        if time.monotonic() > until:
            raise Refused("expired_trigger_id")
        self._used_triggers.add(trigger)
        return user

    def find_modal(self, view_id: str) -> View | None:
        return next((view for stack in self.modals.values() for view in stack if view.id == view_id), None)

    def replace_modal(self, before: View, after: View) -> None:
        stack = self.modals[before.user]
        stack[stack.index(before)] = after
        self.changed()


def _ids(message: Message) -> set[str]:
    """Return the files of a message, and of what it forwards."""
    forwarded = {str(file["id"]) for one in message.attachments for file in one.get("files") or ()}
    return {file.id for file in message.files} | forwarded
