"""What somebody knows who has read a card, and the eye that reads it: what Slack draws as nothing is not there.

Knows how cards spell things and nothing of how they are made: no code of `bot.cards` is used here.
"""

import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

Block = dict[str, Any]

UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


class UnreadableError(Exception):
    """Nobody could say what this part of a card means."""


@dataclass(frozen=True)
class Deciders:
    """Who may decide, as the sentence says it."""

    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    members: bool = False
    asked_too: tuple[str, ...] = ()
    not_who_asked: tuple[str, ...] = ()


@dataclass(frozen=True)
class Seen:
    """What somebody knows of a call who has read all of it.

    Wide because it is all that the approval covers.
    """

    how: Literal["approve", "review"]  # the button that leads to the approval
    headline: str = ""
    magnitude: str = ""  # "588.00 USD", "3 rows"
    does: str = ""
    verb: str = ""
    tool: str = ""
    effect: str = ""
    warned: bool = False  # that it cannot be undone
    arguments: tuple[tuple[str, str], ...] = ()  # name and value as JSON, by name
    nothing: tuple[str, ...] = ()  # arguments that the card only says are nothing
    changed: tuple[tuple[str, str, str], ...] = ()
    changes: tuple[tuple[str, str, str], ...] = ()
    trouble: str = ""
    sources: tuple[str, ...] = ()
    requesters: tuple[str, ...] = ()
    edited_by: str = ""
    deciders: Deciders = Deciders()
    needed: tuple[int, int] = (1, 1)  # approvals, rejections
    until: int = 0
    rule: str = ""
    reason: str = ""


def json_of(value: Any) -> str:
    """Return a value's JSON with its fields in order, in which 1, 1.0 and true are three values."""
    return json.dumps(value, sort_keys=True)


# ------------------------------------------------------------------------------------------------ the eye


def drawn(text: str) -> str:
    """Return what is to be seen of a text in monospace: a tab is some blank, and blanks at a line's end are none."""
    seen = "".join(_ink(character) for character in text)
    return "\n".join(line.rstrip(" ") for line in seen.split("\n")).strip("\n")


def _ink(character: str) -> str:
    if character in "\n ":
        return character
    category = unicodedata.category(character)
    if character == "\t" or category == "Zs":
        return " "
    return "" if category in UNSEEN else character


def prose(text: str) -> str:
    """Return what is to be seen of a sentence: a run of blanks is one."""
    return re.sub(" +", " ", drawn(text)).strip(" ")


def meant(spelled: str) -> str:
    """Return the text that a spelled one stands for."""

    def character(found: re.Match[str]) -> str:
        if found["code"]:
            return chr(int(found["code"], 16))
        return {"space": " ", "line break": "\n"}[found["blank"]] * int(found["count"])

    pattern = r"⟨(?:U\+(?P<code>[0-9A-F]+)|(?P<count>\d+) (?P<blank>space|line break)s?)⟩"
    marked = spelled.replace("⇥", "\t").replace("⏎", "\n")
    return re.sub(pattern, character, marked)


def value_of(seen: str) -> Any:
    """Return the value that a text in a table or a box stands for: JSON where it reads as that, else the text itself."""
    text = meant(seen)
    if text.startswith('"""\n') and text.endswith('\n"""'):
        return text[4:-4]
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


# ------------------------------------------------------------------------------------------------ cells


def text_of(element: Block) -> str:
    """Return the text of one element of rich text."""
    return "".join(part["text"] for part in element["elements"])


def name_of(spelled: str) -> str:
    """Return an argument's name."""
    return json.loads(meant(spelled)) if spelled.startswith('"') else spelled


def first_cell(line: str) -> tuple[str, str]:
    """Return the first cell of a line, and what comes behind the blanks after it."""
    if not line.startswith('"'):
        name, _, rest = line.partition("  ")
        return meant(name), rest.lstrip(" ")
    cell = quoted(line)
    return json.loads(meant(cell)), line[len(cell) :].lstrip(" ")


def quoted(line: str) -> str:
    """Return the cell in quotes that a line begins with. Raises UnreadableError."""
    found = re.match(r'"(?:[^"\\]|\\.)*"', line)
    if found is None:
        raise UnreadableError(line)
    return found[0]


def change_of(line: str) -> tuple[str, str, str]:
    """Return what a line says is different: what, before, after. Raises UnreadableError."""
    what, rest = first_cell(line)
    before, behind = cell_of(rest)
    if not behind:
        return what, "", "" if before is None else before
    after, nothing = cell_of(behind.removeprefix(" → "))
    if nothing:
        raise UnreadableError(line)
    return what, before or "", after or ""


def cell_of(text: str) -> tuple[str | None, str]:
    """Return a cell and what follows it. None: a dash, for nothing."""
    if text.startswith('"'):
        cell = quoted(text)
        return json.loads(meant(cell)), text[len(cell) :]
    cell, arrow, rest = text.partition(" → ")
    return (None if cell == "—" else meant(cell)), arrow + rest


# ------------------------------------------------------------------------------------------------ people


def small_print(row: Sequence[Block]) -> Iterator[tuple[str, list[str]]]:
    """Yield the first sentence of ours of each small print, as mrkdwn, and the plain texts behind it."""
    for block in row:
        if block["type"] == "context":
            first, *others = block["elements"]
            if first["type"] == "mrkdwn":
                yield first["text"], [prose(each["text"]) for each in others]


SIGNS = {"$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR"}


def headline_of(line: str) -> tuple[str, str]:
    """Return what a headline says, and how much: that comes behind its dot. Raises UnreadableError."""
    if line.startswith('"'):
        cell = quoted(line)
        text, rest = json.loads(meant(cell)), line[len(cell) :]
    else:
        text, dot, behind = line.partition(" · ")
        text, rest = meant(text), dot + behind
    return text, much(rest.removeprefix(" · ")) if rest else ""


def much(words: str) -> str:
    """Return an amount or a count as number and unit. Raises UnreadableError."""
    if found := re.fullmatch(rf"(-?)([{''.join(SIGNS)}])([\d,.]+)", words):
        return f"{found[1]}{found[3].replace(',', '')} {SIGNS[found[2]]}"
    found = re.fullmatch(r"(-?[\d,.]+) (.+)", words)
    if found is None:
        raise UnreadableError(words)
    number = found[1].replace(",", "")
    return f"{number} {found[2]}{'s' if number == '1' and found[2].islower() else ''}"


def source_of(cell: str) -> str:
    """Return the name of a source; empty for one without."""
    if cell.startswith('"'):
        return json.loads(meant(cell))
    return "" if cell == "an unnamed source" else meant(cell)


def mentioned(text: str) -> tuple[str, ...]:
    """Return the people of a list. Raises UnreadableError."""
    if not re.fullmatch(r"<@\w+>(, <@\w+>)*", text):
        raise UnreadableError(text)
    return tuple(re.findall(r"<@(\w+)>", text))


def needed_of(text: str) -> tuple[tuple[int, int], str]:
    """Return how many approvals and rejections an open card needs, and of whom: "needs 2 of <@U1>, <@U2>, 3 to reject"."""
    text, rejections = (found[1], int(found[2])) if (found := re.fullmatch(r"(.*), (\d+) to reject", text)) else (text, 1)
    text = text.removeprefix("needs ")
    quorum = re.match(r"(\d+) (?:of )?", text)
    return (int(quorum[1]) if quorum else 1, rejections), text[quorum.end() :] if quorum else text


def deciders_needed(whom: str) -> Deciders:
    """Return whom an open card needs."""
    whom, _, others = whom.partition(" other than ")
    found = _deciders(whom, ("a full member of this conversation", "full members of this conversation"))
    return replace(found, not_who_asked=mentioned(others) if others else ())


def deciders_in(text: str) -> Deciders:
    """Return whom the sentence below a dialog names."""
    text, _, excluded = text.partition(" (but not ")
    found = _deciders(text, ("any full member of this conversation",))
    return replace(found, not_who_asked=mentioned(excluded.removesuffix(", who asked)")) if excluded else ())


def _deciders(text: str, members: Sequence[str]) -> Deciders:
    found = Deciders()
    for part in [] if text == "nobody" else text.split(" or "):
        if group := re.fullmatch(r"a member of <!subteam\^(\w+)>", part):
            found = replace(found, groups=(*found.groups, group[1]))
        elif part in members:
            found = replace(found, members=True)
        elif part.endswith(", who asked"):
            found = replace(found, asked_too=mentioned(part.removesuffix(", who asked")))
        else:
            found = replace(found, users=mentioned(part))
    return found
