"""Whatever the schema and the values: Slack takes the form, it shows what there is, and touching nothing changes nothing."""

import json
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.cards.harmless_text import hidden
from bot.dialogs.form import edit_view, fields, read_form
from bot.dialogs.spelling import Unreadable, json_text, read_json
from bot.sandbox.slack.blocks import view_faults
from bot.sandbox.slack.entering import client_errors
from tests.profiles import examples
from tests.unit.forms import Json, names, put, texts, values

hints = st.fixed_dictionaries({}, optional={"description": texts, "title": texts, "default": values})
counts = st.integers(-2, 4_000) | st.sampled_from([None, "5", 2.5, True])
bounds = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"], st.integers(-50, 50) | st.floats())
)
lengths = st.fixed_dictionaries({}, optional=dict.fromkeys(["minLength", "maxLength", "minItems", "maxItems"], counts))
types = st.sampled_from(["string", "integer", "number", "boolean", "array", "object", "null", "no such type", ["string", "null"]])
formats: st.SearchStrategy[Json] = st.sampled_from(
    [{}, {"format": "date"}, {"items": {"type": "string"}}, {"items": {"type": "number"}}, {"items": {"enum": ["a"]}}]
)


@st.composite
def plain_schemas(draw: st.DrawFn) -> Json:
    """A schema of one type, with whatever keywords."""
    return {"type": draw(types), **draw(hints), **draw(bounds), **draw(lengths), **draw(formats)}


plain = plain_schemas()  # what is drawn from is made once: to make it anew for each example takes longer than to draw
some_values, kinds = st.lists(values, max_size=5), st.integers(0, 7)


@st.composite
def schemas(draw: st.DrawFn) -> Any:
    """A schema as pydantic or an MCP server may send it, or none at all."""
    one = draw(plain)
    match draw(kinds):
        case 0:
            return {"enum": draw(some_values), **draw(hints)}
        case 1:
            return {"const": draw(values)}
        case 2:
            return {"anyOf": [one, {"type": "null"}]}
        case 3:
            return {"allOf": [one, draw(plain)], **draw(hints)}
        case 4:
            return draw(odd)
        case _:
            return one


ODD: list[Any] = [{"$ref": "#/$defs/Size"}, {"$ref": "#"}, True, False, None, 5, {"items": 5}, {"anyOf": []}, {"enum": {}}]
odd = st.sampled_from(ODD)
dates = st.dates().map(lambda day: day.isoformat())
either = values | dates | st.lists(texts, max_size=4) | st.lists(st.integers() | st.floats(), max_size=4)
several = st.dictionaries(names, schemas(), max_size=6)
further, mostly, flips = st.lists(names, max_size=2), st.integers(0, 5), st.booleans()


@st.composite
def tools(draw: st.DrawFn) -> tuple[Json, Json]:
    """A schema, and arguments that may or may not be as it says."""
    properties: Json = draw(several)
    required = [name for name in properties if draw(flips)]
    arguments: Json = {name: draw(either) for name in [*properties, *draw(further)] if draw(mostly)}
    for name, schema in properties.items():
        if name in arguments and isinstance(schema, dict) and "enum" in schema and draw(flips):
            listed = cast(list[Any], schema["enum"])
            arguments[name] = draw(st.sampled_from(listed)) if listed else None
    defs = {"Size": {"enum": ["s", "l"], "type": "string"}}
    return {"type": "object", "$defs": defs, "properties": properties, "required": required}, arguments


@examples(2)
@given(tool=tools(), headline=texts, submit=texts)
def test_a_form_that_nobody_touched_changes_nothing(tool: tuple[Json, Json], headline: str, submit: str) -> None:
    schema, arguments = tool
    view = edit_view(schema, arguments, headline=headline, action_id="A1", submit=submit)
    assert view_faults(view) == []
    state = json.loads(json.dumps(put(view, {})))
    asked_for = client_errors(view["blocks"], state)
    assert len(asked_for) <= len(set(schema["required"]) - arguments.keys()), asked_for
    read = read_form(schema, arguments, state)
    assert read.errors == {}
    assert repr(read.arguments) == repr(arguments)  # as they are spelled: NaN, 1.0 and True are themselves, in their order


@examples(2)
@given(tool=tools())
def test_what_stands_in_a_field_is_all_of_the_value_and_nothing_else(tool: tuple[Json, Json]) -> None:
    for field in fields(*tool):
        value = field.property.value
        if field.input is None:
            written = json.dumps(value)
            assert len(written) > 2_900 or any(odd in written for odd in ("NaN", "Infinity", "\\ud800"))
        elif field.shown:
            assert repr(field.input.read(field.shown)) == repr(value)
            assert not any(map(hidden, field.shown))
            assert field.shown.strip() == field.shown
        else:
            assert value in (None, "", [])


@given(value=values)
def test_json_for_people_is_json(value: Any) -> None:
    text = json_text(value)
    if text is None:
        assert "NaN" in json.dumps(value) or "Infinity" in json.dumps(value)
        return
    assert text.isprintable() or not text.isascii()
    try:
        read = read_json(text)
    except Unreadable as problem:
        pytest.fail(str(problem))
    if "\\ud800" not in json.dumps(value):
        assert json.dumps(read) == json.dumps(value)
