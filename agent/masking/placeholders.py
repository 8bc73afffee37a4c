"""Texts with placeholders for what was found in them. Pure: a text, what a session has seen and a finder in, another text out."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, cast

from agent.masking.secrets import named_secret
from agent.masking.spans import Finder, Span, apart

PLACEHOLDER = re.compile(r"\[[A-Z][A-Z0-9_]{0,40}_\d{1,9}\]|\[withheld: [a-z ]{1,40}\]")


@dataclass(frozen=True, slots=True)
class SeenValues:
    """What a session has had masked: a kind and a value, and which of its kind that was. It holds the values themselves: it is
    for the memory of a process alone."""

    numbers: Mapping[tuple[str, str], int] = field(default_factory=lambda: MappingProxyType({}))


NOTHING_SEEN = SeenValues()


@dataclass(frozen=True, slots=True)
class Masked:
    """A text, or JSON, with placeholders, and what the session has seen by now."""

    value: Any
    seen: SeenValues

    @property
    def text(self) -> str:
        """Return what was a text."""
        return self.value


def nothing(text: str) -> Sequence[Span]:
    """Return no spans: the finder of names where there is none."""
    return ()


def mask(text: str, seen: SeenValues, find: Finder, names: Finder = nothing) -> Masked:
    """Return the text with a placeholder for each thing found. The same value has the same placeholder wherever `seen` goes.

    What `find` left is looked through again until it finds nothing more, and placeholders that stand there already are left
    alone: masking what is masked changes nothing. `names` are looked for once, in the whole text: what a model says of a
    sentence that has holes means little.
    """
    numbers = dict(seen.numbers)
    named = names(text)
    if named:
        there = [placeholder.span() for placeholder in PLACEHOLDER.finditer(text)]
        around = [Span(start, end, "") for start, end in there]
        named = [
            each for each in (*find(text), *named) if not any(each.start < one.end and one.start < each.end for one in around)
        ]
    pieces = _replaced(text, apart(named), find, numbers)
    return Masked("".join(pieces), SeenValues(MappingProxyType(numbers)))


def mask_json(value: Any, seen: SeenValues, find: Finder, names: Finder = nothing) -> Masked:
    """Return JSON with each leaf masked, and each key, but for names in keys. A number that is found becomes a text, and so does
    whatever a key such as `password` names."""
    match value:
        case str():
            return mask(value, seen, find, names)
        case bool() | None:
            return Masked(value, seen)
        case int() | float():
            masked = mask(str(value), seen, find)
            return masked if masked.value != str(value) else Masked(value, seen)
        case dict():
            return _members(cast(dict[str, Any], value), seen, find, names)
        case _:
            kept = list[Any]()
            for item in cast(list[Any], value):
                masked = mask_json(item, seen, find, names)
                seen = masked.seen
                kept.append(masked.value)
            return Masked(kept, seen)


def _members(value: Mapping[str, Any], seen: SeenValues, find: Finder, names: Finder) -> Masked:
    kept = dict[str, Any]()
    for name, item in value.items():
        is_secret = named_secret(name, item)
        masked = mask(str(item), seen, _all_of_it) if is_secret else mask_json(item, seen, find, names)
        key = mask(name, masked.seen, find)
        seen = key.seen
        kept[_unused_key(key.text, kept)] = masked.value
    return Masked(kept, seen)


def _unused_key(key: str, kept: Mapping[str, Any]) -> str:
    """Return the key, or one like it: two spellings of one value have the same placeholder, and no item is to be lost."""
    while key in kept:
        key += "'"
    return key


def _all_of_it(text: str) -> tuple[Span, ...]:
    return (Span(0, len(text), "SECRET"),)


def _masked(text: str, find: Finder, numbers: dict[tuple[str, str], int]) -> Iterator[str]:
    """Yield the text in pieces: placeholders, and between them what nothing is found in."""
    at = 0
    for placeholder in PLACEHOLDER.finditer(text):
        yield from _looked_through(text[at : placeholder.start()], find, numbers)
        yield placeholder[0]
        at = placeholder.end()
    yield from _looked_through(text[at:], find, numbers)


def _looked_through(text: str, find: Finder, numbers: dict[tuple[str, str], int]) -> Iterator[str]:
    spans = apart(find(text)) if text else ()
    return _replaced(text, spans, find, numbers) if spans else iter((text,))


def _replaced(text: str, spans: Sequence[Span], find: Finder, numbers: dict[tuple[str, str], int]) -> Iterator[str]:
    at = 0
    for span in spans:
        yield from _masked(text[at : span.start], find, numbers)
        yield _placeholder(span.kind, text[span.start : span.end], numbers)
        at = span.end
    yield from _masked(text[at:], find, numbers)


def _placeholder(kind: str, value: str, numbers: dict[tuple[str, str], int]) -> str:
    """Return the placeholder of a value: spelt in capitals or not, with blanks and dashes or not, it is the same."""
    spelt = re.sub(r"[\s-]", "", value).casefold()
    number = numbers.get((kind, spelt))
    if number is None:
        number = numbers[kind, spelt] = 1 + sum(each == kind for each, _ in numbers)
    return f"[{kind}_{number}]"
