"""The form of a call's arguments: every kind of value in its own input, and nothing changed that nobody touched."""

import json
from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from agent.tool.definition import Tool, ToolContext
from agent.tool.validation import problems
from bot.dialogs.form import Filled, edit_view, field_errors, read_form
from bot.sandbox.slack.entering import client_errors
from tests.unit.forms import block_of, put, untouched
from tools.catalog.orders import CreateOrder

Json = dict[str, Any]

ORDER: Json = {"customer": "ada@example.com", "sku": "WGT-001", "quantity": 2, "note": ""}
ORDER_SCHEMA = CreateOrder.model_json_schema()


def drawn(schema: Mapping[str, Any], given_values: Json) -> Json:
    """The modal."""
    return edit_view(schema, given_values, headline="Order 2 × WGT-001", action_id="A1", submit="Place order")


def filled(schema: Mapping[str, Any], given_values: Json, **fields: str | None) -> Filled:
    """What comes of the form after these fields were filled with something else."""
    return read_form(schema, given_values, put(drawn(schema, given_values), fields))


def one(schema: Json, value: Any = ..., *, required: bool = False) -> tuple[Json, Json]:
    """The schema of a tool whose only argument is `x`, and its arguments."""
    whole = {"type": "object", "properties": {"x": schema}, "required": ["x"] if required else []}
    return whole, {} if value is ... else {"x": value}


def element(schema: Json, value: Any = ..., *, required: bool = False) -> Json:
    """The input in which `x` is edited."""
    return block_of(drawn(*one(schema, value, required=required)), "x")["element"]


async def nothing(arguments: Any, context: ToolContext) -> Mapping[str, Any]:
    """Does nothing."""
    return {}


def order_tool(model: type[BaseModel] = CreateOrder) -> Tool:
    """The shop's tool, as far as its arguments go."""
    return Tool(name="create_order", description="Orders.", arguments=model, handler=nothing)


def test_an_order_is_shown_in_plain_fields() -> None:
    view = drawn(ORDER_SCHEMA, ORDER)
    assert (view["callback_id"], view["private_metadata"], view["submit"]["text"]) == ("edit", "A1", "Place order")
    assert "approves nothing" in view["blocks"][1]["elements"][0]["text"]
    shown = {block["label"]["text"]: block for block in view["blocks"][2:]}
    assert {name: block["element"]["type"] for name, block in shown.items()} == {
        "customer": "plain_text_input",
        "sku": "plain_text_input",
        "quantity": "number_input",
        "note": "plain_text_input",
    }
    bounds = {"initial_value": "2", "min_value": "1", "max_value": "1000", "is_decimal_allowed": False}
    assert bounds.items() <= shown["quantity"]["element"].items()
    assert {name: block["optional"] for name, block in shown.items()} == dict.fromkeys(ORDER, False) | {"note": True}
    assert shown["sku"]["hint"]["text"].startswith("The product's exact SKU")
    assert read_form(ORDER_SCHEMA, ORDER, untouched(view)) == Filled(ORDER, {})


def test_what_was_changed_is_read_with_its_type_and_in_its_place() -> None:
    read = filled(ORDER_SCHEMA, ORDER, quantity="5", note="Ring twice.\nThen wait.")
    assert list(read.arguments.items()) == list({**ORDER, "quantity": 5, "note": "Ring twice.\nThen wait."}.items())
    assert read.errors == {}


def test_a_name_that_the_values_have_in_another_order_keeps_its_place() -> None:
    turned = dict(reversed(ORDER.items()))
    assert list(filled(ORDER_SCHEMA, turned, sku="MUG-1").arguments) == list(turned)


def test_half_a_character_does_not_get_in() -> None:
    tool, arguments = one({"type": "string"}, "a")
    assert filled(tool, arguments, x="\ud800b").arguments == {"x": "\ufffdb"}
    assert filled(*one({}, "\x00"), x='"\\ud800b"').arguments == {"x": "\ufffdb"}


def test_what_validation_finds_stands_beside_the_field() -> None:
    wrong = {**ORDER, "customer": "nobody", "quantity": 1001}
    found = field_errors(ORDER_SCHEMA, ORDER, problems(order_tool(), wrong))
    view = drawn(ORDER_SCHEMA, ORDER)
    assert found.keys() == {block_of(view, name)["block_id"] for name in ("customer", "quantity")}
    assert found[block_of(view, "quantity")["block_id"]] == "Input should be less than or equal to 1000"
    assert problems(order_tool(), ORDER) == ()


def test_what_belongs_to_no_field_stands_at_the_first_one_with_its_name() -> None:
    told = [((), "Value error, Too much in all."), (("gone", 0), "Not there."), (("note",), "Too loud.")]
    found = field_errors(ORDER_SCHEMA, ORDER, told)
    view = drawn(ORDER_SCHEMA, ORDER)
    assert found == {
        block_of(view, "customer")["block_id"]: "Too much in all.; gone.0: Not there.",
        block_of(view, "note")["block_id"]: "Too loud.",
    }
    assert field_errors({"type": "object"}, {}, told) == {}


class Size(StrEnum):
    """How big."""

    SMALL = "s"
    LARGE = "l"


class Address(BaseModel):
    """Where."""

    street: str


class Everything(BaseModel):
    """One argument of each kind."""

    size: Size
    speed: Literal[1, 2] | None = None
    gift: bool = False
    day: date | None = None
    ratio: Annotated[float, Field(gt=0, le=1.5)] = 0.5
    tags: list[str] = []
    counts: list[int] = []
    address: Address
    lines: list[Address] = []
    either: int | str = 1
    motto: str | None = None


EVERYTHING = Everything(size=Size.LARGE, day=date(2026, 11, 22), tags=["a", "b"], counts=[1, 2], address=Address(street="Elm"))


def test_every_kind_of_value_has_its_input() -> None:
    given_values, schema = EVERYTHING.model_dump(mode="json"), Everything.model_json_schema()
    view = drawn(schema, given_values)
    found = {name: block_of(view, name)["element"]["action_id"] for name in given_values}
    assert found == {
        "size": "choice", "speed": "choice", "gift": "choice", "day": "date", "ratio": "number", "tags": "lines",
        "counts": "lines", "address": "json", "lines": "json", "either": "json", "motto": "text",
    }  # fmt: skip
    assert [one["text"]["text"] for one in block_of(view, "speed")["element"]["options"]] == ["1", "2", "Leave empty"]
    assert [one["text"]["text"] for one in block_of(view, "size")["element"]["options"]] == ["s", "l"]
    assert block_of(view, "gift")["hint"]["text"] == "Left empty, it is false."
    assert read_form(schema, given_values, untouched(view)) == Filled(given_values, {})
    changed = {"size": "s", "speed": "2", "gift": "true", "day": "2026-12-24", "ratio": "1", "tags": "c\n\n d ", "counts": "7"}
    changed |= {"address": '{"street": "Oak"}', "lines": '[{"street": "Low"}]', "either": '"5"', "motto": "Go"}
    read = filled(schema, given_values, **changed)
    expected: Json = {
        "size": "s",
        "speed": 2,
        "gift": True,
        "day": "2026-12-24",
        "ratio": 1,
        "tags": ["c", "d"],
        "counts": [7],
    } | {"address": {"street": "Oak"}, "lines": [{"street": "Low"}], "either": "5", "motto": "Go"}
    assert read == Filled(expected, {})
    assert problems(order_tool(Everything), read.arguments) == ()


@pytest.mark.parametrize(
    ("schema", "value", "required", "after"),
    [
        ({"type": ["string", "null"], "default": "a"}, "b", False, {"x": None}),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, 5, True, {"x": None}),
        ({"type": "string", "default": "a"}, "b", False, {}),
        ({"type": "string"}, "b", True, {"x": ""}),
        ({"type": "array", "items": {"type": "string"}}, ["b"], True, {"x": []}),
        ({"type": "array", "items": {"type": "string"}}, ["b"], False, {}),
        ({"enum": ["b", "c"]}, "b", False, {}),
        ({"type": "string", "minLength": 1}, "b", True, None),
        ({"type": "integer"}, 5, True, None),
        ({"type": "object"}, {"a": 1}, True, None),
    ],
)
def test_what_an_emptied_field_means(schema: Json, value: Any, required: bool, after: Json | None) -> None:
    tool, arguments = one(schema, value, required=required)
    view = drawn(tool, arguments)
    block = block_of(view, "x")
    state = put(view, {"x": "empty" if "enum" in schema else None})
    read = read_form(tool, arguments, state)
    if after is None:
        assert read.errors == {block["block_id"]: "Please fill this in."}
        assert client_errors(view["blocks"], state).keys() == {block["block_id"]}, "Slack asks for it first"
    else:
        assert read == Filled(after, {})
        assert client_errors(view["blocks"], state) == {}


@pytest.mark.parametrize(
    ("schema", "value", "text", "words"),
    [
        ({}, {"a": 1}, '{"a": 1', "at line 1, column 8"),
        ({}, {"a": 1}, '{\n"a": x}', "at line 2, column 6"),
        ({}, [], "[NaN]", "NaN is not a value"),
        ({}, [], "1e999", "too large"),
        ({}, [], '{"a": 1, "a": 2}', "a stands twice"),
        ({}, [], "[" * 1_500 + "]" * 1_500, "nested too deeply"),
        ({"type": "integer"}, 1, "1.5", "whole number"),
        ({"type": "integer"}, 10**30, "many", "whole number"),
        ({"type": "number"}, 1, "much", "a number"),
        ({"type": "array", "items": {"type": "integer"}}, [1], "1\ntwo", "Line 2: Please enter a whole number"),
    ],
)
def test_what_cannot_be_read_is_said_beside_its_field(schema: Json, value: Any, text: str, words: str) -> None:
    tool, arguments = one(schema, value)
    block_id = block_of(drawn(tool, arguments), "x")["block_id"]
    read = filled(tool, arguments, x=text)
    assert read.errors.keys() == {block_id}
    assert words in read.errors[block_id]


@pytest.mark.parametrize("text", ["a\rb", "\x00", " a", "a ", "\u202ea", "a\tb", "a&lt;b", "\u200b", "a\n"])
def test_a_text_that_an_input_would_change_is_written_as_json(text: str) -> None:
    shown = element({"type": "string"}, text)
    assert shown["action_id"] == "json"
    written = shown["initial_value"]
    assert (json.loads(written), written.strip(), "&lt;" in written) == (text, written, False)
    assert all(character == " " or character.isprintable() for character in written)


@pytest.mark.parametrize("schema", [{"type": "string"}, {}, {"type": "array", "items": {"type": "string"}}])
def test_what_is_too_long_stays_as_it_is_and_the_form_says_so(schema: Json) -> None:
    tool, arguments = one(schema, ["y" * 3_001] if schema.get("items") else "y" * 3_001)
    view = drawn(tool, {**arguments, "z": 1})
    assert "It stays exactly as it is" in view["blocks"][2]["text"]["text"]
    assert read_form(tool, {**arguments, "z": 1}, put(view, {"z": "2"})) == Filled({**arguments, "z": 2}, {})
    found = field_errors(tool, {**arguments, "z": 1}, [(("x",), "Too long.")])
    assert found == {block_of(view, "z")["block_id"]: "x: Too long."}
