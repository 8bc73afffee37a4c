"""Which cases changed between two runs, each with how likely that is without a change: a flaky case is no regression."""

import functools
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from bot.statistics.estimates import passes
from bot.statistics.permutation import Pair, ways_to_deal


@dataclass(frozen=True, slots=True)
class Changed:
    """A case that passed in most repeats and now fails in most, or the reverse; or whose change is more than noise.

    `probability`: of a difference this large without a change. `share_of_noise`: of the cases named down to this one, how
    many are so by chance alone (the false discovery rate). `more_than_noise`: that share is small enough.
    """

    case: str
    became: Literal["better", "worse"]
    passed_before: int
    repeats_before: int
    passed_now: int
    repeats_now: int
    probability: float
    share_of_noise: float
    more_than_noise: bool


def changed_cases(pairs: Mapping[str, Pair], level: float) -> tuple[Changed, ...]:
    """Return the cases that changed, the least likely first.

    With fewer than four repeats a run no case alone can be more than noise at 0.05: three passes and then three failures come
    in one of ten deals.
    """
    shares = _shares_of_noise(pairs)
    found = [_changed(case, pair, shares, level) for case, pair in pairs.items()]
    return tuple(sorted((one for one in found if one is not None), key=lambda one: (one.probability, one.case)))


def _changed(case: str, pair: Pair, shares: Mapping[float, float], level: float) -> Changed | None:
    """Return the case as changed; None where it is not. `shares`: of noise, by probability."""
    before, now = passes(pair.before), passes(pair.now)
    probability = _probabilities(len(pair.before), len(pair.now), before + now)[now]
    share = shares[probability]
    most_before, most_now = 2 * before - len(pair.before), 2 * now - len(pair.now)  # above 0: most passed
    sure = probability <= level and share <= level
    if not sure and most_before * most_now >= 0:
        return None
    became = "better" if now / len(pair.now) > before / len(pair.before) else "worse"
    return Changed(case, became, before, len(pair.before), now, len(pair.now), probability, share, sure)


def probability_of_case(pair: Pair) -> float:
    """Return how likely the passes of a case fall at least as unevenly on the two runs without a change: Fisher's exact test.

    Two-sided: all deals that are no more likely than the one seen. Counted in whole numbers, so that equal ones are equal.
    """
    return _probabilities(*_totals(pair))[passes(pair.now)]


def _totals(pair: Pair) -> tuple[int, int, int]:
    """Return what stays the same however a case's repeats are dealt: the repeats before and now, and all passes."""
    return len(pair.before), len(pair.now), passes(pair.before) + passes(pair.now)


@functools.lru_cache(maxsize=10_000)
def _probabilities(before: int, now: int, passed: int) -> Mapping[int, float]:
    """Return what Fisher's test says of each deal, by how many of the passes fall to now."""
    weights = {share: math.comb(now, share) * math.comb(before, passed - share) for share in ways_to_deal(before, now, passed)}
    every = math.comb(before + now, passed)
    return {share: sum(other for other in weights.values() if other <= weight) / every for share, weight in weights.items()}


def _shares_of_noise(pairs: Mapping[str, Pair]) -> dict[float, float]:
    """Return for each probability of a case the false discovery rate: cases expected up to it by chance, over those there are.

    Heyse, A False Discovery Rate Procedure for Categorical Data, 2011: Benjamini and Hochberg's, but a case counts only as much
    as its passes let it: one that passes always in both runs can never look changed.
    """
    kinds = Counter(_totals(pair) for pair in pairs.values())
    found = Counter(probability_of_case(pair) for pair in pairs.values())
    shares: dict[float, float] = {}
    smallest, named = 1.0, len(pairs)
    for probability in sorted(found, reverse=True):
        by_chance = sum(count * _largest_up_to(probability, _probabilities(*kind).values()) for kind, count in kinds.items())
        smallest = min(smallest, by_chance / named)
        shares[probability] = smallest
        named -= found[probability]
    return shares


def _largest_up_to(limit: float, probabilities: Iterable[float]) -> float:
    """Return how likely a case's probability is at most this: the largest it can have up to there; 0 where all are larger."""
    return max((one for one in probabilities if one <= limit), default=0.0)
