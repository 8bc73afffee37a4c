"""Make the figures that the statistics of an eval are compared with: run by hand, it needs inspect_ai and scipy.

inspect_ai is 325 MB, so the tests read what this wrote, `tests/unit/eval_reference.json`, with its versions in it. To renew it:

    python3 -m venv /tmp/reference && /tmp/reference/bin/pip install inspect_ai==0.3.285 scipy
    /tmp/reference/bin/python tests/unit/eval_reference.py

The data are our own random ones; floats are written with as many digits as tell them apart.
"""

import importlib
import itertools
import json
import math
import random
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

FILE = Path(__file__).with_suffix(".json")
SEED, DRAWS, LEVEL = 7, 200, 0.9
KINDS = ("passed", "graded", "figure")


def runs(chance: random.Random) -> list[dict[str, list[float]]]:
    """Return runs of 2 to 30 cases: passes, grades and figures; as many repeats for every case, and different ones."""

    def one(kind: str, ease: float) -> float:
        if kind == "passed":
            return float(chance.random() < ease)
        return round(ease * chance.random(), 2) if kind == "graded" else round(chance.lognormvariate(1 + ease, 1), 4)

    found: list[dict[str, list[float]]] = []
    for number in range(24):
        cases, most = 2 + number * chance.randint(0, 29) // 23, 1 + number % 6
        repeats = [most if number % 2 else chance.randint(1, most) for _ in range(cases)]
        eases = [chance.choice((0.0, 1.0, chance.random())) for _ in range(cases)]
        kind = KINDS[number % 3]
        found.append({f"case-{at}": [one(kind, eases[at]) for _ in range(count)] for at, count in enumerate(repeats)})
    found.append({f"case-{at}": [1.0] * 5 for at in range(4)})  # nothing varies
    return found


def figures(cases: dict[str, list[float]]) -> dict[str, Any]:
    """Return what inspect_ai says of a run."""
    inspect: Any = importlib.import_module("inspect_ai.scorer")
    samples = [
        inspect.SampleScore(score=inspect.Score(value=value), sample_id=case, sample_metadata={"case": case})
        for case, repeats in cases.items()
        for value in repeats
    ]
    np.random.seed(SEED)
    drawn = inspect.ci(level=LEVEL, method="bootstrap", num_samples=DRAWS, cluster="case")(samples)
    between_0_and_1 = all(0 <= value <= 1 for repeats in cases.values() for value in repeats)
    return {
        "mean": inspect.mean()(samples),
        "stderr": float(inspect.stderr()(samples)),
        "clustered_stderr": float(inspect.stderr(cluster="case")(samples)),
        "ci": inspect.ci(level=LEVEL)(samples),
        "clustered_ci": inspect.ci(level=LEVEL, cluster="case")(samples),
        "bootstrap": drawn,
        "wilson": inspect.ci_wilson(level=LEVEL, cluster="case")(samples) if between_0_and_1 else None,
        "pass_at": by_case(inspect, inspect.pass_at, cases),
        "pass_k": by_case(inspect, inspect.pass_k, cases),
    }


def by_case(inspect: Any, reducer: Any, cases: dict[str, list[float]]) -> dict[str, list[float | None]]:
    """Return what a reducer makes of each case for k = 1, 2, 3 and 5; None where it says NaN."""
    found = {
        case: [reducer(k)([inspect.Score(value=value) for value in repeats]).value for k in (1, 2, 3, 5)]
        for case, repeats in cases.items()
    }
    return {case: [None if math.isnan(value) else value for value in values] for case, values in found.items()}


def t_quantiles() -> list[list[float]]:
    """Return level, degrees of freedom and the t that |t| stays below."""
    scipy: Any = importlib.import_module("scipy.stats")
    degrees, levels = (1, 2, 3, 4, 7, 10, 29, 30, 99, 100, 999, 4_999), (0.5, 0.8, 0.9, 0.95, 0.99, 0.999)
    return [[level, at, float(scipy.t.isf((1 - level) / 2, at))] for level in levels for at in degrees]


def fisher() -> list[list[float]]:
    """Return passes before, repeats before, passes now, repeats now, and the two-sided probability."""
    scipy: Any = importlib.import_module("scipy.stats")
    found: list[list[float]] = []
    for before, now in itertools.product((1, 3, 5, 8), repeat=2):
        for was, became in itertools.product(range(before + 1), range(now + 1)):
            table = [[was, before - was], [became, now - became]]
            found.append([was, before, became, now, float(scipy.fisher_exact(table).pvalue)])
    return found


def flips(chance: random.Random) -> list[dict[str, Any]]:
    """Return figures of two runs with one repeat a case, and the probability over all flips of their differences."""
    scipy: Any = importlib.import_module("scipy.stats")
    found: list[dict[str, Any]] = []
    for number in range(12):
        size = 3 + number % 8
        before = [round(chance.gauss(3, 1), 3) if number % 2 else float(chance.random() < 0.6) for _ in range(size)]
        now = [round(chance.gauss(3.8, 1), 3) if number % 2 else float(chance.random() < 0.4) for _ in range(size)]
        result = scipy.permutation_test((before, now), mean_difference, permutation_type="samples", n_resamples=math.inf)
        found.append({"before": before, "now": now, "probability": float(result.pvalue)})
    return found


def mean_difference(before: Any, now: Any, axis: int = -1) -> Any:
    """Return what the deals are judged by."""
    return np.mean(now, axis=axis) - np.mean(before, axis=axis)


if __name__ == "__main__":
    source = random.Random(SEED)
    made = {
        "made_with": {name: version(name) for name in ("inspect_ai", "numpy", "scipy")},
        "level": LEVEL,
        "bootstrap": {"seed": SEED, "draws": DRAWS},
        "runs": [{"cases": cases, **figures(cases)} for cases in runs(source)],
        "t": t_quantiles(),
        "fisher": fisher(),
        "flips": flips(source),
    }
    lines = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in made.items()]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")
