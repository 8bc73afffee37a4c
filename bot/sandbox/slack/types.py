"""What a workspace is made of. Everything here is frozen: a change makes a new value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Literal, TypeAlias

from bot.sandbox.slack.reading import read_attachment, read_blocks, read_mrkdwn
from bot.sandbox.slack.wire import Json

ChannelKind: TypeAlias = Literal["channel", "private", "im", "mpim"]


class NeverHappened(AssertionError):
    """`until` waited in vain. Its text says what is in the workspace instead."""


@dataclass(frozen=True)
class Person:
    """Wide because each field is one thing that Slack says of a person."""

    id: str
    name: str
    real_name: str
    color: str
    is_admin: bool = False
    is_bot: bool = False
    display_name: str = ""
    title: str = ""
    is_restricted: bool = False
    """A guest."""
    is_ultra_restricted: bool = False
    """A guest of one channel."""
    deleted: bool = False
    team_id: str = ""
    """Of another organisation; empty: of this workspace."""
    tz: str = "Etc/UTC"

    @property
    def initials(self) -> str:
        return "".join(word[0] for word in self.real_name.split())[:2].upper()


@dataclass(frozen=True)
class Channel:
    id: str
    name: str
    kind: ChannelKind
    members: frozenset[str]
    shared_with: tuple[str, ...] = ()
    """Workspaces beside this one that are in it."""
    invited: tuple[str, ...] = ()
    """Workspaces that have not accepted yet."""
    within_organisation: bool = False
    """It is shared with workspaces of the same Enterprise organisation, not by Slack Connect."""
    archived: bool = False
    topic: str = ""
    purpose: str = ""

    @property
    def is_ext_shared(self) -> bool:
        return bool(self.shared_with) and not self.within_organisation

    @property
    def event_kind(self) -> str:
        """Return the last part of the subscription's name: `message.channels`, `.groups`, `.im`, `.mpim`; scopes use it too."""
        return {"channel": "channels", "private": "groups", "im": "im", "mpim": "mpim"}[self.kind]

    @property
    def event_channel_type(self) -> str:
        return {"channel": "channel", "private": "group", "im": "im", "mpim": "mpim"}[self.kind]


@dataclass(frozen=True)
class File:
    """A file that somebody shared. `mimetype` is what Slack makes of its name."""

    id: str
    name: str
    mimetype: str
    user: str
    content: bytes = field(repr=False)
    created: int
    heard: str = ""
    """What Slack makes of it as text, if it is a voice clip."""
    clip: bool = False
    """It is one, which Slack may still be listening to."""


@dataclass(frozen=True)
class Message:
    """A message, or an ephemeral one. `thread_ts` is None for the first message of a thread, as in the page's JSON.

    Wide because it has what a message of Slack has.
    """

    channel: str
    ts: str
    user: str
    text: str
    blocks: tuple[Json, ...] = ()
    thread_ts: str | None = None
    metadata: Json | None = None
    edited: bool = False
    bot_id: str | None = None
    app_id: str | None = None
    subtype: str | None = None
    files: tuple[File, ...] = ()
    attachments: tuple[Json, ...] = ()
    reactions: tuple[str, ...] = ()
    streaming: bool = False
    names: Mapping[str, str] = field(default_factory=dict[str, str], repr=False, compare=False)

    @cached_property
    def seen_text(self) -> str:
        """Return everything a person can read, in order, one block a line: mentions by name, button labels in [brackets].

        A message with blocks shows the blocks and not its `text`, as in Slack. Formatting marks (*, _, ~, `) stay.
        """
        shown = read_blocks(self.blocks, self.names) if self.blocks else read_mrkdwn(self.text, self.names)
        below = [read_attachment(one, self.names) for one in self.attachments]
        return "\n".join([shown, *below, *(f"[file {file.name}]" for file in self.files)]).strip("\n")

    @property
    def posted_at(self) -> datetime:
        return datetime.fromtimestamp(float(self.ts), tz=UTC)


@dataclass(frozen=True)
class View:
    """An open modal, or a published Home tab. `state` holds the content of its inputs: {block_id: {action_id: ...}}."""

    id: str
    type: Literal["modal", "home"]
    user: str
    hash: str
    body: Json = field(repr=False)
    state: Mapping[str, Mapping[str, Json]]
    root_view_id: str
    previous_view_id: str | None = None
    names: Mapping[str, str] = field(default_factory=dict[str, str], repr=False, compare=False)

    @property
    def title(self) -> str:
        return _plain(self.body.get("title"))

    @property
    def submit(self) -> str:
        return _plain(self.body.get("submit"))

    @property
    def blocks(self) -> tuple[Json, ...]:
        return tuple(self.body["blocks"])

    @property
    def private_metadata(self) -> str:
        return self.body.get("private_metadata") or ""

    @property
    def callback_id(self) -> str:
        return self.body.get("callback_id") or ""

    @cached_property
    def seen_text(self) -> str:
        """Return everything a person can read: title, blocks with the content of inputs, then the buttons at the bottom."""
        bottom = " ".join(f"[{label}]" for label in (_plain(self.body.get("close")), self.submit) if label)
        lines = (self.title, read_blocks(self.blocks, self.names, self.state), bottom)
        return "\n".join(line for line in lines if line)


@dataclass(frozen=True)
class SubmitAnswer:
    """What the person saw after pressing submit: errors beside the inputs, or a modal that closed, or neither."""

    errors: Mapping[str, str]
    closed: bool
    failure: str | None = None
    """The sentence Slack shows when the app did not answer in time or answered nonsense."""


@dataclass(frozen=True)
class ApiCall:
    """One Web API call. `answer` is None where the connection was cut or a 5xx had no JSON."""

    method: str
    arguments: Json
    answer: Json | None
    status: int
    """Of HTTP; 0 where the connection was cut."""
    at: float
    """Seconds on the monotonic clock, when the answer was ready."""

    @property
    def error(self) -> str | None:
        return None if self.answer is None else self.answer.get("error")


@dataclass(frozen=True)
class Delivery:
    """One try to bring an event or an interaction to the bot."""

    kind: str
    """The event's type (`app_mention`, `message`, ...) or the interaction's (`block_actions`, `view_submission`, ...)."""
    event_id: str | None
    """None for interactions: they have no id and are never retried."""
    envelope_id: str
    try_number: int
    """1 for the first."""
    at: float
    """Seconds on the monotonic clock."""
    payload: Json = field(repr=False)
    acked_after_seconds: float | None = None
    failure: str | None = None
    """Why this try counts as failed: timeout, http_error, connection_failed."""


@dataclass(frozen=True)
class Unacked:
    """An event that the bot has not acked, and that Slack has not given up."""

    payload: Json = field(repr=False)
    tries: int = 1
    """Those that were made, with the one under way."""
    reason: str = "connection_failed"
    """Why the last try counts as failed. One under way when the workspace ends loses its connection."""


def _plain(text: Json | None) -> str:
    return text["text"] if text else ""
