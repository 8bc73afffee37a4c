"""How values are spelled in Slack's inputs, and read again: JSON and numbers, with everything that cannot be seen spelled out."""

import json
import math
import re
from typing import Any, NoReturn, TypeGuard

from pydantic import JsonValue

from agent.text import whole
from bot.cards.harmless_text import cut, hidden, visible
from bot.cards.values import one_line, unmasked

INPUT_CHARACTERS = 3_000  # Slack's limit for the content of an input
LINE_CHARACTERS = 60  # of a value that stands on a line
NAME_CHARACTERS = 500
EXACT_DIGITS = 15  # that a number keeps in any client

_ALTERED = re.compile(r"&(?=(?:amp|lt|gt);)")  # how Slack escapes, and may undo it
_DECIMAL_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?P<fraction>\.[0-9]*)?|(?P<point>\.[0-9]+))(?P<exponent>[eE][+-]?[0-9]+)?")


class Unreadable(Exception):
    """The content of an input is no value for it; the sentence is shown beside it."""


def unaltered(text: str) -> bool:
    """Return whether Slack's inputs take this text, show all of it, and give it back as it is."""
    unseen = "\t" in text or any(map(hidden, text))
    return not unseen and text == text.strip() and not _ALTERED.search(text) and units(text) <= INPUT_CHARACTERS


def units(text: str) -> int:
    """Return a text's length in UTF-16, in which browsers count."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def json_text(value: JsonValue, *, indent: int | None = None) -> str | None:
    """Return JSON with everything spelled out that is invisible or that Slack would alter. None: a number that JSON does not
    have."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent)
    except ValueError:
        return None
    shown = "".join(json.dumps(one)[1:-1] if hidden(one) else one for one in text)
    return _ALTERED.sub(r"\\u0026", shown)


def read_json(text: str) -> JsonValue:
    """Return the value that is written here. Raises Unreadable with the place of the fault."""
    try:
        value = json.loads(text, parse_constant=_no_constant, parse_float=_finite, object_pairs_hook=_distinct)
    except json.JSONDecodeError as fault:
        raise Unreadable(f"This is not JSON, at line {fault.lineno}, column {fault.colno}: {fault.msg}.") from None
    except RecursionError:
        raise Unreadable("This is nested too deeply.") from None
    return whole(value)


def _no_constant(name: str) -> NoReturn:
    raise Unreadable(f"{name} is not a value that JSON has.")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise Unreadable(f"{cut(digits, LINE_CHARACTERS)} is too large a number.")
    return number


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        twice = next(name for at, (name, _) in enumerate(pairs) if name in dict(pairs[:at]))
        raise Unreadable(f"{cut(label(twice), LINE_CHARACTERS)} stands twice in one object.")
    return fields


def read_number(text: str, *, whole_only: bool) -> int | float:
    """Return the number that is written here; one without a point is whole. Raises Unreadable."""
    found = _DECIMAL_NUMBER.fullmatch(text.strip())
    is_whole = found is not None and not any(found.group("fraction", "point", "exponent"))
    if found is None or (whole_only and not is_whole):
        raise Unreadable("Please enter a whole number, such as 12." if whole_only else "Please enter a number, such as 12.5.")
    return int(found[0]) if is_whole else _finite(found[0])


def simple_number(value: Any) -> TypeGuard[int | float]:
    """Return whether this is a number that every client keeps exactly: no exponent, and not too many digits."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return False
    digits = json.dumps(value)
    return "e" not in digits and sum(map(str.isdigit, digits)) <= EXACT_DIGITS


def label(name: str) -> str:
    """Return an argument's name; one that is not a plain word is in quotes, with hidden characters spelled out."""
    plain = re.fullmatch(r"[A-Za-z0-9_.-]+", name)
    return cut(name if plain else visible(json.dumps(name, ensure_ascii=False)), NAME_CHARACTERS)


def in_a_line(value: JsonValue) -> str:
    """Return a value in one line, to be read by people: words as they are, everything else as JSON."""
    if isinstance(value, str) and value and unaltered(value) and "\n" not in value:
        return value
    return json_text(value) or "not a number"


def cut_between_words(text: str, characters: int) -> str:
    """Return untrusted text in one line, cut between two words where possible."""
    line = one_line(text, unmasked)
    if len(line) <= characters:
        return line
    short = line[: characters - 1].rpartition(" ")[0]
    return f"{short if len(short) > characters // 2 else line[: characters - 1]}…"
