"""Untrusted text, made harmless: nothing in it is live, reordered or hidden once it stands in Slack.

Two uses. On cards and in dialogs, where a person decides by what they read, everything invisible is spelled out (`visible`). In
posts, answers and notifications what writing needs stays: emoji sequences, and joiners of scripts that have them (`readable`).
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from agent.text import default_ignorable

# Controls, halves of pairs, private use, separators that look like a line's end; of format characters also those that are seen.
_UNSEEN_CATEGORIES = frozenset({"Cf", "Cc", "Cs", "Co", "Zl", "Zp"})
_BLANK = "\u2800"  # the empty Braille pattern: a symbol by its category, and nothing to the eye
_KEPT = frozenset("\n\t")
_RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})  # Bidi_Class of what reorders its neighbours (UAX #9)
FSI, PDI = "\u2068", "\u2069"  # first strong isolate, and its end
_MARKS = frozenset("⟨⇥⏎")  # that the spelling is made of: in a text they are spelled, so each spelling has one text
# Blanks that nobody sees or counts: at the ends of the text or of a line, long ones within a line, a far too deep indentation;
# line breaks at the ends of the text, and so many that what follows is out of sight.
_BLANKS = re.compile(r"\A +|(?<! ) ++(?=\n|\Z)|(?<![ \n]) {4,}|(?<=\n) {40,}|\A\n+|\n+\Z|\n{4,}")
_SPACES = re.compile(r" {2,}")
_ENDS = re.compile(r"\A +| +\Z|\A\n+|\n+\Z")
# A text is looked at character by character, and has few different ones: what is known of one is kept.
_each_once = lru_cache(maxsize=8192)


def visible(text: str) -> str:
    """Return the text for a card, so that its reader knows exactly the text.

    Everything invisible or reordering is spelled out, as in `⟨U+202E⟩`; blanks that nobody would see or count are counted, as in
    `⟨34 spaces⟩`; a tab is `⇥`, a line break at an end `⏎`. Each line with letters that run from right to left is isolated
    from what is around it.
    """
    if text.isascii() and text.isprintable() and "    " not in text and text == text.strip():  # most texts
        return text
    spelled = "".join(map(_with_mark, text))
    return "\n".join(map(_isolated, _BLANKS.sub(_counted, spelled).split("\n")))


def ends_seen(piece: str) -> str:
    """Return a piece of a visible text, with the blanks and line breaks at its ends spelled out as those of a whole text are."""
    return _ENDS.sub(_counted, piece)


def in_prose(text: str) -> str:
    """Return a visible text for a place where Slack may draw several spaces as one: they are counted, too."""
    return _SPACES.sub(_counted, text)


def unisolated(text: str) -> str:
    """Return a visible text without its isolates."""
    return text.replace(FSI, "").replace(PDI, "")


@_each_once
def hidden(character: str) -> bool:
    """Return whether a character is drawn as nothing, as some blank or other, or reorders what is around it."""
    if character in _KEPT or character == " ":
        return False
    category = unicodedata.category(character)
    return category in _UNSEEN_CATEGORIES or category == "Zs" or character == _BLANK or default_ignorable(character)


@_each_once
def _with_mark(character: str) -> str:
    if character == "\t":
        return "⇥"
    return _code_point(character) if character in _MARKS or hidden(character) else character


def _counted(run: re.Match[str]) -> str:
    blanks = run[0]
    if blanks[0] == " ":
        return f"⟨{len(blanks)} space{'s' if len(blanks) > 1 else ''}⟩"
    at_an_end = run.start() == 0 or run.end() == len(run.string)
    few = len(blanks) < 4
    if at_an_end:
        return "⏎" * len(blanks) if few else f"⟨{len(blanks)} line breaks⟩"
    return f"\n⟨{len(blanks) - 2} line breaks⟩\n"


def _isolated(line: str) -> str:
    return line if line.isascii() or not any(map(_right_to_left, line)) else f"{FSI}{line}{PDI}"


@_each_once
def _right_to_left(character: str) -> bool:
    return unicodedata.bidirectional(character) in _RIGHT_TO_LEFT


def _code_point(character: str) -> str:
    return f"⟨U+{ord(character):04X}⟩"


# ---------------------------------------------------------------------------------------------- posts and notifications

_JOINERS = "\u200c\u200d"
_EMOJI_STYLE, _TEXT_STYLE, _KEYCAP = "\ufe0f", "\ufe0e", "\u20e3"
# The emoji of no symbol category that take a style (emoji-variation-sequences.txt, Unicode 16.0), keycaps aside.
_STYLED = frozenset("\u203c\u2049\u2139\u3030\u303d")
# Scripts whose spelling takes joiners, by the first word of their characters' names: cursive ones, and those with a virama.
_JOINING = frozenset(
    {"ARABIC", "SYRIAC", "MONGOLIAN", "NKO", "MANDAIC", "DEVANAGARI", "BENGALI", "GURMUKHI", "GUJARATI", "ORIYA", "TAMIL"}
    | {"TELUGU", "KANNADA", "MALAYALAM", "SINHALA", "KHMER", "MYANMAR", "TIBETAN", "BALINESE", "JAVANESE"}
)
# The three flags of regions that are spelled with tags: England, Scotland, Wales (emoji-sequences.txt, Unicode 16.0).
_REGIONS = ("gbeng", "gbsct", "gbwls")
_BLACK_FLAG, _LAST_TAG = "\U0001f3f4", "\U000e007f"
_FLAGS = tuple(_BLACK_FLAG + "".join(chr(0xE0000 + ord(letter)) for letter in region) + _LAST_TAG for region in _REGIONS)


def readable(text: str, *, over: bool = True) -> str:
    """Return the text for a post: what is invisible or reordering is spelled out, but for what emoji and scripts are made of.

    With `over` False the text may go on: the result is the beginning of what the whole text will give.
    """
    if text.isascii() and text.isprintable():
        return text
    if not over:
        text = text[: len(text) - _undecided(text)]
    return "".join(_harmless_pieces(text))


def _undecided(text: str) -> int:
    """Return how many characters at the end of a text depend on what follows."""
    count = 0
    while count < len(text) and default_ignorable(text[-1 - count]):
        count += 1
    flag = count < len(text) and text[-1 - count] == _BLACK_FLAG
    return count + flag


def _harmless_pieces(text: str) -> Iterator[str]:
    at = 0
    while at < len(text):
        flag = next((flag for flag in _FLAGS if text.startswith(flag, at)), "")
        if flag:
            yield flag
            at += len(flag)
            continue
        character = text[at]
        before, behind = text[at - 1 : at], text[at + 1 : at + 2]
        unseen = hidden(character) and unicodedata.category(character) != "Zs"
        yield (
            _code_point(character) if unseen and not _belongs(character, before, behind, text[max(at - 2, 0) : at]) else character
        )
        at += 1


def _belongs(character: str, before: str, behind: str, two_before: str) -> bool:
    """Return whether an invisible character is part of an emoji or of a script's spelling, by its neighbours."""
    if not before:
        return False
    if character in (_EMOJI_STYLE, _TEXT_STYLE):
        return _is_pictograph(before) or before in _STYLED or (before in "0123456789#*" and behind == _KEYCAP)
    if character not in _JOINERS:
        return False
    if unicodedata.name(before, "").partition(" ")[0] in _JOINING and unicodedata.category(before)[0] in "LM":
        return True
    styled = before == _EMOJI_STYLE and _is_pictograph(two_before[:1])
    return character == "\u200d" and (_is_pictograph(before) or styled) and bool(behind) and _is_pictograph(behind)


def _is_pictograph(character: str) -> bool:
    """Return whether a character is a symbol that may be drawn as a picture; those of newer Unicode are not assigned to older
    tables."""
    if not character:
        return False
    category = unicodedata.category(character)
    return category in ("So", "Sm", "Sk") or (category == "Cn" and "\U0001f000" <= character <= "\U0001faff")


def escaped(text: str) -> str:
    """Return a text for a place where Slack parses mrkdwn: its three control characters escaped, so no mention or link is live.

    The text is `visible` or `readable` already, or nobody else's.
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def cut(text: str, characters: int) -> str:
    """Return at most `characters` of the text, the cut marked, and isolates closed that were open there."""
    if len(text) <= characters:
        return text
    short = text[: characters - 1]
    if FSI not in short:
        return f"{short}…"
    short = text[: characters - 2]
    return f"{short}…" + (PDI if short.count(FSI) > short.count(PDI) else "")
