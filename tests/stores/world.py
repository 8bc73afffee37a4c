"""The outside as small as it can be, behind the heart's ports, and workers in it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from agent.effects import Effects
from agent.moves import Answer, Cards, Content
from agent.patience import PATIENCE, Patience
from agent.ports import DEAF, Listener, Reply, Request, SurfaceStatus
from agent.queue import Queue
from agent.rules import Rules
from agent.runner import Agent, Runner
from agent.spending import Ask, Charge, Refused, Reserved
from agent.store import session_id
from agent.tool import registry
from agent.types import Approvers, Pinned, Place, Usage, Verdict
from agent.worker import Worker
from tests.stores.heart import Heart

NEVER = 3600.0  # seconds between polls: whoever works has been told

Think = Callable[[Request], Awaitable[None]]


async def at_once(request: Request) -> None:
    """A model that takes no time."""


@dataclass
class World:
    """The outside as small as it can be: a thread is a list of answers, the model says "Done." after some thought."""

    think: Think = at_once
    answers: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    async def post(self, place: Place, content: Content, key: str) -> str:
        """Keep the answer."""
        assert isinstance(content, Answer)
        self.answers.setdefault(session_id(place), []).append(content.text)
        return "9.9"

    async def find(self, place: Place, key: str) -> str | None:
        """Nothing is posted without our hearing of it."""
        return None

    async def show(self, place: Place, cards: Cards, ts: str) -> None:
        """No cards here."""

    async def is_admin(self, user: str) -> bool:
        """Nobody is."""
        return False

    async def whisper(self, place: Place, user: str, text: str) -> None:
        """No secrets here."""

    async def tell_who_may_decide(self, place: Place, user: str, verdict: Verdict, requesters: Sequence[str]) -> None:
        """Nobody decides here."""

    async def status(self, place: Place, status: SurfaceStatus) -> None:
        """Nobody looks."""

    async def progress(self, place: Place, call_id: str, text: str) -> None:
        """Nor here."""

    async def may_decide(self, place: Place, user: str, approvers: Approvers, requesters: Sequence[str]) -> bool:
        """Nobody decides here."""
        return False

    async def reply(self, request: Request, listener: Listener = DEAF) -> Reply:
        """Think, then be done."""
        await self.think(request)
        return Reply(({"type": "text", "text": "Done."},), "end_turn", Usage(input_tokens=1, output_tokens=1))

    async def reserve(self, ask: Ask) -> Reserved | Refused:
        """There is always enough."""
        return Reserved(ask.most_output, ask.tokens(ask.most_output), 0)

    async def settle(self, charge: Charge) -> None:
        """Nobody counts."""


def worker(heart: Heart, world: World, queue: Queue | None = None, patience: Patience = PATIENCE, **options: float) -> Worker:
    """A worker that hears of what is due, and does not look for it unless the test says so."""
    queue = queue or heart.queue
    effects = Effects(world, world, world, heart.store, registry([]), patience)
    agent = Agent(Pinned(model="claude-sonnet-5-5", system="You help.", tools=()), Rules(registry([])))
    runner = Runner(heart.store, queue, effects, lambda place: agent)
    return Worker(heart.database_url, queue, runner, **({"poll_seconds": NEVER} | options))  # pyright: ignore[reportArgumentType]
