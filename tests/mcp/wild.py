"""What MCP servers may send instead of what the protocol says: any JSON, as text, and schemas of every draft gone wrong."""

import json
from typing import Any

from hypothesis import strategies as st

from agent.foreign_json import members
from tests.mcp.schemas import tool_schemas

# Each text of these is written as it stands here: JSON that no library of ours would write.
AS_WRITTEN = {
    "§huge§": "1e400",
    "§tiny§": "1e-400",
    "§digits§": "9" * 5_000,
    "§fraction§": "0." + "123456789" * 20,
    "§deep§": "[" * 900 + "]" * 900,
    "§deeper§": '{"a":' * 30_000 + "1" + "}" * 30_000,
    "§long§": '"' + "x" * 300_000 + '"',
    "§many§": "[" + ",".join(["null"] * 20_000) + "]",
    "§half§": '"\\ud83d"',
    "§nul§": '"\\u0000"',
    "§twice§": '{"type": "text", "type": "text", "text": "first", "text": "second"}',
    "§raw§": '"a raw\ttab"',
}
NESTED = {  # schemas within themselves, too deep to be printed as values
    f"§{word} {levels}§": '{"type": "object", "properties": {"a": %s}}' % (f'{{"{word}": ' * levels + "{}" + "}" * levels)
    for word in ("items", "not", "additionalProperties", "allOf")
    for levels in (3, 60, 63, 64, 200, 900)
}
NOT_TO_BE_QUOTED = {json.dumps(name): text for name, text in {**AS_WRITTEN, **NESTED}.items()}

LEAVES: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(),
    st.text(st.characters(exclude_categories=[]), max_size=12),
    st.sampled_from(sorted(AS_WRITTEN)),
)


def any_json(names: st.SearchStrategy[str], most: int = 12) -> st.SearchStrategy[Any]:
    """Any JSON value, with these names in its objects."""
    return st.recursive(
        LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4), max_leaves=most
    )


def written(value: Any) -> str:
    """Return the JSON text of a value, with the texts of AS_WRITTEN and NESTED as they are written there."""
    text = json.dumps(value)
    for quoted, raw in NOT_TO_BE_QUOTED.items():
        text = text.replace(quoted, raw)
    return text


# ---------------------------------------------------------------------------------------------- tools

NAMES = st.sampled_from(
    ["a", "b", "name", "inputSchema", "type", "properties", "$ref", "$meta", "a b", "", "x" * 100, "é", "\ud83d"]
)
JSON = any_json(NAMES)
PATTERNS = st.sampled_from(
    [
        *(r"^(\w+\s?)*$", "(a|aa)+$", "(?=(a+)+$)b", r"(a)\1", "((a{1,100}){1,100}){1,100}", r"(?<n>a)", r"\p{L}+", r"\Z"),
        *("[", "(?P<", "*", "a{99999}", "(?:[^a]{100}x)" * 40, "[\\w-\\d]", "\ud83d", "", "(" * 2_000 + ")" * 2_000, "x" * 5_000),
    ]
)
REFERENCES = st.sampled_from(
    [
        *("#", "#/$defs/a", "#/$defs/b", "#/definitions/a", "#/properties/a", "#/$defs/none", "#a", "#/$defs/%zz", "#/items/0"),
        *("", "http://elsewhere.example/s.json", "http://json-schema.org/draft-07/schema#", "file:///etc/passwd"),
        *("a b", "#/$defs/a/$defs/a", "#/properties/a~1b", "#/prefixItems/0", "https://json-schema.org/draft/2020-12/schema"),
    ]
)
TYPES = st.sampled_from(["object", "array", "string", "number", "integer", "boolean", "null", "any", "int", "Object", "file", ""])


def parts(depth: int) -> st.SearchStrategy[Any]:
    """A schema, or what somebody took for one, with the words of every draft."""
    inner = parts(depth - 1) if depth else LEAVES
    several, named = st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)
    words: dict[str, st.SearchStrategy[Any]] = {
        "type": TYPES | st.lists(TYPES, max_size=3) | several,  # draft-03 takes schemas there
        "$ref": REFERENCES,
        "$dynamicRef": REFERENCES,
        "$recursiveRef": REFERENCES,
        "$id": REFERENCES,
        "id": REFERENCES,
        "$anchor": st.sampled_from(["a", "b", "#a", ""]),
        "$dynamicAnchor": st.sampled_from(["a", "meta"]),
        "$vocabulary": named,
        "pattern": PATTERNS,
        "format": st.sampled_from(["uri", "date-time", "regex", "none", ""]),
        "enum": st.lists(LEAVES, max_size=3),
        "const": LEAVES,
        "required": st.lists(NAMES, max_size=3) | st.booleans(),
        "minimum": st.integers(-3, 3) | LEAVES,
        "exclusiveMinimum": st.booleans() | st.integers(-3, 3),
        "maximum": st.integers(-3, 3),
        "exclusiveMaximum": st.booleans() | LEAVES,
        "multipleOf": st.sampled_from([0, -1, 0.01, 1e-300, 1e300, 3]),
        "divisibleBy": st.integers(0, 3),
        "minLength": st.sampled_from([-1, 0, 1, 2.0, 10**30]),
        "uniqueItems": st.booleans(),
        "items": inner | several,
        "additionalItems": inner | st.booleans(),
        "prefixItems": several,
        "unevaluatedItems": inner,
        "contains": inner,
        "minContains": st.integers(-1, 2),
        "properties": named,
        "patternProperties": st.dictionaries(PATTERNS, inner, max_size=2),
        "additionalProperties": inner | st.booleans(),
        "unevaluatedProperties": inner | st.booleans(),
        "propertyNames": inner,
        "dependencies": st.dictionaries(NAMES, inner | st.lists(NAMES, max_size=2), max_size=2),
        "dependentRequired": st.dictionaries(NAMES, st.lists(NAMES, max_size=2), max_size=2),
        "dependentSchemas": named,
        "allOf": several,
        "anyOf": several,
        "oneOf": several,
        "not": inner,
        "if": inner,
        "then": inner,
        "extends": inner,
        "disallow": TYPES,
        "$defs": named,
        "definitions": named,
        "default": LEAVES,
        "nullable": st.booleans(),
        "description": LEAVES,
        "x-mcp-header": LEAVES,
    }
    chosen = st.lists(st.sampled_from(sorted(words)), max_size=5, unique=True)
    schema = chosen.flatmap(lambda found: st.fixed_dictionaries({word: words[word] for word in found}))
    spoiled = st.tuples(schema, NAMES | st.sampled_from(sorted(words)), JSON).map(lambda drawn: {**drawn[0], drawn[1]: drawn[2]})
    return schema | spoiled | LEAVES if depth < 2 else schema | spoiled


def doubling(levels: int) -> dict[str, Any]:
    """A schema that looks at its value twice at every level."""
    twice = {f"L{n}": {"allOf": [{"$ref": f"#/$defs/L{n + 1}"}, {"$ref": f"#/$defs/L{n + 1}"}]} for n in range(levels)}
    return {"type": "object", "properties": {"n": {"$ref": "#/$defs/L0"}}, "$defs": twice | {f"L{levels}": {"type": "string"}}}


def _of_an_object(part: Any) -> Any:
    return {"type": "object", **members(part)} if isinstance(part, dict) else part


SCHEMAS = st.one_of(
    parts(3).map(_of_an_object),
    parts(3),
    tool_schemas(),
    st.integers(0, 30).map(doubling),
    st.sampled_from(sorted(NESTED)),
    st.integers(0, 3_000).map(lambda n: {"type": "object", "properties": {f"p{i}": {"type": "string"} for i in range(n)}}),
    JSON,
)
TOOL_NAMES = st.sampled_from(
    ["do", "good", "other", "", " ", "a b", "é", "\ud83d", "x" * 64, "x" * 1_001, "__", "a__b", "\n", "\0"]
)


def either(proper: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """What should stand there, or anything else."""
    return proper | proper | JSON


TOOLS: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {},
    optional={
        "name": either(TOOL_NAMES),
        "title": either(st.text(max_size=30)),
        "description": either(st.text(max_size=30)),
        "inputSchema": SCHEMAS,
        "outputSchema": JSON | SCHEMAS,
        "annotations": either(
            st.fixed_dictionaries(
                {}, optional=dict.fromkeys(["title", "readOnlyHint", "destructiveHint", "openWorldHint"], LEAVES)
            )
        ),
        "execution": either(st.fixed_dictionaries({"taskSupport": LEAVES | st.just("required")})),
        "icons": JSON,
        "_meta": JSON,
    },
)
ENTRIES = st.lists(TOOLS | TOOLS.map(lambda tool: {"name": "do", "inputSchema": {"type": "object"}, **tool}) | JSON, max_size=4)
CURSORS = st.sampled_from(["again", "again", "2", "", None]) | LEAVES
