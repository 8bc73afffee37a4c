"""Schemas of servers as they are offered: valid by 2020-12, with the same meaning, and read within bounds."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft4Validator, Draft7Validator, Draft202012Validator

from agent.tool.json_schema import json_arguments
from tests.mcp.schemas import JSON
from tests.profiles import examples
from tools.mcp.schemas import offered_schema

DRAFT_7 = "http://json-schema.org/draft-07/schema#"
PAIR = {"type": "array", "items": [{"type": "number"}, {"type": "number"}]}


def of(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


TRANSLATED: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"$schema": DRAFT_7, **of(p=PAIR)}, of(p={"type": "array", "prefixItems": PAIR["items"]})),
    (of(p={**PAIR, "additionalItems": False}), of(p={"type": "array", "prefixItems": PAIR["items"], "items": False})),
    (of(p={"items": []}), of(p={})),
    (of(n={"minimum": 3, "exclusiveMinimum": True}), of(n={"exclusiveMinimum": 3})),
    (of(n={"minimum": 3, "exclusiveMinimum": False}), of(n={"minimum": 3})),
    (of(a={}, b={}) | {"dependencies": {"a": ["b"], "b": {"required": ["a"]}}},
     of(a={}, b={}) | {"dependentRequired": {"a": ["b"]}, "dependentSchemas": {"b": {"required": ["a"]}}}),
    (of(a={"required": True}, b={"required": False}), of(a={}, b={}) | {"required": ["a"]}),
    ({"$schema": DRAFT_7, **of(a={"$ref": "#/definitions/A", "minLength": 3, "title": "A"}), "definitions": {"A": {}}},
     of(a={"$ref": "#/definitions/A", "title": "A"}) | {"definitions": {"A": {}}}),
    ({"$ref": "#/definitions/A", "definitions": {"A": of(x={})}}, of(x={}) | {"definitions": {"A": of(x={})}}),
    ({"type": ["object", "null"], "properties": {}}, of()),
    ({"properties": {}}, of()),
    ({}, {"type": "object"}),
    ({"type": "object", "properties": None, "required": None}, {"type": "object"}),
    (of(f={"type": "object", "properties": {"$meta": {"default": None}}}),
     of(f={"type": "object", "properties": {"$meta": {"default": None}}})),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "expected"), TRANSLATED)
def test_an_older_schema_is_offered_in_the_words_of_2020_12(schema: dict[str, Any], expected: dict[str, Any]) -> None:
    assert offered_schema(schema) == expected
    json_arguments(offered_schema(schema))


ITEM: st.SearchStrategy[dict[str, Any]] = st.sampled_from([{"type": "number"}, {"type": "string"}, {}])
OLD_PART = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["string", "number", "array", "object", ["string", "null"]]),
        "items": st.one_of(ITEM, st.lists(ITEM, min_size=1, max_size=3)),
        "additionalItems": st.sampled_from([True, False, {"type": "string"}]),
        "minimum": st.integers(-2, 3),
        "maximum": st.integers(0, 5),
        "dependencies": st.sampled_from([{"path": ["limit"]}, {"path": {"required": ["tags"]}}]),
    },
)


@examples(1.0)
@given(OLD_PART, JSON)
def test_what_is_translated_from_draft_7_takes_the_same_values(part: dict[str, Any], value: Any) -> None:
    _takes_the_same(Draft7Validator, of(path=part), value)


@examples(1.0)
@given(OLD_PART, st.booleans(), JSON)
def test_what_is_translated_from_draft_4_takes_the_same_values(part: dict[str, Any], exclusive: bool, value: Any) -> None:
    limits = {
        word: exclusive for limit, word in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")) if limit in part
    }
    _takes_the_same(Draft4Validator, of(path=part | limits), value)


def _takes_the_same(dialect: Any, schema: dict[str, Any], value: Any) -> None:
    translated = offered_schema(schema)
    Draft202012Validator.check_schema(translated)
    assert valid(Draft202012Validator, translated, {"path": value}) == valid(dialect, schema, {"path": value})


def valid(dialect: Any, schema: dict[str, Any], value: Any) -> bool:
    """Return what the library itself says."""
    return dialect(schema).is_valid(value)


# ---------------------------------------------------------------------------------------------- bounded time


def takes(schema: Mapping[str, Any], arguments: Mapping[str, Any]) -> bool:
    try:
        json_arguments(schema).model_validate(arguments)
    except ValueError:
        return False
    return True


def doubling(levels: int) -> dict[str, Any]:
    """A schema that looks at its value twice at every level."""
    twice = {f"L{n}": {"allOf": [{"$ref": f"#/$defs/L{n + 1}"}, {"$ref": f"#/$defs/L{n + 1}"}]} for n in range(levels)}
    return of(n={"$ref": "#/$defs/L0"}) | {"$defs": twice | {f"L{levels}": {"type": "string"}}}


COMPANY = "International Business Machines Corporation, Armonk"
HEAVY: list[tuple[dict[str, Any], Any]] = [
    (of(n={"pattern": r"^(\w+\s?)*$"}), COMPANY),
    (of(n={"pattern": r"^(a|aa)+$"}), "a" * 5_000 + "b"),
    (of(n={"pattern": r"^(([a-z])+.)+[A-Z]([a-z])+$"}), "a" * 5_000),
    (of(n={"pattern": r"((a{1,100}){1,100}){1,100}"}), "a" * 5_000),
    (of(n={"pattern": r"(?=(a+)+$)b"}), "a" * 50 + "c"),
    (of(n={"patternProperties": {r"^(\w+\s?)*$": {}}, "additionalProperties": False}), {COMPANY: 1}),
    (of(n={"patternProperties": {r"^(\w+\s?)*$": {}}, "unevaluatedProperties": False}), {COMPANY: 1}),
    (of(n={"not": {"pattern": r"^(\w+\s?)*$"}}), COMPANY),
    (of(n={"oneOf": [{"pattern": r"(?!x)^(\w+\s?)*$"}, {"type": "null"}]}), COMPANY),
    (doubling(25), "x"),
    (of(n={"uniqueItems": True}), [{"a": number} for number in range(5_000)]),
    (of(n={"items": {"enum": list(range(5_000))}}), list(range(5_000))),
    (of(n={"anyOf": [{"type": "integer"}] * 1_000}), "x" * 60_000),
    (of(n={"items": {"anyOf": [{"type": "integer"}] * 100}}), ["x" * 1_000] * 60),
    (of(n={"pattern": r"(?:[^a]{100}x){1}" * 40}), "b" * 64_000),
]


@pytest.mark.timeout(30)
@pytest.mark.parametrize(("schema", "value"), HEAVY, ids=range(len(HEAVY)))
def test_nothing_that_a_server_lists_is_checked_without_end(schema: dict[str, Any], value: Any) -> None:
    takes(schema, {"n": value})


def test_what_takes_too_many_steps_is_left_to_the_server() -> None:
    assert takes(doubling(3), {"n": "x"})
    assert not takes(doubling(3), {"n": 3})
    heavy = doubling(25)
    heavy["properties"]["wrong"] = {"type": "integer"}
    assert takes(heavy, {"n": "x", "wrong": "x"})


def test_a_pattern_whose_time_would_grow_too_long_is_left_to_the_server() -> None:
    schema = of(n={"pattern": "(?:[^a]{49}x){3}"})  # some 4,500 states: harmless before a short text
    assert not takes(schema, {"n": "b" * 100})
    assert takes(schema, {"n": "b" * 64_000})


def test_a_pattern_in_an_engine_of_linear_time_is_still_a_pattern() -> None:
    schema = of(n={"pattern": r"^(\w+\s?)*$"})
    assert takes(schema, {"n": "International Business Machines"})
    assert not takes(schema, {"n": COMPANY})
    assert takes(of(n={"not": {"pattern": "(?=a)"}}), {"n": "a"})  # the engine cannot read it
    assert not takes(of(n={"patternProperties": {"^a": {"type": "string"}}, "additionalProperties": False}), {"n": {"b": ""}})
    assert not takes(of(n={"patternProperties": {"^a": {"type": "string"}}}), {"n": {"ab": 1}})


@pytest.mark.parametrize(
    ("value", "of_them", "fits"),
    [
        (19.99, 0.01, True),
        (19.995, 0.01, False),
        (0.3, 0.1, True),
        (1e308, 0.01, True),
        (7, 2, False),
        (4.0, 2, True),
        (True, 2, True),
    ],
)
def test_multiples_are_those_of_decimals(value: Any, of_them: Any, fits: bool) -> None:
    assert takes(of(n={"multipleOf": of_them}), {"n": value}) is fits


@examples(1.0)
@given(st.lists(JSON, max_size=5))
def test_items_are_unique_when_the_library_says_so(items: list[Any]) -> None:
    expected = valid(Draft202012Validator, {"uniqueItems": True}, items)
    assert takes(of(n={"uniqueItems": True}), {"n": items}) == expected, json.dumps(items)
