"""Statistics of an eval equal inspect_ai's and scipy's to 1e-9, and say None where nothing is known.

`tests/unit/eval_reference.json` has their figures; `tests/unit/eval_reference.py` made it, and says how to make it again.
"""

import json
import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.statistics.estimates import (
    Interval,
    agreement,
    bootstrap_interval,
    by_case,
    clustered_stderr,
    kappa,
    mean,
    pass_at,
    pass_k,
    percentiles,
    precision,
    quantile,
    recall,
    stderr,
    t_interval,
    wilson_interval,
)
from bot.statistics.student import t_quantile
from tests.profiles import examples

REFERENCE: dict[str, Any] = json.loads(Path(__file__).with_name("eval_reference.json").read_text())
RUNS: list[dict[str, Any]] = REFERENCE["runs"]
KS = (1, 2, 3, 5)
close = partial(pytest.approx, rel=1e-9, abs=1e-9)


def bounds(interval: Interval | None) -> dict[str, float]:
    """Return an interval in inspect_ai's words."""
    assert interval is not None
    return {"lower": interval.lower, "upper": interval.upper}


def alone(run: dict[str, Any]) -> dict[str, list[float]]:
    """Return the run's repeats, each as if it were a case."""
    values = [value for repeats in run["cases"].values() for value in repeats]
    return {str(number): [value] for number, value in enumerate(values)}


def test_the_reference_says_what_it_was_made_with() -> None:
    assert REFERENCE["made_with"]["inspect_ai"] == "0.3.285"
    assert len(RUNS) == 25
    assert any(len({len(repeats) for repeats in run["cases"].values()}) > 1 for run in RUNS)


@pytest.mark.parametrize("run", RUNS)
def test_means_and_errors_are_those_of_inspect_ai(run: dict[str, Any]) -> None:
    assert mean(run["cases"]) == close(run["mean"])
    assert stderr([value for [value] in alone(run).values()]) == close(run["stderr"])
    assert clustered_stderr(run["cases"]) == close(run["clustered_stderr"])


@pytest.mark.parametrize("run", RUNS)
def test_intervals_are_those_of_inspect_ai(run: dict[str, Any]) -> None:
    cases, level, drawn = run["cases"], REFERENCE["level"], REFERENCE["bootstrap"]
    assert bounds(t_interval(alone(run), level)) == close(run["ci"])
    assert bounds(t_interval(cases, level)) == close(run["clustered_ci"])
    assert bounds(bootstrap_interval(cases, level, drawn["draws"], drawn["seed"])) == close(run["bootstrap"])
    if run["wilson"]:
        assert bounds(wilson_interval(cases, level)) == close(run["wilson"])


@pytest.mark.parametrize("run", RUNS)
def test_pass_at_k_and_pass_k_are_those_of_inspect_ai(run: dict[str, Any]) -> None:
    for case, repeats in run["cases"].items():
        assert [pass_at(repeats, k) for k in KS] == [value if value is None else close(value) for value in run["pass_at"][case]]
        assert [pass_k(repeats, k) for k in KS] == [value if value is None else close(value) for value in run["pass_k"][case]]


@pytest.mark.parametrize(("level", "degrees", "expected"), REFERENCE["t"])
def test_t_is_that_of_scipy(level: float, degrees: float, expected: float) -> None:
    assert t_quantile(level, int(degrees)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("level", "degrees"), [(0.0, 3), (1.0, 3), (0.95, 0)])
def test_there_is_no_t_without_a_degree_of_freedom_or_for_certainty(level: float, degrees: int) -> None:
    with pytest.raises(ValueError, match="a level between 0 and 1"):
        t_quantile(level, degrees)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1), st.floats(0, 1))
@examples(1)
def test_quantiles_are_those_of_numpy(values: list[float], share: float) -> None:
    assert quantile(values, share) == pytest.approx(float(np.quantile(values, share)), rel=1e-9, abs=1e-6)


def test_percentiles_of_a_hundred_seconds_and_of_one() -> None:
    found = percentiles([float(second) for second in range(1, 102)])
    assert (found.p50, found.p95, found.p99) == (51, 96, 100)
    assert {percentiles([2.5]).p50, percentiles([2.5]).p99} == {2.5}


@pytest.mark.parametrize("repeats", [[1.0], [1.0, 0.0, 1.0]])
def test_one_case_has_a_mean_and_no_uncertainty_that_anybody_knows(repeats: list[float]) -> None:
    run = {"only": repeats}
    assert mean(run) == sum(repeats) / len(repeats)
    unknown = [clustered_stderr(run), stderr([1.0]), t_interval(run), bootstrap_interval(run), wilson_interval(run)]
    assert unknown == [None] * 5


def test_where_nothing_varies_the_error_is_0_and_only_the_interval_of_a_share_has_a_width() -> None:
    run = {str(number): [1.0, 1.0] for number in range(20)}
    assert (clustered_stderr(run), t_interval(run), bootstrap_interval(run)) == (0, Interval(1, 1), Interval(1, 1))
    share = wilson_interval(run)
    assert share is not None
    assert 0.8 < share.lower < 0.95
    assert share.upper == 1


def test_repeats_of_a_case_add_no_evidence_where_they_are_alike() -> None:
    once = {str(number): [float(number % 2)] for number in range(20)}
    often = {case: repeats * 10 for case, repeats in once.items()}
    assert clustered_stderr(often) == close(clustered_stderr(once))
    assert bounds(t_interval(often)) == close(bounds(t_interval(once)))


def test_a_case_without_a_repeat_does_not_count_and_a_run_without_any_is_refused() -> None:
    assert mean({"done": [1.0, 0.0], "not yet": []}) == 0.5
    assert clustered_stderr({"done": [1.0, 0.0], "not yet": []}) is None
    for nothing in ({}, {"not yet": list[float]()}):
        with pytest.raises(ValueError, match="run a case first"):
            mean(nothing)


@pytest.mark.parametrize("figure", [math.nan, math.inf])
def test_a_figure_that_is_no_number_reaches_no_report(figure: float) -> None:
    for asked in (mean, clustered_stderr, t_interval, wilson_interval, bootstrap_interval):
        with pytest.raises(ValueError, match="leave that repeat out"):
            asked({"a": [1.0, figure], "b": [0.0]})
    with pytest.raises(ValueError, match="leave that repeat out"):
        percentiles([1.0, figure])


def test_an_interval_of_a_share_is_not_asked_for_seconds() -> None:
    with pytest.raises(ValueError, match="take t_interval"):
        wilson_interval({"a": [2.0], "b": [3.0]})


@given(st.dictionaries(st.text(max_size=3), st.lists(st.floats(0, 1), max_size=6), min_size=1))
@examples(1)
def test_nothing_of_a_run_is_ever_nan(run: dict[str, list[float]]) -> None:
    if not any(run.values()):
        return
    figures = [mean(run), clustered_stderr(run)]
    for interval in (t_interval(run), bootstrap_interval(run), wilson_interval(run)):
        figures += [interval.lower, interval.upper] if interval else []
    assert all(math.isfinite(figure) for figure in figures if figure is not None)


def test_the_bootstrap_says_the_same_twice() -> None:
    run = {str(number): [math.sqrt(number), number**0.7] for number in range(30)}
    assert bootstrap_interval(run) == bootstrap_interval(run)
    assert bootstrap_interval(run, seed=1) != bootstrap_interval(run)


def test_pass_k_of_a_run_is_the_mean_over_the_cases_with_enough_repeats() -> None:
    run = {"always": [1.0] * 4, "half": [1.0, 1.0, 0.0, 0.0], "partly": [0.9] * 4, "too few": [1.0]}
    assert by_case(run, lambda repeats: pass_k(repeats, 2)) == {"always": [1], "half": [1 / 6], "partly": [0]}
    assert mean(by_case(run, lambda repeats: pass_at(repeats, 2))) == pytest.approx((1 + 5 / 6 + 0) / 3)


def test_kappa_of_cohens_kind() -> None:
    """The usual example: 20 times yes by both, 15 times no by both, and 5 and 10 times one of each."""
    judge = ["yes"] * 20 + ["yes"] * 5 + ["no"] * 10 + ["no"] * 15
    people = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    assert agreement(judge, people) == 0.7
    assert kappa(judge, people) == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("judge", "people", "agreed", "beyond_chance"),
    [
        ([1, 0], [1, 0], 1, 1),
        ([1, 0], [0, 1], 0, -1),
        ([1, 1, 1], [1, 1, 0], 2 / 3, 0),  # a judge who always says yes
        ([1], [1], 1, None),
        ([1, 1], [1, 1], 1, None),
        ([1], [0], 0, 0),
        ([], [], None, None),
    ],
)
def test_agreement_and_kappa_at_their_ends(
    judge: list[int], people: list[int], agreed: float | None, beyond_chance: float | None
) -> None:
    assert agreement(judge, people) == agreed
    assert kappa(judge, people) == (beyond_chance if beyond_chance is None else pytest.approx(beyond_chance))


def test_labels_of_different_items_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        kappa([1, 0, 1], [1, 0])


def test_precision_and_recall_of_tools() -> None:
    called, must, may = ["find", "order", "order", "refund"], {"find", "order", "mail", "note"}, {"list"}
    assert precision(called, must | may) == 2 / 3
    assert recall(called, must) == 2 / 4
    assert precision([], must) is None
    assert recall(called, []) is None
    assert recall([], must) == 0
