"""What the model or a person sends as arguments: taken as the tool's own model, or told what is wrong with it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

from pydantic import BaseModel, ValidationError

from agent.tool.definition import Result, Tool, Tools, failed
from agent.tool.once import checked_once

ArgumentProblem = tuple[tuple[int | str, ...], str]  # where in the arguments, () for all of them, and what is wrong there
NOT_FINITE = "Infinite numbers and NaN are not values that it can take."


def validate(tools: Tools, name: str, arguments: Mapping[str, Any]) -> BaseModel | Result:
    """Return the arguments as the tool's own model, or the structured error that says what is wrong with the call."""
    tool = tools.get(name)
    if tool is None:
        known = ", ".join(sorted(tools)) or "none"
        return failed("not_found", f"There is no tool named {name!r}. The tools are: {known}.")
    found = checked(tool, arguments)
    if isinstance(found, BaseModel):
        return found
    return failed("invalid_input", f"{name} was not run. " + "; ".join(f"{_path(where)}: {what}" for where, what in found))


def problems(tool: Tool, arguments: Mapping[str, Any]) -> Sequence[ArgumentProblem]:
    """Return what is wrong with the arguments, each with its place in them; nothing where the tool takes them."""
    found = checked(tool, arguments)
    return () if isinstance(found, BaseModel) else found


def checked(tool: Tool, arguments: Mapping[str, Any]) -> BaseModel | Sequence[ArgumentProblem]:
    """Return the arguments as the tool's own model, or what is wrong with them. Within a claim each are looked at once."""
    return checked_once(tool, arguments, lambda: _check(tool, arguments))


def _check(tool: Tool, arguments: Mapping[str, Any]) -> BaseModel | Sequence[ArgumentProblem]:
    try:
        valid = tool.arguments.model_validate(dict(arguments))
        plain = valid.model_dump(mode="json")  # raises ValueError for what has no place in JSON: it cannot be shown or hashed
        return valid if finite(plain) else [((), NOT_FINITE)]
    except ValidationError as error:
        return [(item["loc"], item["msg"]) for item in error.errors(include_url=False)]
    except ValueError:
        return [((), NOT_FINITE)]


def finite(value: Any) -> bool:
    """Return whether a JSON value holds only numbers that JSON has."""
    match value:
        case float():
            return math.isfinite(value)
        case dict():
            return all(finite(each) for each in cast("dict[str, Any]", value).values())
        case list():
            return all(finite(each) for each in cast("list[Any]", value))
        case _:
            return True


def _path(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location) or "arguments"
