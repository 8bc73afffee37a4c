"""What is remembered beyond a conversation: items, the channels they were learnt in, and who may know them.

The one rule: an item belongs to the channel that it was learnt in. A conversation may be told what was learnt in channels that
everybody who reads along can read at that moment (`Audience`), and nothing else. `EVERYBODY` stands for what every full member of
the workspace may know, such as documents that an operator added.
"""

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from agent.canonical import sha256
from agent.types import Frozen, Origin

ItemKind = Literal["fact", "summary", "document"]
EVERYBODY = ""  # the channel of what every full member of the workspace may know


class Source(Frozen):
    """Where an item was read. The key names one message, session or document; `quote` is taken from it word for word."""

    key: str  # `message_key`, `session_key` or `document_key`
    quote: str
    by: str = ""  # the person who said it
    link: str = ""  # for people


class NewItem(Frozen):
    """What is to be remembered. Items of one `group` are neighbours in the order of their positions."""

    channel: str  # whose readers may know it
    kind: ItemKind
    text: str
    source: Source
    subject: str = ""
    group: str = ""
    position: int = 0

    @property
    def digest(self) -> str:
        """Return the digest of the text, however it is spaced and capitalised: the same words say the same."""
        return sha256(" ".join(unicodedata.normalize("NFKC", self.text).casefold().split()))[:32]


class MemoryItem(Frozen):
    """An item as it is remembered."""

    id: int
    channel: str
    kind: ItemKind
    text: str
    source: Source
    subject: str = ""
    confirmed: int = 1  # how often it was said
    learnt_at: datetime
    valid_until: datetime | None = None  # when something else took its place


def item_origin(item: MemoryItem) -> Origin:
    """Return what has to be there for as long as an item may be read on: a fact itself, of the others something of their source,
    since a summary or a document is made anew when it changes."""
    return Origin(fact=item.id) if item.kind == "fact" else Origin(channel=item.channel, source=item.source.key)


@dataclass(frozen=True, slots=True)
class Audience:
    """Which channels everybody who reads along can read: what was learnt there may be told. `everybody`: they are all full
    members of the workspace."""

    channels: frozenset[str]
    everybody: bool = False

    @property
    def scopes(self) -> frozenset[str]:
        """Return the channels of the items that may be told."""
        return self.channels | {EVERYBODY} if self.everybody else self.channels


def message_key(channel: str, ts: str) -> str:
    """Return the key of what one Slack message says."""
    return f"message:{channel}:{ts}"


def session_key(session_id: str) -> str:
    """Return the key of what a whole conversation comes to."""
    return f"session:{session_id}"


def document_key(name: str) -> str:
    """Return the key of a document, in whatever version."""
    return f"document:{name}"
