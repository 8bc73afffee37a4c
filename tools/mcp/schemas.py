"""What the Messages API refuses in a tool's schema. One such tool would cost an agent every request, so it is not offered."""

import re
from collections.abc import Mapping
from typing import Any, cast

_PROPERTY = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
_NESTED = ("items", "prefixItems", "additionalProperties", "not", "anyOf", "oneOf", "allOf", "if", "then", "else")
_NAMED = ("$defs", "definitions")


def refused(schema: Mapping[str, Any]) -> str:
    """Why the API would not take a tool with this schema, in a few words; empty where it takes it."""
    if schema.get("type") != "object":
        return "its schema is not that of an object"
    if found := [word for word in ("oneOf", "allOf", "anyOf") if word in schema]:
        return f"its schema has {found[0]} at the top, which the Messages API does not take"
    name = _unfit(schema)
    return f"the Messages API does not take an argument named {name[:80]!r}" if name is not None else ""


def _unfit(schema: Any) -> str | None:
    """The first property, at any depth, with a name that the API does not take."""
    if isinstance(schema, list):
        return next((name for name in map(_unfit, cast(list[Any], schema)) if name is not None), None)
    if not isinstance(schema, dict):
        return None
    keywords = cast(dict[str, Any], schema)
    properties = _mapping(keywords.get("properties"))
    for name in properties:
        if not _PROPERTY.fullmatch(name):
            return name
    parts = [*properties.values(), *(part for word in _NAMED for part in _mapping(keywords.get(word)).values())]
    return _unfit([*parts, *(keywords[word] for word in _NESTED if word in keywords)])


def _mapping(value: Any) -> dict[str, Any]:
    return cast(dict[str, Any], value) if isinstance(value, dict) else {}
