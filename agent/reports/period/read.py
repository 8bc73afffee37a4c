"""A period's figures, read: one statement a table, as of one moment, and none that writes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, LiteralString, TypeVar

import psycopg

from agent.reports.period import rows
from agent.reports.period.decisions import Approver, RuleFigures, by_approver, by_rule, seconds_to_decision
from agent.reports.period.prompts import PromptFigures, by_prompt
from agent.reports.period.runs import Iterations, UnusualRuns, iterations_by_agent, runs_of, unusual_runs
from agent.reports.period.shadows import SHADOW_RUNS, ShadowRow, ShadowVersion, by_shadow
from agent.reports.period.spending import KEYS, Day, Spent, SpentBy, spent_by, spent_each_day
from agent.reports.period.tools import ToolFigures, by_tool

MOST_ROWS = 200_000  # of each table, so that memory has a bound; 20,000 runs with their steps take 2 s

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PeriodRows:
    """What was read of a period. `cut`: the tables of which only the newest rows were read."""

    calls: Sequence[rows.ModelCallRow] = ()
    turns: Sequence[rows.TurnRow] = ()
    ratings: Sequence[rows.Rating] = ()
    tools: Sequence[rows.ToolRun] = ()
    cards: Sequence[rows.CardRow] = ()
    shadows: Sequence[ShadowRow] = ()
    cut: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Period:
    """All that is reported of a period. `traced`: the unusual runs' traces that the conversation log knows.

    Wide because it is a report, a section a field or two.
    """

    since: datetime
    until: datetime
    spent: Mapping[SpentBy, Sequence[Spent]]
    days: Sequence[Day]
    runs: int
    iterations: Sequence[Iterations]
    tools: Sequence[ToolFigures]
    rules: Sequence[RuleFigures]
    approvers: Sequence[Approver]
    decision_seconds: Sequence[float]
    unusual: UnusualRuns
    prompts: Sequence[PromptFigures]
    shadows: Sequence[ShadowVersion] = ()
    traced: frozenset[str] = frozenset()
    cut: Sequence[str] = ()


async def period(connection: psycopg.AsyncConnection[Any], since: datetime, until: datetime, most: int = MOST_ROWS) -> Period:
    """Return the figures of what happened since then. `until`: the time now, which is only shown. `most`: rows of each table."""
    async with connection.transaction():
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        found = figures(since, until, await _query_rows(connection, since, most))
        traces = [run.trace for run in found.unusual.all]
        traced = await (await connection.execute(rows.TRACED, {"traces": traces})).fetchall()
    return replace(found, traced=frozenset(trace for (trace,) in traced))


async def _query_rows(connection: psycopg.AsyncConnection[Any], since: datetime, most: int) -> PeriodRows:
    cut: list[str] = []

    async def read(table: str, make: Callable[..., T], statement: LiteralString) -> list[T]:
        found = await (await connection.execute(statement, {"since": since, "most": most})).fetchall()
        if len(found) == most:
            cut.append(table)
        return [make(*row) for row in found]

    return PeriodRows(
        calls=await read("model calls", rows.ModelCallRow, rows.MODEL_CALLS),
        turns=await read("runs", rows.TurnRow, rows.TURNS),
        ratings=await read("ratings", rows.Rating, rows.RATINGS),
        tools=await read("tool calls", rows.ToolRun, rows.TOOL_RUNS),
        cards=await read("cards", rows.CardRow, rows.CARDS),
        shadows=await read("shadow runs", ShadowRow, SHADOW_RUNS),
        cut=cut,
    )


def figures(since: datetime, until: datetime, of: PeriodRows) -> Period:
    """Return what the rows come to."""
    runs = runs_of(of.turns, of.calls, of.cards, of.ratings)
    return Period(
        since,
        until,
        spent={by: spent_by(by, of.calls) for by in KEYS},
        days=spent_each_day(of.calls),
        runs=len(runs),
        iterations=iterations_by_agent(runs),
        tools=by_tool(of.tools),
        rules=by_rule(of.cards),
        approvers=by_approver(of.cards),
        decision_seconds=seconds_to_decision(of.cards),
        unusual=unusual_runs(runs),
        prompts=by_prompt(runs, of.ratings),
        shadows=by_shadow(of.shadows),
        cut=of.cut,
    )
