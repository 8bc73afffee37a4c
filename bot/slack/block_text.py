"""Blocks as a person reads them, in Slack's own form of text: mentions and links in angle brackets, `<`, `>` and `&` escaped.

Pure. What comes in is JSON of strangers: any value may stand anywhere, nested as deep as it likes.
"""

import re
from collections.abc import Iterator, Sequence

from pydantic import JsonValue

from bot.cards.harmless_text import escaped

MOST_DEPTH = 12  # of elements within elements, and of dialogs' parts within blocks
TOO_DEEP = "(what is nested deeper is not read)"
QUOTE = "&gt; "  # before each line of a quote; escaped, so that no bracket in the text before can swallow it
# Their texts are all read below. Of other kinds we read what looks like text, and cannot know that it is all.
KNOWN = frozenset({"rich_text", "section", "header", "context", "table", "markdown", "image", "divider", "actions"})
# What holds text in blocks and elements, in the order in which people read it.
_READ = (
    *("title", "subtitle", "label", "author_name", "text", "body", "description", "fields", "elements", "accessory", "element"),
    *("tasks", "details", "output", "sources", "actions", "blocks", "rows", "alt_text"),
)
_MARKS = {"bold": "*", "italic": "_", "strike": "~", "code": "`"}
_SLACK_ID = re.compile(r"[A-Za-z0-9_^-]{1,100}\Z")


def member(value: JsonValue, name: str) -> JsonValue:
    """Return a member of an object; None where there is none, or no object."""
    return value.get(name) if isinstance(value, dict) else None


def list_entries(value: JsonValue) -> Sequence[JsonValue]:
    """Return the entries of a list; none where there is no list."""
    return value if isinstance(value, list) else ()


def string(value: JsonValue) -> str:
    """Return a text, or a number as text, without blanks around it; empty for anything else."""
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 10**15:
        return str(value)
    return value.strip() if isinstance(value, str) else ""


def inert(text: str) -> str:
    """Return a text in which nothing is a mention or a link. Slack escapes some of these texts and some not: `&` stays."""
    return text.replace("<", "&lt;").replace(">", "&gt;")


def as_quote(text: str) -> str:
    """Return a text as a quote, line by line, wherever anything takes a line to end."""
    return "\n".join(f"{QUOTE}{line}" for line in text.splitlines())


def blocks_text(blocks: JsonValue) -> str:
    """Return everything that people read in blocks, a line or more each."""
    return "\n".join(line for block in list_entries(blocks) for line in pieces(block) if line)


def all_known(blocks: JsonValue) -> bool:
    """Return whether the blocks are of kinds whose whole text we read."""
    return all(str(member(block, "type")) in KNOWN for block in list_entries(blocks))


def pieces(value: JsonValue, depth: int = 0) -> Iterator[str]:
    """Yield the texts of a block, an element or a text object, in order."""
    if depth > MOST_DEPTH:
        yield TOO_DEEP
    elif isinstance(value, list):
        for one in value:
            yield from pieces(one, depth + 1)
    elif not isinstance(value, dict):
        yield inert(string(value))
    else:
        yield from _of_kind(value, str(value.get("type")), depth + 1)


def _of_kind(value: dict[str, JsonValue], kind: str, depth: int) -> Iterator[str]:
    match kind:
        case "mrkdwn":
            yield string(value.get("text"))
        case "raw_number":
            yield inert(string(value.get("text")) or string(value.get("value")))
        case "divider":
            return
        case "image":
            yield next((text for name in ("title", "alt_text") for text in pieces(value.get(name), depth) if text), "")
        case "button":
            if label := _in_one_line(value.get("text"), depth):
                yield f"[{label}]"
        case "context" | "actions":
            yield _in_one_line(value.get("elements"), depth)
        case "table":
            for row in list_entries(value.get("rows")):
                yield " | ".join(_in_one_line(cell, depth) for cell in list_entries(row))
        case _ if kind.startswith("rich_text"):
            yield _rich(value, depth)
        case _:
            for name in _READ:
                if name in value:
                    yield from pieces(value[name], depth)


def _in_one_line(value: JsonValue, depth: int) -> str:
    return " ".join(" ".join(filter(None, pieces(value, depth))).split())


def _rich(element: JsonValue, depth: int) -> str:
    """Return an element of rich text; what is no object is nothing."""
    if depth > MOST_DEPTH:
        return TOO_DEEP
    kind = str(member(element, "type"))
    if kind == "rich_text_list":
        return "\n".join(_items(element, depth))
    between = "\n" if kind == "rich_text" else ""
    within = between.join(_rich(one, depth + 1) for one in list_entries(member(element, "elements")))
    match kind:
        case "rich_text_quote":
            return as_quote(within)
        case "rich_text_preformatted":
            return f"```\n{within}\n```"
        case _:
            return within or _inline(element, kind)


def _items(element: JsonValue, depth: int) -> Iterator[str]:
    indent, offset = member(element, "indent"), member(element, "offset")
    margin = "  " * (min(indent, 8) if isinstance(indent, int) else 0)
    first = offset + 1 if isinstance(offset, int) else 1
    for number, item in enumerate(list_entries(member(element, "elements")), first):
        bullet = f"{number}." if member(element, "style") == "ordered" else "•"
        yield f"{margin}{bullet} {_rich(item, depth + 1)}"


def _inline(element: JsonValue, kind: str) -> str:
    """Return a piece of a line. A kind that we do not know is read by its text."""
    match kind:
        case "link":
            label, url = _label(element, "text"), _label(element, "url")
            return f"<{url}|{label}>" if label and url else f"<{url}>" if url else label
        case "user" | "channel" | "usergroup":
            id, mark = string(member(element, f"{kind}_id")), {"user": "@", "channel": "#"}.get(kind, "!subteam^")
            return f"<{mark}{id}>" if _SLACK_ID.match(id) else ""
        case "broadcast":
            reach = string(member(element, "range"))
            return f"<!{reach}>" if _SLACK_ID.match(reach) else ""
        case "emoji":
            return f":{inert(string(member(element, 'name')))}:"
        case "date":
            return inert(string(member(element, "fallback")) or string(member(element, "timestamp")))
        case "color":
            return inert(string(member(element, "value")))
        case _:
            text = member(element, "text")
            return _styled(escaped(text), member(element, "style")) if isinstance(text, str) else ""


def _label(element: JsonValue, name: str) -> str:
    return re.sub(r"[<>|\s]+", " ", string(member(element, name))).strip()


def _styled(text: str, style: JsonValue) -> str:
    """Return the text in the marks of its style, which stand close around its words."""
    words = text.strip()
    if not words or not isinstance(style, dict):
        return text
    marks = "".join(mark for name, mark in _MARKS.items() if style.get(name) is True)
    before, behind = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
    return f"{before}{marks}{words}{marks[::-1]}{behind}"
