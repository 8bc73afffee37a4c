"""Percentiles, and how far a share may be from what was counted. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

Z_95 = 1.959964  # standard deviations on either side that 95 of 100 lie between


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many."""

    part: int
    whole: int

    @property
    def value(self) -> float | None:
        """Return the share, from 0 to 1; None of nothing."""
        return self.part / self.whole if self.whole else None

    @property
    def interval(self) -> tuple[float, float]:
        """Return between which two shares the true one lies in 95 of 100 cases (Wilson's score interval); 0 to 1 of nothing."""
        if not self.whole:
            return (0.0, 1.0)
        share, square = self.part / self.whole, Z_95**2 / self.whole
        middle = (share + square / 2) / (1 + square)
        reach = Z_95 * sqrt(share * (1 - share) / self.whole + square / (4 * self.whole)) / (1 + square)
        return (max(0.0, middle - reach), min(1.0, middle + reach))


def percentile(values: Sequence[float], part: float) -> float | None:
    """Return the value that so great a part (0 to 1) of all is at or below, between two as `percentile_cont` of Postgres does.

    None of nothing.
    """
    if not values:
        return None
    ordered = sorted(values)
    at = part * (len(ordered) - 1)
    low = int(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (at - low)
