"""The form of a call within the limits of Slack, and of schemas that have none."""

from typing import Any

import pytest

from bot.dialogs.form import Filled, read_form
from tests.unit.forms import block_of, put, untouched
from tests.unit.test_form import Json, drawn, element, one


def test_a_form_never_grows_beyond_what_slack_takes() -> None:
    many: Json = {f"{number} {'n' * 190}": "y" * 2_900 for number in range(150)}
    view = drawn({}, many)
    assert read_form({}, many, untouched(view)) == Filled(many, {})
    assert view["blocks"][-1]["elements"][0]["text"] == "53 more do not fit here, and stay exactly as they are."
    wide: Json = {f"{number}{chr(0x1F600) * 400}": 1 for number in range(97)}
    assert read_form({}, wide, untouched(drawn({}, wide))) == Filled(wide, {})


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        ({"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 10.5}, 5, {"min_value": "1", "max_value": "10"}),
        (
            {"type": "number", "minimum": 0.5, "maximum": 1e30},
            5,
            {"min_value": "0.5", "max_value": None, "is_decimal_allowed": True},
        ),
        ({"type": "integer", "minimum": 9, "maximum": 1}, 5, {"action_id": "number", "min_value": None, "max_value": None}),
        ({"type": "integer", "minimum": 9}, 5, {"action_id": "written_number", "initial_value": "5"}),
        ({"type": "integer"}, 10**16, {"action_id": "written_number"}),
        ({"type": "number"}, 1e-7, {"action_id": "written_number", "initial_value": "1e-07"}),
        ({"type": "integer"}, "5", {"action_id": "json", "initial_value": '"5"'}),
        ({"type": "integer"}, True, {"action_id": "json", "initial_value": "true"}),
        ({"type": "string", "maxLength": 500}, "a", {"multiline": True, "max_length": 500}),
        ({"type": "string", "maxLength": 5}, "a", {"multiline": False, "max_length": 5}),
        ({"type": "string", "maxLength": 254, "pattern": "^.+@.+$"}, "a@b", {"multiline": False, "max_length": 254}),
        ({"type": "string", "maxLength": 1}, "ab", {"initial_value": "ab", "max_length": None}),
        ({"type": "string"}, "a\nb", {"multiline": True}),
        ({"type": "string", "format": "date"}, "tomorrow", {"action_id": "text"}),
        ({"enum": ["a", "b"]}, "c", {"action_id": "json", "initial_value": '"c"'}),
        ({"enum": ["1", 1]}, 1, {"action_id": "json"}),
        ({"enum": ["w" * 80 + "a", "w" * 80 + "b"]}, "w" * 80 + "a", {"action_id": "json"}),
        ({"enum": [f"{n}" for n in range(100)]}, "1", {"action_id": "json"}),
        ({"enum": [f"{n}" for n in range(99)]}, "1", {"action_id": "choice"}),
        ({"const": "only"}, "only", {"action_id": "choice"}),
        ({"type": "array", "items": {"type": "string"}}, ["a\nb"], {"action_id": "json"}),
        ({"type": "array", "items": {"type": "string"}}, ["a", ""], {"action_id": "json"}),
        ({"type": "array", "items": {"type": "string"}}, ["a", 1], {"action_id": "json"}),
        ({"$ref": "#/properties/x"}, 5, {"action_id": "json"}),
        ({"$ref": "#/nowhere", "type": "integer"}, 5, {"action_id": "number"}),
        ({"allOf": [{"type": "integer"}, {"minimum": 2}]}, 5, {"min_value": "2"}),
        ({"type": ["integer", "string"]}, 5, {"action_id": "json"}),
        (True, 5, {"action_id": "json"}),
    ],
)
def test_the_input_of_a_value(schema: Any, value: Any, expected: Json) -> None:
    """None: the input has nothing of that name."""
    shown = element(schema, value)
    assert {name: shown.get(name) for name in expected} == expected


def test_a_schema_that_grows_without_end_is_given_up() -> None:
    defs: Json = {f"D{n}": {"allOf": [{"$ref": f"#/$defs/D{n + 1}"}] * 9} for n in range(30)}
    defs["D0"]["type"] = "integer"
    tool = {"$defs": defs, "type": "object", "properties": {"x": {"$ref": "#/$defs/D0"}}}
    assert block_of(drawn(tool, {"x": 5}), "x")["element"]["action_id"] == "json"


def test_a_form_of_another_version_is_not_read() -> None:
    tool, arguments = one({"type": "string"}, "a")
    state = put(drawn(tool, arguments), {"x": "b"})
    other = {"type": "object", "properties": {"w": {"type": "string"}, "x": {"type": "string"}}}
    read = read_form(other, arguments, state)
    assert read.arguments == {}
    assert read.errors.keys() == state.keys()
    assert "another version" in next(iter(read.errors.values()))
