"""What the tools ask of Slack. `bot` implements it; every method raises ToolError with a sentence when Slack does not give it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from agent.types import Place


@dataclass(frozen=True, slots=True)
class Channel:
    """A conversation. `public`: every full member of the workspace may read it, and nobody of another organisation.
    `shared`: people of other organisations read along, or are invited to. `closed`: only who is in it may read it."""

    id: str
    name: str
    public: bool
    shared: bool = False
    closed: bool = False


@dataclass(frozen=True, slots=True)
class SlackMessage:
    """A message as it stands in Slack: mentions by id, its text in Slack's own form."""

    user: str  # or the name of an app
    text: str
    ts: str
    files: tuple[str, ...] = ()
    replies: int = 0


@dataclass(frozen=True, slots=True)
class MessagePage:
    """Some messages, and whether there are more."""

    messages: Sequence[SlackMessage]
    more: bool


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in the workspace."""

    id: str
    name: str
    handle: str = ""
    display_name: str = ""
    title: str = ""
    time_zone: str = ""
    utc_offset_seconds: int = 0
    bot: bool = False
    guest: bool = False


class Slack(Protocol):
    """Slack, as far as the bot is let in."""

    async def thread(self, place: Place, most: int) -> MessagePage:
        """Return a thread's messages, oldest first."""
        ...

    async def history(self, channel: str, oldest: float, most: int) -> MessagePage:
        """Return a channel's own messages since then, newest first, without the replies in threads."""
        ...

    async def channel(self, id: str) -> Channel:
        """Return a conversation of any kind."""
        ...

    async def channels(self, user: str = "") -> Sequence[Channel]:
        """Return the public and private channels that somebody is in, as far as the bot may know; without a user, the bot's
        own."""
        ...

    async def members(self, channel: str) -> frozenset[str]:
        """Return everybody in a conversation."""
        ...

    async def only_full_members(self, place: Place) -> bool:
        """Return whether all who read along there are full members of the workspace; False where that is not known. The answer
        may be a minute old. Never raises."""
        ...

    async def names(self, users: Iterable[str]) -> Mapping[str, str]:
        """Return names by id, of as many as can be looked up at once."""
        ...

    async def person(self, id: str) -> Person | None:
        """Return somebody by their id."""
        ...

    async def people(self) -> tuple[Sequence[Person], bool]:
        """Return everybody who is not deactivated, and whether that is really everybody: large workspaces are cut."""
        ...

    async def post(self, channel: str, text: str, on_behalf_of: str, key: str, session: Place | None) -> str:
        """Post text in which nothing is live; its ts. `key` goes with it, so that `find_post` finds it, and the `session` that
        replies to it belong to."""
        ...

    async def find_post(self, channel: str, key: str) -> str | None:
        """Return the ts of the message with this key, if it was posted there in the last week."""
        ...
