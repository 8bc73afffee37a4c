"""A comparison in sentences for people: its verdict with both figures, and what happened to a case."""

from bot.statistics.changed_cases import Changed
from bot.statistics.comparison import LEVEL, Comparison, Figure


def sentences(comparison: Comparison) -> str:
    """Return the verdict, the figures, how likely the difference is by chance, and what was not compared."""
    measure = comparison.measure
    said = [
        f"{comparison.verdict.capitalize()}: {measure.name} is {_figure(comparison.now, measure)}, before"
        f" {_figure(comparison.before, measure)}, over {_cases(comparison.cases)}.",
        f"The difference is {_difference(comparison)}; without a change one as large comes in"
        f" {_of_100(comparison.probability)} comparisons.",
    ]
    if comparison.noise == 0:
        said[1] = "Every repeat came out as it did before."
    elif comparison.verdict == "no more than noise":
        said.append(f"So many cases and repeats show a change from about {_distance(comparison.visible, measure)} on.")
    if comparison.left_out:
        said.append(f"Not compared, since only one run has them: {_cases(len(comparison.left_out))}.")
    return " ".join(said)


def sentence(changed: Changed) -> str:
    """Return what a case did before and does now, and whether that can be noise."""
    by_chance = f"without a change it does so in {_of_100(changed.probability)} comparisons"
    if changed.more_than_noise:
        judged = f"More than noise: {by_chance}."
    elif changed.probability <= LEVEL:
        judged = f"It can be noise: {by_chance}, and so do {changed.share_of_noise:.0%} of all that look as changed as this."
    else:
        judged = f"No more than noise: {by_chance}."
    return (
        f"{changed.case} passes in {changed.passed_now} of {changed.repeats_now} repeats,"
        f" before in {changed.passed_before} of {changed.repeats_before}. {judged}"
    )


def _figure(value: float, measure: Figure) -> str:
    return f"{value:.1%}" if measure.share else f"{value:,.4g}"


def _distance(value: float, measure: Figure) -> str:
    return f"{100 * value:.1f} points" if measure.share else f"{value:,.4g}"


def _difference(comparison: Comparison) -> str:
    """Return the difference with its sign, and its interval where there is one."""
    share, interval = comparison.measure.share, comparison.interval
    scale, form, unit = (100, "+.1f", " points") if share else (1, "+,.4g", "")
    size = f"{scale * comparison.difference:{form}}{unit}"
    if interval is None:
        return size
    return f"{size} (over cases like these {scale * interval.lower:{form}} to {scale * interval.upper:{form}})"


def _of_100(probability: float) -> str:
    """Return a probability as so many of 100, with two digits that say something."""
    if probability < 0.000_1:
        return "fewer than 0.01 of 100"
    return f"{100 * probability:.{0 if probability >= 0.1 else 1 if probability >= 0.01 else 2}f} of 100"


def _cases(count: int) -> str:
    return "one case" if count == 1 else f"{count} cases"
