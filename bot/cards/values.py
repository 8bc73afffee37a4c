"""How the values of an action are shown: arguments, what would change, what came of it.

Masked first, then made harmless, and only then cut, so that neither a cut nor an invisible character defeats the mask. They
stand as preformatted rich text, which Slack never parses: no mention, link or formatting in them is live.
"""

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from agent.types import Change
from bot.cards.block_kit import MESSAGE_CHARACTERS, SlackBlock, block_characters, preformatted, rich_line, rich_text
from bot.cards.harmless_text import cut, in_prose, visible

LINE_CHARACTERS = 60  # of a value that stands on a line of the table
CHANGE_CHARACTERS = 160  # of a cell in the table of what would change
ROW_CHARACTERS = 300  # likewise, in a row of several actions
MOST_ON_A_LINE = 8  # arguments; more of them are a table
PARAGRAPH_CHARACTERS = 300  # of arguments on one line
CELL_CHARACTERS = 40  # of what would change on one line
MOST_CHANGES_ON_A_LINE = 3
BETWEEN = " · "  # the parts of a line
NAME_CHARACTERS = 24  # that the values of the table are indented by at most
LONGEST_NAME_CHARACTERS = 60
TRIPLE = '"""'
NOTHING = "—"  # in a table of what would change
UNNAMED = "an unnamed source"
_JSON_BEGINS = re.compile(r"\s*(?:[\[{\"0-9-]|true|false|null|NaN|Infinity)")  # what Python's reader takes; its blanks are fewer

Mask = Callable[[str], str]
Named = tuple[tuple[str, str], ...]
LinePart = tuple[str, bool]  # of a line: a text, and whether it is bold


def unmasked(text: str) -> str:
    """Return the text as it is: the mask that hides nothing."""
    return text


@dataclass(frozen=True, slots=True)
class TextRoom:
    """How much of the parts that may be long is shown."""

    value: int  # characters of one value
    names: int = 1_000  # arguments by name
    changes: int = 20  # lines of what would change
    people: int = 8  # by name, in one list
    prose: int = 600  # characters of a sentence: the headline, the effect, the reason, the sources


# The first with which the message is not too long is taken. A preview yields first, then long values, then our own sentences;
# names only where there are more of them than any message holds.
ROOMS = (
    *(TextRoom(value, changes=changes) for value, changes in ((1_200, 20), (1_200, 8), (600, 8), (300, 4), (160, 4), (90, 2))),
    *(TextRoom(value, changes=1, people=4, prose=prose) for value, prose in ((60, 600), (40, 300), (20, 150), (8, 150))),
    *(TextRoom(8, names=names, changes=0, people=1, prose=40) for names in (1_000, 60, 30, 8)),
)


def fitted(render: Callable[[TextRoom], list[SlackBlock]]) -> list[SlackBlock]:
    """Return blocks that were rendered with ever less room, until Slack takes the whole message."""
    rendered = map(render, ROOMS)
    return next((blocks for blocks in rendered if block_characters(blocks) <= MESSAGE_CHARACTERS), None) or render(ROOMS[-1])


def named_values(values: Mapping[str, Any], mask: Mask, declared: Collection[str]) -> Named:
    """Return each argument's name and value as texts. A name that the tool does not declare may hold a value too."""
    return tuple(
        (argument_name(name if name in declared else mask(name)), value_text(value, mask)) for name, value in values.items()
    )


def argument_name(name: str) -> str:
    """Return an argument's name; one that is not a plain word is in quotes, with hidden characters spelled out."""
    return name if re.fullmatch(r"[A-Za-z0-9_.-]+", name) else in_prose(visible(json.dumps(name, ensure_ascii=False)))


def value_text(value: Any, mask: Mask) -> str:
    """Return a value as text, the same for no two values: a string as it is, in quotes where it could pass for another value,
    and anything else as JSON."""
    if isinstance(value, str):
        text = mask(value)
        return plain_text(text, quoted=_reads_as_json(text))
    within = _masked_within(value, mask)
    on_a_line = json.dumps(within, ensure_ascii=False)
    text = on_a_line if len(on_a_line) <= LINE_CHARACTERS else json.dumps(within, ensure_ascii=False, indent=2)
    return visible(mask(text))  # once more as a whole: numbers and names may be personal too


def plain_text(text: str, *, quoted: bool = False) -> str:
    """Return a string as it is; in quotes where blanks at its ends are to be seen, where several together could pass for the
    space between two columns, or where it is to be told from a number or the like. Several lines are put between triple quotes.
    """
    if "\n" in text.strip("\n"):
        return visible(f"{TRIPLE}\n{text}\n{TRIPLE}" if quoted or text.startswith(TRIPLE) else text)
    if not text:
        return '""'
    quoted = quoted or text != text.strip() or "  " in text or text.startswith('"')
    return visible(json.dumps(text, ensure_ascii=False) if quoted else text)


def _reads_as_json(text: str) -> bool:
    if not _JSON_BEGINS.match(text):
        return False  # as nearly every text does, and without looking at the rest of it
    try:
        json.loads(text)
    except ValueError:
        return False
    except RecursionError:
        return True
    return True


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


def one_line(text: str, mask: Mask) -> str:
    """Return somebody's sentence on one line, so that it cannot pass itself off as a line of ours."""
    return visible(re.sub(r"[ \t\n]+", " ", mask(text)).strip(" "))


def source_name(source: str, mask: Mask) -> str:
    """Return the name of a source for a list of them: in quotes where it could pass for several, or is not on one line."""
    text = mask(source)
    quoted = text != text.strip() or re.search(r'[,\n\t]|  |^"', text) or text == UNNAMED
    return in_prose(visible(json.dumps(text, ensure_ascii=False))) if quoted else visible(text) or UNNAMED


def clipped(text: str, most: int) -> str:
    """Return at most so many characters of the text, head and tail, and how many there are."""
    return text if len(text) <= most else f"{cut_in_the_middle(text, most)} ({len(text):,} characters)"


def cut_in_the_middle(text: str, most: int) -> str:
    """Return the text with its middle left out where it is longer: its end counts as much as its beginning."""
    if len(text) <= most:
        return text
    tail = (most - 1) // 2
    return f"{text[: most - 1 - tail]}…{text[len(text) - tail :]}"


def arguments_blocks(
    texts: Named, room: TextRoom, block_id: str, *, empty: Sequence[str] = (), on_lines: bool = False
) -> tuple[list[SlackBlock], bool]:
    """Return every argument by name: a few short ones on one line, more of them as lines of a table, long ones in a box each, cut
    with their length. `empty`: those that are nothing, as their tool has it by default. `on_lines`: there is no room for boxes.

    Neither a line nor the table holds what could pass for another argument. True: all stand there whole.
    """
    shown = [(cut(name, LONGEST_NAME_CHARACTERS), text) for name, text in texts[: room.names]]
    most = ROW_CHARACTERS if on_lines else LINE_CHARACTERS
    short = [(name, text) for name, text in shown if _fits_a_line(text, most)]
    long = [(name, text) for name, text in shown if not _fits_a_line(text, most)]
    elements: list[SlackBlock] = []
    nothing = [((f"no {name}", False),) for name in empty]
    if on_lines or (len(short) <= MOST_ON_A_LINE and sum(len(name) + len(text) for name, text in short) <= PARAGRAPH_CHARACTERS):
        named = [*short, *((name, _on_one_line(text)) for name, text in (long if on_lines else ()))]
        parts = [*(((name, True), (f": {in_prose(clipped(text, room.value))}", False)) for name, text in named), *nothing]
        elements += [rich_line(*joined(parts))] if parts else []
    else:
        width = min(max(len(name) for name, _ in short), NAME_CHARACTERS)
        elements.append(preformatted("\n".join(f"{name:<{width}}  {clipped(text, room.value)}" for name, text in short)))
        elements += [rich_line(*joined(nothing))] if nothing else []
    for name, text in () if on_lines else long:
        cut_here = f" ({len(text):,} characters, cut in the middle)" if len(text) > room.value else ""
        elements.append(rich_line((name, True), (cut_here, False)))
        elements.append(preformatted(cut_in_the_middle(text, room.value)))
    if len(texts) > len(shown):
        elements.append(rich_line((f"{len(texts) - len(shown)} further arguments do not fit here.", True)))
    whole = all(len(name) <= LONGEST_NAME_CHARACTERS and len(text) <= room.value for name, text in texts)
    whole = whole and len(shown) == len(texts) and not (on_lines and long)
    return ([rich_text(elements, block_id)] if elements else []), whole


def _fits_a_line(text: str, most: int) -> bool:
    """Return whether a value stands on a line with others: it holds nothing that separates them."""
    return len(text) <= most and not set(text) & {"\n", "\t", BETWEEN.strip()}


def _on_one_line(text: str) -> str:
    return clipped(re.sub(r"[ \t\n]+", " ", text), LINE_CHARACTERS)


def joined(parts: Iterable[Sequence[LinePart]]) -> Iterator[LinePart]:
    """Yield parts of one line, a dot between them."""
    for number, each in enumerate(parts):
        if number:
            yield BETWEEN, False
        yield from each


def change_text(change: Change, mask: Mask) -> tuple[str, str, str]:
    """Return a change as three lines of text: what would change, before, after."""
    return _cell(change.what, mask), _cell(change.before, mask), _cell(change.after, mask)


def _cell(text: str, mask: Mask) -> str:
    """Return a cell's text, in quotes if it could be taken for another cell or for more than one."""
    text = mask(text)
    quoted = text != text.strip() or re.search(r'[\n\t→]|  |^"', text) or text == NOTHING
    return in_prose(visible(json.dumps(text, ensure_ascii=False))) if quoted else visible(text)


def changes_line(changes: Sequence[tuple[str, str, str]], label: str, block_id: str) -> SlackBlock | None:
    """Return what is different afterwards on one line, whole; None where it takes a table."""
    cells = [cell for change in changes for cell in change]
    if len(changes) > MOST_CHANGES_ON_A_LINE or not all(_fits_a_line(cell, CELL_CHARACTERS) for cell in cells):
        return None
    if not all(what for what, _, _ in changes):
        return None
    parts = [((what, True), (f" {_change(before, after, CELL_CHARACTERS)}", False)) for what, before, after in changes]
    return rich_text([rich_line((f"{label} ", False), *joined(parts))], block_id)


def changes_block(changes: Sequence[tuple[str, str, str]], label: str, room: TextRoom, block_id: str) -> tuple[SlackBlock, bool]:
    """Return a table of what is different afterwards, and whether it holds all of it."""
    most = min(CHANGE_CHARACTERS, room.value)
    shown = changes[: room.changes]
    left = f" (the first {len(shown)} of {len(changes):,})" if len(shown) < len(changes) else ""
    width = min(max((len(what) for what, _, _ in shown), default=0), NAME_CHARACTERS)
    lines = [f"{clipped(what, most):<{width}}  {_change(before, after, most)}" for what, before, after in shown]
    table = [preformatted("\n".join(lines))] if lines else []
    whole = not left and all(len(cell) <= most for change in changes for cell in change)
    return rich_text([rich_line((label, True), (left, False)), *table], block_id), whole


def _change(before: str, after: str, most: int) -> str:
    """Return a change as text: from what to what; without a value before, only the new one."""
    now = clipped(after or NOTHING, most)
    return f"{clipped(before, most)} → {now}" if before else now
