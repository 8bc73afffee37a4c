"""JSON that somebody else wrote, taken as far as it can be: what comes out can be stored, hashed, and written as JSON again.

Needs the standard library and `agent.text` alone: a bounded process imports it.
"""

import json
import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, cast

from agent.text import whole

MOST_DEPTH = 64  # of containers within containers: deeper ones are given as their text
MOST_DIGITS = 300  # of an integer; a longer one is given as its text
MOST_NUMBER_CHARACTERS = 40  # of a number with a fraction

_JSON_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\Z)|[\[\]{}]', re.DOTALL)


def foreign(data: bytes, *as_text: str) -> Any:
    """Return the JSON value that these bytes are. Raises ValueError.

    Half characters are replaced, containers too deep become their text, and so does a number that no float holds exactly
    enough: 1e400, NaN, 0.1234567890123456789. Control characters in texts, and a byte order mark, are let through. With
    `as_text`, the names on the way to a member of the object, a container that stands there becomes its text too.
    """
    text = data.decode("utf-8-sig", "replace")
    try:
        value = _parsed(_shallow(text))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if as_text:
        _member_as_text(value, as_text)
    return value


def members(value: Any) -> Mapping[str, Any]:
    """Return the members of a JSON object; none of anything else."""
    return cast(Mapping[str, Any], value) if isinstance(value, Mapping) else {}


def _parsed(text: str) -> Any:
    return whole(json.loads(text, strict=False, parse_float=_fraction, parse_int=_integer, parse_constant=str))


def _fraction(text: str) -> float | str:
    value = float(text)
    exact = len(text) <= MOST_NUMBER_CHARACTERS and math.isfinite(value) and Decimal(repr(value)) == Decimal(text)
    return value if exact else text


def _integer(text: str) -> int | str:
    return int(text) if len(text) <= MOST_DIGITS else text


def _shallow(text: str) -> str:
    """Return the same JSON with its containers below `MOST_DEPTH` as texts."""
    if text.count("{") + text.count("[") <= MOST_DEPTH:
        return text
    kept: list[str] = []
    depth = at = 0
    for token in _JSON_TOKEN.finditer(text):
        if token[0] in ("{", "["):
            depth += 1
            if depth == MOST_DEPTH + 1:
                kept.append(text[at : token.start()])
                at = token.start()
        elif token[0] in ("}", "]"):
            depth -= 1
            if depth == MOST_DEPTH:
                kept.append(json.dumps(text[at : token.end()]))
                at = token.end()
    return "".join([*kept, text[at:]]) if kept else text


def _member_as_text(value: Any, path: tuple[str, ...]) -> None:
    *way, last = path
    for name in way:
        value = members(value).get(name)
    if isinstance(found := members(value).get(last), dict | list):
        value[last] = json.dumps(found, ensure_ascii=False)
