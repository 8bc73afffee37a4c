"""A surface whose people see messages in `Threads`."""

from collections.abc import Sequence

from agent import fence
from agent.approvals.deciders import Membership
from agent.decide.moves import AnswerPart, Content, Work
from agent.errors import RefusedError
from agent.run.ports import SurfaceStatus
from agent.store.sessions import session_id
from agent.types import Approvers, Place, Verdict
from tests.fakes.threads import Threads


class FakeSurface:
    """See `agent.run.ports.Surface`. A suite that wants trouble overrides `reach`, `take` and `come_back`; one that looks at
    the blocks of messages, `draw`.

    Wide because it is one port, the three places where trouble comes in, and one where people look.
    """

    def __init__(self, threads: Threads | None = None, *, streams: bool = True) -> None:
        self.threads, self.streams = threads or Threads(), streams

    async def reach(self) -> None:
        """Get there. Nothing has happened outside when this raises."""
        fence.begin()

    def take(self, content: Content | Work) -> None:
        """Raise RefusedError where the channel does not take this."""

    def draw(self, content: Content) -> None:
        """Draw what people see from this moment on."""

    async def come_back(self) -> None:
        """Bring the answer of what has happened."""

    # ------------------------------------------------------------------------------------------ messages

    async def post(self, place: Place, content: Content, key: str) -> str:
        """See `Surface.post`."""
        await self.reach()
        self.take(content)
        self.draw(content)
        ts = self.threads.post(place.channel, place.thread_ts, posted_as(place, key), content)
        await self.come_back()
        return ts

    async def post_elsewhere(self, place: Place, user: str, content: Content, why: str) -> None:
        """See `Surface.post_elsewhere`."""
        await self.reach()

    def streams_in(self, place: Place) -> bool:
        """See `Surface.streams_in`."""
        return self.streams

    async def find(self, place: Place, key: str) -> str | None:
        """See `Surface.find`."""
        await self.reach()
        message = self.threads.messages.get((place.channel, posted_as(place, key)))
        await self.come_back()
        return message.ts if message else None

    async def show(self, place: Place, content: Content, ts: str) -> None:
        """See `Surface.show`."""
        await self.reach()
        self.draw(content)
        self.threads.at(place.channel, ts).shows(content)
        await self.come_back()

    async def direct(self, user: str) -> str:
        """See `Surface.direct`."""
        return f"D{user}"

    async def time_zone(self, user: str) -> str:
        """See `Surface.time_zone`."""
        return "Europe/Berlin"

    async def open_stream(self, place: Place, reader: str, work: Work) -> str:
        """See `Surface.open_stream`."""
        await self.reach()
        self.take(work)
        ts = self.threads.grow(place.channel, place.thread_ts, work)
        await self.come_back()
        return ts

    async def find_stream(self, place: Place) -> str | None:
        """The newest of the thread that nobody has ended."""
        await self.reach()
        found = [ts for ts, each in self.threads.growing.items() if each.thread_ts == place.thread_ts]
        await self.come_back()
        return found[-1] if found else None

    async def extend(self, place: Place, ts: str, shown: Work, work: Work) -> None:
        """See `Surface.extend`."""
        await self.reach()
        if not self.threads.extend(ts, shown, work):
            raise RefusedError("message_not_in_streaming_state")
        await self.come_back()

    async def finish(self, place: Place, ts: str, content: AnswerPart | Work, key: str, shown: Work | None) -> str:
        """See `Surface.finish`."""
        await self.reach()
        ts = self.threads.finish(place.channel, ts, posted_as(place, key), content, shown)
        await self.come_back()
        return ts

    async def take_away(self, place: Place, ts: str) -> None:
        """See `Surface.take_away`."""
        await self.reach()
        self.threads.take_away(place.channel, ts)
        await self.come_back()

    # ------------------------------------------------------------------------------------------ people

    def among(self, user: str, approvers: Approvers, requesters: Sequence[str]) -> bool:
        """Whether the person is among the approvers now. Here nobody is."""
        return False

    async def may_decide(self, place: Place, user: str, approvers: Approvers, requesters: Sequence[str]) -> bool:
        """See `Surface.may_decide`."""
        await self.reach()
        allowed = self.among(user, approvers, requesters)
        await self.come_back()
        return allowed

    async def too_few(self, place: Place, verdict: Verdict, requesters: Sequence[str]) -> str:
        """Enough always are."""
        return ""

    async def membership(self, user: str) -> Membership:
        """Everybody is a full member."""
        return "member"

    async def is_admin(self, user: str) -> bool:
        """Nobody is."""
        return False

    async def whisper(self, place: Place, user: str, text: str) -> None:
        """Nobody listens."""

    async def tell_who_may_decide(self, place: Place, user: str, verdict: Verdict, requesters: Sequence[str]) -> None:
        """Nobody listens."""

    async def status(self, place: Place, status: SurfaceStatus) -> None:
        """Nobody looks."""

    async def progress(self, place: Place, call_id: str, text: str) -> None:
        """Nobody looks."""


def posted_as(place: Place, key: str) -> str:
    """Return the name that a key has among all keys of a channel: it is looked for in one thread, or in the channel."""
    return f"{session_id(place)}:{key}"
