"""Which boundaries are tried, and many scenarios side by side, each at its own boundary."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from tests.chaos.conftest import NewStage
from tests.chaos.proxies import Message
from tests.chaos.run import Run

T = TypeVar("T")

AT_ONCE = 8  # most of a scenario's time is waiting for a lease to run out


@dataclass(frozen=True)
class Kill:
    """One scenario."""

    at: Message  # as it was in the undisturbed run; in this one the message with that number may be another
    moment: Literal["before", "after"]

    def __str__(self) -> str:
        return f"a kill {self.moment} {self.at}"


def kills(boundaries: Sequence[Message]) -> list[Kill]:
    """A kill before and one after each of them."""
    return [Kill(message, moment) for message in boundaries for moment in ("before", "after")]


async def found(new_stage: NewStage) -> list[Message]:
    """The boundaries of an undisturbed run, from the mention until the session rests."""
    async with new_stage() as stage:
        proxies, environment = await stage.proxies()
        await stage.start(environment)
        proxies.count()
        run = await Run.begin(stage)
        await run.approve()
        await run.rest()
        passed = list(proxies.passed)
        await run.check()
    return passed


def spread(boundaries: Sequence[T], most: int | None) -> list[T]:
    """`most` of them, evenly; None: all."""
    if most is None or len(boundaries) <= most:
        return list(boundaries)
    return [boundaries[index * len(boundaries) // most] for index in range(most)]


def nearly_all(reached: int, tried: int) -> bool:
    """Whether a test has reached what it tries: a run may be a few messages shorter than the one that was counted, so a tenth may
    be missed, and one of a small sample."""
    return reached >= min(0.9 * tried, tried - 1)


async def try_each(scenarios: Sequence[T], play: Callable[[T], Awaitable[bool]]) -> int:
    """Play every scenario, some at once. How many reached their boundary. Raises an ExceptionGroup of all that failed."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def gated(scenario: T) -> bool:
        async with gate:
            try:
                return await play(scenario)
            except BaseException as error:
                error.add_note(f"This was {scenario}.")
                raise

    ended = await asyncio.gather(*(gated(scenario) for scenario in scenarios), return_exceptions=True)
    failures = [one for one in ended if isinstance(one, Exception)]
    if failures:
        raise ExceptionGroup(f"{len(failures)} of {len(scenarios)} scenarios failed", failures)
    return sum(one is True for one in ended)
