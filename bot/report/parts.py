"""What a page is made of: sections with sentences, figures in large, tables and charts; and how a figure is written."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, TypeAlias

from agent.model.spending import NANO_PER_USD
from agent.reports.period.measures import Share

UNITS = (("d", 86_400, "h", 3_600), ("h", 3_600, "m", 60), ("m", 60, "s", 1))


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells under headings. `words`: the headings whose cells are words; all others hold figures. `code`: likewise."""

    caption: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: frozenset[str] = frozenset()
    code: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing. `figure`: JSON as plotly.js takes it."""

    name: str
    caption: str
    figure: str


@dataclass(frozen=True, slots=True)
class LargeFigure:
    """A figure in large, and what it counts."""

    value: str
    of: str


@dataclass(frozen=True, slots=True)
class Sentences:
    """Sentences, a paragraph each."""

    sentences: Sequence[str]


@dataclass(frozen=True, slots=True)
class Spoken:
    """One thing in a story: who it is of, what kind of thing, and its text."""

    who: str
    kind: Literal["person", "bot", "call"]
    text: str


@dataclass(frozen=True, slots=True)
class Story:
    """A conversation in its order, below what was wrong with it; folded away behind its title."""

    title: str
    wrong: Sequence[str]
    told: Sequence[Spoken]


Part: TypeAlias = Table | Chart | LargeFigure | Sentences | Story


@dataclass(frozen=True, slots=True)
class ReportSection:
    """A part of the page. Where nothing happened it is the sentence `empty` alone."""

    name: str
    title: str
    lead: str
    empty: str
    parts: Sequence[Part] = ()


def times(seconds: float | None) -> str:
    """Return a time in its two largest units; below a minute in seconds, below a second in milliseconds."""
    if seconds is None:
        return "-"
    for unit, size, smaller, part in UNITS:
        if seconds >= size:
            return f"{int(seconds // size)}{unit} {int(seconds % size // part)}{smaller}"
    return f"{seconds:.0f}s" if seconds >= 10 else f"{seconds:.1f}s" if seconds >= 1 else f"{seconds * 1_000:.0f}ms"


def count_text(value: float | None) -> str:
    """Return a count, or an average of counts, with commas; averages below 100 with a decimal."""
    if value is None:
        return "-"
    return f"{value:,.1f}" if value < 100 and value != int(value) else f"{value:,.0f}"


def money(nano_usd: float | None) -> str:
    """Return an amount, or an average of amounts, in dollars: to the cent; below a dollar to its hundredth; below that whole."""
    if nano_usd is None:
        return "-"
    dollars = nano_usd / NANO_PER_USD
    decimals = 2 if dollars >= 1 or not dollars else 4 if dollars >= 0.0001 else 9
    return f"${dollars:,.{decimals}f}"


def share(of: Share) -> str:
    """Return a share in hundredths."""
    return "-" if of.value is None else f"{of.value:.0%}"


def interval(of: Share) -> str:
    """Return a share with the two that the true one lies between in 95 of 100 cases."""
    low, high = of.interval
    return "-" if of.value is None else f"{of.value:.0%} ({low:.0%} to {high:.0%})"


def moment(at: datetime) -> str:
    """Return a time in UTC, to the minute."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}"
