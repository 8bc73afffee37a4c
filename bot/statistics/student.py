"""Student's t distribution for whole degrees of freedom: finite sums, so nothing is approximated and scipy is not needed."""

import functools
import math


def probability_within(angle: float, degrees: int) -> float:
    """Return the probability that |t| is at most √degrees · tan(angle).

    Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 (odd degrees) and 26.7.4 (even ones).
    `angle`: from 0 to π/2. `degrees`: 1 or more; the sum has half as many terms.
    """
    odd, cosine = degrees % 2, math.cos(angle)
    term, total = (cosine if odd else 1.0), 0.0
    for power in range(odd, degrees - 1, 2):
        total += term
        term *= (power + 1) / (power + 2) * cosine**2
    return (angle + math.sin(angle) * total) * 2 / math.pi if odd else math.sin(angle) * total


@functools.lru_cache(maxsize=1_000)
def t_quantile(level: float, degrees: int) -> float:
    """Return the t that |t| stays below with probability `level`: 2.776 for 0.95 and 4 degrees of freedom.

    Halves the angle's range until no float lies between. Raises ValueError for what has no such t.
    """
    if not 0 < level < 1 or degrees < 1:
        raise ValueError(f"t needs a level between 0 and 1 and a degree of freedom: {level}, {degrees}")
    low, high = 0.0, math.pi / 2
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if probability_within(middle, degrees) < level else (low, middle)
    return math.sqrt(degrees) * math.tan(low)
