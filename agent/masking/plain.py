"""A text as recognisers read it, and where in the text each of its characters stands."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2212\ufe63\uff0d"


class _Ascii(dict[int, str]):
    """What each character is read as, worked out when it comes up first."""

    def __missing__(self, code: int) -> str:
        self[code] = read = _as_ascii(chr(code))
        return read


def _as_ascii(character: str) -> str:
    if character in _DASHES:
        return "-"
    if character.isspace() and not character.isascii():
        return " "
    return str(unicodedata.digit(character)) if unicodedata.category(character) == "Nd" else character


_PLAIN = _Ascii({ord("_"): " "})
# In JSON, in Python's spelling of a text, and in a URL. Their letters would pass for the beginning of what they stand before.
_ANY_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})|((?:%[0-9a-fA-F]{2})+)|\\[nrtbf]")


@dataclass(frozen=True, slots=True)
class Plain:
    """A text with its escapes read; `numbers` is that with digits, dashes and blanks as ASCII has them, and blanks for
    underscores. `places`: where each character, and the end, stands in the text; None where nothing was moved."""

    text: str
    numbers: str
    places: Sequence[int] | None = None

    def place(self, at: int) -> int:
        """Return where in the text the character at this place begins."""
        return at if self.places is None else self.places[at]


def plain(text: str) -> Plain:
    """Return how recognisers read a text."""
    if ("\\" not in text and "%" not in text) or not _ANY_ESCAPE.search(text):
        return Plain(text, _numbers(text))
    pieces, places, at = list[str](), list[int](), 0
    for escape in _ANY_ESCAPE.finditer(text):
        pieces.append(text[at : escape.start()])
        places += range(at, escape.start())
        for character, place in _characters(escape):
            pieces.append(character)
            places.append(place)
        at = escape.end()
    pieces.append(text[at:])
    places += range(at, len(text) + 1)
    whole = "".join(pieces)
    return Plain(whole, _numbers(whole), places)


def _characters(escape: re.Match[str]) -> Iterator[tuple[str, int]]:
    """Yield the characters of an escape, and where each begins."""
    at = escape.start()
    if not escape[3]:
        code = escape[1] or escape[2]
        yield chr(int(code, 16)) if code else "\n", at
        return
    for character in bytes.fromhex(escape[3].replace("%", "")).decode("utf-8", "surrogateescape"):
        yield character, at
        at += 3 * len(character.encode("utf-8", "surrogateescape"))


def _numbers(text: str) -> str:
    return text.replace("_", " ") if text.isascii() else text.translate(_PLAIN)
