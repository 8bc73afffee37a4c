"""Something that recognises one kind of thing by its spelling, and a quick look that saves asking it in vain."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from agent.masking.plain import plain
from agent.masking.spans import Finder, Span

Places = Iterable[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Recogniser:
    """`find` returns where its kind is; asked only where `hint` is found. `numbers`: it reads those of
    `Plain`."""

    kind: str
    hint: re.Pattern[str]
    find: Callable[[str], Places]
    numbers: bool = True


def by_pattern(
    kind: str, hint: str, pattern: str, *, numbers: bool = False, valid: Callable[[str], bool] | None = None
) -> Recogniser:
    """Return a recogniser of what a pattern matches: its first group where it has one; where `valid` says so of that."""
    compiled = re.compile(pattern)
    group = min(compiled.groups, 1)

    def find(text: str) -> Places:
        for match in compiled.finditer(text):
            if valid is None or valid(match[group]):
                yield match.span(group)

    return Recogniser(kind, re.compile(hint), find, numbers)


def finder(recognisers: Sequence[Recogniser]) -> Finder:
    """Return what finds everything that these recognise; what they find may overlap. Recognisers with one hint share its look."""
    hints = {recogniser.hint: 0 for recogniser in recognisers}

    def find(text: str) -> Sequence[Span]:
        read = plain(text)
        hinted = {hint for hint in hints if hint.search(read.text) or hint.search(read.numbers)}
        found = list[Span]()
        for each in recognisers:
            if each.hint in hinted:
                places = each.find(read.numbers if each.numbers else read.text)
                found += [Span(read.place(start), read.place(end), each.kind) for start, end in places]
        return found

    return find
