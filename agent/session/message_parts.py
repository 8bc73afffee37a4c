"""A long answer in parts that each fit into a message: cut between paragraphs, and where that cannot be, so that code stays code
and a table stays a table."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

# A markdown block takes 12,000 characters in all per message (reference: Slack, Limits); some are left for escapes.
PART_CHARACTERS = 11_000
# Every part but the last is at least that long: so many characters of an answer can be shown before its end is known.
LEAST_CHARACTERS = PART_CHARACTERS // 2
LONGEST_HEAD_CHARACTERS = 1_000  # of what is said again where a table or code goes on in the next part

_FENCE = re.compile(r"(?P<indent>[ \t]*)(?P<mark>`{3,}|~{3,})(?P<info>[^\n]*)")
_TABLE_RULE = re.compile(r"[ \t]*\|?[ \t]*:?-+:?[ \t]*(\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*")


@dataclass(frozen=True, slots=True)
class _Piece:
    """Lines that belong together. `head` opens them anew in a further part, `tail` closes them in the one before."""

    lines: tuple[str, ...]
    head: str = ""
    tail: str = ""

    @property
    def text(self) -> str:
        return "".join(self.lines)


def split(text: str) -> tuple[str, ...]:
    """Return the text in parts of at most PART_CHARACTERS; all of it, but for white space where it is cut."""
    if len(text) <= PART_CHARACTERS:
        return (text,)
    parts: list[str] = []
    part = ""
    for piece in _markdown_pieces(text):
        if len(part) + len(piece.text) <= PART_CHARACTERS:
            part += piece.text
            continue
        if len(part) >= LEAST_CHARACTERS:
            parts.append(part)
            part = ""
        *full, part = _poured(part, piece)
        parts += full
    return tuple(one.strip("\n") for one in (*parts, part) if one.strip())


def closed(text: str) -> str:
    """Return the beginning of a text, with its code closed if it ends in the middle of some."""
    pieces = list(_markdown_pieces(text))
    open_fence = pieces and pieces[-1].tail and not _closes(pieces[-1].lines)
    return text.rstrip("\n") + pieces[-1].tail if open_fence else text


# ------------------------------------------------------------------------------------------------ what belongs together


def _markdown_pieces(text: str) -> Iterator[_Piece]:
    """Yield fenced code, tables, and paragraphs with the empty lines after them: together the text as it is."""
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)
    at = 0
    while at < len(lines):
        piece = _fenced(lines, at) or _table(lines, at) or _paragraph(lines, at)
        at += len(piece.lines)
        yield piece


def _fenced(lines: list[str], at: int) -> _Piece | None:
    opening = _opens(lines[at])
    if opening is None:
        return None
    end = at + 1
    while end < len(lines) and not _is_end(lines[end], opening):
        end += 1
    indent, mark = opening["indent"], opening["mark"]
    head = lines[at] if len(lines[at]) <= LONGEST_HEAD_CHARACTERS else f"{indent}{mark}\n"
    return _Piece(tuple(lines[at : end + 1]), head, f"\n{indent}{mark}")


def _opens(line: str) -> re.Match[str] | None:
    opening = _FENCE.fullmatch(line.rstrip("\r\n"))
    return None if opening is None or (opening["mark"][0] == "`" and "`" in opening["info"]) else opening


def _is_end(line: str, opening: re.Match[str]) -> bool:
    mark = line.strip()
    return len(mark) >= len(opening["mark"]) and set(mark) == {opening["mark"][0]}


def _closes(lines: tuple[str, ...]) -> bool:
    opening = _opens(lines[0])
    return opening is not None and len(lines) > 1 and _is_end(lines[-1], opening)


def _table(lines: list[str], at: int) -> _Piece | None:
    """Return a table: a row of titles, a rule, and the rows that follow."""
    if at + 1 >= len(lines) or "|" not in lines[at] or "|" not in lines[at + 1]:
        return None
    if not _TABLE_RULE.fullmatch(lines[at + 1].rstrip("\r\n")):
        return None
    end = at + 2
    while end < len(lines) and "|" in lines[end]:
        end += 1
    head = lines[at] + lines[at + 1]
    return _Piece(tuple(lines[at:end]), head if len(head) <= LONGEST_HEAD_CHARACTERS else "")


def _paragraph(lines: list[str], at: int) -> _Piece:
    end = at + 1
    while end < len(lines) and lines[end - 1].strip() and _fenced(lines, end) is None and _table(lines, end) is None:
        end += 1
    while end < len(lines) and not lines[end].strip():
        end += 1
    return _Piece(tuple(lines[at:end]))


# ------------------------------------------------------------------------------------------------ what has to be cut


def _poured(part: str, piece: _Piece) -> list[str]:
    """Return a piece that does not fit line by line: full parts, and the one that is still to be filled."""
    parts: list[str] = []
    first = len(parts), len(part)
    for line in piece.lines:
        for bit in _bits(line):
            room = PART_CHARACTERS - len(piece.tail) - len(part)
            if len(bit) > room and not (piece.tail and _is_only_mark(bit, piece)):
                begun = (len(parts), len(part)) != first  # something of the piece stands in this part
                parts.append(part.rstrip("\n") + (piece.tail if begun else ""))
                part = piece.head if begun else ""
            part += bit
    return [*parts, part]


def _is_only_mark(bit: str, piece: _Piece) -> bool:
    """Return whether this is the line that closes the code: there is always room for it."""
    return bit.strip() == piece.tail.strip()


def _bits(line: str) -> Iterator[str]:
    """Yield a line; in words if no part has room for it, and in letters where a word has no room."""
    longest = LEAST_CHARACTERS - 2 * LONGEST_HEAD_CHARACTERS
    while len(line) > longest:
        cut = line.rfind(" ", 1, longest) + 1 or longest
        yield line[:cut]
        line = line[cut:]
    yield line
