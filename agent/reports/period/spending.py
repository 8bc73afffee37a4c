"""What was spent, by agent, by person and by channel, and each day. Pure."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date
from typing import Literal

from agent.reports.period.measures import percentile
from agent.reports.period.rows import ModelCallRow

SpentBy = Literal["agent", "user", "channel"]
KEYS: Mapping[SpentBy, Callable[[ModelCallRow], str]] = {
    "agent": lambda call: call.agent,
    "user": lambda call: call.payer,
    "channel": lambda call: call.channel,
}


@dataclass(frozen=True, slots=True)
class Spent:
    """What one agent, person or channel spent, and of that what one session spent. Days are those of UTC."""

    of: str
    sessions: int
    calls: int
    tokens: int
    nano_usd: int
    median_tokens: float
    p99_tokens: float
    tokens_by_day: Mapping[date, int]
    nano_usd_by_day: Mapping[date, int]


@dataclass(frozen=True, slots=True)
class Day:
    """What sessions spent in one day."""

    day: date
    sessions: int
    tokens: int
    nano_usd: int
    median_tokens: float  # of a session, in this day
    p99_tokens: float


def spent_by(by: SpentBy, calls: Sequence[ModelCallRow]) -> tuple[Spent, ...]:
    """Return what was spent by each, the one that spent most first."""
    grouped: dict[str, list[ModelCallRow]] = defaultdict(list)
    for call in calls:
        grouped[KEYS[by](call)].append(call)
    return tuple(sorted((_spent(of, made) for of, made in grouped.items()), key=lambda one: (-one.nano_usd, -one.tokens, one.of)))


def spent_each_day(calls: Sequence[ModelCallRow]) -> tuple[Day, ...]:
    """Return what was spent in each day that anything was spent in, the oldest first."""
    grouped: dict[date, list[ModelCallRow]] = defaultdict(list)
    for call in calls:
        grouped[_day(call)].append(call)
    return tuple(_day_spent(day, grouped[day]) for day in sorted(grouped))


def _spent(of: str, calls: Sequence[ModelCallRow]) -> Spent:
    tokens_by_day: dict[date, int] = defaultdict(int)
    nano_usd_by_day: dict[date, int] = defaultdict(int)
    for call in calls:
        tokens_by_day[_day(call)] += call.tokens
        nano_usd_by_day[_day(call)] += call.nano_usd
    sessions = tokens_by_session(calls)
    return Spent(
        of,
        len(sessions),
        len(calls),
        sum(sessions),
        sum(nano_usd_by_day.values()),
        percentile(sessions, 0.5) or 0.0,
        percentile(sessions, 0.99) or 0.0,
        dict(tokens_by_day),
        dict(nano_usd_by_day),
    )


def _day_spent(day: date, calls: Sequence[ModelCallRow]) -> Day:
    sessions = tokens_by_session(calls)
    nano_usd = sum(call.nano_usd for call in calls)
    middle, most = percentile(sessions, 0.5) or 0.0, percentile(sessions, 0.99) or 0.0
    return Day(day, len(sessions), sum(sessions), nano_usd, middle, most)


def tokens_by_session(calls: Sequence[ModelCallRow]) -> list[int]:
    """Return the tokens of each session."""
    sessions: dict[str, int] = defaultdict(int)
    for call in calls:
        sessions[call.session_id] += call.tokens
    return [*sessions.values()]


def _day(call: ModelCallRow) -> date:
    return call.started_at.astimezone(UTC).date()
