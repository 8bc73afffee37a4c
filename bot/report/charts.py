"""The charts of the report, as the JSON that plotly.js draws. Colours are the page's: it has light and dark ones.

plotly reads text as a kind of HTML, with links; so each name is escaped before it is a label.
"""

# plotly ships no types:
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false

import html
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from math import log10
from typing import Any

from agent.model.spending import NANO_PER_USD
from agent.reports.period.decisions import RuleFigures
from agent.reports.period.measures import percentile
from agent.reports.period.prompts import PromptFigures
from agent.reports.period.runs import Iterations
from agent.reports.period.spending import Day, Spent, SpentBy
from agent.reports.period.tools import ToolFigures
from bot.cards.harmless_text import cut
from bot.report.parts import Chart, times

Naming = Callable[[str], str]
MOST_SERIES = 7  # of one chart; the rest is one more
MOST_BARS = 15
LABEL_CHARACTERS = 26
DAY_MILLISECONDS = 86_400_000
BAR_PIXELS = 34
# Where a line of times has its marks, in seconds.
MARKS = {0.001: "1 ms", 0.01: "10 ms", 0.1: "0.1 s", 1.0: "1 s", 10.0: "10 s", 60.0: "1 min", 600.0: "10 min", 3_600.0: "1 h"}
PARTS = {"tickformat": ".0%", "tickvals": [0, 0.25, 0.5, 0.75, 1], "range": [-0.01, 1.02]}  # an axis of shares
# Upper ends, in seconds, of the classes that times to a decision are counted in.
CLASSES = ((2.0, "< 2 s"), (10.0, "< 10 s"), (60.0, "< 1 min"), (600.0, "< 10 min"), (3_600.0, "< 1 h"), (86_400.0, "< 1 day"))


def _plotly() -> Any:
    """Return what makes drawings. It is an extra, which is not there in most installations."""
    from plotly import graph_objects

    return graph_objects


def spent_over_time(by: SpentBy, spent: Sequence[Spent], until: datetime, name: Naming) -> Chart:
    """Draw what was spent each day, stacked; in dollars where models have prices, else in tokens."""
    priced = any(one.nano_usd for one in spent)
    amounts: Sequence[tuple[str, Mapping[date, float]]] = [
        (name(one.of), {day: nano / NANO_PER_USD for day, nano in one.nano_usd_by_day.items()} if priced else one.tokens_by_day)
        for one in spent
    ]
    days = _days([day for _, each in amounts for day in each], until)
    shown, others = amounts[:MOST_SERIES], amounts[MOST_SERIES:]
    if others:
        shown = [*shown, ("all others", {day: sum(each.get(day, 0) for _, each in others) for day in days})]
    bars = [
        _plotly().Bar(x=days, y=[each.get(day, 0) for day in days], name=_label(of), width=0.8 * DAY_MILLISECONDS)
        for of, each in shown
    ]
    unit = "dollars" if priced else "tokens"
    layout = {"barmode": "stack", "xaxis": _dates(days), "yaxis": {"title": {"text": unit}, "rangemode": "tozero"}}
    return _chart(f"spent-by-{by}", f"Spent each day, by {by}, in {unit}", bars, layout)


def sessions_over_time(days: Sequence[Day]) -> Chart:
    """Draw what sessions spent in each day: the middle one, and what 99 of 100 do not go beyond."""
    x = [one.day for one in days]
    lines = [
        _plotly().Scatter(x=x, y=[one.median_tokens for one in days], name="P50", mode="lines+markers"),
        _plotly().Scatter(x=x, y=[one.p99_tokens for one in days], name="P99", mode="lines+markers"),
    ]
    layout = {"xaxis": _dates(x), "yaxis": {"title": {"text": "tokens of a session"}, "rangemode": "tozero"}}
    return _chart("sessions", "Tokens of a session in a day: P50 and P99", lines, layout)


def iterations(agents: Sequence[Iterations], name: Naming) -> Chart:
    """Draw how many runs took how many model calls."""
    bars = [
        _plotly().Bar(x=[*one.by_count], y=[*one.by_count.values()], name=_label(name(one.agent))) for one in agents[:MOST_SERIES]
    ]
    layout = {
        "barmode": "stack",
        "xaxis": {"title": {"text": "model calls of a run"}, "tickformat": "d", "dtick": _step(agents)},
        "yaxis": {"title": {"text": "runs"}, "tickformat": "d", "rangemode": "tozero"},
    }
    return _chart("iterations", "Runs by the number of their model calls", bars, layout)


def _step(agents: Sequence[Iterations]) -> int:
    return 1 + max((count for one in agents for count in one.by_count), default=1) // 12


def latency(tools: Sequence[ToolFigures], name: Naming) -> Chart:
    """Draw how long tools take, as dots on a logarithmic line."""
    shown = [one for one in tools if one.median_seconds is not None][:MOST_BARS]
    rows = [*range(len(shown))]
    dots = [
        _plotly().Scatter(x=[_drawn(one.median_seconds) for one in shown], y=rows, mode="markers", name="P50"),
        _plotly().Scatter(x=[_drawn(one.p99_seconds) for one in shown], y=rows, mode="markers", name="P99"),
    ]
    least, most = min(_drawn(one.median_seconds) for one in shown), max(_drawn(one.p99_seconds) for one in shown)
    ends = [max(mark for mark in MARKS if mark <= least), min((mark for mark in MARKS if mark > most), default=most)]
    xaxis = {"type": "log", "tickvals": [*MARKS], "ticktext": [*MARKS.values()], "range": [log10(end) for end in ends]}
    return _chart(
        "latency",
        "Time of a run, by tool: P50 and P99",
        dots,
        {"xaxis": xaxis, "yaxis": _tool_rows(shown, name), **_height(shown)},
    )


def _drawn(seconds: float | None) -> float:
    """Return a time as a logarithmic line can show it."""
    return max(seconds or 0.0, min(MARKS))


def failures(tools: Sequence[ToolFigures], name: Naming) -> Chart:
    """Draw which share of each tool's runs failed."""
    shown = [one for one in tools if one.runs][:MOST_BARS]
    bars = [
        _plotly().Bar(
            x=[one.failed.value for one in shown],
            y=[*range(len(shown))],
            orientation="h",
            name="failed",
            text=[f"{one.failed.part} of {one.failed.whole}" for one in shown],
            textposition="auto",
        )
    ]
    layout = {"xaxis": PARTS, "yaxis": _tool_rows(shown, name), "showlegend": False}
    return _chart("failures", "Share of the runs that failed, by tool", bars, layout | _height(shown))


def decisions(rules: Sequence[RuleFigures], name: Naming) -> Chart:
    """Draw what became of the cards of each tool and rule."""
    shown = sorted(rules, key=lambda one: -one.cards)[:MOST_BARS]
    ends: Mapping[str, Callable[[RuleFigures], int]] = {
        "approved": lambda one: one.approved,
        "rejected": lambda one: one.rejected,
        "expired": lambda one: one.expired,
        "edited or withdrawn": lambda one: one.ended_otherwise,
        "waiting": lambda one: one.waiting,
    }
    bars = [
        _plotly().Bar(x=[count(one) for one in shown], y=[*range(len(shown))], orientation="h", name=end)
        for end, count in ends.items()
        if any(map(count, shown))
    ]
    labels = [f"{_label(name(one.tool))}<br>{_label(name(one.rule))}" for one in shown]
    xaxis = {"title": {"text": "cards"}, "tickformat": "d"}
    layout = {"barmode": "stack", "xaxis": xaxis, "yaxis": {**_rows(shown), "ticktext": labels}}
    return _chart("decisions", "What became of cards, by tool and rule", bars, layout | _height(shown))


def times_to_decision(seconds: Sequence[float]) -> Chart:
    """Draw how long people took to decide, in classes."""
    ends = [end for end, _ in CLASSES]
    classes = [sum(end > each for end in ends) for each in seconds]  # how many ends are beyond it: all of them for the shortest
    counts = [classes.count(number) for number in range(len(ends), -1, -1)]
    labels = [*(label for _, label in CLASSES), "longer"]
    bars = [_plotly().Bar(x=[*range(len(labels))], y=counts, name="decisions")]
    xaxis = {"tickvals": [*range(len(labels))], "ticktext": [html.escape(label) for label in labels]}
    layout = {"xaxis": xaxis, "yaxis": {"title": {"text": "decisions"}, "tickformat": "d"}, "showlegend": False}
    return _chart("times-to-decision", f"Time to decision (P50 {times(percentile(seconds, 0.5))})", bars, layout)


def ratings(prompts: Sequence[PromptFigures], name: Naming) -> Chart:
    """Draw the share of good ratings of each prompt version, with the interval that the true share lies in."""
    shown = [one for one in prompts if one.good.whole][:MOST_BARS]
    values = [one.good.value or 0.0 for one in shown]
    beyond = [one.good.interval[1] - value for one, value in zip(shown, values, strict=True)]
    below = [value - one.good.interval[0] for one, value in zip(shown, values, strict=True)]
    dots = [
        _plotly().Scatter(
            x=values,
            y=[*range(len(shown))],
            mode="markers",
            name="good",
            error_x={"type": "data", "array": beyond, "arrayminus": below, "symmetric": False, "thickness": 2, "width": 6},
        )
    ]
    labels = [f"{_label(name(one.prompt))}<br>{_label(one.digest[:8])}" for one in shown]
    yaxis = {**_rows(shown), "ticktext": labels}
    layout = {"xaxis": PARTS, "yaxis": yaxis, "showlegend": False}
    return _chart("ratings", "Good ratings by prompt version, and the interval of 95 %", dots, layout | _height(shown))


def _label(text: str) -> str:
    return html.escape(cut(text, LABEL_CHARACTERS), quote=False) or "-"


def _tool_rows(shown: Sequence[ToolFigures], name: Naming) -> dict[str, Any]:
    return {**_rows(shown), "ticktext": [_label(name(one.tool)) for one in shown]}


def _rows(shown: Sequence[Any]) -> dict[str, Any]:
    """Return an axis with a place for each, the first on top: by number, since two may have the same label."""
    return {"tickvals": [*range(len(shown))], "range": [len(shown) - 0.5, -0.5], "zeroline": False}


def _height(shown: Sequence[Any]) -> dict[str, Any]:
    return {"height": 130 + BAR_PIXELS * max(2, len(shown))}


def _days(spent: Sequence[date], until: datetime) -> list[date]:
    first = min(spent)
    last = max(*spent, until.astimezone(UTC).date())
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _dates(days: Sequence[date]) -> dict[str, Any]:
    half = timedelta(hours=12)
    ends = [datetime.combine(day, datetime.min.time()) for day in (days[0], days[-1])]
    few = {"tickvals": [*days]} if len(days) <= 4 else {"nticks": 6}
    return {"type": "date", "tickformat": "%d %b", "range": [ends[0] - half, ends[1] + half], **few}


def _chart(name: str, caption: str, traces: Sequence[Any], layout: Mapping[str, Any]) -> Chart:
    figure = _plotly().Figure(data=[*traces], layout={"template": None, **layout})
    return Chart(name, caption, str(figure.to_json()))
