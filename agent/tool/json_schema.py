"""The arguments of a tool that comes with a JSON schema instead of a pydantic model, as an MCP server's does.

What breaks the schema is told as pydantic tells it, each problem with its place and the rule, so whatever works with a tool's
model works with these as well. What cannot be checked here in bounded time is left to the author of the schema.
"""

import json
import logging
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, ClassVar, cast

from jsonschema.exceptions import ValidationError as Broken
from pydantic import JsonValue, RootModel, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from agent.tool.patterns import pattern
from agent.tool.schema_check import UNREADABLE, OutOfStepsError, broken, wrong_schema

log = logging.getLogger(__name__)

MOST_PROBLEMS = 20
MESSAGE_CHARACTERS = 300
KNOWN_SCHEMAS = 1_000  # a server may list its tools again and again

# Where a part of a schema only ever adds conditions, by keyword: the part itself, a list of parts, or parts by name.
PARTS = ("items", "additionalProperties", "unevaluatedProperties", "unevaluatedItems", "propertyNames")
LISTS = ("prefixItems", "allOf", "anyOf")
NAMED = ("properties", "patternProperties", "dependentSchemas", "$defs", "definitions")
# Where less in the part may mean more conditions: left out whole with a pattern that cannot be read.
VALUES = ("enum", "const", "default", "examples")  # of the arguments, in which nothing is a part of the schema
TURNING = ("not", "oneOf", "if", "contains")


class JsonArguments(RootModel[dict[str, JsonValue]]):
    """Arguments that a JSON schema describes. `model_dump` gives them as they came: the schema's defaults are the server's."""

    schema_of_them: ClassVar[Mapping[str, Any]] = {}
    checked_by: ClassVar[Mapping[str, Any]] = {}  # the same without patterns that nobody here can read
    unread: ClassVar[tuple[str, ...]] = ()  # those

    @classmethod
    def model_json_schema(cls, *_: Any, **__: Any) -> dict[str, Any]:
        """Return the schema as it came."""
        return dict(cls.schema_of_them)

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> "JsonArguments":  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return the arguments, if the schema takes them. Raises pydantic's ValidationError."""
        arguments = super().model_validate(obj, **options)
        if found := _problems(cls.checked_by, arguments.root):
            raise ValidationError.from_exception_data(cls.__name__, found)
        return arguments


def json_arguments(schema: Mapping[str, Any]) -> type[JsonArguments]:
    """Return the model of a schema: the same class for the same schema. Raises ValueError, a sentence, for what is no JSON
    schema."""
    try:
        return _arguments_class(json.dumps(schema))
    except (TypeError, RecursionError):
        raise ValueError("its schema is not JSON") from None


@lru_cache(KNOWN_SCHEMAS)
def _arguments_class(text: str) -> type[JsonArguments]:
    schema = json.loads(text)
    patterns: list[str] = []
    try:
        wrong = wrong_schema(schema)
        readable = _bounded(schema, patterns) if wrong is None else schema
    except OutOfStepsError:
        raise ValueError("its schema is too large to be checked") from None
    except UNREADABLE:
        raise ValueError("its schema cannot be read") from None
    if wrong is not None:
        raise ValueError(f"its schema is no JSON schema: {_cut_message(wrong.message)}")

    class Arguments(JsonArguments):
        schema_of_them, checked_by, unread = schema, readable, tuple(dict.fromkeys(patterns))

    return Arguments


def _bounded(schema: Any, unread: list[str]) -> Any:
    """Return the schema without patterns that nobody here can read in bounded time, which are added to `unread`.

    One is only left out where that lets more through, and nothing less: below `not`, `oneOf` and the like with all that is there.
    """
    if not isinstance(schema, dict):
        return schema
    readable = dict(cast(dict[str, Any], schema))
    if _strange(readable.get("pattern")):
        unread.append(readable.pop("pattern"))
    named = readable.get("patternProperties")
    if isinstance(named, dict) and (strange := [name for name in cast(dict[str, Any], named) if _strange(name)]):
        unread += strange
        readable["patternProperties"] = {name: part for name, part in cast(dict[str, Any], named).items() if name not in strange}
        readable.pop("additionalProperties", None)  # it is of what they would have matched
    for word in TURNING:
        if word in readable and (strange := list(_strange_in(readable[word]))):
            unread += strange
            del readable[word]
    if "patternProperties" in readable or list(_strange_in(readable)):
        readable.pop("unevaluatedProperties", None)  # for which the library looks for patterns itself, in its own engine
    for word, value in readable.items():
        if word in PARTS:
            readable[word] = _bounded(value, unread)
        elif word in LISTS and isinstance(value, list):
            readable[word] = [_bounded(part, unread) for part in cast(list[Any], value)]
        elif word in NAMED and isinstance(value, dict):
            readable[word] = {name: _bounded(part, unread) for name, part in cast(dict[str, Any], value).items()}
    return readable


def _strange_in(part: Any) -> Iterator[str]:
    """Yield the patterns in a part of a schema that cannot be read here."""
    if isinstance(part, list):
        for each in cast(list[Any], part):
            yield from _strange_in(each)
    elif isinstance(part, dict):
        keywords = cast(dict[str, Any], part)
        named = keywords.get("patternProperties")
        names = list(cast(dict[str, Any], named)) if isinstance(named, dict) else []
        texts = [text for text in (keywords.get("pattern"), *names) if isinstance(text, str)]
        yield from filter(_strange, texts)
        for word, each in keywords.items():
            yield from () if word in VALUES else _strange_in(each)


def _strange(text: Any) -> bool:
    """Return whether this is a pattern that cannot be read here."""
    return isinstance(text, str) and pattern(text) is None


def _problems(schema: Mapping[str, Any], arguments: Any) -> list[InitErrorDetails]:
    """Return what the schema says against the arguments; nothing where that takes too long to find out."""
    try:
        return [_as_pydantic(error) for error in broken(schema, arguments, MOST_PROBLEMS)]
    except OutOfStepsError:
        log.warning("a schema and its arguments are too large to be checked here: that is left to the tool")
        return []
    except UNREADABLE:
        return [_problem((), "schema", "cannot be checked, since the tool's own schema cannot be followed", arguments)]


def _as_pydantic(error: Broken) -> InitErrorDetails:
    place = tuple(error.absolute_path)
    if error.validator == "required" and (name := _missing(error)) is not None:
        return _problem((*place, name), "required", "is required", error.instance)  # at its own place, where a form has its field
    return _problem(place, str(error.validator or "false"), _cut_message(error.message), error.instance)


def _missing(error: Broken) -> str | None:
    """Return the name of a missing property: the library reports each of them alone."""
    value: object = error.validator_value  # pyright: ignore[reportUnknownMemberType]
    names = cast(list[Any], value) if isinstance(value, list) else []
    return next((str(name) for name in names if error.message == f"{name!r} is a required property"), None)


def _problem(place: tuple[int | str, ...], rule: str, message: str, value: Any) -> InitErrorDetails:
    kind = PydanticCustomError("json_schema", f"{message} (rule: {rule})")  # pyright: ignore[reportArgumentType]  # a literal text
    return InitErrorDetails(type=kind, loc=place, input=value)


def _cut_message(text: str) -> str:
    """Return the library's message cut: it holds the value itself, which may be long."""
    return text if len(text) <= MESSAGE_CHARACTERS else f"{text[:MESSAGE_CHARACTERS]}…"
