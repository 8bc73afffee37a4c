"""What the loop asks of the world: the surface, which `bot` implements, and the budget (`agent.store.redis_budgets`)."""

from collections.abc import Sequence
from typing import Protocol

from agent.approvals.deciders import Membership
from agent.decide.moves import AnswerPart, Content, Work
from agent.decide.surface_status import SurfaceStatus
from agent.memory.items import Audience
from agent.model.spending import Ask, Charge, Refused, Reserved, SettleFirst
from agent.types import Approvers, Attachment, Place, Verdict


class Surface(Protocol):
    """Where people are. Every method calls `fence.begin` right before it sends.

    Wide because `bot` implements the one port, and a test stands in for all of Slack at once.
    """

    async def post(self, place: Place, content: Content, key: str) -> str:
        """Post into the thread, or into the channel itself where `place` names none; its ts.

        Raises RefusedError, DelayedError, UnclearError, FencedError.
        """
        ...

    async def find(self, place: Place, key: str) -> str | None:
        """Return the ts of the message with this key, if it was posted there. Raises like `post`."""
        ...

    async def show(self, place: Place, content: Content, ts: str) -> None:
        """Bring a posted message up to date. Raises like `post`."""
        ...

    def streams_in(self, place: Place) -> bool:
        """Return whether messages can grow there."""
        ...

    async def post_elsewhere(self, place: Place, user: str, content: Content, why: str) -> None:
        """Tell one person directly what could not be posted in `place`, because of `why`, with a link there.

        Raises DelayedError, UnclearError and FencedError; what is refused there as well is only in the log.
        """
        ...

    async def open_stream(self, place: Place, reader: str, work: Work) -> str:
        """Post a message that grows, for this person to read first; its ts. Raises like `post`."""
        ...

    async def find_stream(self, place: Place) -> str | None:
        """Return the ts of a message that grows, or did, and was never ended by `finish`: its beginning was lost. Raises like
        `post`."""
        ...

    async def extend(self, place: Place, ts: str, shown: Work, work: Work) -> None:
        """Let a message that shows `shown` show `work`, which goes on with that. Raises like `post`."""
        ...

    async def finish(self, place: Place, ts: str, content: AnswerPart | Work, key: str, shown: Work | None) -> str:
        """Make a message that has grown into this one, whatever became of it, and however often this is asked; its ts.

        `shown`: its content, if that is known for sure. It may be another message in the end: then the one that grew still stands
        there. Raises like `post`.
        """
        ...

    async def take_away(self, place: Place, ts: str) -> None:
        """Take a message away whose content stands in another one, or nowhere here. It may be gone already, or stay if that is
        refused. Raises DelayedError, UnclearError and FencedError."""
        ...

    async def direct(self, user: str) -> str:
        """Return the channel of the direct messages with this person. Raises like `post`."""
        ...

    async def time_zone(self, user: str) -> str:
        """Return the name of a person's time zone; empty where Slack does not say. Never raises for the outside's sake."""
        ...

    async def whisper(self, place: Place, user: str, text: str) -> None:
        """Tell one person something that only they see. Best effort: never raises for the outside's sake."""
        ...

    async def tell_who_may_decide(self, place: Place, user: str, verdict: Verdict, requesters: Sequence[str]) -> None:
        """Tell somebody whose click does not count whose would. Best effort."""
        ...

    async def too_few(self, place: Place, verdict: Verdict, requesters: Sequence[str]) -> str:
        """Return a sentence that says why fewer people than its quorum can approve; empty where enough can, or nobody knows.
        Never raises for the outside's sake.
        """
        ...

    async def status(self, place: Place, status: SurfaceStatus) -> None:
        """Show how the session stands. Best effort."""
        ...

    async def progress(self, place: Place, call_id: str, text: str) -> None:
        """Show how far a call is, in words of its tool: they are not ours. Empty: it is over. Best effort."""
        ...

    async def membership(self, user: str) -> Membership:
        """Return what the person is to the installation's workspace now. Raises UnclearError or DelayedError when that cannot be
        asked."""
        ...

    async def is_admin(self, user: str) -> bool:
        """Return whether the person administers the workspace. Raises UnclearError or DelayedError when that cannot be asked."""
        ...

    async def may_decide(self, place: Place, user: str, approvers: Approvers, requesters: Sequence[str]) -> bool:
        """Return whether the person is among the approvers now. Raises UnclearError or DelayedError when that cannot be asked."""
        ...


class Readers(Protocol):
    """Who reads along."""

    async def audience(self, place: Place) -> Audience:
        """Return which channels everybody can read who reads along there now. Never raises: where that cannot be found out it
        is the channel itself and no other."""
        ...

    async def of_person(self, user: str) -> Audience:
        """Return what one person may know by themselves. Never raises: where that cannot be found out it is nothing."""
        ...


class Files(Protocol):
    """Where the files are that people attach."""

    async def fetch(self, file: Attachment, most_bytes: int) -> bytes:
        """Return the bytes of a file. Raises RefusedError with the reason, for the model, when it cannot be had."""
        ...


class Budget(Protocol):
    """What may be spent. Reserve before a call, settle after it."""

    async def reserve(self, ask: Ask) -> Reserved | Refused | SettleFirst:
        """Set aside what a call may cost, in all its budgets or in none. Raises UnreachableError.

        Asked again for the same call it changes nothing, as long as they still allow it. SettleFirst: only of a call that
        settles the one before it, `Ask.last`.
        """
        ...

    async def settle(self, charge: Charge) -> None:
        """Put what a call is charged in the place of what was set aside for it. Once is enough, twice is the same.

        Raises UnreachableError.
        """
        ...
