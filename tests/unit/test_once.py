"""Arguments are validated once in a claim for each state of a tool and its arguments, and no handler sees another's changes."""

import copy
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, field_validator

from agent.tool.definition import Effect, Tool
from agent.tool.once import exact_spelling, validating_once
from agent.tool.validation import finite, validate

looked_at: list[Any] = []


class Basket(BaseModel):
    """Arguments that note each look at them."""

    items: list[str] = []
    n: int = 1

    @field_validator("n")
    @classmethod
    def _looked_at(cls, value: int) -> int:
        looked_at.append(value)
        return value


async def never(arguments: Basket, context: Any) -> dict[str, Any]:
    """Handlers are not run here."""
    raise AssertionError


BUY = Tool(name="buy", description="Buys.", arguments=Basket, handler=never, effect=Effect.WRITE)
TOOLS = {"buy": BUY}


def looks(*calls: dict[str, Any], tools: dict[str, Tool] = TOOLS) -> int:
    """How often arguments are looked at for these calls."""
    before = len(looked_at)
    for arguments in calls:
        validate(tools, "buy", arguments)
    return len(looked_at) - before


def test_the_same_arguments_are_looked_at_once_in_a_claim_and_anew_in_the_next() -> None:
    assert looks({"n": 1}, {"n": 1}) == 2  # outside of a claim nothing is kept
    for _ in range(2):
        with validating_once():
            assert looks({"n": 1}, {"n": 1}, {"n": 2}, {"n": 1}) == 2


def test_another_tool_of_the_same_name_looks_anew() -> None:
    with validating_once():
        assert looks({"n": 1}) == 1
        assert looks({"n": 1}, tools={"buy": replace(BUY)}) == 1


def test_what_is_wrong_is_found_once_and_stays_wrong() -> None:
    with validating_once():
        assert validate(TOOLS, "buy", {"n": "many"}) == validate(TOOLS, "buy", {"n": "many"})
        assert not isinstance(validate(TOOLS, "buy", {"n": "many"}), Basket)
        assert not isinstance(validate(TOOLS, "buy", {"n": float("nan")}), Basket)
        assert isinstance(validate(TOOLS, "buy", {"n": 1}), Basket)


def test_a_handler_that_changes_its_arguments_changes_nobody_elses() -> None:
    with validating_once():
        mine = validate(TOOLS, "buy", {"items": ["lamp"]})
        assert isinstance(mine, Basket)
        mine.items.append("sofa")
        mine.n = 99
        assert validate(TOOLS, "buy", {"items": ["lamp"]}) == Basket(items=["lamp"])


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 2)
    | st.sampled_from([0.0, -0.0, 1.0, 2.0])
    | st.sampled_from(["", "0", "1", "{"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2),
    max_leaves=6,
)


@given(JSON, JSON)
def test_only_the_same_value_of_the_same_types_in_the_same_order_is_spelled_alike(one: Any, other: Any) -> None:
    assert exact_spelling(one) == exact_spelling(copy.deepcopy(one))
    assert (exact_spelling(one) == exact_spelling(other)) == (repr(one) == repr(other))
    hash(exact_spelling(one))


@given(JSON)
def test_only_infinite_numbers_and_nan_are_not_finite(value: Any) -> None:
    assert finite(value)
    for wrong in (float("inf"), float("-inf"), float("nan")):
        assert not finite({"a": [value, wrong]})
