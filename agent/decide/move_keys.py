"""Keys of moves: a move that is named again under the same key is the one that is under way already. They are not stored."""

from dataclasses import dataclass
from typing import Literal

from agent.session.post_keys import PostKey

MoveKind = Literal[
    "model",
    "repin",
    "file",  # of a file
    "recall",  # of a turn
    "tool",  # of a call: its run, or finding out what became of it
    "cards",  # of a reply: how many cards wait elsewhere
    "vouch",  # of a call: whether its grant still holds
    "preview",  # of a call
    "settle",  # of an action: clicks on it are judged one after the other
    "close",  # of an action
    "show",  # of a message with cards, or a notice, by its own key
    "direct",  # of a direct message, by its own key: bringing it up to date
    "zones",  # of a message: where those are who are to be reminded of it
    "admit",  # of a person who asks for something
    "permit",  # of an inbox row
    "nudge",  # of an action
]


@dataclass(frozen=True, slots=True)
class MoveKey:
    """Key of one move, but for posts: theirs is that of their message."""

    kind: MoveKind
    of: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.of}" if self.of else self.kind


MODEL, REPIN = MoveKey("model"), MoveKey("repin")
Key = MoveKey | PostKey
