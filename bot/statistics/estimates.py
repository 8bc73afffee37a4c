"""Figures of one run over cases and repeats: means with their uncertainty, pass^k, percentiles, agreement, precision and recall.

Mean, standard errors, intervals, pass@k and pass^k are those of inspect_ai: `tests/unit/eval_reference.py` makes the figures
that they are compared with. What is not known, such as an interval of one case, is None, which a report shows as "-": inspect_ai
has 0 there, which reads as certain. Nothing here returns NaN; a repeat whose figure is NaN or infinite raises ValueError.
"""

import itertools
import math
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bot.statistics.student import t_quantile

CONFIDENCE = 0.95  # of an interval
DRAWS = 1_000  # of a bootstrap
SEED = 20_240_617
PASSED = 1.0

# Per case its repeats: scores from 0 to 1, or figures such as seconds. A case without a repeat does not count.
Cases = Mapping[str, Sequence[float]]


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a mean lies, at the level that was asked for."""

    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class Percentiles:
    """What half, 95 and 99 of 100 values are at most."""

    p50: float
    p95: float
    p99: float


def mean(cases: Cases) -> float:
    """Return the mean of all repeats. Raises ValueError without any."""
    values = [value for repeats in checked_figures(cases) for value in repeats]
    return math.fsum(values) / len(values)


def stderr(values: Sequence[float]) -> float | None:
    """Return the standard error of the mean of values that are independent; None for fewer than two."""
    return clustered_stderr({str(number): [value] for number, value in enumerate(values)})


def clustered_stderr(cases: Cases) -> float | None:
    """Return the standard error of the mean where repeats of a case are alike; None for fewer than two cases.

    Miller, Adding Error Bars to Evals, arXiv 2411.00640, appendix A, with the correction C / (C - 1) for C cases that inspect_ai
    has. With one repeat each it is that of independent values; 0 where nothing varies.
    """
    clusters = checked_figures(cases)
    if len(clusters) < 2:
        return None
    middle = mean(cases)
    deviations = math.fsum(math.fsum(value - middle for value in repeats) ** 2 for repeats in clusters)
    return math.sqrt(deviations * len(clusters) / (len(clusters) - 1)) / sum(map(len, clusters))


def t_interval(cases: Cases, level: float = CONFIDENCE) -> Interval | None:
    """Return the mean's interval by Student's t with cases - 1 degrees of freedom; None for fewer than two cases.

    Where nothing varies it is one point: for scores take `wilson_interval`.
    """
    error = clustered_stderr(cases)
    if error is None:
        return None
    middle, reach = mean(cases), t_quantile(level, len(checked_figures(cases)) - 1) * error
    return Interval(middle - reach, middle + reach)


def wilson_interval(cases: Cases, level: float = CONFIDENCE) -> Interval | None:
    """Return the interval of a mean of scores from 0 to 1, inside 0 to 1, and wide also where all passed; None below two cases.

    Wilson's with as many independent repeats as the clustered error leaves (Korn and Graubard), as inspect_ai's `ci_wilson`.
    Where nothing varies all repeats count as independent. Raises ValueError for other scores.
    """
    clusters, error = checked_figures(cases), clustered_stderr(cases)
    if error is None:
        return None
    if not all(0 <= value <= 1 for repeats in clusters for value in repeats):
        raise ValueError("A share is a mean of scores from 0 to 1: take t_interval for other figures.")
    share, size = mean(cases), float(sum(map(len, clusters)))
    if error > 0 and 0 < share < 1:
        size = min(size, share * (1 - share) / error**2)
    t2 = t_quantile(level, len(clusters) - 1) ** 2
    middle = (share + t2 / (2 * size)) / (1 + t2 / size)
    reach = math.sqrt(t2 * (share * (1 - share) / size + t2 / (4 * size**2))) / (1 + t2 / size)
    return Interval(max(middle - reach, 0.0), min(middle + reach, 1.0))


def bootstrap_interval(cases: Cases, level: float = CONFIDENCE, draws: int = DRAWS, seed: int = SEED) -> Interval | None:
    """Return the mean's interval by drawing whole cases again and again; None for fewer than two cases.

    For skewed figures such as cost. RandomState: its stream is the same in every version of numpy (NEP 19).
    """
    clusters = checked_figures(cases)
    if len(clusters) < 2:
        return None
    picks = np.random.RandomState(seed).randint(0, len(clusters), size=(draws, len(clusters)))
    sums, sizes = np.array([math.fsum(repeats) for repeats in clusters]), np.array([len(repeats) for repeats in clusters])
    means = sums[picks].sum(axis=1) / sizes[picks].sum(axis=1)
    lower, upper = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(lower), float(upper))


def passes(repeats: Sequence[float]) -> int:
    """Return how many repeats have the full score."""
    return sum(score >= PASSED for score in repeats)


def pass_at(repeats: Sequence[float], k: int) -> float | None:
    """Return how likely at least one of k repeats of this case passes; None with fewer than k repeats.

    Chen et al., Evaluating Large Language Models Trained on Code, arXiv 2107.03374: without bias, as k of them are drawn.
    """
    if not 0 < k <= len(repeats):
        return None
    return 1 - math.comb(len(repeats) - passes(repeats), k) / math.comb(len(repeats), k)


def pass_k(repeats: Sequence[float], k: int) -> float | None:
    """Return pass^k: how likely all of k repeats of this case pass; None with fewer than k repeats.

    Yao et al., τ-bench, arXiv 2406.12045: without bias, as k of them are drawn.
    """
    return math.comb(passes(repeats), k) / math.comb(len(repeats), k) if 0 < k <= len(repeats) else None


def by_case(cases: Cases, of: Callable[[Sequence[float]], float | None]) -> dict[str, list[float]]:
    """Return one figure a case, where it is known, so that it has a mean and an interval over cases.

    `by_case(run, lambda repeats: pass_k(repeats, 4))`: pass^4, without the cases that have fewer than four repeats.
    """
    figures = {case: of(repeats) for case, repeats in cases.items()}
    return {case: [figure] for case, figure in figures.items() if figure is not None}


def quantile(values: Sequence[float], share: float) -> float:
    """Return what this share of the values is at most, in a straight line between the two nearest.

    Hyndman and Fan's type 7, numpy's default: 0.5 is the median; one value is each of its quantiles, and P99 of fewer than 100
    values lies near the largest. Raises ValueError without values.
    """
    [ordered] = checked_figures({"": sorted(values)})
    place = share * (len(ordered) - 1)
    below, above = ordered[math.floor(place)], ordered[math.ceil(place)]
    return below + (above - below) * (place - math.floor(place))


def percentiles(values: Sequence[float]) -> Percentiles:
    """Return P50, P95 and P99. Raises ValueError without values."""
    return Percentiles(quantile(values, 0.5), quantile(values, 0.95), quantile(values, 0.99))


def quantile_interval(
    cases: Cases, share: float, level: float = CONFIDENCE, draws: int = DRAWS, seed: int = SEED
) -> Interval | None:
    """Return the interval of a quantile of all repeats by drawing whole cases again and again; None for fewer than two cases."""
    clusters = checked_figures(cases)
    if len(clusters) < 2:
        return None
    picks: list[list[int]] = np.random.RandomState(seed).randint(0, len(clusters), size=(draws, len(clusters))).tolist()
    found = [quantile([value for number in drawn for value in clusters[number]], share) for drawn in picks]
    return Interval(quantile(found, (1 - level) / 2), quantile(found, (1 + level) / 2))


def agreement(judge: Sequence[Hashable], people: Sequence[Hashable]) -> float | None:
    """Return the share of items that a judge labels as people do; None without items.

    Raises ValueError where one of them labelled more items.
    """
    equal = [one == other for one, other in zip(judge, people, strict=True)]
    return sum(equal) / len(equal) if equal else None


def kappa(judge: Sequence[Hashable], people: Sequence[Hashable]) -> float | None:
    """Return Cohen's kappa: how much more they agree than their habits alone would; 1 always, 0 as by chance, below 0 less.

    None where both gave one and the same label throughout: nothing shows whether they tell things apart.
    Cohen, A Coefficient of Agreement for Nominal Scales, 1960. Raises ValueError where one of them labelled more items.
    """
    agreed, size = agreement(judge, people), len(judge)
    mine, theirs = Counter(judge), Counter(people)
    by_chance = sum(count * theirs[label] for label, count in mine.items())
    return None if agreed is None or by_chance == size**2 else (agreed - by_chance / size**2) / (1 - by_chance / size**2)


def precision(called: Collection[str], allowed: Collection[str]) -> float | None:
    """Return the share of the called tools that must or may be called; None where none was called."""
    tools = set(called)
    return len(tools & set(allowed)) / len(tools) if tools else None


def recall(called: Collection[str], wanted: Collection[str]) -> float | None:
    """Return the share of the tools that must be called which were; None where none must."""
    tools = set(wanted)
    return len(tools & set(called)) / len(tools) if tools else None


def checked_figures(cases: Cases) -> list[Sequence[float]]:
    """Return the repeats of each case that has any. Raises ValueError where none has, or a figure is not finite."""
    clusters = [repeats for repeats in cases.values() if len(repeats)]
    if not clusters:
        raise ValueError("There is no repeat to count: run a case first.")
    if not all(map(math.isfinite, itertools.chain.from_iterable(clusters))):
        raise ValueError("A figure of a repeat is not a number: leave that repeat out.")
    return clusters
