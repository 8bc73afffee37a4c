"""Conditions of policy rules, in CEL. The only file that knows the CEL library: Google's own, with its type checker."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from cel_expr_python import cel  # pyright: ignore[reportMissingTypeStubs]  # its stub is there, but lies beside a compiled module

from agent.digest import canonical

_Type: Any = cel.Type  # the library's stub names types of a package that it does not need
_MESSAGE = re.compile(r"<input>:\d+:(\d+): (.*?)(?: \(in container ''\))?$", re.MULTILINE)


class ConditionError(ValueError):
    """The text is no condition: a sentence says where and why."""


class UnclearConditionError(Exception):
    """The condition has no answer for this call: the message says why."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A CEL expression over `args`, `requester` and `channel` that says true or false.

    It is compiled, and its types are checked, when it is made. Raises ConditionError.
    """

    text: str
    _expression: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        try:
            expression = _environment().compile(self.text)
        except RuntimeError as error:
            raise ConditionError(_why(str(error))) from None
        gives = expression.return_type()
        if gives not in (_Type.BOOL, _Type.DYN):
            raise ConditionError(f"it gives {gives.name()}, not true or false")
        object.__setattr__(self, "_expression", expression)

    def holds(self, arguments: Mapping[str, Any], requester: str, channel: str) -> bool:
        """The answer for a call with these validated arguments. An empty text is not known. Raises UnclearConditionError."""
        known = {"args": dict(arguments), "requester": requester, "channel": channel}
        try:
            canonical(known["args"])  # NaN compares as false with everything: no number that a limit could be meant for
            answer = self._expression.eval(data={name: value for name, value in known.items() if value != ""})
            value = answer.plain_value()
        except Exception as error:  # whatever the library stumbles over, a rule is never skipped for it
            raise UnclearConditionError(str(error)) from None
        if not isinstance(value, bool):
            raise UnclearConditionError(_plainly(str(answer)))
        return value

    def arguments(self) -> frozenset[str]:
        """Names of the arguments that it reads as `args.NAME`."""
        without_texts = re.sub(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*\"""", "''", self.text)
        return frozenset(re.findall(r"(?<![\w.])args\.([A-Za-z_]\w*)", without_texts))


@cache
def _environment() -> Any:
    variables = {"args": _Type.Map(_Type.STRING, _Type.DYN), "requester": _Type.STRING, "channel": _Type.STRING}
    return cel.NewEnv(variables=variables)


def _why(message: str) -> str:
    """The library's first complaint in one line."""
    if found := _MESSAGE.search(message):
        return f"column {found[1]}: {_shortened(found[2])}"
    return _plainly(message)


def _shortened(complaint: str) -> str:
    return complaint.removeprefix("Syntax error: ").split(" expecting {")[0]


def _plainly(message: str) -> str:
    """Without the status code that the library puts before or behind its words."""
    return re.sub(r"^[A-Z_]+: | \[[A-Z_]+\]$", "", " ".join(message.split()))
