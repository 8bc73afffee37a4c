"""Whatever a model sends to a tool of the shop, it gets a structured answer back."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from pydantic import BaseModel

from agent.tool.definition import Effect, Result, Tools
from agent.tool.validation import validate
from tests.profiles import examples
from tests.tools.conftest import Shop

ORDER: dict[str, Any] = {"customer": "ada@example.com", "sku": "WGT-001", "quantity": 3}


@pytest.mark.parametrize(
    ("name", "arguments", "problem"),
    [
        ("search_product_catalog", {}, "query: Field required"),
        ("search_product_catalog", {"query": "  "}, "query: String should have at least 1 character"),
        ("search_product_catalog", {"query": "a" * 201}, "query: String should have at most 200 characters"),
        ("search_product_catalog", {"query": "a\x00b"}, "query: Value error, must not contain the character NUL"),
        ("search_product_catalog", {"query": ["lamp"]}, "query: Input should be a valid string"),
        ("search_product_catalog", {"query": "lamp", "limit": 0}, "limit: Input should be greater than or equal to 1"),
        ("search_product_catalog", {"query": "lamp", "limit": 21}, "limit: Input should be less than or equal to 20"),
        ("search_product_catalog", {"query": "lamp", "limit": "5"}, "limit: Input should be a valid integer"),
        ("search_product_catalog", {"query": "lamp", "page": 2}, "page: Extra inputs are not permitted"),
        ("get_order_status", {}, "order_id: Field required"),
        ("get_order_status", {"order_id": 1042}, "order_id: Input should be a valid string"),
        ("get_order_status", {"order_id": " "}, "order_id: String should have at least 1 character"),
        ("get_order_status", {"order_id": "O" * 41}, "order_id: String should have at most 40 characters"),
        ("get_order_status", {"order_id": "ORD-1\x00"}, "order_id: Value error, must not contain the character NUL"),
        ("get_order_status", {"order_id": "ORD-1042", "id": 1}, "id: Extra inputs are not permitted"),
        ("create_order", {}, "customer: Field required; sku: Field required; quantity: Field required"),
        ("create_order", ORDER | {"customer": "Ada Byron"}, "customer: String should match pattern"),
        ("create_order", ORDER | {"customer": "аda@example.com"}, "customer: String should match pattern"),  # Cyrillic а
        ("create_order", ORDER | {"customer": "@"}, "customer: String should have at least 3 characters"),
        ("create_order", ORDER | {"customer": "a" * 250 + "@b.io"}, "customer: String should have at most 254"),
        ("create_order", ORDER | {"sku": ""}, "sku: String should have at least 1 character"),
        ("create_order", ORDER | {"sku": "W" * 41}, "sku: String should have at most 40 characters"),
        ("create_order", ORDER | {"sku": "Widget Pro"}, "sku: String should match pattern"),
        ("create_order", ORDER | {"quantity": 0}, "quantity: Input should be greater than or equal to 1"),
        ("create_order", ORDER | {"quantity": -3}, "quantity: Input should be greater than or equal to 1"),
        ("create_order", ORDER | {"quantity": 1001}, "quantity: Input should be less than or equal to 1000"),
        ("create_order", ORDER | {"quantity": 1.5}, "quantity: Input should be a valid integer"),
        ("create_order", ORDER | {"quantity": True}, "quantity: Input should be a valid integer"),
        ("create_order", ORDER | {"quantity": None}, "quantity: Input should be a valid integer"),
        ("create_order", ORDER | {"note": "n" * 501}, "note: String should have at most 500 characters"),
        ("create_order", ORDER | {"note": "\x00"}, "note: Value error, must not contain the character NUL"),
        ("create_order", ORDER | {"price_usd": "0.01"}, "price_usd: Extra inputs are not permitted"),
    ],
)
def test_wrong_arguments_are_named(tools: Tools, name: str, arguments: dict[str, Any], problem: str) -> None:
    answer = validate(tools, name, arguments)
    assert isinstance(answer, Result)
    assert (answer.ok, answer.error) == (False, "invalid_input")
    assert answer.detail is not None
    assert answer.detail.startswith(f"{name} was not run. {problem}")


def test_a_tool_that_does_not_exist_is_answered_with_those_that_do(tools: Tools) -> None:
    answer = validate(tools, "delete_order", {"order_id": "ORD-1042"})
    assert isinstance(answer, Result)
    assert answer.detail == (
        "There is no tool named 'delete_order'. The tools are: create_order, get_order_status, search_product_catalog."
    )


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
words = st.text(max_size=40) | st.sampled_from(["desk lamp", "%", "' OR true --", 'or -"(&|!:*<->', "\x00", "\ud800"])
nearly_right = st.fixed_dictionaries(
    {},
    optional={
        "query": words | anything,
        "limit": st.integers(1, 20) | anything,
        "order_id": st.sampled_from(["ORD-1001", "ord-1200"]) | words | anything,
        "customer": st.sampled_from(["ada@example.com", "nobody@example.com"]) | words | anything,
        "sku": st.sampled_from(["WGT-001", "saf-020", "XXX-000"]) | words | anything,
        "quantity": st.integers(1, 1000) | anything,
        "note": words | anything,
    },
)
FIELDS = {
    "search_product_catalog": {"query", "limit"},
    "get_order_status": {"order_id"},
    "create_order": {"customer", "sku", "quantity", "note"},
}


@examples(1.5, HealthCheck.function_scoped_fixture)
@given(
    name=st.sampled_from(sorted(FIELDS)),
    known=nearly_right,
    unknown=st.dictionaries(st.text(), anything, max_size=2),
)
async def test_no_input_yields_an_exception(shop: Shop, name: str, known: dict[str, Any], unknown: dict[str, Any]) -> None:
    arguments = {field: value for field, value in known.items() if field in FIELDS[name]} | unknown
    validated = validate(shop.tools, name, arguments)
    if isinstance(validated, Result):
        answer = validated
    else:
        # What was approved is checked again when it runs: what is valid once stays valid, and the same.
        assert validate(shop.tools, name, validated.model_dump(mode="json")) == validated
        answer = await shop.run(name, validated)
    assert set(json.loads(answer.text())) in ({"ok", "result"}, {"ok", "error", "detail"})
    assert not answer.unclear  # every input has an answer that was meant; none ran into an exception
    [(least,)] = await shop.sql("SELECT min(stock) FROM shop.product")
    assert least >= 0


def test_every_argument_tells_the_model_what_it_is(tools: Tools) -> None:
    for tool in tools.values():
        schema = tool.schema()["input_schema"]
        assert schema["additionalProperties"] is False
        assert all(field["description"] for field in schema["properties"].values()), tool.name
        assert set(schema["properties"]) == FIELDS[tool.name]


def test_only_the_order_writes_and_its_words_are_for_a_person(tools: Tools) -> None:
    writing = [tool for tool in tools.values() if tool.effect is not Effect.READ]
    assert [tool.name for tool in writing] == ["create_order"]
    [create] = writing
    assert create.idempotent
    assert (create.verb, create.consequence) == ("Place order", "Binding; the shop can cancel it until it is packed.")
    arguments = validate(tools, "create_order", ORDER)
    assert isinstance(arguments, BaseModel)
    assert create.headline is not None
    assert create.headline(arguments) == "Order 3 × WGT-001 for ada@example.com"
