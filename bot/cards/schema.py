"""A tool's JSON schema, read as far as a form needs it: which arguments there are, and what kind of value each one takes.

Reads what pydantic writes and what MCP servers send, and trusts neither. What it does not understand becomes a shape that takes
anything; validation has the last word in any case.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import unquote

from pydantic import JsonValue

from agent.tool.definition import Tool

Schema = Mapping[str, Any]

MOST_PARTS = 50  # of one schema, references followed: one that refers to itself, or many times over, ends here


@dataclass(frozen=True, slots=True)
class Shape:
    """What values a schema takes: its keywords in one place, null taken out."""

    keywords: Mapping[str, Any]
    nullable: bool = False

    @property
    def type(self) -> str:
        """Return the one type of its values besides null; empty where there are several, or where it is not said."""
        if {"anyOf", "oneOf"} & self.keywords.keys():
            return ""
        stated = self.keywords.get("type")
        types = [one for one in _list_or_empty(stated) or [stated] if one != "null"]
        return types[0] if len(types) == 1 and isinstance(types[0], str) else ""

    @property
    def choices(self) -> tuple[JsonValue, ...]:
        """Return the values that it takes, null aside, where they are listed; else none."""
        listed = [self.keywords["const"]] if "const" in self.keywords else _list_or_empty(self.keywords.get("enum"))
        if not listed and self.type == "boolean":
            return (True, False)
        return tuple(one for one in listed if one is not None)

    def count(self, keyword: str) -> int | None:
        """Return a keyword that is a length or a number of things."""
        value = self.keywords.get(keyword)
        return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None

    def text(self, keyword: str) -> str:
        """Return a keyword that is a text; empty where it is not there."""
        value = self.keywords.get(keyword)
        return value if isinstance(value, str) else ""


@dataclass(frozen=True, slots=True)
class Property:
    """One argument: which values it takes, and the value it has now (`value`, if it is `present`)."""

    name: str
    shape: Shape
    required: bool
    present: bool
    value: JsonValue = None


def properties(schema: Schema, values: Mapping[str, JsonValue]) -> tuple[Property, ...]:
    """Return the arguments that the schema names, in its order, then those that only the values have."""
    keywords = field_shape(schema, schema).keywords
    named = _mapping(keywords.get("properties"))
    required = _list_or_empty(keywords.get("required"))
    shapes = {name: field_shape(one, schema) for name, one in named.items()}
    return tuple(
        Property(name, shapes.get(name, Shape({})), name in required, name in values, values.get(name))
        for name in {**shapes, **values}
    )


def argument_names(tool: Tool) -> tuple[str, ...]:
    """Return the names of the arguments that the tool declares."""
    return tuple(one.name for one in properties(tool.schema()["input_schema"], {}))


def field_shape(schema: Any, root: Schema) -> Shape:
    """Return a schema with its references followed, and with `allOf` and a single alternative to null folded in. Keywords
    outside go before those that they refer to, as a description beside a reference does.
    """
    keywords: dict[str, Any] = {}
    nullable = False
    parts: list[Any] = [schema]
    for _ in range(MOST_PARTS):
        if not parts:
            break
        part = dict(_mapping(parts.pop(0)))
        nullable |= "null" in _list_or_empty(part.get("type")) or None in _list_or_empty(part.get("enum"))
        parts += [_target(part.pop("$ref"), root)] if "$ref" in part else []
        parts += _list_or_empty(part.pop("allOf", None))
        for word in ("anyOf", "oneOf"):
            alternatives = _list_or_empty(part.get(word))
            real = [one for one in alternatives if not _is_null(one)]
            if len(real) == 1:
                del part[word]
                nullable |= len(alternatives) > 1
                parts += real
        of_its_own: dict[str, Any] = {"properties": {**_mapping(part.get("properties")), **_mapping(keywords.get("properties"))}}
        of_its_own["required"] = [*_list_or_empty(keywords.get("required")), *_list_or_empty(part.get("required"))]
        keywords = {**part, **keywords, **of_its_own}
    return Shape({}) if parts else Shape(keywords, nullable)


def _target(reference: Any, root: Schema) -> Any:
    """Return what a reference such as #/$defs/Address points to; None where it leads nowhere, or out of this schema."""
    if not isinstance(reference, str) or not reference.startswith("#"):
        return None
    found: Any = root
    for step in reference[1:].split("/")[1:]:
        found = _mapping(found).get(unquote(step).replace("~1", "/").replace("~0", "~"))
    return found


def _is_null(schema: Any) -> bool:
    keywords = _mapping(schema)
    return keywords.get("type") == "null" or keywords.get("enum") == [None] or ("const" in keywords and keywords["const"] is None)


def _mapping(value: Any) -> Mapping[str, Any]:
    return cast(dict[str, Any], value) if isinstance(value, Mapping) else {}


def _list_or_empty(value: Any) -> list[Any]:
    return cast(list[Any], value) if isinstance(value, list) else []
