"""The arguments of a tool that comes with a JSON schema instead of a pydantic model, as an MCP server's does.

The only file that knows the jsonschema library. What breaks the schema is told as pydantic tells it, each problem with its
place and the rule, so whatever works with a tool's model works with these as well.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import islice
from typing import Any, ClassVar, cast

from jsonschema import Draft202012Validator, SchemaError
from jsonschema.exceptions import ValidationError as Broken
from jsonschema.protocols import Validator
from jsonschema.validators import validator_for
from pydantic import JsonValue, RootModel, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError
from referencing import Registry
from referencing.exceptions import Unresolvable

MOST_PROBLEMS = 20
MESSAGE_CHARACTERS = 300
KNOWN_SCHEMAS = 1_000  # a server may list its tools again and again

# Where a part of a schema only ever adds conditions, by keyword: the part itself, a list of parts, or parts by name.
PARTS = ("items", "additionalProperties", "unevaluatedProperties", "unevaluatedItems", "additionalItems", "propertyNames")
LISTS = ("prefixItems", "allOf", "anyOf")
NAMED = ("properties", "patternProperties", "dependentSchemas", "$defs", "definitions")

# What evaluating a schema from outside may end in: it refers to itself without end, or out of itself (nothing is ever fetched);
# its pattern is of another language's kind; a number is too large to be divided.
UNREADABLE = (RecursionError, Unresolvable, re.error, ArithmeticError)


class JsonArguments(RootModel[dict[str, JsonValue]]):
    """Arguments that a JSON schema describes. `model_dump` gives them as they came: the schema's defaults are the server's."""

    schema_of_them: ClassVar[Mapping[str, Any]] = {}
    checked_by: ClassVar[Mapping[str, Any]] = {}  # the same without patterns that nobody here can read
    unread: ClassVar[tuple[str, ...]] = ()  # those

    @classmethod
    def model_json_schema(cls, *_: Any, **__: Any) -> dict[str, Any]:
        """The schema as it came."""
        return dict(cls.schema_of_them)

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> "JsonArguments":  # pyright: ignore[reportIncompatibleMethodOverride]
        """The arguments, if the schema takes them. Raises pydantic's ValidationError."""
        arguments = super().model_validate(obj, **options)
        if found := list(islice(_problems(cls.checked_by, arguments.root), MOST_PROBLEMS)):
            raise ValidationError.from_exception_data(cls.__name__, found)
        return arguments


def json_arguments(schema: Mapping[str, Any]) -> type[JsonArguments]:
    """The model of a schema: the same class for the same schema. Raises ValueError, a sentence, for what is no JSON schema."""
    try:
        return _model(json.dumps(schema))
    except (TypeError, RecursionError):
        raise ValueError("its schema is not JSON") from None


@lru_cache(KNOWN_SCHEMAS)
def _model(text: str) -> type[JsonArguments]:
    schema = json.loads(text)
    patterns: list[str] = []
    try:
        readable = _readable(schema, patterns)
        _dialect(schema).check_schema(readable)
    except SchemaError as error:
        raise ValueError(f"its schema is no JSON schema: {_cut(error.message)}") from None
    except UNREADABLE:
        raise ValueError("its schema cannot be read") from None

    class Arguments(JsonArguments):
        schema_of_them, checked_by, unread = schema, readable, tuple(dict.fromkeys(patterns))

    return Arguments


def _readable(schema: Any, unread: list[str]) -> Any:
    """The schema without patterns of another language's kind, which are added to `unread`: whoever wrote them checks them.

    Only where one that is left out lets more through, and nothing less: not below `not`, `oneOf`, `if` and the like.
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
        for word in ("additionalProperties", "unevaluatedProperties"):  # of what they would have matched
            readable.pop(word, None)
    for word, value in readable.items():
        if word in PARTS:
            readable[word] = _readable(value, unread)
        elif word in LISTS and isinstance(value, list):
            readable[word] = [_readable(part, unread) for part in cast(list[Any], value)]
        elif word in NAMED and isinstance(value, dict):
            readable[word] = {name: _readable(part, unread) for name, part in cast(dict[str, Any], value).items()}
    return readable


def _strange(pattern: Any) -> bool:
    """Whether this is a pattern that Python's `re` cannot read."""
    if not isinstance(pattern, str):
        return False
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        return True
    return False


def _dialect(schema: Mapping[str, Any]) -> type[Validator]:
    """The dialect that the schema names; 2020-12 where it names none, or one that nobody knows."""
    named = schema.get("$schema")
    return validator_for({"$schema": named} if isinstance(named, str) else {}, default=Draft202012Validator)


def _problems(schema: Mapping[str, Any], arguments: Any) -> Iterator[InitErrorDetails]:
    """What the schema says against the arguments. `format` says what a value means, and is not enforced."""
    try:
        for error in _dialect(schema)(schema, registry=Registry()).iter_errors(arguments):
            yield _told(error)
    except UNREADABLE:
        yield _problem((), "schema", "cannot be checked, since the tool's own schema cannot be followed", arguments)


def _told(error: Broken) -> InitErrorDetails:
    place = tuple(error.absolute_path)
    if error.validator == "required" and (name := _missing(error)) is not None:
        return _problem((*place, name), "required", "is required", error.instance)  # at its own place, where a form has its field
    return _problem(place, str(error.validator or "false"), _cut(error.message), error.instance)


def _missing(error: Broken) -> str | None:
    """Which property it is: the library tells each of them in a sentence of its own."""
    value: object = error.validator_value  # pyright: ignore[reportUnknownMemberType]
    names = cast(list[Any], value) if isinstance(value, list) else []
    return next((str(name) for name in names if error.message == f"{name!r} is a required property"), None)


def _problem(place: tuple[int | str, ...], rule: str, message: str, value: Any) -> InitErrorDetails:
    kind = PydanticCustomError("json_schema", f"{message} (rule: {rule})")  # pyright: ignore[reportArgumentType]  # a literal text
    return InitErrorDetails(type=kind, loc=place, input=value)


def _cut(text: str) -> str:
    """The library's message holds the value itself, which may be long."""
    return text if len(text) <= MESSAGE_CHARACTERS else f"{text[:MESSAGE_CHARACTERS]}…"
