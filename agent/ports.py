"""What the heart asks of the world. `bot` implements the surface; `agent.model` and `agent.budget` the others."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from agent.moves import Cards, Content
from agent.spending import Ask, Charge, Refused, Reserved
from agent.types import Approvers, Attachment, Block, Lifetime, Pinned, Place, Purpose, Usage, Verdict

SurfaceStatus = Literal["processing", "suspended", "active"]


class Surface(Protocol):
    """Where people are. Every method calls `fence.begin` right before it sends."""

    async def post(self, place: Place, content: Content, key: str) -> str:
        """Post into the thread, or into the channel itself where `place` names none; its ts.

        Raises RefusedError, DelayedError, UnclearError, FencedError.
        """
        ...

    async def find(self, place: Place, key: str) -> str | None:
        """The ts of the message with this key, if it was posted there. Raises like `post`."""
        ...

    async def show(self, place: Place, cards: Cards, ts: str) -> None:
        """Bring a posted message with cards up to date. Raises like `post`."""
        ...

    async def whisper(self, place: Place, user: str, text: str) -> None:
        """Tell one person something that only they see. Best effort: never raises for the outside's sake."""
        ...

    async def tell_who_may_decide(self, place: Place, user: str, verdict: Verdict, requesters: Sequence[str]) -> None:
        """Tell somebody whose click does not count whose would. Best effort."""
        ...

    async def status(self, place: Place, status: SurfaceStatus) -> None:
        """Show how the session stands. Best effort."""
        ...

    async def progress(self, place: Place, call_id: str, text: str) -> None:
        """Show how far a call is, in words of its tool: they are not ours. Empty: it is over. Best effort."""
        ...

    async def is_admin(self, user: str) -> bool:
        """Whether the person administers the workspace. Raises UnclearError or DelayedError when that cannot be asked."""
        ...

    async def may_decide(self, place: Place, user: str, approvers: Approvers, requesters: Sequence[str]) -> bool:
        """Whether the person is among the approvers now. Raises UnclearError or DelayedError when that cannot be asked."""
        ...


@dataclass(frozen=True, slots=True)
class Request:
    """One model call."""

    pinned: Pinned
    messages: Sequence[dict[str, Any]]
    max_tokens: int
    purpose: Purpose = "reply"
    lifetime: Lifetime = "5m"
    probe: bool = False  # one try only: the model was out of reach a moment ago


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model answered."""

    content: tuple[Block, ...]
    stop_reason: str
    usage: Usage
    lost: tuple[Usage, ...] = ()  # of tries before it that broke off


class Listener(Protocol):
    """Whoever hears a reply while it is made. Must not block."""

    def text(self, words: str) -> None:
        """The next words of the reply's text."""
        ...

    def begin(self) -> None:
        """A try begins: what was heard of one before it is void."""
        ...


class Deaf:
    """A listener for those who wait for the whole reply."""

    def text(self, words: str) -> None:
        """See `Listener.text`."""

    def begin(self) -> None:
        """See `Listener.begin`."""


DEAF = Deaf()


class Files(Protocol):
    """Where the files are that people attach."""

    async def fetch(self, file: Attachment, most_bytes: int) -> bytes:
        """What is in it. Raises RefusedError with the reason, for the model, when it cannot be had."""
        ...


class Model(Protocol):
    """The model."""

    async def reply(self, request: Request, listener: Listener = DEAF) -> Reply:
        """Raises ModelFailedError when no usable reply can be had; of its kinds, ModelOutOfReachError and ModelRetiredError."""
        ...


class Budget(Protocol):
    """What may be spent. Reserve before a call, settle after it."""

    async def reserve(self, ask: Ask) -> Reserved | Refused:
        """Set aside what a call may cost, in all its budgets or in none. Raises UnreachableError.

        Asked again for the same call it changes nothing, as long as they still allow it.
        """
        ...

    async def settle(self, charge: Charge) -> None:
        """Put what a call is charged in the place of what was set aside for it. Once is enough, twice is the same.

        Raises UnreachableError.
        """
        ...
