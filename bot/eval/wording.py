"""What an eval came to, in lines for a terminal, and how its figures are written there and on the page. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from bot.eval.against import Against
from bot.eval.figures import Figure, Quality, Results, Unit
from bot.eval.kept import Run
from bot.report.parts import times

MOST_CASES = 20  # that failed, with what was wrong
PLAYED: Mapping[str, str] = {"recorded": "with recorded answers", "lines": "with the lines of its cases", "model": "by the model"}


def heading(run: Run, results: Results) -> str:
    """Return what was evaluated, in a sentence."""
    cases = "1 case" if results.cases == 1 else f"{results.cases} cases"
    repeats = "1 repeat" if results.repeats == 1 else f"{results.repeats} repeats"
    played = PLAYED[run.played]
    return f"{run.golden}: {cases}, {repeats} in all, of {run.prompt} with {run.model}, played {played}."


def lines(run: Run, results: Results, against: Sequence[Against]) -> Iterator[str]:
    """Yield all of it, the worst first."""
    yield heading(run, results)
    if results.unasked:
        yield f"APPROVALS ARE NOT AS THEY HAVE TO BE in {', '.join(results.unasked)}."
    yield ""
    for figure in [*results.figures, *results.pass_k]:
        yield f"{figure.name:<22}{value(figure):>10}  {interval(figure):<22}{threshold(figure)}".rstrip()
    if results.quality is not None:
        yield from _quality_lines(results.quality)
    if len(results.about) > 1:
        yield ""
        yield from (
            f"{one.about:<22}{value(one.completion):>10}  {interval(one.completion):<22}{one.passed} of {one.repeats}"
            for one in results.about
        )
    for number, one in enumerate(results.failing):
        if number == MOST_CASES:
            yield f"… and {len(results.failing) - MOST_CASES} more cases that failed: the page has them all."
            break
        yield ""
        yield f"{one.case} failed in {one.failed} of {one.repeats}:"
        yield from (f"  {each}" for each in one.wrong)
    if against:
        yield ""
        yield "Compared with the earlier run:"
        for one in against:
            yield f"  {one.words}"
            yield from (f"    {each}" for each in one.changed)
    yield ""
    yield verdict(results)


def _quality_lines(quality: Quality) -> Iterator[str]:
    yield f"{quality.passes.name:<22}{value(quality.passes):>10}  {interval(quality.passes):<22}".rstrip()
    yield agreement(quality)
    yield from (f"  {case}: {why}" for case, why in quality.failing.items())


def agreement(quality: Quality) -> str:
    """Return how far the judge says what people said, in a sentence."""
    if quality.agreement is None:
        return "Nobody has labelled these cases, so nothing shows how far the judge can be trusted: write labels.yaml."
    kappa = "-" if quality.kappa is None else f"{quality.kappa:.2f}"
    return f"The judge agrees with people in {quality.agreement:.0%} of {quality.labelled} labelled cases (kappa {kappa})."


def verdict(results: Results) -> str:
    """Return whether it is good enough, and what is not."""
    missed = [f"{figure.name} is {value(figure)} and has to be {least(figure)}" for figure in results.figures if figure.missed]
    if results.not_as_recorded:
        named = ", ".join(results.not_as_recorded[:MOST_CASES])
        missed.append(f"{len(results.not_as_recorded)} that passed when recorded do not now: {named}")
    return f"Not reached: {'; '.join(missed)}." if missed else "All thresholds are reached."


def value(figure: Figure) -> str:
    """Return the figure itself."""
    return written(figure.value, figure.unit)


def interval(figure: Figure) -> str:
    """Return between which two the true figure lies in 95 of 100 cases."""
    if figure.lower is None or figure.upper is None:
        return "-"
    return f"{written(figure.lower, figure.unit)} to {written(figure.upper, figure.unit)}"


def threshold(figure: Figure) -> str:
    """Return the least it has to be and whether it is; empty where it need not be anything."""
    return "" if figure.least is None else f"at least {least(figure)}{', not reached' if figure.missed else ''}"


def least(figure: Figure) -> str:
    """Return the least that a figure has to be."""
    return written(figure.least or 0.0, figure.unit)


def written(number: float, unit: Unit) -> str:
    """Return a number as its unit is written. A share is cut off and not rounded: 99.96 % is not 100 %."""
    match unit:
        case "share":
            return f"{int(number * 1_000 + 1e-6) / 10:.1f} %"
        case "usd":
            return f"${number:,.4f}"
        case "seconds":
            return times(number)
        case "count":
            return f"{number:,.1f}"
