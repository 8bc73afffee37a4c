"""The model as the loop asks for it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from agent.types import Block, Lifetime, Pinned, Purpose, Usage

FILES = ("image", "document")  # kinds of blocks that stand for a file
CHARACTERS_PER_TOKEN = 3.0  # on the careful side: English and JSON take about 4 (provider's rule of thumb)
NO_SUCH_MODEL = "The configured model does not exist (any more). Nothing more was run; an admin must name another one."


@dataclass(frozen=True, slots=True)
class Request:
    """One model call."""

    pinned: Pinned
    messages: Sequence[dict[str, Any]]
    max_tokens: int
    purpose: Purpose = "reply"
    lifetime: Lifetime = "5m"
    probe: bool = False  # one try only: the model was out of reach a moment ago


def files_in(content: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Yield the blocks of a message that stand for a file, those in the results of calls included."""
    for block in content:
        if block["type"] in FILES:
            yield block
        elif block["type"] == "tool_result" and isinstance(block.get("content"), list):
            yield from files_in(cast(list[dict[str, Any]], block["content"]))


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model answered."""

    content: tuple[Block, ...]
    stop_reason: str
    usage: Usage
    lost: tuple[Usage, ...] = ()  # of tries before it that broke off
    unusable: Mapping[int, str] = field(default_factory=dict[int, str])  # by block: why a call of it cannot be run


class Listener(Protocol):
    """Hears a reply while it is made. Must not block."""

    def text(self, words: str) -> None:
        """Take the next words of the reply's text."""
        ...

    def begin(self) -> None:
        """Begin a try: what was heard of one before it is void."""
        ...


class Deaf:
    """A listener for those who wait for the whole reply."""

    def text(self, words: str) -> None:
        """See `Listener.text`."""

    def begin(self) -> None:
        """See `Listener.begin`."""


DEAF = Deaf()


class Model(Protocol):
    """The model."""

    async def reply(self, request: Request, listener: Listener = DEAF) -> Reply:
        """Return the model's reply. Raises ModelFailedError when there is none; its kinds are ModelOutOfReachError and
        ModelRetiredError."""
        ...
