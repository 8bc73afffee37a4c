"""A document cut into chunks: at its headings first, then at paragraphs, lines, sentences and words. Pure.

A chunk is what is found, quoted and cited at once, so it is small enough to be quoted whole, and says under which headings it
stands. Of the text of a document nothing is lost but blank space between chunks.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MOST_CHARACTERS = 500  # of a chunk's text
PATH_CHARACTERS = 90  # of the headings that are told with it

HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*))?$")
UNDERLINE = re.compile(r" {0,3}(?:(=+)|-+)[ \t]*$")
PLAIN = re.compile(r" {0,3}[^\s\-*+>|#=`~]")  # how a line begins that an underline may make a heading
FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
FRONT = "---"  # the lines around what some tools read at the top of a page: no heading
FRONT_MATTER = re.compile(r"---\n(?:.*\n)*?---(?:\n|$)")
ENDS = ("\n\n", "\n", ". ", " ")  # where a long text is best cut, the best first


@dataclass(frozen=True, slots=True)
class DocumentSection:
    """A stretch of a document. `above`: the headings that it stands under, outermost first; `inner`: those and its own."""

    text: str
    above: tuple[str, ...] = ()
    inner: tuple[str, ...] = ()
    anchor: str = ""  # what its link ends in, after the #


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a section. `headings`: those above it that its text does not show itself."""

    text: str
    headings: tuple[str, ...] = ()
    anchor: str = ""

    @property
    def told(self) -> str:
        """Return the text under its headings, as it is searched and quoted."""
        path = " > ".join(self.headings)
        path = path if len(path) <= PATH_CHARACTERS else f"…{path[1 - PATH_CHARACTERS :]}"  # the innermost say most
        return f"{path}\n{self.text}" if path else self.text


def chunks(sections: Sequence[DocumentSection]) -> list[Chunk]:
    """Return the chunks of a document in its order, none of them blank and none longer than `MOST_CHARACTERS`."""
    return [
        Chunk(text, section.inner if number else section.above, section.anchor)
        for section in sections
        for number, text in enumerate(_pieces(section.text))
    ]


def _pieces(text: str) -> Iterator[str]:
    """Yield pieces of a text that are short enough, without the blank space around them."""
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        end = _piece_end(text, at)
        yield text[at:end].rstrip()
        at = end


def _piece_end(text: str, at: int) -> int:
    """Return where the piece that begins here ends: as late as it may, in its second half where a better place is there."""
    most = at + MOST_CHARACTERS
    if len(text) <= most:
        return len(text)
    for end in ENDS:
        found = text.rfind(end, at + MOST_CHARACTERS // 2, most)
        if found >= 0:
            return found + len(end)
    return next((end for end in range(most, at, -1) if text[end - 1].isspace()), most)


# ---------------------------------------------------------------------------------------------- Markdown


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A heading with what follows up to the next one. Level 0: the text before the first."""

    level: int
    words: str
    head: str  # the heading's lines as they are written
    rest: str


def markdown_sections(text: str) -> list[DocumentSection]:
    """Return the sections of a Markdown text. A heading with nothing below it but a deeper one stands in the section of that.

    Headings are those of CommonMark that begin with # or are underlined, outside of fenced code; anchors are made as GitHub does.
    """
    found: list[DocumentSection] = []
    used: Counter[str] = Counter()
    path: list[tuple[int, str]] = []  # levels and words of the headings that hold here
    waiting: DocumentSection | None = None  # headings that have nothing below them yet
    stretches = [*_stretches(text)]
    for number, each in enumerate(stretches):
        path = [one for one in path if one[0] < each.level]
        above = tuple(words for _, words in path)
        path += [(each.level, each.words)] if each.words else []
        anchor = _github_anchor(each.words, used) if each.level else ""
        first = waiting or DocumentSection("", above, (), anchor)
        section = DocumentSection(
            first.text + each.head + each.rest, first.above, tuple(words for _, words in path), first.anchor
        )
        deeper = number + 1 < len(stretches) and stretches[number + 1].level > each.level > 0
        waiting = section if deeper and not each.rest.strip() else None
        if waiting is None and section.text.strip():
            found.append(section)
    return found


def _stretches(text: str) -> Iterator[_Stretch]:
    lines = re.split(r"(?<=\n)", text)
    level, words, head = 0, "", ""
    rest: list[str] = []
    fence, number = "", 0
    while number < len(lines):
        line = lines[number].rstrip()
        opens = FRONT if number == 0 and FRONT_MATTER.match(text) else _fence(line)
        if fence or opens:
            ended = bool(fence) and set(line.strip()) == {fence[0]} and len(line.strip()) >= len(fence)
            fence = "" if ended else fence or opens
            rest.append(lines[number])
            number += 1
            continue
        below = lines[number + 1].rstrip() if number + 1 < len(lines) else ""
        above = lines[number - 1].strip() if number else ""
        if (found := _heading(line, above, below)) is None:
            rest.append(lines[number])
            number += 1
            continue
        yield _Stretch(level, words, head, "".join(rest))
        level, words, count = found
        head, rest = "".join(lines[number : number + count]), []
        number += count
    yield _Stretch(level, words, head, "".join(rest))


def _fence(line: str) -> str:
    found = FENCE.match(line)
    return found[1] if found else ""


def _heading(line: str, above: str, below: str) -> tuple[int, str, int] | None:
    """Return level and words of the heading that begins with a line, and how many lines it has; None for none."""
    if found := HEADING.match(line):
        return len(found[1]), " ".join((found[2] or "").strip().rstrip("#").split()), 1
    if not above and PLAIN.match(line) and (underline := UNDERLINE.match(below)):
        return 1 if underline[1] else 2, " ".join(line.split()), 2
    return None


def _github_anchor(words: str, used: Counter[str]) -> str:
    """Return the anchor of a heading: small letters, hyphens for blanks, no punctuation, numbered where it comes again."""
    slug = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
    used[slug] += 1
    return f"{slug}-{used[slug] - 1}" if used[slug] > 1 else slug
