"""How likely a difference between two runs is where nothing changed: each case's repeats dealt anew to the two runs.

If a case did not change, its repeats before and now are alike, and any of them may have come from either run. So the repeats of
each case are dealt again, and a probability is the share of all deals that differ at least as much as what was seen. With one
repeat each it is the sign-flip test over cases, for scores of 0 and 1 McNemar's.

Unlike flips of whole cases it holds exactly where the runs have different numbers of repeats, and it finds a change of few cases
that others hide in their noise (`tests/unit/test_eval_comparison.py` has the figures). Repeats have to be independent given
their case: nothing of one may reach the next. It asks whether these cases changed, not whether others like them would have;
that is what the interval of a comparison says.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from bot.statistics.estimates import SEED

DEALS = 9_999
MOST_LISTED = 10_000  # of a case, or of all, that are listed one by one instead of drawn
MOST_STEPS = 1_000_000  # of the grid on which sums of scores lie
ROUNDING = 1e-9  # of the largest sum: two sums nearer than this are the same


@dataclass(frozen=True, slots=True)
class Pair:
    """One case in both runs: its repeats before and now, at least one each."""

    before: Sequence[float]
    now: Sequence[float]

    @property
    def difference(self) -> float:
        """Return the mean now less the mean before."""
        return math.fsum(self.now) / len(self.now) - math.fsum(self.before) / len(self.before)


def noise(pairs: Sequence[Pair]) -> float:
    """Return the standard deviation of the mean difference over all deals: what it is likely to be without a change."""
    return math.sqrt(math.fsum(_variance(pair) for pair in pairs)) / len(pairs)


def _variance(pair: Pair) -> float:
    """Return the variance of a case's difference over all deals of its repeats: that of draws without replacement."""
    pooled, before, now = [*pair.before, *pair.now], len(pair.before), len(pair.now)
    if min(pooled) == max(pooled):
        return 0.0  # exactly, where a mean is rounded
    middle = math.fsum(pooled) / len(pooled)
    squares = math.fsum((value - middle) ** 2 for value in pooled)
    return squares / (len(pooled) - 1) * len(pooled) / (before * now)


def probability_of_difference(pairs: Sequence[Pair], seed: int = SEED) -> float:
    """Return how likely the mean difference over the cases is at least as far from 0, in either direction, without a change.

    Exact for scores of 0 and 1, and where all deals together can be listed; else out of 9,999 draws, this deal included, so that
    it is never 0 (Phipson and Smyth, Permutation P-values Should Never Be Zero, 2010).
    """
    binary = {0, 1}.issuperset(itertools.chain.from_iterable((*pair.before, *pair.now) for pair in pairs))
    grid = math.lcm(*{len(repeats) for pair in pairs for repeats in (pair.before, pair.now)})
    if binary and 2 * grid * len(pairs) <= MOST_STEPS:
        return _on_a_grid(pairs, grid)
    seen = abs(math.fsum(pair.difference for pair in pairs))
    slack = ROUNDING * math.fsum(max(map(abs, (*pair.before, *pair.now))) for pair in pairs)
    if math.prod(math.comb(len(pair.before) + len(pair.now), len(pair.now)) for pair in pairs) <= MOST_LISTED:
        sums = np.zeros(1)
        for pair in pairs:
            sums = np.add.outer(sums, _every_deal(pair)).ravel()
        return float(np.mean(np.abs(sums) >= seen - slack))
    random, sums = np.random.RandomState(seed), np.zeros(DEALS)
    for pair in pairs:
        sums += _drawn_deals(pair, random)
    return (1 + int(np.count_nonzero(np.abs(sums) >= seen - slack))) / (1 + DEALS)


def _on_a_grid(pairs: Sequence[Pair], grid: int) -> float:
    """Return the probability for scores of 0 and 1: sums of differences, in 1/grid, with the weight of each, case by case."""
    reach = 0
    weights = np.ones(1)  # of the sums from -reach to reach
    seen = 0
    for pair in pairs:
        seen += round(pair.difference * grid)
        passed = round(sum(pair.before) + sum(pair.now))
        deals = [(round(step * grid), weight) for step, weight in _deals_of_scores(len(pair.before), len(pair.now), passed)]
        if len(deals) == 1:
            continue  # all passed or none did: the sums stay as they are
        wider = reach + max(abs(step) for step, _ in deals)
        summed = np.zeros(2 * wider + 1)
        for step, weight in deals:
            start = wider - reach + step
            summed[start : start + len(weights)] += weight * weights
        reach, weights = wider, summed
    sums = np.arange(-reach, reach + 1)
    return min(1.0, float(weights[np.abs(sums) >= abs(seen)].sum()))


@lru_cache(maxsize=10_000)
def _deals_of_scores(before: int, now: int, passed: int) -> tuple[tuple[float, float], ...]:
    """Return each difference that a case with these passes can have, and its probability: how many passes fall to now."""
    every = math.comb(before + now, passed)
    return tuple(
        (share / now - (passed - share) / before, math.comb(now, share) * math.comb(before, passed - share) / every)
        for share in ways_to_deal(before, now, passed)
    )


def ways_to_deal(before: int, now: int, passed: int) -> range:
    """Return how many of the passes may fall to the repeats of now."""
    return range(max(0, passed - before), min(now, passed) + 1)


def _every_deal(pair: Pair) -> NDArray[np.float64]:
    """Return the difference of each way to deal a case's repeats: all are equally likely."""
    pooled, now, before = [*pair.before, *pair.now], len(pair.now), len(pair.before)
    total = math.fsum(pooled)
    sums = np.array([math.fsum(dealt) for dealt in itertools.combinations(pooled, now)])
    return sums / now - (total - sums) / before


def _drawn_deals(pair: Pair, random: np.random.RandomState) -> NDArray[np.float64]:
    """Return the differences of as many deals as are drawn."""
    before, now = len(pair.before), len(pair.now)
    if math.comb(before + now, now) <= MOST_LISTED:
        deals = _every_deal(pair)
        return deals[random.randint(0, len(deals), size=DEALS)]
    pooled = np.array([*pair.before, *pair.now])
    sums = pooled[random.random_sample((DEALS, before + now)).argpartition(now - 1, axis=1)[:, :now]].sum(axis=1)
    return sums / now - (pooled.sum() - sums) / before
