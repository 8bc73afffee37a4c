"""One action on a card, in words: what would run and to which effect, masked once and not yet cut."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from agent.decide.moves import Card
from agent.foreign_json import members
from agent.tool.definition import Effect, Result, Tool
from agent.tool.validation import checked
from agent.types import Verdict, Wording
from bot.cards.harmless_text import in_prose, visible
from bot.cards.magnitude import magnitude_in_words
from bot.cards.schema import argument_names, properties
from bot.cards.values import (
    BETWEEN,
    Mask,
    Named,
    TextRoom,
    argument_name,
    change_text,
    cut_in_the_middle,
    named_values,
    one_line,
    source_name,
    unmasked,
)

RECEIPT_CHARACTERS = 24
HEADLINE_CHARACTERS = 150  # where it stands among others
REASONED = ("rejected", "withdrawn")  # a person's reason stands on the closed card; on others, what went wrong

MayGrant = Callable[[Tool, Verdict], bool]


@dataclass(frozen=True, slots=True)
class Texts:
    """What an action's row says in words of others: masked and harmless, not yet cut."""

    subject: str  # the headline, without how much
    magnitude: str
    arguments: Named  # those that the headline does not hold
    empty: tuple[str, ...]  # those that are nothing, as their tool has it by default
    changes: tuple[tuple[str, str, str], ...]
    changed: tuple[tuple[str, str, str], ...]  # since the card before
    trouble: str
    told: str  # the reason of its end, or what went wrong
    receipt: str  # what came of it, in a word
    sources: str  # from outside, that were read before it was proposed

    @property
    def headline(self) -> str:
        return BETWEEN.join(filter(None, (self.subject, self.magnitude)))


@dataclass(frozen=True, slots=True)
class Row:
    """One action, ready to be fitted into a message."""

    card: Card
    tool: Tool | None
    texts: Texts
    wording: Wording  # as it was when the card was made
    hidden: bool  # the mask changed something

    @property
    def open(self) -> bool:
        return self.card.look == "pending"

    @property
    def irreversible(self) -> bool:
        return self.wording.effect == Effect.IRREVERSIBLE


def row_of(card: Card, tool: Tool | None, mask: Mask) -> Row:
    """Return the action's texts, masked once: what a mask does may take its time."""
    texts = _texts(card, tool, mask)
    hidden = mask is not unmasked and texts != _texts(card, tool, unmasked)
    return Row(card, tool, texts, wording_of(card, tool), hidden=hidden)


def wording_of(card: Card, tool: Tool | None) -> Wording:
    """Return the author's or server's words as they were shown; those of the tool as it is now for a card from before any were
    on record, and plain ones where that tool is gone."""
    if card.wording is not None:
        return card.wording
    if tool is None:
        return Wording(effect=Effect.WRITE, verb="Run")
    found = checked(tool, card.arguments)
    if isinstance(found, BaseModel):
        return tool.wording(found)
    return Wording(effect=tool.effect, verb=tool.verb, consequence=tool.consequence, undo=tool.undo)  # it takes them no more


def _texts(card: Card, tool: Tool | None, mask: Mask) -> Texts:
    preview, subject = card.preview, _subject(card, tool, mask)
    once = set(_said_already(card, tool, subject))
    empty = tuple(name for name in _empty(card, tool) if name not in once)
    left = {name: value for name, value in card.arguments.items() if name not in once and name not in empty}
    return Texts(
        subject=subject,
        magnitude=_magnitude(card),
        arguments=named_values(left, mask, argument_names(tool) if tool is not None else ()),
        empty=tuple(map(argument_name, empty)),
        changes=tuple(change_text(change, mask) for change in preview.changes) if preview else (),
        changed=tuple(change_text(change, mask) for change in card.changed),
        trouble=one_line(preview.trouble, mask) if preview else "",
        told=visible(mask(card.reason)) if card.look in REASONED else _failure(card, mask),
        receipt=_receipt(card, tool, mask),
        sources=", ".join(source_name(source, mask) for source in card.sources),
    )


# ---------------------------------------------------------------------------------------------- the headline


def headline(card: Card, tool: Tool | None, mask: Mask = unmasked) -> str:
    """Return the action and its scope in one line: by names where a preview found them, else as the tool's author put it; and
    how much it moves."""
    return BETWEEN.join(filter(None, (_subject(card, tool, mask), _magnitude(card))))


def _subject(card: Card, tool: Tool | None, mask: Mask) -> str:
    """Return the headline without how much, in quotes where it could pass for one with it."""
    wording = wording_of(card, tool)
    said = (card.preview.headline if card.preview is not None else "", wording.headline, f"{wording.verb}: {card.tool}")
    masks = (mask, mask, unmasked)
    line = next((text for text, hide in zip(said, masks, strict=True) if one_line(text, hide)), "")
    hide = unmasked if line is said[-1] else mask
    text = re.sub(r"[ \t\n]+", " ", hide(line)).strip(" ")
    quoted = BETWEEN.strip() in text or text.startswith('"')
    return in_prose(visible(json.dumps(text, ensure_ascii=False))) if quoted else visible(text)


def _magnitude(card: Card) -> str:
    found = card.preview.magnitude if card.preview is not None else None
    return magnitude_in_words(found) if found is not None else ""


def _said_already(card: Card, tool: Tool | None, subject: str) -> Iterator[str]:
    """Yield the arguments of which the tool's author says that the headline or what would change holds them, where that is so: as
    words of the headline, exactly once, or as all that something becomes."""
    becomes = {change.after for change in card.preview.changes} if card.preview is not None else set[str]()
    for name in tool.named if tool is not None else ():
        value = card.arguments.get(name)
        if isinstance(value, bool) or not isinstance(value, str | int):
            continue
        text = str(value)
        words = visible(text) == text and text.strip() == text != ""
        if text in becomes or (words and len(re.findall(rf"(?<![^\s#]){re.escape(text)}(?!\S)", subject)) == 1):
            yield name


def _empty(card: Card, tool: Tool | None) -> Iterator[str]:
    """Yield the arguments that are nothing, where their tool declares just that as their default."""
    if tool is None:
        return
    for found in properties(tool.schema()["input_schema"], card.arguments):
        keywords = found.shape.keywords
        if found.present and found.value in (None, "", [], {}) and "default" in keywords and keywords["default"] == found.value:
            yield found.name


def in_authors_words(tool: Tool, say: Callable[[Any], str] | None, arguments: Mapping[str, Any]) -> str:
    """Return what the tool's author says of a call with these arguments; nothing where the tool does not take them (any more)."""
    if say is None:
        return ""
    found = checked(tool, arguments)
    return say(found) if isinstance(found, BaseModel) else ""


def effect_in_words(wording: Wording, room: TextRoom) -> tuple[str, bool]:
    """Return its consequence, and whether it can be undone, by the tool's author. True: nothing is cut."""
    told = one_line(" ".join(part for part in (wording.consequence, wording.undo) if part), unmasked)
    return cut_in_the_middle(told, room.prose), len(told) <= room.prose  # an author may be a server that nobody here has written


# ---------------------------------------------------------------------------------------------- what came of it


def _failure(card: Card, mask: Mask) -> str:
    """Return the sentence that says what went wrong."""
    if not card.result:
        return ""
    result = Result.of_text(card.result)
    return "" if result.ok else visible(mask(str(result.detail)))


def _receipt(card: Card, tool: Tool | None, mask: Mask) -> str:
    """Return the field of its result that the tool's author calls its receipt; nothing that could pass for more than that."""
    if tool is None or not tool.receipt or not card.result:
        return ""
    value: Any = members(Result.of_text(card.result).result).get(tool.receipt)
    text = one_line(value, mask) if isinstance(value, str) else ""
    return text if len(text) <= RECEIPT_CHARACTERS and BETWEEN.strip() not in text else ""
