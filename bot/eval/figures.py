"""What the repeats of a set come to: figures with their intervals, what is below its threshold, and which cases failed. Pure.

Repeats of a case are no separate evidence, so every interval is one over cases.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from bot.eval.cases import Case, GoldenSet
from bot.eval.happened import Happened
from bot.eval.kept import Finished
from bot.statistics.estimates import (
    Cases,
    Interval,
    agreement,
    bootstrap_interval,
    by_case,
    kappa,
    mean,
    pass_k,
    quantile,
    quantile_interval,
    wilson_interval,
)

Unit = Literal["share", "count", "usd", "seconds"]
Of = Callable[[Finished], float]
SHARES: Mapping[str, tuple[str, Of]] = {
    "completion": ("task completion", lambda one: float(one.judged.passed)),
    "tool_precision": ("tool precision", lambda one: one.judged.tool_precision),
    "tool_recall": ("tool recall", lambda one: one.judged.tool_recall),
    "arguments": ("argument accuracy", lambda one: one.judged.arguments),
    "approvals": ("approval correctness", lambda one: one.judged.approvals),
}
TAKEN: Mapping[str, tuple[str, Unit, Of]] = {
    "iterations": ("model calls", "count", lambda one: one.played.figures.iterations),
    "tokens": ("tokens", "count", lambda one: one.played.figures.tokens),
    "usd": ("cost", "usd", lambda one: one.played.figures.usd),
}


def seconds_of(one: Finished) -> float:
    """Return how long a repeat took."""
    return one.played.figures.seconds


class Figure(Happened):
    """One figure. The interval is that of 95 of 100; None where it is not known, with one case. `least`: its threshold."""

    key: str
    name: str
    unit: Unit
    value: float
    lower: float | None = None
    upper: float | None = None
    least: float | None = None

    @property
    def missed(self) -> bool:
        """Return whether it is below its threshold."""
        return self.least is not None and self.value < self.least


class About(Happened):
    """The cases that are about something."""

    about: str
    cases: int
    passed: int
    repeats: int
    completion: Figure
    approvals: Figure


class Failing(Happened):
    """A case that failed: in how many of its repeats, and what was wrong, each thing once."""

    case: str
    failed: int
    repeats: int
    wrong: Sequence[str]


class Quality(Happened):
    """What a judge model says of the answers. `agreement` and `kappa`: with what people said of the cases in `labelled`; None
    where nobody has, or nothing shows it."""

    passes: Figure
    labelled: int
    agreement: float | None
    kappa: float | None
    failing: Mapping[str, str]


class Results(Happened):
    """All of it. `unasked`: the cases in which approvals were not as they have to be. `not_as_recorded`: the cases that passed
    when they were recorded and do not now."""

    cases: int
    repeats: int
    figures: Sequence[Figure]
    pass_k: Sequence[Figure]
    about: Sequence[About]
    unasked: Sequence[str]
    failing: Sequence[Failing]
    not_as_recorded: Sequence[str] = ()
    quality: Quality | None = None

    @property
    def reached(self) -> bool:
        """Return whether all thresholds are reached, and all that was recorded came out as it did then."""
        return not any(figure.missed for figure in self.figures) and not self.not_as_recorded

    @property
    def usd(self) -> float:
        """Return what all repeats cost together."""
        return next(figure.value for figure in self.figures if figure.key == "usd") * self.repeats


def results_of(golden: GoldenSet, finished: Sequence[Finished], recorded_as_passed: Sequence[str] = ()) -> Results:
    """Return what the repeats of a set come to. Raises ValueError without any."""
    least = golden.thresholds.model_dump()
    shares = [_share(key, name, values(finished, of), least[key]) for key, (name, of) in SHARES.items()]
    shares.sort(key=lambda figure: figure.key != "approvals" or figure.value == 1)  # named first where it is not as it must be
    taken = [_mean(key, name, unit, values(finished, of)) for key, (name, unit, of) in TAKEN.items()]
    failing = _failing(finished)
    return Results(
        cases=len({one.case for one in finished}),
        repeats=len(finished),
        figures=[*shares, *taken, _latency("P50", 0.5, finished), _latency("P95", 0.95, finished)],
        pass_k=_pass_k(finished),
        about=_by_about(golden.cases, finished),
        unasked=sorted({one.case for one in finished if one.judged.approvals < 1}),
        failing=failing,
        not_as_recorded=[one.case for one in failing if one.case in recorded_as_passed],
    )


def values(finished: Sequence[Finished], of: Of) -> Cases:
    """Return one figure of each repeat, by case."""
    found: dict[str, list[float]] = {}
    for one in sorted(finished, key=lambda one: (one.case, one.repeat)):
        found.setdefault(one.case, []).append(float(of(one)))
    return found


def quality_of(opinions: Mapping[str, Sequence[tuple[bool, str]]], labels: Mapping[str, bool]) -> Quality:
    """Return what a judge's opinions (by case, each repeat's with why) come to, beside what people said of cases. A case's label
    is compared with what the judge said of most of its repeats. Raises ValueError without an opinion."""
    said = {case: [float(passes) for passes, _ in each] for case, each in opinions.items()}
    both = [case for case in said if case in labels]
    judge = [2 * sum(said[case]) > len(said[case]) for case in both]
    people = [labels[case] for case in both]
    return Quality(
        passes=_share("quality", "answer quality", said, None),
        labelled=len(both),
        agreement=agreement(judge, people),
        kappa=kappa(judge, people),
        failing={case: next(why for passes, why in each if not passes) for case, each in opinions.items() if 0.0 in said[case]},
    )


def _share(key: str, name: str, cases: Cases, least: float | None) -> Figure:
    return _figure(key, name, "share", mean(cases), wilson_interval(cases), least)


def _mean(key: str, name: str, unit: Unit, cases: Cases) -> Figure:
    return _figure(key, name, unit, mean(cases), bootstrap_interval(cases))  # skewed, and never below 0


def _latency(name: str, share: float, finished: Sequence[Finished]) -> Figure:
    cases = values(finished, seconds_of)
    every = [value for repeats in cases.values() for value in repeats]
    return _figure(name.lower(), f"latency {name}", "seconds", quantile(every, share), quantile_interval(cases, share))


def _pass_k(finished: Sequence[Finished]) -> Sequence[Figure]:
    """Return pass^k for each k that all cases have repeats for."""
    cases = values(finished, SHARES["completion"][1])
    found: list[Figure] = []
    for k in range(1, min(map(len, cases.values())) + 1):
        per_case = by_case(cases, lambda repeats, k=k: pass_k(repeats, k))
        found.append(_share(f"pass^{k}", f"pass^{k}", per_case, None))
    return found


def _by_about(cases: Sequence[Case], finished: Sequence[Finished]) -> Sequence[About]:
    """Return the figures of each thing that cases are about, the worst first."""
    found: list[About] = []
    for about in {about for case in cases for about in case.about}:
        named = {case.case for case in cases if about in case.about}
        of_it = [one for one in finished if one.case in named]
        if not of_it:
            continue
        completion, approvals = (
            _share(key, SHARES[key][0], values(of_it, SHARES[key][1]), None) for key in ("completion", "approvals")
        )
        passed = sum(one.judged.passed for one in of_it)
        count = len({one.case for one in of_it})
        found.append(
            About(about=about, cases=count, passed=passed, repeats=len(of_it), completion=completion, approvals=approvals)
        )
    return sorted(found, key=lambda one: (one.completion.value, one.about))


def _failing(finished: Sequence[Finished]) -> Sequence[Failing]:
    """Return the cases that failed: those with the fewest words on what was wrong first, since they show it the plainest."""
    repeats = Counter(one.case for one in finished)
    failed = Counter(one.case for one in finished if not one.judged.passed)
    wrong: dict[str, dict[str, None]] = {}
    for one in finished:
        if not one.judged.passed:
            wrong.setdefault(one.case, {}).update(dict.fromkeys(one.judged.wrong))
    found = [Failing(case=case, failed=failed[case], repeats=repeats[case], wrong=[*words]) for case, words in wrong.items()]
    return sorted(found, key=lambda one: (sum(map(len, one.wrong)), one.case))


def _figure(key: str, name: str, unit: Unit, value: float, interval: Interval | None, least: float | None = None) -> Figure:
    lower, upper = (interval.lower, interval.upper) if interval is not None else (None, None)
    return Figure(key=key, name=name, unit=unit, value=value, lower=lower, upper=upper, least=least)
