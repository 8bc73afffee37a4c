"""What a setting may be, and what it is where nobody says it: in the words of the reference."""

from collections.abc import Mapping, Sequence
from inspect import getclosurevars
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin

from pydantic.fields import FieldInfo

from agent.approvals.condition import Condition
from agent.approvals.policy import Policy
from bot.config.policy_section import duration, duration_seconds
from bot.config.sections import Section

WORDS: Mapping[Any, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "`true` or `false`",
    Condition: "condition in CEL",
}
NUMBERS = {"gt": "more than {}", "ge": "at least {}", "lt": "less than {}", "le": "at most {}"}


def kind(field: FieldInfo) -> str:
    """Return what a field may be."""
    words = _spelled(field.annotation, field.metadata)
    bounds = [
        text.format(f"{getattr(each, name):g}")
        for each in field.metadata
        for name, text in NUMBERS.items()
        if hasattr(each, name)
    ]
    return ", ".join([words, *bounds])


def _spelled(annotation: Any, metadata: Sequence[Any] = ()) -> str:
    for each in metadata:
        if found := _by_check(each):
            return found
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _spelled(arguments[0], arguments[1:])
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(_spelled(each) for each in arguments if each is not NoneType))
    if origin is Literal:
        return " or ".join(f"`{each}`" for each in arguments)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return f"mapping: {_spelled(arguments[0])} to {_spelled(arguments[1])}"
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return f"list: {_spelled(arguments[0])}"
    return _of_type(annotation)


def _of_type(annotation: Any) -> str:
    words: Mapping[Any, str] = {
        str: "text",
        int: "whole number",
        float: "number",
        bool: "`true` or `false`",
        Condition: "condition in CEL",
    }
    if annotation in words:
        return words[annotation]
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return "mapping, see below"
    if isinstance(annotation, type) and issubclass(annotation, str):  # an enumeration
        return " or ".join(f"`{each}`" for each in cast(Any, annotation))
    return "list of rules, see below" if annotation is Policy else "any value"


# What the functions that check a value take, where their type does not say it.
CHECKS: Mapping[str, str] = {
    "duration_seconds": "duration",
    "_term_seconds": "duration or `forever`",
    "_condition": "condition in CEL",
    "_country": "country",
    "_pattern": "pattern in RE2",
    "_kind": "capitals",
    "_prompt_reference": "NAME or NAME@N",
    "_tool_pattern": "name of a tool, or its beginning with a `*`",
    "_tool_prefix": "name",
    "_app_id": "id of an app",
    "_in_one_line": "one line of text",
    "host_pattern": "host, or `*.` and a host",
    "_scaled.<locals>.scale": "dollars",
    "_named": "`wordllama` or `minilm` or mapping, see below",
}


def _by_check(check: Any) -> str:
    function = getattr(check, "func", None)
    if function is None:
        return ""
    name = getattr(function, "__qualname__", "")
    if name == "_slack_id.<locals>.check":
        return f"id of a {getclosurevars(function).nonlocals['what']}"
    return CHECKS.get(name, "")


def default(field: FieldInfo) -> str:
    """Return what a field is without a value in the file; nothing where that is nothing, or another section."""
    if field.is_required():
        return "needed"
    value: Any = field.default
    if any(getattr(each, "func", None) is duration_seconds for each in field.metadata):
        return f"`{duration(value)}`" if value is not None else ""
    if value is None or value in ((), "", {}) or not isinstance(value, str | int | float | bool | tuple):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    items = cast(tuple[Any, ...], value) if isinstance(value, tuple) else (value,)
    return ", ".join(f"`{each:_}`".replace("_", ",") if isinstance(each, int) else f"`{each}`" for each in items)
