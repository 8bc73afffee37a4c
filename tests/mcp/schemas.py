"""JSON schemas over the keywords that real MCP servers use, and values that fit them, nearly fit them, or do not fit at all."""

from collections.abc import Mapping
from typing import Any, cast

from hypothesis import strategies as st

NAMES = st.sampled_from(["path", "query", "limit", "options", "tags"])
WORDS = st.sampled_from(["", "a", "ab", "abc", "2026-11-05", "ada@example.com", "https://example.com", "née", "{x}"])
NUMBERS = st.one_of(st.integers(-3, 12), st.sampled_from([0.0, 0.5, 1.0, 2.5, 10.0, 1e300, 10**30]))
SCALARS: st.SearchStrategy[Any] = st.one_of(st.none(), st.booleans(), NUMBERS, WORDS)
JSON: st.SearchStrategy[Any] = st.recursive(
    SCALARS, lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(NAMES, inner, max_size=4)), max_leaves=8
)
TYPES = st.sampled_from(["string", "integer", "number", "boolean", "null", "array", "object"])
PATTERNS = st.sampled_from(["^a", "b$", "^[a-z]*$", "^\\d{4}-\\d\\d-\\d\\d$"])
FORMATS = st.sampled_from(["uri", "email", "date", "date-time", "uuid", "hostname"])


def schemas(depth: int = 2) -> st.SearchStrategy[dict[str, Any]]:
    """A schema of any value; at depth 0 without others inside."""
    words: dict[str, st.SearchStrategy[Any]] = {
        "type": st.one_of(TYPES, st.lists(TYPES, min_size=1, max_size=3, unique=True)),
        "enum": st.lists(SCALARS, min_size=1, max_size=4),
        "const": SCALARS,
        "minimum": st.integers(-2, 5),
        "maximum": st.integers(0, 10),
        "exclusiveMinimum": st.integers(-2, 5),
        "exclusiveMaximum": st.integers(0, 10),
        "multipleOf": st.sampled_from([1, 2, 0.5]),
        "minLength": st.integers(0, 3),
        "maxLength": st.integers(0, 12),
        "pattern": PATTERNS,
        "format": FORMATS,
        "minItems": st.integers(0, 2),
        "maxItems": st.integers(0, 4),
        "uniqueItems": st.booleans(),
        "minProperties": st.integers(0, 2),
        "maxProperties": st.integers(0, 4),
        "required": st.lists(NAMES, max_size=2, unique=True),
        "default": SCALARS,
        "title": WORDS,
        "description": WORDS,
        "$ref": st.sampled_from(["#/$defs/one", "#/$defs/two"]),
    }
    if depth:
        inner = schemas(depth - 1)
        several = st.lists(inner, min_size=1, max_size=3)
        words |= {
            "properties": st.dictionaries(NAMES, inner, max_size=4),
            "additionalProperties": st.one_of(st.booleans(), inner),
            "items": st.one_of(st.booleans(), inner),
            "prefixItems": several,
            "anyOf": several,
            "oneOf": several,
            "allOf": several,
            "not": inner,
        }
    return st.sets(st.sampled_from(sorted(words)), max_size=4).flatmap(
        lambda chosen: st.fixed_dictionaries({word: words[word] for word in sorted(chosen)})
    )


@st.composite
def tool_schemas(draw: st.DrawFn) -> dict[str, Any]:
    """The schema of a tool's arguments."""
    schema = {"type": "object", **draw(schemas()), "properties": draw(st.dictionaries(NAMES, schemas(), max_size=4))}
    defs = {"one": draw(schemas(0)), "two": draw(schemas(1))}
    defs["one"].pop("$ref", None)  # a circle is a separate case
    return {**schema, "type": "object", "$defs": defs}


def arguments_for(schema: Mapping[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Arguments with the names and values that the schema speaks of, as far as that can be read off it; and others."""
    fitting = _object(schema, schema, 3, st.nothing())
    return st.one_of(fitting, _object(schema, schema, 3, SCALARS), st.dictionaries(NAMES, JSON, max_size=3))


def _object(
    schema: Mapping[str, Any], root: Mapping[str, Any], depth: int, wrong: st.SearchStrategy[Any]
) -> st.SearchStrategy[dict[str, Any]]:
    """`wrong`: what may stand in the place of any value."""
    properties = cast(dict[str, Any], schema.get("properties", {}))
    required = {str(name) for name in schema.get("required", ()) if isinstance(name, str)}
    parts = {name: _value(part, root, depth - 1, wrong) for name, part in properties.items()}
    parts |= {name: JSON for name in required - set(parts)}
    needed = {name: part for name, part in parts.items() if name in required}
    optional = {name: part for name, part in parts.items() if name not in required}
    return st.fixed_dictionaries(needed, optional=optional)


def _value(schema: Any, root: Mapping[str, Any], depth: int, wrong: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    if not isinstance(schema, dict) or depth < 0:
        return JSON
    keywords = cast(dict[str, Any], schema)
    if "const" in keywords:
        return st.one_of(st.just(keywords["const"]), wrong)
    if "enum" in keywords:
        return st.one_of(st.sampled_from(list(cast(list[Any], keywords["enum"]))), wrong)
    if isinstance(reference := keywords.get("$ref"), str):
        name = reference.rpartition("/")[2]
        return _value({**root.get("$defs", {}), **root.get("definitions", {})}.get(name), root, depth - 1, wrong)
    for word in ("anyOf", "oneOf"):
        if keywords.get(word):
            return st.one_of([_value(part, root, depth - 1, wrong) for part in keywords[word]])
    stated: Any = keywords.get("type")
    kinds = cast(list[str], stated) if isinstance(stated, list) else [str(stated)]
    found = {
        "string": WORDS,
        "integer": st.integers(-3, 12),
        "number": NUMBERS,
        "boolean": st.booleans(),
        "null": st.none(),
        "array": st.lists(_value(keywords.get("items"), root, depth - 1, wrong), max_size=4),
        "object": _object(keywords, root, depth - 1, wrong),
    }
    return st.one_of([*(found.get(kind, JSON) for kind in kinds), wrong])
