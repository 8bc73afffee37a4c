"""What people do in the workspace. Names stand for ids everywhere: "ann", "orders", "@ann" for Ann's DM with the bot."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from bot.sandbox.slack.blocks import elements_of
from bot.sandbox.slack.channel_events import ChannelEvents
from bot.sandbox.slack.entering import Value
from bot.sandbox.slack.interactions import Interactions
from bot.sandbox.slack.methods.streams import close_stream
from bot.sandbox.slack.payloads import forward_json
from bot.sandbox.slack.types import Channel, File, Message, Person, SubmitAnswer, View
from bot.sandbox.slack.wire import Json
from bot.sandbox.slack.workspace import Workspace


@dataclass(frozen=True)
class Clip:
    """A voice clip to share, and what Slack hears in it; nothing, while Slack is still listening."""

    heard: str
    content: bytes = b"sound"
    name: str = "audio_message.m4a"


Upload = str | tuple[str, bytes] | Clip
"""A file to share: its name, and what is in it."""
OTHER_APP, OTHER_APP_ID = "UOTHERAPP", "AOTHERAPP"
"""The bot user of an app that is not ours, and the app's id."""


class People:
    """Every method returns when the workspace has it; its delivery to the bot goes on in the background.

    Raises LookupError for what is not there, PermissionError for what Slack would not let that person do.

    Wide because each method is one thing that people do or see in Slack.
    """

    workspace: Workspace
    events: ChannelEvents
    interactions: Interactions

    async def say(
        self,
        user: str,
        channel: str,
        text: str,
        *,
        thread_ts: str | None = None,
        files: Sequence[Upload] = (),
        attachments: Sequence[Json] = (),
    ) -> str:
        """Post and return the ts. `text` is Slack's own form: "<@U1>" mentions; `files` are names, or names with contents;
        `attachments`, as Slack's client makes them, are pasted tables, and previews of links."""
        author, place = self._member(user, channel)
        if thread_ts is not None:
            thread_ts = self._message_at(place.id, thread_ts).thread_ts or thread_ts
        subtype = "file_share" if files else None
        shared = tuple(self._uploaded(author, file) for file in files)
        more = {"files": shared, "subtype": subtype, "attachments": tuple(attachments)}
        message = self.workspace.add_message(place.id, author, text, thread_ts=thread_ts, **more)
        self.events.posted(message)
        return message.ts

    async def forward(
        self, user: str, original: tuple[str, str], channel: str, text: str = "", *, thread_ts: str | None = None
    ) -> str:
        """Forward the message `original`, by (channel, ts), with a word of one's own or without."""
        self._member(user, original[0])
        message = self._message_at(self.workspace.channel_id(original[0]), original[1])
        shared = forward_json(self.workspace, message, 1)
        return await self.say(user, channel, text, thread_ts=thread_ts, attachments=[shared])

    async def mention(
        self, user: str, channel: str, text: str, *, thread_ts: str | None = None, files: Sequence[Upload] = ()
    ) -> str:
        """Do as `say`, with the bot's mention in front."""
        mentioning = f"<@{self.workspace.bot_user_id}> {text}".rstrip()
        return await self.say(user, channel, mentioning, thread_ts=thread_ts, files=files)

    async def dm(self, user: str, text: str, *, thread_ts: str | None = None, files: Sequence[Upload] = ()) -> str:
        """Do as `say`, in the person's DM with the bot."""
        return await self.say(user, self.dm_channel(user), text, thread_ts=thread_ts, files=files)

    def dm_channel(self, user: str) -> str:
        """Return the id of the person's DM with the bot, made when it is first asked for."""
        return self.workspace.dm_channel(self.workspace.user_id(user)).id

    def hear(self, channel: str, ts: str, heard: str) -> None:
        """Have Slack listen to the voice clips of a message: it does so after the message was sent."""
        message = self._message_at(self.workspace.channel_id(channel), ts)
        for file in message.files:
            self.workspace.files[file.id] = replace(file, heard=heard)
        self.workspace.change_message(message, files=tuple(self.workspace.files[file.id] for file in message.files))

    async def edit(self, user: str, channel: str, ts: str, text: str) -> None:
        before = self._own(user, channel, ts)
        self.events.changed(before, self.workspace.change_message(before, text=text, edited=True))

    async def delete(self, user: str, channel: str, ts: str) -> None:
        before = self._own(user, channel, ts)
        self.events.deleted(before, self.workspace.delete_message(before))

    async def post_from_other_app(
        self,
        channel: str,
        text: str,
        *,
        thread_ts: str | None = None,
        classic: bool = False,
        user: str = OTHER_APP,
        attachments: Sequence[Json] = (),
    ) -> str:
        """Post through another app: as its bot, or for the person `user`. Its event has a bot_id and an app_id; that of a classic
        app or a workflow has no user and the subtype bot_message."""
        place = self.workspace.channel_id(channel)
        message = self.workspace.add_message(
            place,
            user if user == OTHER_APP else self.workspace.user_id(user),
            text,
            bot_id="BOTHERAPP",
            app_id=OTHER_APP_ID,
            subtype="bot_message" if classic else None,
            thread_ts=thread_ts,
            attachments=tuple(attachments),
        )
        self.events.posted(message)
        return message.ts

    async def invite(self, user: str, channel: str) -> None:
        """Make `user` (or the bot, by its name) a member."""
        self._set_membership(user, channel, joined=True)

    async def remove(self, user: str, channel: str) -> None:
        self._set_membership(user, channel, joined=False)

    def join(self, name: str, *channels: str, **what: Any) -> str:
        """Add a person, in these channels, and return their id. `what`: is_restricted, team_id, ... as in `Person`."""
        person = Person(self.workspace.new_id("U"), name, name.capitalize(), "#868e96", **what)
        self.workspace.add_person(person)
        for channel in channels:
            place = self.workspace.channels[self.workspace.channel_id(channel)]
            self.workspace.add_channel(replace(place, members=place.members | {person.id}))
        self.workspace.changed()
        return person.id

    def describe(self, user: str, channel: str, what: Literal["topic", "purpose"], text: str) -> None:
        """Give a channel a topic or a purpose, which Slack posts there as a message of that person."""
        author, place = self._member(user, channel)
        self.workspace.add_channel(replace(place, **{what: text}))
        said = f"<@{author}> set the channel {what}: {text}"
        self.events.posted(self.workspace.add_message(place.id, author, said, subtype=f"channel_{what}"))

    def leave(self, user: str, channel: str) -> None:
        """Take a person out of a channel."""
        place = self.workspace.channels[self.workspace.channel_id(channel)]
        self.workspace.add_channel(replace(place, members=place.members - {self.workspace.user_id(user)}))
        self.workspace.changed()

    def become(self, user: str, **what: Any) -> None:
        """Change what Slack says of a person: `deleted`, `is_restricted`, `is_admin`, ..."""
        self.workspace.add_person(replace(self.workspace.people[self.workspace.user_id(user)], **what))
        self.workspace.changed()

    def share(self, channel: str, team: str, *, accepted: bool = True, within_organisation: bool = False) -> None:
        """Share a channel with another workspace, by Slack Connect or within one Enterprise organisation."""
        place = self.workspace.channels[self.workspace.channel_id(channel)]
        changed = {"shared_with": (*place.shared_with, team)} if accepted else {"invited": (*place.invited, team)}
        self.workspace.add_channel(replace(place, within_organisation=within_organisation, **changed))
        self.workspace.changed()

    def add_usergroup(self, users: Sequence[str]) -> str:
        """Add a user group of these people and return its id."""
        group = self.workspace.new_id("S")
        self.workspace.usergroups[group] = tuple(self.workspace.user_id(one) for one in users)
        return group

    async def click(
        self,
        user: str,
        channel: str,
        ts: str,
        action_id: str,
        *,
        value: Value = None,
        block_id: str | None = None,
        stale: bool = False,
    ) -> asyncio.Future[None]:
        """Act on a message's element: press a button, choose `value` in a menu.

        Among several buttons with the same action_id, `value` or `block_id` chooses. An ephemeral message is found by
        its ts too. `stale` clicks as a client that still shows an earlier version of the message. What comes back is done
        when the app has acked, or failed to.
        """
        person, place = self.workspace.user_id(user), self.workspace.channels[self.workspace.channel_id(channel)]
        if place.kind != "channel" and person not in place.members:
            raise PermissionError(f"{user} does not see {place.name}.")
        message = self.workspace.ephemerals[person].get(ts) or self._message_at(place.id, ts)
        return self.interactions.click(person, message, action_id, value, block_id, stale=stale)

    async def click_in_view(
        self, user: str, view_id: str, action_id: str, *, value: Value = None, block_id: str | None = None
    ) -> asyncio.Future[None]:
        """Act on an element of an open modal, or of the Home tab; as `click`."""
        home = self.workspace.homes.get(self.workspace.user_id(user))
        view = home if home is not None and home.id == view_id else self._modal(user, view_id)
        return self.interactions.click_in_view(view, action_id, value, block_id)

    async def submit(self, user: str, view_id: str, values: Mapping[str, Value]) -> SubmitAnswer:
        """Fill the inputs (by block_id or action_id) and press submit. Inputs not named keep their content."""
        view = self._modal(user, view_id)
        inputs = [(block["block_id"], one["action_id"]) for block in view.blocks for one in elements_of(block)]
        by_pair: dict[tuple[str, str], Value] = {}
        for name, value in values.items():
            pairs = [pair for pair in inputs if name in pair]
            if len(pairs) != 1:
                raise LookupError(f"{name!r} names {len(pairs)} inputs of the modal; it has {inputs}.")
            by_pair[pairs[0]] = value
        return await self.interactions.submit(view, by_pair)

    async def close_view(self, user: str, view_id: str) -> None:
        self.interactions.close_view(self._modal(user, view_id))

    async def open_home(self, user: str) -> None:
        self.events.home_opened(self.workspace.user_id(user))

    async def stop_session(self, user: str, channel: str, thread_ts: str) -> None:
        """Press Stop beside a working session: Slack ends open streams and tells the bot; nothing else stops."""
        place = self.workspace.channel_id(channel)
        streaming = [one for one in self.workspace.thread(place, thread_ts) if one.streaming]
        for message in streaming:
            close_stream(self.workspace, message)
        self.events.stopped(self.workspace.user_id(user), place, thread_ts, [one.ts for one in streaming])

    def _uploaded(self, user: str, file: Upload) -> File:
        match file:
            case Clip():
                return self.workspace.add_file(user, file.name, file.content, file.heard, clip=True)
            case str():
                return self.workspace.add_file(user, file, b"")
            case name, content:
                return self.workspace.add_file(user, name, content)

    def _member(self, user: str, channel: str) -> tuple[str, Channel]:
        person, place = self.workspace.user_id(user), self.workspace.channels[self.workspace.channel_id(channel)]
        if person not in place.members:
            raise PermissionError(f"{user} is not a member of {place.name}: invite them first.")
        to_bot = place.kind == "im" and self.workspace.bot_user_id in place.members
        if to_bot and self.workspace.setting("features.app_home.messages_tab_enabled") is False:
            raise PermissionError("The manifest turns messages to this app off: features.app_home.messages_tab_enabled.")
        return person, place

    def _message_at(self, channel: str, ts: str) -> Message:
        message = self.workspace.message(channel, ts)
        if message is None:
            raise LookupError(f"There is no message {ts} in {self.workspace.channels[channel].name}.")
        return message

    def _own(self, user: str, channel: str, ts: str) -> Message:
        person, place = self._member(user, channel)
        message = self._message_at(place.id, ts)
        if message.user != person:
            raise PermissionError(f"Message {ts} is not by {user}.")
        return message

    def _modal(self, user: str, view_id: str) -> View:
        person = self.workspace.user_id(user)
        for view in self.workspace.modals[person]:
            if view.id == view_id:
                return view
        raise LookupError(f"{user} has no open modal {view_id}.")

    def _set_membership(self, user: str, channel: str, *, joined: bool) -> None:
        person, place = self.workspace.user_id(user), self.workspace.channels[self.workspace.channel_id(channel)]
        members = place.members | {person} if joined else place.members - {person}
        after = replace(place, members=members)
        self.workspace.add_channel(after)
        self.workspace.changed()
        self.events.membership(after, person, joined=joined)
