"""Figures of the database, which every process reads for itself and shows alike: of several processes, take the largest."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from opentelemetry.metrics import CallbackOptions, Observation

from agent.metrics.instruments import meter

STALE_SECONDS = 60.0  # after which a figure is not shown any more: the database could not be read


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits in the database; ages in seconds, 0 where nothing waits."""

    due: int  # conversations that are to be driven now, and are not
    due_age: float  # since when the first of them is due
    aside: int  # set aside (agent.store.aside)
    cards: int  # that wait for a decision
    cards_age: float
    questions: int  # about the outcome of a call
    questions_age: float
    uncovered_age: float  # since when heads of the audit log were kept last, if entries have come since


@dataclass(slots=True)
class _Latest:
    backlog: Backlog | None = None
    read_at: float = 0.0


_latest = _Latest()


def backlog_read(backlog: Backlog) -> None:
    """Show this from now on, for a minute at most."""
    _latest.backlog, _latest.read_at = backlog, time.monotonic()


def _database(name: str, unit: str, description: str, figure: Callable[[Backlog], float]) -> None:
    def observe(_: CallbackOptions) -> Iterable[Observation]:
        if _latest.backlog is not None and time.monotonic() - _latest.read_at < STALE_SECONDS:
            yield Observation(figure(_latest.backlog))

    meter.create_observable_gauge(name, [observe], unit, f"Database: {description}")


_database("signoff.queue.depth", "{conversation}", "conversations that are due, and that no worker has.", lambda it: it.due)
_database("signoff.queue.oldest.age", "s", "how long the first of them has been due.", lambda it: it.due_age)
_database("signoff.conversations.aside", "{conversation}", "conversations that are set aside as stuck.", lambda it: it.aside)
_database("signoff.cards.open", "{card}", "cards that wait for a decision.", lambda it: it.cards)
_database("signoff.cards.oldest.age", "s", "how long the oldest of those cards has waited.", lambda it: it.cards_age)
_database("signoff.questions.open", "{question}", "calls whose unknown outcome people are asked about.", lambda it: it.questions)
_database("signoff.questions.oldest.age", "s", "how long the oldest of those questions has waited.", lambda it: it.questions_age)
_database(
    "signoff.audit.uncovered.age",
    "s",
    "how long ago heads of the audit log were written, if it has grown since; else 0.",
    lambda it: it.uncovered_age,
)
