"""Where in a text something is, and what kind of thing it is."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Characters from `start` to before `end`, and their kind: EMAIL, CARD, SECRET."""

    start: int
    end: int
    kind: str


Finder = Callable[[str], Sequence[Span]]


def apart(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Return spans that do not overlap and cover the same characters, in their order: those that overlap become one, whose kind
    is that of the longest of them, or of the first of several."""
    merged: list[tuple[Span, Span]] = []  # as far as it goes, and the longest in it
    for span in sorted((each for each in spans if each.end > each.start), key=lambda each: (each.start, -each.end)):
        if merged and span.start < merged[-1][0].end:
            whole, longest = merged[-1]
            longest = span if _length(span) > _length(longest) else longest
            merged[-1] = (Span(whole.start, max(whole.end, span.end), longest.kind), longest)
        else:
            merged.append((span, span))
    return tuple(Span(whole.start, whole.end, longest.kind) for whole, longest in merged)


def _length(span: Span) -> int:
    return span.end - span.start
