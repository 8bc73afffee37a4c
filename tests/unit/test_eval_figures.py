"""What repeats come to, against figures that were made by hand, and how that is said."""

import pytest

from bot.eval.against import compared
from bot.eval.cases import Case, GoldenSet
from bot.eval.conversation import conversation
from bot.eval.figures import Figure, Results, quality_of, results_of
from bot.eval.happened import Figures, Played
from bot.eval.judging import judge
from bot.eval.kept import Finished, Run
from bot.eval.page import sections
from bot.eval.wording import lines, verdict, written
from bot.report.page import page
from tests.unit.eval_cases import CASE, ORDER, PLAYED, SEARCH, changed, played

RUN = Run(
    golden="shop",
    golden_digest="g",
    prompt="assistant@2",
    prompt_digest="p",
    model="claude-sonnet-5-5",
    played="recorded",
    tested="t",
    code="c",
)


def named(name: str, about: str = "order") -> Case:
    return CASE.model_copy(update={"case": name, "about": [about]})


SHOP = GoldenSet(name="shop", prompt="assistant", cases=[named("a"), named("b"), named("c", "lookup"), named("d", "lookup")])


def finished(case: str, repeat: int, way: Played = PLAYED) -> Finished:
    return Finished(case=case, repeat=repeat, played=way, judged=judge(CASE, way))


def took(seconds: float, usd: float) -> Played:
    return played(figures=Figures(iterations=2, tokens=1_000, usd=usd, seconds=seconds))


WRONG = played(calls=(SEARCH, changed(ORDER, arguments={"sku": "WGT-009"})))  # one of two arguments, all tools
UNASKED = played(calls=(SEARCH, changed(ORDER, allowed_by="policy")))
# a: 2 of 2; b: 1 of 2, c: 0 of 2, d: 2 of 2
REPEATS = [
    finished("a", 0, took(1, 0.01)),
    finished("b", 0, took(2, 0.02)),
    finished("c", 0, WRONG),
    finished("d", 0, took(4, 0.03)),
    finished("a", 1, took(1, 0.01)),
    finished("b", 1, WRONG),
    finished("c", 1, WRONG),
    finished("d", 1, took(4, 0.03)),
]


def figure(results: Results, key: str) -> Figure:
    return next(one for one in [*results.figures, *results.pass_k] if one.key == key)


def test_figures_are_means_over_repeats_with_intervals_over_cases() -> None:
    results = results_of(SHOP, REPEATS)
    assert (results.cases, results.repeats) == (4, 8)
    assert figure(results, "completion").value == 5 / 8
    assert figure(results, "arguments").value == (5 + 3 * 0.5) / 8
    assert figure(results, "tool_precision").value == figure(results, "tool_recall").value == 1
    assert figure(results, "usd").value == pytest.approx((2 * 0.01 + 0.02 + 2 * 0.03 + 3 * 0.02) / 8)
    assert results.usd == pytest.approx(0.16)
    assert figure(results, "p50").value == 1.5  # of 1, 1, 1.5, 1.5, 1.5, 2, 4, 4
    # Wilson's by hand: deviations of the cases' sums are 0.75, -0.25, -1.25, 0.75; the clustered error is
    # sqrt(2.75 * 4 / 3) / 8 = 0.239357, so n = 0.625 * 0.375 / 0.239357^2 = 4.0909, and t^2 of 3 degrees is 10.128: the middle is
    # (0.625 + 10.128 / 8.1818) / (1 + 10.128 / 4.0909) = 0.53596, the reach sqrt(10.128 * (0.057292 + 0.151295)) / 3.47574.
    completion = figure(results, "completion")
    assert completion.lower == pytest.approx(0.53596 - 0.41818, abs=2e-5)
    assert completion.upper == pytest.approx(0.53596 + 0.41818, abs=2e-5)


def test_repeats_of_a_case_are_no_further_evidence() -> None:
    once = results_of(SHOP, [finished(case, 0, way) for case, way in zip("abcd", (PLAYED, WRONG, WRONG, PLAYED), strict=True)])
    often = results_of(
        SHOP,
        [finished(case, n, way) for n in range(9) for case, way in zip("abcd", (PLAYED, WRONG, WRONG, PLAYED), strict=True)],
    )
    one, other = figure(once, "completion"), figure(often, "completion")
    assert (one.value, one.lower, one.upper) == pytest.approx((other.value, other.lower, other.upper))


def test_pass_k_is_that_all_of_k_repeats_pass_and_goes_as_far_as_every_case_has_repeats() -> None:
    results = results_of(SHOP, REPEATS)
    assert [(one.key, one.value) for one in results.pass_k] == [("pass^1", 5 / 8), ("pass^2", 2 / 4)]
    assert [one.key for one in results_of(SHOP, REPEATS[:-1]).pass_k] == ["pass^1"]


def test_what_cases_are_about_has_its_figures_the_worst_first() -> None:
    about = results_of(SHOP, REPEATS).about
    assert [(one.about, one.cases, one.passed, one.repeats) for one in about] == [("lookup", 2, 2, 4), ("order", 2, 3, 4)]


def test_a_threshold_that_is_not_reached_is_said() -> None:
    results = results_of(SHOP, REPEATS)
    assert not results.reached
    assert verdict(results) == (
        "Not reached: task completion is 62.5 % and has to be 90.0 %; argument accuracy is 81.2 % and has to be 90.0 %."
    )
    good = results_of(SHOP, [finished(case, 0) for case in "abcd"])
    assert good.reached
    assert verdict(good) == "All thresholds are reached."


def test_a_share_just_below_its_threshold_is_not_rounded_to_it() -> None:
    assert [written(share, "share") for share in (0.99999, 1.0, 0.949999, 0.95, 0.29)] == [
        "99.9 %",
        "100.0 %",
        "94.9 %",
        "95.0 %",
        "29.0 %",
    ]


def test_a_write_that_nobody_was_asked_about_comes_before_everything_else() -> None:
    results = results_of(SHOP, [*REPEATS[:-1], finished("d", 1, UNASKED)])
    assert results.figures[0].key == "approvals"
    assert results.unasked == ["d"]
    assert [*lines(RUN, results, ())][1] == "APPROVALS ARE NOT AS THEY HAVE TO BE in d."
    assert "approval correctness is 87.5 % and has to be 100.0 %" in verdict(results)
    assert results_of(SHOP, REPEATS).figures[0].key == "completion"


def test_a_case_that_passed_when_it_was_recorded_has_to_pass_again_whatever_the_thresholds_say() -> None:
    lenient = SHOP.model_copy(update={"thresholds": SHOP.thresholds.model_copy(update={"completion": 0.5, "arguments": 0.5})})
    assert results_of(lenient, REPEATS, recorded_as_passed=["a", "d"]).reached
    results = results_of(lenient, REPEATS, recorded_as_passed=["a", "b", "d"])
    assert not results.reached
    assert verdict(results) == "Not reached: 1 that passed when recorded do not now: b."


def test_cases_that_failed_are_named_with_what_was_wrong_once_the_shortest_first() -> None:
    long = played(calls=(), cards=(), answer="No.")
    results = results_of(SHOP, [*(one for one in REPEATS if one.case != "a"), finished("a", 0, long), finished("a", 1, long)])
    assert [(one.case, one.failed, one.repeats) for one in results.failing] == [("b", 1, 2), ("c", 2, 2), ("a", 2, 2)]
    wrong = "arguments of create_order: sku is 'WGT-009' instead of 'WGT-001'; quantity is None instead of 2"
    assert results.failing[1].wrong == [wrong]
    told = [*lines(RUN, results, ())]
    at = told.index("c failed in 2 of 2:")
    assert told[at + 1] == f"  {wrong}"
    assert told[-1].startswith("Not reached: ")


def test_against_an_earlier_run_names_what_is_better_and_the_cases_that_changed() -> None:
    names = [f"case-{number}" for number in range(8)]
    bad = [finished(name, repeat, WRONG) for name in names for repeat in range(4)]
    good = [finished(name, repeat) for name in names for repeat in range(4)]
    better, worse, same = (compared(*pair)[0] for pair in ((bad, good), (good, bad), (good, good)))
    assert (better.verdict, worse.verdict, same.verdict) == ("better", "worse", "no more than noise")
    assert [each.partition(" passes in ")[0] for each in worse.changed] == names
    assert worse.changed[0].startswith("case-0 passes in 0 of 4 repeats, before in 4 of 4. More than noise:")
    assert same.changed == []
    with pytest.raises(ValueError, match="no case in common"):
        compared([finished("x", 0)], [finished("y", 0)])


def test_a_judge_is_held_to_what_people_said() -> None:
    opinions = {
        "a": [(True, "fine"), (False, "no number"), (True, "fine")],
        "b": [(False, "wrong"), (False, "wrong")],
        "c": [(True, "fine")],
        "d": [(True, "fine")],
    }
    quality = quality_of(opinions, {"a": True, "b": False, "c": False, "d": True})
    assert quality.passes.value == pytest.approx(4 / 7)
    assert (quality.labelled, quality.agreement, quality.kappa) == (4, 0.75, 0.5)
    assert quality.failing == {"a": "no number", "b": "wrong"}
    assert quality_of(opinions, {}).agreement is None


def test_a_conversation_is_told_in_its_order_with_calls_and_their_outcomes() -> None:
    assert [(each.who, each.kind, each.text.splitlines()[0]) for each in conversation(PLAYED)] == [
        ("ann", "person", "Please order two of WGT-001 for ada@example.com"),
        ("call", "call", 'search_product_catalog {"query": "WGT-001"}'),
        ("call", "call", 'create_order {"sku": "wgt-001", "quantity": 2, "customer": "ada@example.com"}'),
        ("Signoff", "bot", "Approval needed: create_order"),
        ("ben", "person", "approves create_order"),
        ("Signoff", "bot", "Two pieces are ordered."),
    ]
    assert conversation(PLAYED)[2].text.endswith("→ succeeded by approval")


def test_the_page_has_each_failed_case_with_its_conversation_and_no_script() -> None:
    hostile = played(**WRONG.model_dump(include={"calls"}), posts=("<script>alert(1)</script>", "‮drow"))
    runs = [*REPEATS[:2], finished("c", 0, hostile.model_copy(update={"calls": WRONG.calls})), REPEATS[3]]
    results = results_of(SHOP, runs)
    told = page("shop", sections(results, runs, ()), title="Signoff eval")
    assert "<title>Signoff eval</title>" in told
    assert "script-src 'none'" in told
    assert "<script" not in told
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in told
    assert "⟨U+202E⟩" in told
    assert "c failed in 1 of 1" in told
    assert "sku is &#x27;WGT-009&#x27; instead of &#x27;WGT-001&#x27;" in told
    assert "http://" not in told
    assert "https://" not in told
