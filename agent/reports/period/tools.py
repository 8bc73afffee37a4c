"""How long tools take, and how often they fail. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agent.reports.period.measures import Share, percentile
from agent.reports.period.rows import ToolRun


@dataclass(frozen=True, slots=True)
class ToolFigures:
    """What became of the calls of one tool. Times are those between the steps of a run's begin and of its result."""

    tool: str
    runs: int
    failed: Share  # of the runs
    unknown: int  # of them, nobody knows the outcome
    not_run: int  # calls that were answered with an error before anything began
    median_seconds: float | None
    p99_seconds: float | None


def by_tool(runs: Iterable[ToolRun]) -> tuple[ToolFigures, ...]:
    """Return the figures of each tool, the one that was called most first."""
    grouped: dict[str, list[ToolRun]] = defaultdict(list)
    for run in runs:
        grouped[run.tool].append(run)
    return tuple(sorted((_figures(tool, made) for tool, made in grouped.items()), key=lambda one: (-one.runs, one.tool)))


def _figures(tool: str, calls: Sequence[ToolRun]) -> ToolFigures:
    ran = [call for call in calls if call.seconds is not None and call.outcome != "refused"]
    seconds = [call.seconds for call in ran if call.seconds is not None]
    outcomes = [call.outcome for call in ran]
    return ToolFigures(
        tool,
        len(ran),
        Share(outcomes.count("failed"), len(ran)),
        outcomes.count("unknown"),
        len(calls) - len(ran),
        percentile(seconds, 0.5),
        percentile(seconds, 0.99),
    )
