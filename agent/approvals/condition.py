"""Conditions of policy rules, in CEL. The only file that knows the CEL library: Google's own, with its type checker.

A condition is answered on exactly the arguments that run, or not at all: what the library would cut (texts with NUL), round
(long whole numbers beside decimal ones) or not take raises UnclearConditionError.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, cast

from cel_expr_python import cel  # pyright: ignore[reportMissingTypeStubs]  # its stub is there, but lies beside a compiled module

_Type: Any = cel.Type  # the library's stub names types of a package that it does not need
_MESSAGE = re.compile(r"<input>:\d+:(\d+): (.*?)(?: \(in container ''\))?$", re.MULTILINE)
_MISSING = re.compile(r'Key not found in map : "(.*)"')
_SURROGATE = re.compile("[\ud800-\udfff]")
# The language's tokens, as far as they show which arguments are read (CEL specification, Syntax): comments, texts, names,
# numbers, and signs one by one.
_CEL_TOKEN = re.compile(
    r"""
    //[^\n]*
    | [bB]?[rR]?[bB]? (?: \'\'\'(?s:\\.|.)*?\'\'\' | \"\"\"(?s:\\.|.)*?\"\"\" | '(?:\\.|[^'\\\n])*' | "(?:\\.|[^"\\\n])*" )
    | [A-Za-z_]\w*
    | \d[\w.]*(?:(?<=[eE])[+-]\d+)?
    | [!=<>]=
    | \S
    """,
    re.VERBOSE,
)
_MOST_EXACT = 2**53  # each whole number up to here has one decimal spelling (IEEE 754, binary64)


class ConditionError(ValueError):
    """The text is no condition: a sentence says where and why."""


class UnclearConditionError(Exception):
    """The condition has no answer for this call: the message says why, fit for the end of a sentence."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A CEL expression over `args`, `requester` and `channel` that says true or false.

    It is compiled, and its types are checked, when it is made. Raises ConditionError.
    """

    text: str
    _expression: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if _SURROGATE.search(self.text):
            raise ConditionError("it holds half a character")
        try:
            expression = _cel_environment().compile(self.text)
        except RuntimeError as error:
            raise ConditionError(_why(str(error))) from None
        gives = expression.return_type()
        if gives not in (_Type.BOOL, _Type.DYN):
            raise ConditionError(f"it gives {gives.name()}, not true or false")
        object.__setattr__(self, "_expression", expression)

    def holds(self, arguments: Mapping[str, Any], requester: str, channel: str) -> bool:
        """Return the answer for a call with these validated arguments. An empty `requester` or `channel` is not known.

        Raises UnclearConditionError.
        """
        known: dict[str, Any] = {"requester": requester, "channel": channel}
        if "args" in self.text:
            known["args"] = dict(arguments)
        try:
            for name, value in known.items():
                _check_value(value, name)
            self._exact(arguments)
            answer = self._expression.eval(data={name: value for name, value in known.items() if value != ""})
            value = answer.plain_value()
        except UnclearConditionError:
            raise
        except Exception as error:  # whatever the library stumbles over, a rule is never skipped for it
            raise UnclearConditionError(self._unclear(str(error), arguments)) from None
        if answer.type() == _Type.ERROR:
            raise UnclearConditionError(self._unclear(str(answer), arguments))
        if not isinstance(value, bool):
            raise UnclearConditionError(f"it comes to {_plainly(str(answer))}, not true or false")
        return value

    def _exact(self, arguments: Mapping[str, Any]) -> None:
        """Check that no whole number is compared after rounding: the library makes it a decimal one where it meets one."""
        read = {name: arguments[name] for name in self.arguments() if name in arguments}
        numbers = [number for name, value in read.items() for number in _numbers(value, f"args.{name}")]
        decimal = self._has_decimals() or any(isinstance(number, float) for _, number in numbers)
        for path, number in numbers:
            if decimal and isinstance(number, int) and abs(number) > _MOST_EXACT and int(float(number)) != number:
                raise UnclearConditionError(f"{path} is too long a whole number to compare with decimal ones")

    def _has_decimals(self) -> bool:
        return any(token == "double" or re.match(r"(?!0[xX])\d[\w.]*[.eE]", token) for token in _tokens(self.text))

    def _unclear(self, message: str, arguments: Mapping[str, Any]) -> str:
        """Say why in terms of the call where the library's words let us."""
        if missing := _MISSING.search(message):
            name = missing[1]
            return f"args.{name} is missing" if name in self.arguments() and name not in arguments else f"{name} is missing"
        if "null_type" in message:
            empty = sorted(f"args.{name}" for name in self.arguments() if name in arguments and arguments[name] is None)
            return f"{' and '.join(empty)} {'are' if len(empty) > 1 else 'is'} null" if empty else "a value is null"
        return _plainly(message)

    # ------------------------------------------------------------------------------------------ what it reads

    def arguments(self) -> frozenset[str]:
        """Return the names of the arguments that it reads as `args.NAME` or `args["NAME"]`."""
        return frozenset(name for name, _ in _arguments(_tokens(self.text)))

    def looked_for(self) -> frozenset[str]:
        """Return the names of those whose presence it asks for, with `has(args.NAME)` or `"NAME" in args`."""
        tokens = _tokens(self.text)
        by_has = {
            name
            for name, at in _arguments(tokens)
            if tokens[max(at - 2, 0) : at] == ("has", "(") and tokens[at + 3 : at + 4] == (")",)
        }
        by_in = {_unquoted(tokens[at - 2]) for at in range(2, len(tokens)) if tokens[at - 1 : at + 1] == ("in", "args")}
        return frozenset(by_has | by_in)

    def null_checked(self) -> frozenset[str]:
        """Return the names of those that it compares with null: `args.NAME != null`."""
        tokens = _tokens(self.text)
        behind = {"==", "!="}
        return frozenset(
            name
            for name, at in _arguments(tokens)
            for end in (at + (3 if tokens[at + 1] == "." else 4),)
            if tokens[end : end + 1] and tokens[end] in behind and tokens[end + 1 : end + 2] == ("null",)
        )


@cache
def _cel_environment() -> Any:
    variables = {"args": _Type.Map(_Type.STRING, _Type.DYN), "requester": _Type.STRING, "channel": _Type.STRING}
    return cel.NewEnv(variables=variables)


# ---------------------------------------------------------------------------------------------- values


def _check_value(value: Any, path: str) -> None:
    """Check that the library takes the value as it is. Raises UnclearConditionError that names the first part it does not."""
    match value:
        case bool() | None:
            pass
        case str():
            if "\0" in value:
                raise UnclearConditionError(f"{path} holds a NUL character")
            if _SURROGATE.search(value):
                raise UnclearConditionError(f"{path} holds half a character")
        case int():
            if not -(2**63) <= value < 2**64:
                raise UnclearConditionError(f"{path} is a whole number beyond 64 bits")
        case float():
            if not math.isfinite(value):  # NaN compares as false with everything: no number that a limit could be meant for
                raise UnclearConditionError(f"{path} is not a finite number")
        case dict():
            for key, below in cast(dict[Any, Any], value).items():
                _check_value(key, f"a name in {path}")
                _check_value(below, f"{path}.{key}")
        case list() | tuple():
            for index, below in enumerate(cast(list[Any], value)):
                _check_value(below, f"{path}[{index}]")
        case _:
            raise UnclearConditionError(f"{path} is no JSON value")


def _numbers(value: Any, path: str) -> Iterator[tuple[str, int | float]]:
    """Yield every number in a value with its place."""
    match value:
        case bool():
            pass
        case int() | float():
            yield path, value
        case dict():
            for key, below in cast(dict[str, Any], value).items():
                yield from _numbers(below, f"{path}.{key}")
        case list() | tuple():
            for index, below in enumerate(cast(list[Any], value)):
                yield from _numbers(below, f"{path}[{index}]")
        case _:
            pass


# ---------------------------------------------------------------------------------------------- text


@cache
def _tokens(text: str) -> tuple[str, ...]:
    """Return the words, texts and signs of an expression, without its comments."""
    return tuple(token for token in _CEL_TOKEN.findall(text) if not token.startswith("//"))


def _arguments(tokens: tuple[str, ...]) -> Iterator[tuple[str, int]]:
    """Yield each argument that is read by its name, and where its `args` stands."""
    for at, token in enumerate(tokens):
        if token != "args" or tokens[max(at - 1, 0) : at] == (".",):
            continue
        match tokens[at + 1 : at + 4]:
            case (".", name, "("):  # a function of the whole, such as args.exists(...)
                continue
            case (".", name, *_):
                yield name, at
            case ("[", name, "]") if name[-1:] in ("'", '"'):
                yield _unquoted(name), at
            case _:
                pass


def _unquoted(literal: str) -> str:
    """Return a string literal's text; of one with escapes roughly."""
    bare = literal.lstrip("rRbB")
    for quote in ("'''", '"""', "'", '"'):
        if bare.startswith(quote):
            return bare[len(quote) : -len(quote)]
    return ""


def _why(message: str) -> str:
    """Return the library's first complaint in one line."""
    if found := _MESSAGE.search(message):
        return f"column {found[1]}: {_shortened(found[2])}"
    return _plainly(message)


def _shortened(complaint: str) -> str:
    return complaint.removeprefix("Syntax error: ").split(" expecting {")[0]


def _plainly(message: str) -> str:
    """Return it without the status code that the library puts before or behind its words."""
    return re.sub(r"^[A-Z_]+: | \[[A-Z_]+\]$", "", " ".join(message.split()))
