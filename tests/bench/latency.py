"""How long people wait, one thread at a time and many at once: the bot and its floors in turn, so that all meet the same load."""

import asyncio
import itertools
import statistics
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.bench.conversation import Conversations
from tests.bench.subject import Subject

# What a program still does after its post (its own commits, a status, closing the card) belongs to nobody's next wait, as
# people take longer than this to read.
READING_SECONDS = 0.05

Samples = dict[str, list[float]]  # milliseconds by what was waited for


@dataclass(frozen=True, slots=True)
class Value:
    """Medians over the rounds."""

    p50: float
    p95: float | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table: the bot's value, then those of the floors that it is compared with."""

    what: str
    values: tuple[Value, ...]
    more_is_better: bool = False

    def times(self, floor: Value) -> float:
        """How many times the floor; for rates, how many times the bot's rate fits into the floor's."""
        bot = self.values[0]
        return floor.p50 / bot.p50 if self.more_is_better else bot.p50 / floor.p50


async def waits(subjects: Sequence[Subject], transport: str, rounds: int, samples: int) -> list[Figure]:
    """Acks, cards and answers, one thread after another."""
    found: list[list[Samples]] = [[] for _ in subjects]
    for _ in range(rounds):
        for rounds_of_one in found:
            rounds_of_one.append(defaultdict(list))
        for _ in range(samples):
            for subject, rounds_of_one in zip(subjects, found, strict=True):
                await _one_thread(subject.conversations, transport, rounds_of_one[-1])
    return [Figure(what, tuple(value(samples[what] for samples in one) for one in found)) for what in found[0][0]]


async def _one_thread(conversations: Conversations, transport: str, into: Samples) -> None:
    direct = await conversations.dm()
    into[f"event to ack, {transport}, ms"].append(1000 * await conversations.ack_seconds(direct.delivery))
    await asyncio.sleep(READING_SECONDS)
    await conversations.approve(direct)  # else fifty would soon wait, and no more are asked
    await asyncio.sleep(READING_SECONDS)
    card = await conversations.mention()
    into[f"event to card, {transport}, ms"].append(1000 * card.seconds)
    await asyncio.sleep(READING_SECONDS)
    answered = await conversations.approve(card)
    into[f"click to ack, {transport}, ms"].append(1000 * await conversations.ack_seconds(answered.delivery))
    into[f"click to answer, {transport}, ms"].append(1000 * answered.seconds)
    await asyncio.sleep(READING_SECONDS)


def value(rounds: Iterable[Sequence[float]]) -> Value:
    """p50 and p95 of each round, and the median of these."""
    kept = list(rounds)
    p50, p95 = (statistics.median(percentile(samples, percent) for samples in kept) for percent in (50, 95))
    return Value(p50, p95)


def percentile(samples: Sequence[float], percent: int) -> float:
    """With linear interpolation between neighbours."""
    return statistics.quantiles(samples, n=100, method="inclusive")[percent - 1]


async def throughput(subjects: Sequence[Subject], at_once: int, rounds: int, sessions: int) -> list[Figure]:
    """Whole sessions (mention, card, approve, answer) per second, `at_once` of them under way all the time; CPU of each."""
    rates: list[list[float]] = [[] for _ in subjects]
    cpu_ms: list[list[float]] = [[] for _ in subjects]
    for _ in range(rounds):
        for subject, rates_of_one, cpu_of_one in zip(subjects, rates, cpu_ms, strict=True):
            before = subject.cpu_seconds()
            rates_of_one.append(await _rate(subject.conversations, at_once, sessions))
            cpu_of_one.append(1000 * (subject.cpu_seconds() - before) / sessions)
    medians = [[Value(statistics.median(of_one)) for of_one in found] for found in (rates, cpu_ms)]
    return [
        Figure(f"sessions per second, {at_once} at once", tuple(medians[0]), more_is_better=True),
        Figure("CPU of the process per session, ms", tuple(medians[1])),
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
