"""The outside as small as it can be, behind the core's ports, and workers in it."""

from collections import defaultdict
from collections.abc import Awaitable, Callable

from agent.decide.moves import AnswerPart
from agent.model.limits import PATIENCE, Patience
from agent.model.port import DEAF, Listener, Reply, Request
from agent.run.effects import Effects
from agent.run.runner import Agent, Runner
from agent.run.worker import Worker
from agent.session.rules import Rules
from agent.store.queue import Queue
from agent.tool.definition import registry
from agent.types import Pinned
from tests.fakes.budget import FakeBudget
from tests.fakes.model import FakeModel
from tests.fakes.surface import FakeSurface
from tests.stores.core import Core

NEVER = 3600.0  # seconds between polls: workers have been told

Think = Callable[[Request], Awaitable[None]]


async def at_once(request: Request) -> None:
    """A model that takes no time."""


class World(FakeSurface, FakeModel):
    """Threads in which nothing grows, and a model that says "Done." after some thought."""

    def __init__(self, think: Think = at_once) -> None:
        super().__init__(streams=False)
        self.think = think

    async def reach(self) -> None:
        """It is always there; a test of the fence begins where it says."""

    @property
    def answers(self) -> dict[str, list[str]]:
        """The answers in each thread, those that were posted twice included."""
        answers: dict[str, list[str]] = defaultdict(list)
        for message in self.threads.appeared:
            assert isinstance(message.content, AnswerPart)
            answers[":".join(message.key.split(":")[:3])].append(message.content.text)  # keys begin with the session's id
        return dict(answers)

    async def reply(self, request: Request, listener: Listener = DEAF) -> Reply:
        """Think, then be done."""
        await self.think(request)
        return await super().reply(request, listener)


def worker(core: Core, world: World, queue: Queue | None = None, patience: Patience = PATIENCE, **options: float) -> Worker:
    """A worker that hears of what is due, and does not look for it unless the test says so."""
    queue = queue or core.queue
    effects = Effects(world, world, FakeBudget(), core.store, registry([]), patience)
    agent = Agent(Pinned(model="claude-sonnet-5-5", system="You help.", tools=()), Rules(registry([])))
    runner = Runner(core.store, queue, effects, lambda place: agent)
    return Worker(core.database_url, queue, runner, **({"poll_seconds": NEVER} | options))  # pyright: ignore[reportArgumentType]
