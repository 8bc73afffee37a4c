"""What the API checks of `tools` and `tool_choice`."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from .json_shapes import is_list, is_object
from .models import ModelCard
from .refusal import Refusal, extra, required
from .tool_search import TYPES, check_deferral, check_search_tool

NAME = re.compile(r"^[a-zA-Z0-9_-]{1,128}\Z")  # documentation, "Define tools"
PROPERTY = re.compile(r"^[a-zA-Z0-9_.-]{1,64}\Z")
FIELDS = {
    "type",
    "name",
    "description",
    "input_schema",
    "cache_control",
    "strict",
    "defer_loading",
    "allowed_callers",
    "eager_input_streaming",
    "input_examples",
}
SCHEMA_TYPES = ("object", "array", "string", "number", "integer", "boolean", "null")


def check_tools(tools: object, card: ModelCard) -> None:
    """Check names, fields and schemas. A tool with another dated type is one that the API runs itself; it is taken as it is."""
    if tools is None:
        return
    if not is_list(tools):
        raise Refusal("tools: Input should be a valid list")
    names: set[str] = set()
    for at, tool in enumerate(tools):
        if not is_object(tool):
            raise Refusal(f"tools.{at}: Input should be a valid dictionary")
        if tool.get("type") in (None, "custom"):
            _custom(f"tools.{at}.custom", tool)
        elif tool.get("type") in TYPES:
            check_search_tool(f"tools.{at}", tool, card)
        name = str(tool.get("name"))
        if name in names:
            raise Refusal("tools: Tool names must be unique.")
        names.add(name)
    check_deferral(tools)


def check_tool_choice(body: Mapping[str, Any], card: ModelCard) -> None:
    """Check kind, tool, and whether the model may be forced at all."""
    choice: object = body.get("tool_choice")
    if choice is None:
        return
    if not is_object(choice) or choice.get("type") not in ("auto", "any", "tool", "none"):
        raise Refusal("tool_choice: Input tag does not match any of the expected tags: 'auto', 'any', 'tool', 'none'")
    tools: list[Any] = body.get("tools") or []
    if not tools:
        raise Refusal("tool_choice: tool_choice may only be specified while providing tools")
    if choice["type"] not in ("any", "tool"):
        return
    if not card.forced_tool_choice:
        raise Refusal('tool_choice: type "tool" and "any" are not supported for this model.')
    if is_object(thinking := body.get("thinking")) and thinking.get("type") == "enabled":
        raise Refusal("Thinking may not be enabled when tool_choice forces tool use.")
    if choice["type"] == "tool" and choice.get("name") not in {tool.get("name") for tool in tools}:
        raise Refusal(f"Tool '{choice.get('name')}' not found in provided tools")


def _custom(path: str, tool: Mapping[str, Any]) -> None:
    for name in ("name", "input_schema"):
        if name not in tool:
            raise required(f"{path}.{name}")
    for name in tool:
        if name not in FIELDS:
            raise extra(f"{path}.{name}")
    if not isinstance(tool["name"], str) or not NAME.match(tool["name"]):
        raise Refusal(f"{path}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
    if not isinstance(tool.get("defer_loading", False), bool):
        raise Refusal(f"{path}.defer_loading: Input should be a valid boolean")
    if not isinstance(tool.get("description", ""), str):
        raise Refusal(f"{path}.description: Input should be a valid string")
    schema: object = tool["input_schema"]
    if not is_object(schema):
        raise Refusal(f"{path}.input_schema: Input should be a valid dictionary")
    if "type" not in schema:
        raise required(f"{path}.input_schema.type")
    if schema["type"] != "object":
        raise Refusal(f"{path}.input_schema.type: Input should be 'object'")
    if any(word in schema for word in ("oneOf", "allOf", "anyOf")):
        raise Refusal(f"{path}.input_schema: input_schema does not support oneOf, allOf, or anyOf at the top level")
    _schema(f"{path}.input_schema", schema, schema)
    if tool.get("strict") and schema.get("additionalProperties") is not False:
        raise Refusal(f"{path}: For 'object' type, 'additionalProperties' must be explicitly set to false")


def _schema(path: str, schema: object, root: Mapping[str, Any]) -> None:
    """Check the parts of JSON Schema 2020-12 that a tool's schema is likely to get wrong, at every depth."""
    if isinstance(schema, bool):
        return
    if not is_object(schema):
        raise _invalid(path)
    kinds: object = schema.get("type", [])
    if any(kind not in SCHEMA_TYPES for kind in (kinds if is_list(kinds) else [kinds])):
        raise _invalid(path)
    _required(path, schema)
    for name, part in _schemas_by_name(path, schema, "properties").items():
        if not PROPERTY.match(name):
            raise Refusal(f"{path}.properties: Property keys should match pattern '^[a-zA-Z0-9_.-]{{1,64}}$'")
        _schema(path, part, root)
    for part in _schemas_by_name(path, schema, "$defs").values():
        _schema(path, part, root)
    for word in ("anyOf", "oneOf", "allOf", "prefixItems"):
        parts: object = schema.get(word)
        if word in schema and (not is_list(parts) or not parts):
            raise _invalid(path)
        for part in parts if is_list(parts) else []:
            _schema(path, part, root)
    for word in ("items", "additionalProperties", "not"):
        if word in schema:
            _schema(path, schema[word], root)
    if "enum" in schema and not is_list(schema["enum"]):
        raise _invalid(path)
    if "$ref" in schema:
        _reference(path, schema["$ref"], root)


def _required(path: str, schema: Mapping[str, Any]) -> None:
    names: object = schema.get("required", [])
    if not is_list(names) or not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise _invalid(path)


def _schemas_by_name(path: str, schema: Mapping[str, Any], word: str) -> dict[str, Any]:
    parts: object = schema.get(word, {})
    if not is_object(parts):
        raise _invalid(path)
    return parts


def _reference(path: str, reference: object, root: Mapping[str, Any]) -> None:
    here: object = root
    steps = str(reference).split("/")
    for step in steps[1:]:
        step = unquote(step).replace("~1", "/").replace("~0", "~")
        if is_list(here) and step.isdecimal() and int(step) < len(here):
            here = here[int(step)]
        else:
            here = here.get(step) if is_object(here) else None
    if steps[0] != "#" or here is None:
        raise _invalid(path)


def _invalid(path: str) -> Refusal:
    return Refusal(
        f"{path}: JSON schema is invalid. It must match JSON Schema draft 2020-12 (https://json-schema.org/draft/2020-12)."
    )
