"""Which events a change in a channel makes. A mention makes two, with two event ids, as in Slack."""

from __future__ import annotations

from bot.sandbox.slack import payloads
from bot.sandbox.slack.delivery import Deliveries
from bot.sandbox.slack.types import Channel, Message
from bot.sandbox.slack.wire import Json
from bot.sandbox.slack.workspace import Workspace


class ChannelEvents:
    """Tells the bot of what happens in the channels that it is a member of."""

    def __init__(self, workspace: Workspace, deliveries: Deliveries) -> None:
        self.workspace = workspace
        self.deliveries = deliveries

    def posted(self, message: Message) -> None:
        channel = self.workspace.channels[message.channel]
        self._send_mention(channel, message)
        self._send_message(channel, payloads.message_event(self.workspace, channel, message))

    def changed(self, before: Message, after: Message) -> None:
        channel = self.workspace.channels[after.channel]
        ts = self.workspace.new_ts()
        if after.edited:
            self._send_mention(channel, after)  # Slack sends a mention again when it was edited
        self._send_message(channel, payloads.changed_event(self.workspace, channel, after, before, ts))

    def deleted(self, before: Message, tombstone: Message | None) -> None:
        if tombstone is not None:
            self.changed(before, tombstone)
            return
        channel = self.workspace.channels[before.channel]
        ts = self.workspace.new_ts()
        self._send_message(channel, payloads.deleted_event(self.workspace, channel, before, ts))

    def membership(self, channel: Channel, user: str, *, joined: bool) -> None:
        name = "member_joined_channel" if joined else "member_left_channel"
        event = {"type": name, "user": user, "channel": channel.id, "team": self.workspace.team_id}
        event |= {"channel_type": "C", "event_ts": self.workspace.new_ts()}
        self.deliveries.event(name, payloads.event_callback(self.workspace, event))

    def home_opened(self, user: str) -> None:
        event: Json = {"type": "app_home_opened", "user": user, "tab": "home", "event_ts": self.workspace.new_ts()}
        event["channel"] = self.workspace.dm_channel(user).id
        if view := self.workspace.homes.get(user):
            event["view"] = payloads.view_json(self.workspace, view)
        self.deliveries.event("app_home_opened", payloads.event_callback(self.workspace, event))

    def stopped(self, user: str, channel: str, thread_ts: str, streams: list[str]) -> None:
        event: Json = {"type": "agent_session_stopped", "user": user, "channel": channel, "thread_ts": thread_ts}
        event |= {"streaming_message_ts": streams, "event_ts": self.workspace.new_ts()}
        self.deliveries.event("agent_session_stopped", payloads.event_callback(self.workspace, event))

    def _send_mention(self, channel: Channel, message: Message) -> None:
        mentioned = f"<@{self.workspace.bot_user_id}>" in message.text and message.bot_id != self.workspace.bot_id
        if mentioned and channel.kind != "im":
            self._send(channel, "app_mention", payloads.mention_event(self.workspace, channel, message))

    def _send_message(self, channel: Channel, event: Json) -> None:
        self._send(channel, f"message.{channel.event_kind}", event)

    def _send(self, channel: Channel, name: str, event: Json) -> None:
        if self.workspace.bot_user_id in channel.members:
            self.deliveries.event(name, payloads.event_callback(self.workspace, event))
