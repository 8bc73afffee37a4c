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
    "nudged",  # action, nudge (0: no direct message reached them): mentions those who may decide
    "remind",  # action, reminder: it still waits; of earlier versions
]
OfNumber = Literal[
    "outage",  # turn: the model is out of reach
    "waiting",  # inbox row: what is waited for; of earlier versions
    "inquiry",  # inbox row: a question of somebody who may decide, for those who asked
]
OfTwoNumbers = Literal[
    "answer",  # turn, part
    "stream",  # turn, stream: a message that grows
    "unstream",  # turn, stream: its end without an answer
    "capabilities",  # inbox row, length of the message: what the agent can do
    "too_long",  # likewise: it was not read
]
OfPerson = Literal["dm"]  # action, how often before, person: a direct message, and what was said below it
PostKind = OfName | OfNameAndNumber | OfNumber | OfTwoNumbers | OfPerson
FORMS: Mapping[str, tuple[type[str | int], ...]] = {
    **dict.fromkeys(get_args(OfName), (str,)),
    **dict.fromkeys(get_args(OfNameAndNumber), (str, int)),
    **dict.fromkeys(get_args(OfNumber), (int,)),
    **dict.fromkeys(get_args(OfTwoNumbers), (int, int)),
    **dict.fromkeys(get_args(OfPerson), (str, int, str)),
}


@dataclass(frozen=True, slots=True)
class PostKey:
    """Key of one message. `of`, `number` and `person` are what the kind says above. Raises ValueError for what does not fit
    it."""

    kind: PostKind
    of: str | int
    number: int | None = None
    person: str | None = None  # by id: without a colon

    def __post_init__(self) -> None:
        parts = self._said_of_it
        if FORMS.get(self.kind) != tuple(type(part) for part in parts) or ":" in (self.person or ""):
            raise ValueError(f"no key of a message: {self.kind}, {parts}")

    @property
    def _said_of_it(self) -> tuple[str | int, ...]:
        return tuple(part for part in (self.of, self.number, self.person) if part is not None)

    def __str__(self) -> str:
        return ":".join(map(str, (self.kind, *self._said_of_it)))

    @staticmethod
    def parse(text: str) -> "PostKey":
        """Return the key that is spelled like this. Raises ValueError."""
        return _parse(text)


@lru_cache(maxsize=4096)
def _parse(text: str) -> PostKey:
    kind, _, rest = text.partition(":")
    form = FORMS.get(kind, (str,))
    parts = rest.rsplit(":", len(form) - 1)
    of, number, person, *_ = (*(as_type(part) for as_type, part in zip(form, parts, strict=False)), None, None)
    key = PostKey(cast("PostKind", kind), of, cast("int | None", number), cast("str | None", person))
    if str(key) != text:
        raise ValueError(f"no key of a message: {text}")
    return key


def _parse_if_text(stored: Any) -> Any:
    return PostKey.parse(stored) if isinstance(stored, str) else stored


# A key as a field of what is stored.
StoredKey = Annotated[PostKey, BeforeValidator(_parse_if_text), PlainSerializer(str, return_type=str)]
