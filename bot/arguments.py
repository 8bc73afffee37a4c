"""How the values of an action are shown: arguments, what would change, what came of it.

Masked first, then made harmless, and only then cut, so that neither a cut nor an invisible character defeats the mask. They
stand as preformatted rich text, which Slack never parses: no mention, link or formatting in them is live.
"""

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from agent.types import Change
from bot.block_kit import MESSAGE_CHARACTERS, Block, characters, line, preformatted, rich_text
from bot.plain import cut, visible

LINE_CHARACTERS = 60  # of a value that stands on a line of the table
NAME_CHARACTERS = 24  # that the values of the table are indented by at most
LONGEST_NAME_CHARACTERS = 60

Mask = Callable[[str], str]
Named = tuple[tuple[str, str], ...]


def unmasked(text: str) -> str:
    """The mask that hides nothing."""
    return text


@dataclass(frozen=True, slots=True)
class Room:
    """How much of the parts that may be long is shown."""

    value: int  # characters of one value
    names: int = 1_000  # arguments by name
    changes: int = 20  # lines of what would change
    people: int = 8  # by name, in one list
    prose: int = 600  # characters of a sentence: of the effect, the rule, the model's words


# The first with which the message is not too long is taken. A preview yields first, then long values, then our own sentences;
# names only where there are more of them than any message holds.
ROOMS = (
    *(Room(value, changes=changes) for value, changes in ((1_200, 20), (1_200, 8), (600, 8), (300, 4), (160, 4), (90, 2))),
    *(Room(value, changes=1, people=4, prose=prose) for value, prose in ((60, 600), (40, 300), (20, 150), (8, 150))),
    *(Room(8, names=names, changes=0, people=1, prose=40) for names in (1_000, 60, 30, 8)),
)


def fitted(render: Callable[[Room], list[Block]]) -> list[Block]:
    """Rendered with ever less room, until Slack takes the whole message."""
    rendered = map(render, ROOMS)
    return next((blocks for blocks in rendered if characters(blocks) <= MESSAGE_CHARACTERS), None) or render(ROOMS[-1])


def named(values: Mapping[str, Any], mask: Mask, declared: Collection[str]) -> Named:
    """Each argument's name and value as texts. A name that the tool does not declare may hold a value too."""
    return tuple((name_of(name if name in declared else mask(name)), value_text(value, mask)) for name, value in values.items())


def name_of(name: str) -> str:
    """An argument's name; one that is not a plain word stands in quotes, with whatever it hides spelled out."""
    return name if re.fullmatch(r"[A-Za-z0-9_.-]+", name) else visible(json.dumps(name, ensure_ascii=False))


def value_text(value: Any, mask: Mask) -> str:
    """A value as text: a string as it is, in quotes where spaces at its ends are to be seen; anything else as JSON."""
    if isinstance(value, str):
        text = mask(value)
        quoted = not text or ("\n" not in text and text != text.strip())
        return visible(json.dumps(text, ensure_ascii=False) if quoted else text)
    within = _masked_within(value, mask)
    on_a_line = json.dumps(within, ensure_ascii=False)
    text = on_a_line if len(on_a_line) <= LINE_CHARACTERS else json.dumps(within, ensure_ascii=False, indent=2)
    return visible(mask(text))  # once more as a whole: numbers and names may be personal too


def _masked_within(value: Any, mask: Mask) -> Any:
    match value:
        case str():
            return mask(value)
        case list():
            return [_masked_within(item, mask) for item in cast(list[Any], value)]
        case dict():
            return {name: _masked_within(item, mask) for name, item in cast(dict[str, Any], value).items()}
        case _:
            return value


def words(text: str, mask: Mask) -> str:
    """Somebody's sentence on one line, so that it cannot pass itself off as a line of ours."""
    return " ".join(visible(mask(text)).split())


def clipped(text: str, most: int) -> str:
    """At most so many characters, and how many there are."""
    return text if len(text) <= most else f"{cut(text, most)} ({len(text):,} characters)"


def arguments_block(texts: Named, room: Room, block_id: str) -> tuple[Block, bool]:
    """Every argument by name: short ones as lines of one table, the others in a box each, cut with their length.

    A line of the table holds no line break, so no value can pass itself off as another argument. True: all stand there whole.
    """
    shown = texts[: room.names]
    short = [(cut(name, LONGEST_NAME_CHARACTERS), text) for name, text in shown if _short(text)]
    elements: list[Block] = []
    if short:
        width = min(max(len(name) for name, _ in short), NAME_CHARACTERS)
        elements.append(preformatted("\n".join(f"{name:<{width}}  {clipped(text, room.value)}" for name, text in short)))
    for name, text in shown:
        if not _short(text):
            cut_here = f" ({len(text):,} characters, cut here)" if len(text) > room.value else ""
            elements.append(line((cut(name, LONGEST_NAME_CHARACTERS), True), (cut_here, False)))
            elements.append(preformatted(cut(text, room.value)))
    if not texts:
        elements.append(line(("No arguments.", False)))
    if len(texts) > len(shown):
        elements.append(line((f"{len(texts) - len(shown)} further arguments do not fit here.", True)))
    whole = all(len(name) <= LONGEST_NAME_CHARACTERS and len(text) <= room.value for name, text in texts) and shown == texts
    return rich_text(elements, block_id), whole


def _short(text: str) -> bool:
    return len(text) <= LINE_CHARACTERS and not set(text) & {"\n", "\t"}


def change_text(change: Change, mask: Mask) -> tuple[str, str, str]:
    """What would change, before, after: each on one line."""
    return _cell(change.what, mask), _cell(change.before, mask), _cell(change.after, mask)


def _cell(text: str, mask: Mask) -> str:
    """Text that could be taken for more than one cell stands in quotes."""
    text = mask(text)
    quoted = text != text.strip() or re.search(r"[\n\t→]|  ", text)
    return visible(json.dumps(text, ensure_ascii=False) if quoted else text)


def changes_block(changes: Sequence[tuple[str, str, str]], label: str, room: Room, block_id: str) -> tuple[Block, bool]:
    """A table of what is different afterwards. True: all of it stands there whole."""
    most = min(LINE_CHARACTERS, room.value)
    shown = changes[: room.changes]
    left = f" (the first {len(shown)} of {len(changes):,})" if len(shown) < len(changes) else ""
    width = min(max((len(what) for what, _, _ in shown), default=0), NAME_CHARACTERS)
    lines = [f"{clipped(what, most):<{width}}  {_change(before, after, most)}" for what, before, after in shown]
    table = [preformatted("\n".join(lines))] if lines else []
    whole = not left and all(len(cell) <= most for change in changes for cell in change)
    return rich_text([line((label, True), (left, False)), *table], block_id), whole


def _change(before: str, after: str, most: int) -> str:
    """From what to what; where there is nothing before, what there is then."""
    return f"{clipped(before, most)} → {clipped(after or '—', most)}" if before else clipped(after or "—", most)


def news(result: Any, arguments: Mapping[str, Any], mask: Mask) -> str:
    """What a result adds to the arguments, as lines of a table."""
    if not isinstance(result, dict):
        return value_text(result, mask)
    fields = cast(dict[str, Any], result)
    new = {name: value for name, value in fields.items() if value not in ("", None) and arguments.get(name) != value}
    texts = named(new, mask, ())
    width = min(max((len(name) for name, _ in texts), default=0), NAME_CHARACTERS)
    return "\n".join(f"{name:<{width}}  {text}" for name, text in texts)
