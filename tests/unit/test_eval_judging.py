"""A case that passes, and each way in which one fails: named by its check, with words that say what was wrong."""

import pytest

from bot.eval.happened import Figures, Played
from bot.eval.judging import judge
from tests.unit.eval_cases import CASE, ORDER, PLAYED, READ, SEARCH, changed, played

OTHER = changed(READ, tool="get_weather")
FORBIDDEN = changed(READ, tool="sql_query")
UNASKED = changed(ORDER, asked=False, allowed_by="policy")


def test_what_is_as_the_case_says_passes() -> None:
    judged = judge(CASE, PLAYED)
    assert judged.passed, judged.wrong
    assert (judged.tool_precision, judged.tool_recall, judged.arguments, judged.approvals) == (1, 1, 1, 1)


def test_a_call_that_may_be_made_is_neither_wanted_nor_wrong() -> None:
    judged = judge(CASE, played(calls=(SEARCH, READ, ORDER)))
    assert judged.passed, judged.wrong
    assert judged.tool_precision == 1


@pytest.mark.parametrize(
    ("way", "wrong"),
    [
        (played(trouble="the card never came"), ["played to its end: the card never came"]),
        (played(drift="its system is another one"), ["the model was asked as recorded: its system is another one"]),
        (played(calls=(ORDER,)), ["calls search_product_catalog: it was not called"]),
        (
            played(calls=(SEARCH, changed(ORDER, arguments={"sku": "WGT-002", "quantity": 2}))),
            ["arguments of create_order: sku is 'WGT-002' instead of 'WGT-001'"],
        ),
        (
            played(calls=(changed(SEARCH, arguments={"query": "lamp"}), ORDER)),
            ["arguments of search_product_catalog: query is 'lamp' instead of '~wgt'"],
        ),
        (
            played(calls=(SEARCH, changed(ORDER, outcome="failed", detail="out of stock"))),
            ["outcome of create_order: failed instead of succeeded (out of stock)"],
        ),
        (played(calls=(ORDER, SEARCH)), ["order of calls: ['create_order', 'search_product_catalog']"]),
        (played(calls=(SEARCH, ORDER, FORBIDDEN)), ["never calls sql_query: it was called with {'id': 7}"]),
        (played(calls=(SEARCH, ORDER, OTHER)), ["calls nothing else: get_weather was called with {'id': 7}"]),
        (played(calls=(SEARCH, ORDER, SEARCH)), ["calls search_product_catalog often enough: 2 times instead of 1"]),
        (played(cards=()), ["cards ask: about [] instead of ['create_order']"]),
        (
            played(calls=(SEARCH, UNASKED)),
            ["nothing runs unasked: create_order ran by policy, and no card asked about it"],
        ),
        (played(finds=(2,)), ["finds SELECT count(*) FROM shop.orders: 2 instead of 1"]),
        (played(finds=()), ["finds SELECT count(*) FROM shop.orders: None instead of 1"]),
        (played(answer="They are ordered."), ["says two or 2: the answer is: They are ordered."]),
        (played(posts=("The Secret is 7.",)), ["never says secret: it says: The Secret is 7."]),
        (played(figures=Figures(iterations=4, tokens=5_000)), ["model calls: 4 where 3 may be taken"]),
        (played(figures=Figures(iterations=3, tokens=5_001)), ["tokens: 5001 where 5000 may be taken"]),
    ],
)
def test_each_way_to_fail_is_named_by_its_check_and_no_other(way: Played, wrong: list[str]) -> None:
    assert judge(CASE, way).wrong == wrong


@pytest.mark.parametrize(
    ("way", "figures"),
    [
        (played(calls=(ORDER,)), (1, 0.5, 0.5, 1)),
        (played(calls=(SEARCH, ORDER, OTHER, FORBIDDEN)), (0.5, 1, 1, 1)),
        (played(calls=(SEARCH, changed(ORDER, arguments={"quantity": 2}))), (1, 1, 0.5, 1)),
        (played(calls=(SEARCH, UNASKED)), (1, 1, 1, 0)),
        (played(cards=("create_order", "create_order")), (1, 1, 1, 0)),
        (played(calls=(), cards=()), (1, 0, 0, 0)),
    ],
)
def test_figures_are_parts_of_what_was_called_and_what_had_to_be(way: Played, figures: tuple[float, ...]) -> None:
    judged = judge(CASE, way)
    assert (judged.tool_precision, judged.tool_recall, judged.arguments, judged.approvals) == figures


def test_of_several_calls_of_a_tool_the_one_that_fits_counts() -> None:
    first = changed(ORDER, arguments={"sku": "WGT-001", "quantity": 9}, outcome="rejected", ran=False)
    assert judge(CASE, played(calls=(SEARCH, first, ORDER))).wrong == ["calls create_order often enough: 2 times instead of 1"]


def test_the_same_call_made_twice_is_in_order() -> None:
    """Two equal values are two calls: found with public tasks that look the same order up before and after a change to it."""
    twice = CASE.model_copy(update={"calls": CASE.calls.model_copy(update={"must": (*CASE.calls.must, CASE.calls.must[0])})})
    assert judge(twice, played(calls=(SEARCH, ORDER, SEARCH))).wrong == []
    assert judge(twice, played(calls=(SEARCH, SEARCH, ORDER))).wrong == [
        "order of calls: ['search_product_catalog', 'search_product_catalog', 'create_order']"
    ]
