"""Which kind of input an argument is edited in: the most comfortable one that gives its value back exactly as it was."""

from collections.abc import Iterator

from pydantic import JsonValue

from agent.canonical import canonical
from bot.cards.schema import Property, Schema, field_shape
from bot.dialogs.inputs import Choice, Date, Input, Json, Lines, Number, Text, WrittenNumber
from bot.dialogs.spelling import (
    Unreadable,
)


def input_for(property: Property, root: Schema) -> tuple[Input, str] | None:
    """Return the input in which an argument's value can be edited, and the value as it is shown there; None where there is
    none."""
    nothing = not property.present or (property.value is None and property.shape.nullable)
    for kind in _kinds(property, root):
        if nothing or property.value in kind.empties:
            return kind, ""
        text = kind.shown(property.value)
        if text is not None and _gives_back(kind, text, property.value):
            return kind, text
    return None


def _gives_back(kind: Input, text: str, value: JsonValue) -> bool:
    try:
        return canonical(kind.read(text)) == canonical(value)
    except Unreadable:
        return False


def _kinds(property: Property, root: Schema) -> Iterator[Input]:
    """Yield what fits values of its shape, the most comfortable first; JSON is last, and fits anything."""
    shape_ = property.shape
    if choice := Choice.of(shape_, may_be_empty=shape_.nullable or not property.required):
        yield choice
    elif shape_.type in ("integer", "number"):
        yield Number(shape_)
        yield WrittenNumber(shape_)
    elif shape_.type == "string":
        if shape_.text("format") == "date":
            yield Date()
        yield Text(shape_)
    elif shape_.type == "array":
        items = field_shape(shape_.keywords.get("items"), root)
        if not items.nullable and items.type in ("string", "integer", "number"):
            yield Lines(items, shape_.count("minItems") or 0)
    yield Json()
