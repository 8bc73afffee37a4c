"""Two runs over the same cases: by how much they differ, whether that is more than noise, and which cases changed."""

import math
from dataclasses import dataclass
from typing import Literal

from bot.statistics.changed_cases import Changed, changed_cases
from bot.statistics.estimates import SEED, Cases, Interval, checked_figures, clustered_stderr, t_interval
from bot.statistics.permutation import Pair, noise, probability_of_difference

LEVEL = 0.05  # how often noise alone may be called a difference
VISIBLE = 1.96 + 0.84  # deviations: 1.96 for a level of 0.05 in both directions, 0.84 for four of five
Trend = Literal["better", "worse", "no more than noise"]


@dataclass(frozen=True, slots=True)
class Figure:
    """What is compared. `name`: as in a sentence, "passed". `share`: scores from 0 to 1, shown in hundredths."""

    name: str
    share: bool = True
    more_is_better: bool = True


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two runs come to over the cases that both have.

    `before`, `now`: means in which each case counts the same, however many repeats it has; `difference`: now less before.
    `stderr`, `interval`: of the difference over cases like these; None with one case. `probability`: of a difference at least as
    large without a change; `noise`: the standard deviation that it would have. `changed`: for scores. `left_out`: cases that only
    one run has.
    """

    measure: Figure
    cases: int
    before: float
    now: float
    stderr: float | None
    interval: Interval | None
    probability: float
    noise: float
    verdict: Trend
    changed: tuple[Changed, ...]
    left_out: tuple[str, ...]

    @property
    def difference(self) -> float:
        """Return the mean now less the mean before."""
        return self.now - self.before

    @property
    def visible(self) -> float:
        """Return the smallest change that four of five such comparisons would call one, about."""
        return VISIBLE * self.noise


def compare(before: Cases, now: Cases, measure: Figure, level: float = LEVEL, seed: int = SEED) -> Comparison:
    """Return what changed between two runs.

    Paired by case: the difference of a case's means is one observation, so its error is clustered by case. Runs may have
    different numbers of repeats. Raises ValueError where the runs have no case in common.
    """
    checked_figures(before)
    checked_figures(now)
    shared = [case for case in before if before[case] and now.get(case)]
    if not shared:
        raise ValueError("The two runs have no case in common: compare runs of the same set.")
    pairs = {case: Pair(before[case], now[case]) for case in shared}
    differences = {case: [pair.difference] for case, pair in pairs.items()}
    probability = probability_of_difference([*pairs.values()], seed)
    was, became = (math.fsum(math.fsum(run[case]) / len(run[case]) for case in shared) / len(shared) for run in (before, now))
    return Comparison(
        measure=measure,
        cases=len(shared),
        before=was,
        now=became,
        stderr=clustered_stderr(differences),
        interval=t_interval(differences, 1 - level),
        probability=probability,
        noise=noise([*pairs.values()]),
        verdict=_verdict(became - was, probability, measure, level),
        changed=changed_cases(pairs, level) if measure.share else (),
        left_out=tuple(sorted({*before, *now} - set(shared))),
    )


def _verdict(difference: float, probability: float, measure: Figure, level: float) -> Trend:
    """Return what a difference is called that is so likely without a change."""
    if probability > level:
        return "no more than noise"
    return "better" if (difference > 0) == measure.more_is_better else "worse"
