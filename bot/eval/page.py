"""What an eval came to as sections of a page: figures, what cases are about, the comparison, and each failed conversation."""

from collections.abc import Mapping, Sequence

from bot.cards.harmless_text import visible
from bot.eval.against import Against
from bot.eval.conversation import conversation
from bot.eval.figures import Figure, Results
from bot.eval.kept import Finished
from bot.eval.wording import agreement, interval, threshold, value, verdict
from bot.report.parts import LargeFigure, Part, ReportSection, Sentences, Spoken, Story, Table

MOST_STORIES = 200  # on one page
LARGE = ("completion", "tool_precision", "tool_recall", "arguments", "approvals")


def sections(results: Results, finished: Sequence[Finished], against: Sequence[Against]) -> Sequence[ReportSection]:
    """Return the sections of the page, in their order."""
    return [
        _overview(results),
        _figures_table(results),
        _about_section(results),
        _comparison(against),
        _failed(results, finished),
    ]


def _overview(results: Results) -> ReportSection:
    unasked = f"Approvals are not as they have to be in {', '.join(results.unasked)}. " if results.unasked else ""
    numbers = [LargeFigure(value(figure), figure.name) for figure in results.figures if figure.key in LARGE]
    quality = [LargeFigure(value(results.quality.passes), results.quality.passes.name)] if results.quality else []
    return ReportSection("overview", "At a glance", f"{unasked}{verdict(results)}", "", [*numbers, *quality])


def _figures_table(results: Results) -> ReportSection:
    figures: list[Figure] = [*results.figures, *results.pass_k]
    words: list[Part] = []
    if results.quality is not None:
        figures.append(results.quality.passes)
        words.append(
            Sentences([agreement(results.quality), *(f"{case}: {why}" for case, why in results.quality.failing.items())])
        )
    rows = [(figure.name, value(figure), interval(figure), threshold(figure) or "-") for figure in figures]
    table = Table("Figures", ("figure", "value", "95 of 100", "threshold"), rows, frozenset({"figure", "threshold"}))
    lead = "Intervals are over cases: repeats of one case are alike, and no separate evidence. pass^k: all of k repeats pass."
    return ReportSection("figures", "Figures", lead, "", [table, *words])


def _about_section(results: Results) -> ReportSection:
    rows = [
        (
            one.about,
            f"{one.cases}",
            f"{one.passed} of {one.repeats}",
            value(one.completion),
            interval(one.completion),
            value(one.approvals),
        )
        for one in results.about
    ]
    headings = ("about", "cases", "passed", "completion", "95 of 100", "approvals")
    lead = "A case may be about several things."
    return ReportSection("about", "By what cases are about", lead, "", [Table("By about", headings, rows, frozenset({"about"}))])


def _comparison(against: Sequence[Against]) -> ReportSection:
    parts: list[Part] = []
    if against:
        rows = [(one.name, one.verdict) for one in against]
        changed = [visible(each) for one in against for each in one.changed]
        parts = [
            Table("Against the earlier run", ("figure", "verdict"), rows, frozenset({"figure", "verdict"})),
            Sentences([*(changed or ["No case changed."]), *(one.words for one in against)]),
        ]
    lead = "Case by case, so that easy and hard cases do not count as noise."
    return ReportSection("comparison", "Against an earlier run", lead, "Name one with --against.", parts)


def _failed(results: Results, finished: Sequence[Finished]) -> ReportSection:
    first: Mapping[str, Finished] = {one.case: one for one in reversed(finished) if not one.judged.passed}
    stories = [
        Story(
            f"{failing.case} failed in {failing.failed} of {failing.repeats}",
            [visible(each) for each in failing.wrong],
            [Spoken(each.who, each.kind, visible(each.text)) for each in conversation(first[failing.case].played)],
        )
        for failing in results.failing[:MOST_STORIES]
    ]
    lead = "Each with what was wrong in any of its repeats, and the conversation of the first repeat that failed."
    return ReportSection("failed", "Cases that failed", lead, "Every case passed in every repeat.", stories)
