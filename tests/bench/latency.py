"""How long people wait, one thread at a time and many at once: the bot and its floor in turn, so that both meet the same load."""

import asyncio
import itertools
import statistics
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from tests.bench.conversation import Conversations
from tests.bench.subject import Subject

# What a program still does after its post (its own commits, a status, closing the card) belongs to nobody's next wait, as
# people take longer than this to read.
READING_SECONDS = 0.06


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table: medians over the rounds, in the unit of `what`."""

    what: str
    bot: float
    floor: float
    bot_p95: float | None = None
    floor_p95: float | None = None
    more_is_better: bool = False

    @property
    def ratio(self) -> float:
        """How many times the floor; for rates, how many times the bot's rate fits into the floor's."""
        return self.floor / self.bot if self.more_is_better else self.bot / self.floor


Samples = dict[str, list[float]]  # milliseconds by what was waited for


async def waits(pair: tuple[Subject, Subject], transport: str, rounds: int, samples: int) -> list[Figure]:
    """Acks, cards and answers, one thread after another."""
    both: tuple[list[Samples], list[Samples]] = ([], [])
    for _ in range(rounds):
        found = (defaultdict[str, list[float]](list), defaultdict[str, list[float]](list))
        for _ in range(samples):
            for subject, into in zip(pair, found, strict=True):
                await _one_thread(subject.conversations, transport, into)
        for rounds_of_one, into in zip(both, found, strict=True):
            rounds_of_one.append(into)
    return [_figure(what, *both) for what in both[0][0]]


async def _one_thread(conversations: Conversations, transport: str, into: Samples) -> None:
    direct = await conversations.dm()
    into[f"event to ack, {transport}"].append(1000 * await conversations.ack_seconds(direct.delivery))
    await asyncio.sleep(READING_SECONDS)
    card = await conversations.mention()
    into[f"event to card, {transport}"].append(1000 * card.seconds)
    await asyncio.sleep(READING_SECONDS)
    answered = await conversations.approve(card)
    into[f"click to ack, {transport}"].append(1000 * await conversations.ack_seconds(answered.delivery))
    into[f"click to answer, {transport}"].append(1000 * answered.seconds)
    await asyncio.sleep(READING_SECONDS)


def _figure(what: str, bot: Sequence[Samples], floor: Sequence[Samples]) -> Figure:
    def median(of: Sequence[Samples], percent: int) -> float:
        return statistics.median(percentile(samples[what], percent) for samples in of)

    return Figure(f"{what}, ms", median(bot, 50), median(floor, 50), median(bot, 95), median(floor, 95))


def percentile(values: Sequence[float], percent: int) -> float:
    """With linear interpolation between neighbours."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


async def throughput(pair: tuple[Subject, Subject], at_once: int, rounds: int, sessions: int) -> list[Figure]:
    """Whole sessions (mention, card, approve, answer) per second, `at_once` of them under way all the time; CPU of each."""
    rates: tuple[list[float], list[float]] = ([], [])
    cpu: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for subject, rates_of_one, cpu_of_one in zip(pair, rates, cpu, strict=True):
            before = subject.cpu_seconds()
            rates_of_one.append(await _rate(subject.conversations, at_once, sessions))
            cpu_of_one.append(1000 * (subject.cpu_seconds() - before) / sessions)
    rate_bot, rate_floor = map(statistics.median, rates)
    cpu_bot, cpu_floor = map(statistics.median, cpu)
    return [
        Figure(f"sessions per second, {at_once} at once", rate_bot, rate_floor, more_is_better=True),
        Figure("CPU of the process per session, ms", cpu_bot, cpu_floor),
    ]


async def _rate(conversations: Conversations, at_once: int, sessions: int) -> float:
    numbers = itertools.count()
    started = time.monotonic()

    async def one_after_another() -> None:
        while next(numbers) < sessions:
            await conversations.approve(await conversations.mention())

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(one_after_another())
    rate = sessions / (time.monotonic() - started)
    await asyncio.sleep(10 * READING_SECONDS)
    return rate
