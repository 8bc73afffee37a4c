"""The runs of a period: turns with what they cost, how long they took without people, and what people say of them. Pure."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from agent.reports.period.measures import Share, percentile
from agent.reports.period.rows import CardRow, ModelCallRow, Rating, TurnRow
from agent.trace_ids import spelled, trace_id

MOST_NAMED = 10  # of the slowest, the dearest, the worst


@dataclass(frozen=True, slots=True)
class PeriodRun:
    """A turn, and all that is known of it."""

    turn: TurnRow
    seconds: float  # without those that it waited for people
    waited_seconds: float
    iterations: int = 0  # replies of the model
    capped: bool = False  # it used all the model calls that it may make
    tokens: int = 0
    nano_usd: int = 0
    good: int = 0
    bad: int = 0

    @property
    def trace(self) -> str:
        """Return the id of its trace."""
        return spelled(trace_id(self.turn.session_id, self.turn.number))


@dataclass(frozen=True, slots=True)
class Iterations:
    """How many model calls an agent's runs took. A run without any is not counted."""

    agent: str
    runs: int
    median: float
    p99: float
    capped: Share
    by_count: Mapping[int, int]  # how many runs took so many


@dataclass(frozen=True, slots=True)
class UnusualRuns:
    """The runs to look at first."""

    slowest: tuple[PeriodRun, ...] = ()
    dearest: tuple[PeriodRun, ...] = ()
    worst: tuple[PeriodRun, ...] = ()

    @property
    def all(self) -> tuple[PeriodRun, ...]:
        """Return them all; one may be there more than once."""
        return (*self.slowest, *self.dearest, *self.worst)


def runs_of(
    turns: Iterable[TurnRow], calls: Iterable[ModelCallRow], cards: Iterable[CardRow], ratings: Iterable[Rating]
) -> tuple[PeriodRun, ...]:
    """Return a run for each turn. A call belongs to the turn of its session that was opened last before it."""
    by_session: dict[str, list[TurnRow]] = defaultdict(list)
    for turn in turns:
        by_session[turn.session_id].append(turn)
    made: dict[tuple[str, int], list[ModelCallRow]] = defaultdict(list)
    for opened in by_session.values():
        opened.sort(key=lambda turn: turn.seq)
    for call in calls:
        opened = by_session.get(call.session_id, [])
        at = bisect_right(opened, call.seq, key=lambda turn: turn.seq)
        if at:
            made[call.session_id, opened[at - 1].number].append(call)
    asked: dict[str, list[CardRow]] = defaultdict(list)
    for card in cards:
        asked[card.session_id].append(card)
    said: dict[tuple[str, int], list[str]] = defaultdict(list)
    for rating in ratings:
        said[rating.session_id, rating.turn].append(rating.value)
    return tuple(
        _run(turn, made[id, turn.number], asked[id], said[id, turn.number])
        for id, opened in by_session.items()
        for turn in opened
    )


def _run(turn: TurnRow, calls: Sequence[ModelCallRow], cards: Sequence[CardRow], said: Sequence[str]) -> PeriodRun:
    waited = seconds_waited(turn.opened_at, turn.ended_at, cards)
    return PeriodRun(
        turn,
        seconds=(turn.ended_at - turn.opened_at).total_seconds() - waited,
        waited_seconds=waited,
        iterations=sum(call.replies for call in calls),
        capped=any(call.capped for call in calls),
        tokens=sum(call.tokens for call in calls),
        nano_usd=sum(call.nano_usd for call in calls),
        good=said.count("good"),
        bad=said.count("bad"),
    )


def seconds_waited(begin: datetime, end: datetime, cards: Iterable[CardRow]) -> float:
    """Return how many seconds from `begin` to `end` at least one of the cards waited; several at once count once."""
    total, reached = 0.0, begin
    for card in sorted(cards, key=lambda card: card.asked_at):
        since = max(card.asked_at, reached)
        until = end if card.seconds is None else min(card.asked_at + timedelta(seconds=card.seconds), end)
        if until > since:
            total += (until - since).total_seconds()
            reached = until
    return total


def iterations_by_agent(runs: Iterable[PeriodRun]) -> tuple[Iterations, ...]:
    """Return how many model calls the runs of each agent took, by the agent's name."""
    grouped: dict[str, list[PeriodRun]] = defaultdict(list)
    for run in runs:
        if run.iterations:
            grouped[run.turn.agent].append(run)
    return tuple(_iterations(agent, grouped[agent]) for agent in sorted(grouped))


def _iterations(agent: str, runs: Sequence[PeriodRun]) -> Iterations:
    counts = [run.iterations for run in runs]
    by_count = {count: counts.count(count) for count in sorted(set(counts))}
    capped = Share(sum(run.capped for run in runs), len(runs))
    return Iterations(agent, len(runs), percentile(counts, 0.5) or 0.0, percentile(counts, 0.99) or 0.0, capped, by_count)


def unusual_runs(runs: Sequence[PeriodRun], most: int = MOST_NAMED) -> UnusualRuns:
    """Return the slowest runs that are over, the dearest, and those that people rated worst."""

    def first(of: Iterable[PeriodRun], size: Callable[[PeriodRun], tuple[float, ...]]) -> tuple[PeriodRun, ...]:
        return tuple(sorted(of, key=lambda run: (*(-part for part in size(run)), run.turn.session_id, run.turn.number))[:most])

    return UnusualRuns(
        slowest=first((run for run in runs if run.turn.outcome != "open"), lambda run: (run.seconds,)),
        dearest=first((run for run in runs if run.tokens), lambda run: (run.nano_usd, run.tokens)),
        worst=first((run for run in runs if run.bad), lambda run: (run.bad - run.good, run.bad)),
    )
