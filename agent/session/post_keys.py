"""Keys of messages: what a message is about, by which it is found again after a crash.

A key is stored in steps and in the metadata of the message in Slack, always as its one spelling: `str(key)`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Literal, cast, get_args

from pydantic import BeforeValidator, PlainSerializer

# With what a message of each kind is about.
OfName = Literal[
    "card",  # action: its card
    "copy",  # action: the same card in the channel that policy names
    "budget",  # budget: most of it is used
    # Of earlier versions; nothing is posted as one any more.
    "escalated",  # action: further people may decide
    "too_few",  # action: fewer people may approve it than it needs
    "allowed",  # call: it ran under a grant
]
OfNameAndNumber = Literal[
    "notice",  # action of a card, how many times it was posted anew: what waits there, and how that ended
    "copy_notice",  # likewise, below the copy of the card
    "question",  # action, turn: what became of its call
    "remind_outcome",  # action, reminder: nobody has said so yet
    "again",  # action, how many want it run again: further people are needed
    "remind",  # action, reminder: it still waits; of earlier versions
]
OfNumber = Literal[
    "outage",  # turn: the model is out of reach
    "waiting",  # inbox row: what is waited for; of earlier versions
]
OfTwoNumbers = Literal[
    "answer",  # turn, part
    "stream",  # turn, stream: a message that grows
    "unstream",  # turn, stream: its end without an answer
    "capabilities",  # inbox row, length of the message: what the agent can do
    "too_long",  # likewise: it was not read
]
PostKind = OfName | OfNameAndNumber | OfNumber | OfTwoNumbers
FORMS: Mapping[str, tuple[type[str | int], ...]] = {
    **dict.fromkeys(get_args(OfName), (str,)),
    **dict.fromkeys(get_args(OfNameAndNumber), (str, int)),
    **dict.fromkeys(get_args(OfNumber), (int,)),
    **dict.fromkeys(get_args(OfTwoNumbers), (int, int)),
}


@dataclass(frozen=True, slots=True)
class PostKey:
    """Key of one message. `of` and `number` are what the kind says above. Raises ValueError for what does not fit it."""

    kind: PostKind
    of: str | int
    number: int | None = None

    def __post_init__(self) -> None:
        parts = (self.of,) if self.number is None else (self.of, self.number)
        if FORMS.get(self.kind) != tuple(type(part) for part in parts):
            raise ValueError(f"no key of a message: {self.kind}, {parts}")

    def __str__(self) -> str:
        return f"{self.kind}:{self.of}" if self.number is None else f"{self.kind}:{self.of}:{self.number}"

    @staticmethod
    def parse(text: str) -> "PostKey":
        """Return the key that is spelled like this. Raises ValueError."""
        return _parse(text)


@lru_cache(maxsize=4096)
def _parse(text: str) -> PostKey:
    kind, _, rest = text.partition(":")
    first, *second = FORMS.get(kind, (str,))
    of, _, number = rest.rpartition(":") if second else (rest, "", "")
    key = PostKey(cast("PostKind", kind), first(of), int(number) if second else None)
    if str(key) != text:
        raise ValueError(f"no key of a message: {text}")
    return key


def _parse_if_text(stored: Any) -> Any:
    return PostKey.parse(stored) if isinstance(stored, str) else stored


# A key as a field of what is stored.
StoredKey = Annotated[PostKey, BeforeValidator(_parse_if_text), PlainSerializer(str, return_type=str)]
