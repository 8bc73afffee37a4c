"""`signoff report`: how people decide, and what sessions spend, as tables on standard output."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import psycopg

from agent.reports.approval_figures import Figures, Report, report
from agent.reports.spending_figures import Spend, spend
from bot.cards.harmless_text import visible
from bot.config.refusal import ExitStatus, Refusal
from bot.config.settings import Settings
from bot.refusing import print_json
from bot.stores.database import connected

HEADINGS = ("tool", "cards", "approved", "rejected", "rate", "expired", "withdrawn", "edited", "open", "median", "90th", "rule")
SPEND_HEADINGS = ("agent", "sessions", "runs", "at the cap", "tokens", "cost", "P50", "P99")
ANYTHING = "SELECT EXISTS (SELECT FROM session UNION ALL SELECT FROM audit UNION ALL SELECT FROM usage)"
LEFT = frozenset({"tool", "rule", "agent"})  # the other columns are figures


def print_report(settings: Settings, since: datetime, *, as_json: bool = False) -> None:
    """Print the report of cards and sessions since then (UTC). Raises Refusal."""
    read, spent = asyncio.run(_query_figures(settings, since))
    if as_json:
        print_json(as_value(read, spent))
        return
    for line in [*lines(read), *spend_lines(spent)]:
        print(line)


def as_value(read: Report, spent: Sequence[Spend]) -> dict[str, Any]:
    """Return both as JSON holds them. A cost without a price is null."""
    cards = [{**asdict(each), "rubber_stamped": each.rubber_stamped} for each in (*read.rows, read.total)]
    return {
        "cards": cards[:-1],
        "total": cards[-1],
        "agents": [{**asdict(each), "nano_usd": each.nano_usd if each.priced else None} for each in spent],
    }


def lines(read: Report) -> list[str]:
    """Return the table, its total, and a warning for each tool and rule whose cards are approved unread."""
    rows = [HEADINGS, *(_cells(each) for each in read.rows), ("total", *_cells(read.total)[1:])]
    return [*aligned(rows), *(_warning(each) for each in read.rows if each.rubber_stamped)]


def spend_lines(spent: Sequence[Spend]) -> list[str]:
    """Return the table of what each agent's sessions spent; nothing where there are none."""
    if not spent:
        return []
    rows = [
        (
            visible(each.agent) or "-",
            *(f"{count:,}" for count in (each.sessions, each.runs, each.capped, each.tokens)),
            each.usd if each.priced else "no price",
            f"{each.median_tokens:,.0f}",
            f"{each.p99_tokens:,.0f}",
        )
        for each in spent
    ]
    return ["", "tokens of a session by agent:", *aligned([SPEND_HEADINGS, *rows])]


async def _query_figures(settings: Settings, since: datetime) -> tuple[Report, Sequence[Spend]]:
    async with connected(settings) as connection:
        await refuse_nothing(connection)
        return await report(connection, since), await spend(connection, since)


async def refuse_nothing(connection: psycopg.AsyncConnection[Any]) -> None:
    """Raise Refusal where the store holds nothing that could be reported."""
    if await (await connection.execute(ANYTHING)).fetchone() == (False,):
        raise Refusal("There is nothing to report: no conversation was held in this store.", status=ExitStatus.FOUND)


def _cells(of: Figures) -> tuple[str, ...]:
    rate = "-" if of.rejection_rate is None else f"{of.rejection_rate:.0%}"
    counts = (of.cards, of.approved, of.rejected, rate, of.expired, of.withdrawn, of.edited, of.open)
    times = (_spell(of.median_seconds), _spell(of.ninetieth_seconds))
    return (visible(of.tool), *map(str, counts), *times, visible(of.rule))


def _spell(seconds: float | None) -> str:
    """Return a time in its two largest units; below ten seconds with a decimal."""
    if seconds is None:
        return "-"
    if seconds < 10:
        return f"{seconds:.1f}s"
    for unit, size, smaller, part in (("d", 86_400, "h", 3_600), ("h", 3_600, "m", 60), ("m", 60, "s", 1)):
        if seconds >= size:
            return f"{int(seconds // size)}{unit} {int(seconds % size // part)}{smaller}"
    return f"{int(seconds)}s"


def aligned(rows: Sequence[tuple[str, ...]], left: Collection[str] = LEFT) -> list[str]:
    """Return the lines of a table whose first row holds the headings; columns under those of `left` are words."""
    headings = rows[0]
    widths = [max(len(row[column]) for row in rows) for column in range(len(headings))]
    cells = [
        [
            cell.ljust(width) if name in left else cell.rjust(width)
            for name, cell, width in zip(headings, row, widths, strict=True)
        ]
        for row in rows
    ]
    return ["  ".join(line).rstrip() for line in cells]


def _warning(of: Figures) -> str:
    return (
        f"rubber-stamped? {visible(of.tool)}, {visible(of.rule)}: half of {of.decided} decisions came within "
        f"{_spell(of.median_seconds)}. Ask fewer people for less, or see whether these cards are read."
    )
