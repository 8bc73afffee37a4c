"""A server's schema as the Messages API takes it: of JSON Schema 2020-12, that of an object, translated where nothing is lost.

One tool whose schema the API refuses costs an agent every request, so it is not offered.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast
from urllib.parse import unquote

from agent.foreign_json import members

_ARGUMENT = re.compile(r"[a-zA-Z0-9_.-]{1,64}")  # of the names at the top: the API looks at no others
_OLD = re.compile(r"json-schema\.org/(?:draft-0[3-7]/)?schema#?\Z|/draft-0[3-7]/")  # dialects where nothing beside a $ref counts
_PARTS = ("items", "additionalProperties", "unevaluatedProperties", "unevaluatedItems", "propertyNames", "contains", "not")
_CHOICES = ("if", "then", "else", "contentSchema")
_LISTS = ("prefixItems", "allOf", "anyOf", "oneOf")
_NAMED = ("properties", "patternProperties", "dependentSchemas", "$defs", "definitions")
_VALUES = ("default", "const", "enum", "examples")  # where null is a value
_SAYING = (
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
    "$comment",
    "$defs",
    "definitions",
)
_MOST_ROUNDS = 5  # from a reference at the top to another one


def offered_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema as it is offered. Raises ValueError, a sentence's end, where the API would not take it."""
    whole = cast(dict[str, Any], _translated(dict(schema), old=bool(_OLD.search(str(schema.get("$schema", ""))))))
    whole.pop("$schema", None)
    whole = _at_the_top(whole)
    if found := [word for word in ("oneOf", "allOf", "anyOf") if word in whole]:
        raise ValueError(f"its schema has {found[0]} at the top, which the Messages API does not take")
    for reference in _references(whole):
        if not _leads(whole, reference):
            raise ValueError(f"its schema refers to {reference[:80]!r}, which is not there")
    name = next((name for name in members(whole.get("properties")) if not _ARGUMENT.fullmatch(name)), None)
    if name is not None:
        raise ValueError(f"the Messages API does not take an argument named {name[:80]!r}")
    return whole


def _references(part: Any) -> Iterator[str]:
    """Yield what a schema, and whatever is within it, refers to."""
    if not isinstance(part, dict):
        return
    keywords = cast(dict[str, Any], part)
    yield from (each for word in ("$ref", "$dynamicRef") if isinstance(each := keywords.get(word), str))
    for word, value in keywords.items():
        if word in _PARTS or word in _CHOICES:
            yield from _references(value)
        elif word in _LISTS and isinstance(value, list):
            yield from (found for each in cast(list[Any], value) for found in _references(each))
        elif word in _NAMED:
            yield from (found for each in members(value).values() for found in _references(each))


def _leads(schema: Mapping[str, Any], reference: str) -> bool:
    """Return whether a reference leads to a place in the schema (RFC 6901). Nothing is fetched, here or by the API."""
    here: Any = schema
    start, *steps = unquote(reference).split("/")
    for step in steps:
        step = step.replace("~1", "/").replace("~0", "~")
        if isinstance(here, list) and step.isdecimal() and int(step) < len(cast(list[Any], here)):
            here = cast(list[Any], here)[int(step)]
        else:
            here = members(here).get(step)
    return start == "#" and isinstance(here, dict | bool)


def _at_the_top(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an object, as arguments are: written out where it is a reference, and said where it is not."""
    for _ in range(_MOST_ROUNDS):
        found = re.fullmatch(r"#/(\$defs|definitions)/([^/~%]+)", str(schema.get("$ref", "")))
        target = members(schema.get(found[1])).get(found[2]) if found else None
        if not isinstance(target, dict) or "properties" in schema:
            break
        schema = {**{word: value for word, value in schema.items() if word != "$ref"}, **cast(dict[str, Any], target)}
    kinds = schema.get("type", "object")
    if kinds != "object" and not (isinstance(kinds, list) and "object" in kinds):
        raise ValueError("its schema is not that of an object")
    return {**schema, "type": "object"}


def _translated(schema: Any, *, old: bool) -> Any:
    """Return a schema, or part of one, in the words of 2020-12."""
    if not isinstance(schema, dict):
        return schema
    part = {word: value for word, value in cast(dict[str, Any], schema).items() if value is not None or word in _VALUES}
    if old and "$ref" in part:
        part = {word: value for word, value in part.items() if word == "$ref" or word in _SAYING}
    if isinstance(reference := part.get("$ref"), str):
        part["$ref"] = re.sub(r"/items/(?=\d)", "/prefixItems/", reference)
    _tuple(part)
    _limits(part)
    _dependencies(part)
    _required(part)
    if part.get("type") == "any":  # draft-03
        del part["type"]
    for word, value in part.items():
        if word in _PARTS or word in _CHOICES:
            part[word] = _translated(value, old=old)
        elif word in _LISTS and isinstance(value, list):
            part[word] = [_translated(each, old=old) for each in cast(list[Any], value)]
        elif word in _NAMED and isinstance(value, dict):
            part[word] = {name: _translated(each, old=old) for name, each in cast(dict[str, Any], value).items()}
    return part


def _tuple(part: dict[str, Any]) -> None:
    """Spell a list of items by their places, and what comes after them (up to 2019-09: `items` and `additionalItems`)."""
    rest = part.pop("additionalItems", None)
    if isinstance(items := part.get("items"), list):
        del part["items"]
        if items:
            part["prefixItems"] = items
        if rest is not None:
            part["items"] = rest


def _limits(part: dict[str, Any]) -> None:
    """Spell a limit that is itself left out, which draft-04 says with a second word."""
    for limit, word in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(exclusive := part.get(word), bool):
            del part[word]
            if exclusive and limit in part:
                part[word] = part.pop(limit)


def _dependencies(part: dict[str, Any]) -> None:
    """Spell what one argument asks of others (up to draft-07: in one word)."""
    if isinstance(part.get("dependencies"), dict):
        for name, needed in cast(dict[str, Any], part.pop("dependencies")).items():
            word = "dependentRequired" if isinstance(needed, list) else "dependentSchemas"
            part[word] = {**members(part.get(word)), name: needed}


def _required(part: dict[str, Any]) -> None:
    """Spell arguments that say themselves that they are required (draft-03)."""
    named = members(part.get("properties"))
    stated = {name: each["required"] for name, each in named.items() if isinstance(members(each).get("required"), bool)}
    if stated:
        part["properties"] = {
            name: {word: value for word, value in each.items() if word != "required"} if name in stated else each
            for name, each in named.items()
        }
        before: Any = part.get("required")
        already = cast(list[Any], before) if isinstance(before, list) else []
        part["required"] = [*already, *(name for name, needed in stated.items() if needed and name not in already)]
