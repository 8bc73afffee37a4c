"""A standing permission lets through what its pattern says and nothing else, and is not offered where it would be too much."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, JsonValue

from agent.approvals.grants import LONGEST_SECONDS, MOST_USES, choices, grantable, matches, sound, too_wide
from agent.tool.definition import Effect, Result, Tool, ToolContext
from agent.types import Allowed, GrantPattern, Verdict, Wish

PAID: dict[str, JsonValue] = {"to": "ada@example.com", "amount": 5}


class Payment(BaseModel):
    """How much for whom."""

    to: str
    amount: int


async def nothing(arguments: Any, context: ToolContext) -> Mapping[str, Any]:
    """Does nothing."""
    return {}


async def told(arguments: Any, context: ToolContext) -> Result | None:
    """It cannot tell."""
    return None


def tool(**fields: Any) -> Tool:
    """A tool that pays."""
    return Tool(name="pay", description="Pays.", arguments=Payment, handler=nothing, **fields)


def pattern(arguments: Mapping[str, JsonValue], **to_be: str) -> GrantPattern:
    """What a grant for this call allows: everything exactly, but for what is named."""
    offered = choices(arguments)
    return tuple(next(one for one in offered[name] if one.to_be == to_be.get(name, "exactly")) for name in arguments)


@pytest.mark.parametrize(
    ("offered", "verdict", "expected"),
    [
        (tool(idempotent=True), {}, True),
        (tool(reconcile=told), {}, True),
        (tool(effect=Effect.READ), {}, True),
        (tool(), {}, False),
        (tool(idempotent=True, effect=Effect.IRREVERSIBLE), {}, False),
        (tool(reconcile=told, effect=Effect.IRREVERSIBLE), {}, False),
        (tool(idempotent=True), {"quorum": 2}, False),
        (tool(idempotent=True), {"answer": "refuse"}, False),
    ],
)
def test_for_which_tools_a_grant_is_offered(offered: Tool, verdict: dict[str, Any], expected: bool) -> None:
    assert grantable(offered, Verdict.model_validate({"answer": "ask", "rule": "default", **verdict})) is expected


def test_always_allowing_an_amount_of_5_never_lets_999999_run() -> None:
    assert matches(pattern(PAID), PAID)
    assert matches(pattern(PAID, amount="at_most"), PAID)
    others: list[JsonValue] = [999_999, 6, 5.5, "5", "999999", True, None, [5], -1, float("inf"), float("nan")]
    for to_be in ("exactly", "at_most"):
        for amount in others:
            assert not matches(pattern(PAID, amount=to_be), {**PAID, "amount": amount}), (to_be, amount)
    assert [matches(pattern(PAID, amount="at_most"), {**PAID, "amount": amount}) for amount in (0, 4.5, 5.0)] == [True] * 3
    assert not matches(pattern(PAID, amount="at_most"), {**PAID, "to": "eve@example.com"})


@pytest.mark.parametrize(
    "arguments",
    [{**PAID, "note": ""}, {**PAID, "note": None}, {"amount": 5}, {}, {"to": "ada@example.com", "\u0430mount": 5}],
)
def test_an_argument_more_or_less_does_not_match(arguments: dict[str, JsonValue]) -> None:
    for to_be in ("exactly", "at_most", "anything"):
        assert not matches(pattern(PAID, amount=to_be), arguments)


@pytest.mark.parametrize(
    ("was", "other"),
    [
        (1, True),
        (1, 1.0),
        (0, False),
        ([1], [True]),
        ({"a": 1}, {"a": 1.0}),
        ([1, 2], [2, 1]),
        ([], {}),
        ("", None),
        (float("nan"),) * 2,
    ],
)
def test_exactly_is_the_same_value_of_the_same_type(was: Any, other: Any) -> None:
    assert not matches(pattern({"x": was}), {"x": other})
    assert not matches(pattern({"x": other}), {"x": was})


def test_a_pattern_that_names_an_argument_twice_is_unclear() -> None:
    anything = Allowed(argument="amount", to_be="anything")
    assert not matches((*pattern(PAID), anything), PAID)
    assert not matches((anything, *pattern(PAID)), PAID)


def test_a_limit_that_is_no_amount_lets_nothing_through() -> None:
    limits: list[JsonValue] = [True, -1, "9", None, float("inf"), float("nan"), [9]]
    for limit in limits:
        assert not matches((Allowed(argument="amount", to_be="at_most", value=limit),), {"amount": 0})


@pytest.mark.parametrize(
    ("value", "offered"),
    [
        (5, ["exactly", "at_most", "anything"]),
        (0, ["exactly", "at_most", "anything"]),
        (2.5, ["exactly", "at_most", "anything"]),
        (10**400, ["exactly", "at_most", "anything"]),
        (-1, ["exactly", "anything"]),
        (True, ["exactly", "anything"]),
        ("5", ["exactly", "anything"]),
        (None, ["exactly", "anything"]),
        (float("inf"), ["exactly", "anything"]),
    ],
)
def test_what_may_be_offered_for_a_value(value: JsonValue, offered: list[str]) -> None:
    assert [one.to_be for one in choices({"x": value})["x"]] == offered


def test_a_grant_for_any_call_at_all_is_too_wide() -> None:
    assert too_wide(pattern(PAID, to="anything", amount="anything"))
    assert not too_wide(pattern(PAID, to="anything", amount="at_most"))
    assert not too_wide(())  # a tool without arguments has only one call


def test_a_wish_is_sound_only_for_the_call_that_was_approved() -> None:
    wish = Wish(pattern=pattern(PAID), lasts_seconds=3600, most_uses=5)
    assert sound(wish, PAID)
    assert sound(Wish(pattern=(), lasts_seconds=LONGEST_SECONDS, most_uses=MOST_USES), {})
    assert not sound(wish, {**PAID, "amount": 6})
    wide = {"pattern": pattern(PAID, to="anything", amount="anything")}
    for wrong in ({"lasts_seconds": 0}, {"lasts_seconds": LONGEST_SECONDS + 1}, {"most_uses": 0}, {"most_uses": 101}, wide):
        assert not sound(wish.model_copy(update=wrong), PAID), wrong


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
near = st.sampled_from([0, 0.0, False, "", None, 1, 1.0, True, "1", [1], [True], {"a": 1}, {"a": 1.0}, {}, []])
values = st.recursive(
    scalars | near, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner), max_leaves=5
)
arguments = st.dictionaries(st.sampled_from("abcd"), values)


@given(granted=arguments, called=arguments)
def test_exactly_for_all_matches_the_same_arguments_only(granted: dict[str, Any], called: dict[str, Any]) -> None:
    exact = pattern(granted)
    assert matches(exact, granted)
    assert matches(exact, called) is (spelled(granted) == spelled(called))


def spelled(value: Any) -> Any:
    """A value with the types of everything in it; fields in whatever order."""
    match value:
        case dict():
            return {name: spelled(one) for name, one in value.items()}  # pyright: ignore[reportUnknownVariableType]
        case list():
            return [spelled(one) for one in value]  # pyright: ignore[reportUnknownVariableType]
        case _:
            return (type(value).__name__, value)


@given(data=st.data(), granted=arguments, called=arguments)
def test_whatever_is_chosen_only_calls_within_it_match(
    data: st.DataObject, granted: dict[str, Any], called: dict[str, Any]
) -> None:
    chosen = tuple(data.draw(st.sampled_from(offered)) for offered in choices(granted).values())
    assert matches(chosen, granted)
    if matches(chosen, called):
        assert called.keys() == granted.keys()
        for allowed in chosen:
            one, was = called[allowed.argument], granted[allowed.argument]
            assert allowed.to_be == "anything" or spelled(one) == spelled(was) or 0 <= one <= was
