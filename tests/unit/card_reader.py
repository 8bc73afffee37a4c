"""A person who decides, as a parser: takes only what Slack draws of a card and its dialogs, and says what the call is.

Knows how a card is laid out and nothing of how it is made: no code of `bot.cards` is used here. `drawn` is the eye: what Slack
draws as nothing is not there, and blanks at the end of a line are not seen.

What the card leaves to *Details* (the tool, its effect, the rule, an argument that the headline names or that is nothing) is
taken from there; what both say has to be the same.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from tests.unit.card_eye import (
    Block,
    Seen,
    UnreadableError,
    cell_of,
    change_of,
    deciders_needed,
    drawn,
    first_cell,
    headline_of,
    json_of,
    meant,
    mentioned,
    name_of,
    needed_of,
    prose,
    quoted,
    small_print,
    source_of,
    text_of,
    value_of,
)
from tests.unit.dialog_reader import read_dialog

CANNOT_BE_UNDONE = "This cannot be undone"
ASKED = re.compile(r"^Asked by (.*?) · (needs .*?) · until <!date\^(\d+)\^", re.MULTILINE)
NOTHING = frozenset({"null", '""', "[]", "{}"})

# ------------------------------------------------------------------------------------------------ a message


def read_message(blocks: Sequence[Block], dialogs: Mapping[str, Block], details: Mapping[str, Block]) -> dict[str, Seen]:
    """Return each open action of a message, by its id. `dialogs`: what opens behind *Review…*, by id; `details`: likewise."""
    head, *rows = _split(blocks)
    around: list[Block] = []
    if rows:
        around = [*head, *rows.pop()] if not _decides(rows[-1]) else head
    else:
        rows = [head]
    found: dict[str, Seen] = {}
    for row in rows:
        if (decides := _decides(row)) is None:
            continue
        id, pressed = decides
        if pressed["action_id"] == "review":
            found[id] = read_dialog(dialogs[id], _needed([*row, *around]))
        else:
            face = _face(row, around, pressed)
            found[id] = _with_details(face, read_dialog(details[id], face.needed))
    return found


def read_one_by_one(view: Block, dialogs: Mapping[str, Block], details: Mapping[str, Block]) -> dict[str, Seen]:
    """Return each open action of the dialog *One by one*: between two lines stands a card, with its own buttons."""
    found: dict[str, Seen] = {}
    for part in _split(view["blocks"]):
        if (decides := _decides(part)) is None:
            continue
        id, pressed = decides
        pressable = [
            one for block in part for one in (*block.get("elements", ()), block.get("accessory", {})) if "action_id" in one
        ]
        if id in found or [one["action_id"] for one in pressable] != [pressed["action_id"], "reject", "more"]:
            raise UnreadableError(id)
        offered = [option["value"] for option in pressable[-1]["options"]]
        if {one.get("value", id) for one in pressable} != {id} or not {f"edit:{id}", f"details:{id}"} <= {*offered}:
            raise UnreadableError(offered)
        found |= read_message(part, dialogs, details)
    return found


def _split(blocks: Sequence[Block]) -> list[list[Block]]:
    """Return the blocks before the first divider, then each row, and last what is said of all."""
    parts: list[list[Block]] = [[]]
    for block in blocks:
        if block["type"] == "divider":
            parts.append([])
        else:
            parts[-1].append(block)
    return parts


def _decides(row: Sequence[Block]) -> tuple[str, Block] | None:
    """Return the action of a row, and the button that decides it; None where it is decided."""
    for block in row:
        if str(block.get("block_id", "")).startswith("decide:"):
            id = block["block_id"].removeprefix("decide:")
            return id, block["accessory"] if "accessory" in block else block["elements"][0]
    return None


def _face(row: Sequence[Block], around: Sequence[Block], pressed: Block) -> Seen:
    """Return what a card with an approve button says."""
    assert pressed["action_id"] == "approve"
    seen = Seen("approve", warned=_warned([*around, *row], pressed))
    for block in (*around, *row):
        match block["type"]:
            case "header" if block in row:
                seen = _titled(prose(block["text"]["text"]), seen)
            case "section":
                seen = _titled(re.sub(r"^\d+\. ", "", prose(block["text"]["text"])), seen)
            case "rich_text":
                seen = _rich(block, seen)
            case _:
                pass
    label = prose(pressed["text"]["text"])
    verb = label.rpartition(" · ")[0] if seen.magnitude else label
    return replace(_asked([*row, *around], seen), verb=meant(verb), sources=_sources([*around, *row]))


def _warned(blocks: Sequence[Block], pressed: Block) -> bool:
    """Return whether it is said that there is no way back: by the button, by the dialog behind it, and in words."""
    confirm = pressed.get("confirm", {}).get("title", {}).get("text")
    said = (pressed.get("style") == "danger", confirm == CANNOT_BE_UNDONE, _says_no_way_back(blocks))
    if len(set(said)) > 1:
        raise UnreadableError(said)
    return said[0]


def _says_no_way_back(blocks: Sequence[Block]) -> bool:
    return any(
        part["text"].startswith(CANNOT_BE_UNDONE) and part.get("style", {}).get("bold")
        for block in blocks
        if str(block.get("block_id", "")).partition(":")[0] == "effect"
        for element in block["elements"]
        for part in element["elements"]
    )


def _with_details(face: Seen, details: Seen) -> Seen:
    """Return what card and Details say together. Raises UnreadableError where they do not say the same."""
    left_out = dict(details.arguments)
    for name, value in face.arguments:
        if left_out.pop(name, None) != value:
            raise UnreadableError(name)
    for name, value in left_out.items():
        said = str(json.loads(value)) if isinstance(json.loads(value), str | int) else value
        in_headline = len(re.findall(rf"(?<![^\s#]){re.escape(said)}(?!\S)", face.headline)) == 1
        becomes = said in [after for _, _, after in face.changes]
        if not (in_headline or becomes) and not (name in face.nothing and value in NOTHING):
            raise UnreadableError(f"{name} stands nowhere on the card")
    whole = replace(face, arguments=details.arguments, tool=details.tool, effect=details.effect, rule=details.rule, nothing=())
    of_it = replace(whole, how="review", verb="", warned=details.warned, sources=details.sources)  # a message has those of all
    if of_it != replace(details, verb="") or set(details.sources) - set(face.sources):
        raise UnreadableError("the card and its details differ")
    return whole


# ------------------------------------------------------------------------------------------------ rows


def _titled(line: str, seen: Seen) -> Seen:
    headline, magnitude = headline_of(line)
    return replace(seen, headline=headline, magnitude=magnitude)


def _rich(block: Block, seen: Seen) -> Seen:
    elements, name = block["elements"], block.get("block_id", "").partition(":")[0]
    if name == "arguments":
        return _arguments(elements, seen)
    if name in ("changed", "changes"):
        return replace(seen, **{name: tuple(_changes(elements))})
    if name == "effect":
        parts = [part["text"] for line in elements for part in line["elements"] if not part.get("style", {}).get("bold")]
        return replace(seen, does=meant(prose("".join(parts).removeprefix("Each of them: "))))
    raise UnreadableError(name)


def _changes(elements: Sequence[Block]) -> Iterator[tuple[str, str, str]]:
    """Yield what is different: from a line, or from a table below its label."""
    boxes = [drawn(text_of(one)) for one in elements if one["type"] == "rich_text_preformatted"]
    if boxes:
        yield from (change_of(line) for box in boxes for line in box.split("\n"))
        return
    for what, rest in _named(elements[0]["elements"][1:]):
        before, behind = cell_of(rest)
        after, _ = cell_of(behind.removeprefix(" → "))
        name = json.loads(meant(what)) if what.startswith('"') else meant(what)
        yield (name, before or "", after or "") if behind else (name, "", before or "")


def _named(parts: Sequence[Block]) -> Iterator[tuple[str, str]]:
    """Yield each bold text of a line with the text behind it, up to the next one."""
    name, behind = "", ""
    last: Block = {"text": "", "style": {"bold": True}}
    for part in (*parts, last):
        if part.get("style", {}).get("bold"):
            if name:
                yield name, prose(behind.removesuffix(" · "))
            name, behind = prose(part["text"]), ""
        else:
            behind += part["text"]


def _arguments(elements: Sequence[Block], seen: Seen) -> Seen:
    found: list[tuple[str, str]] = []
    nothing: list[str] = []
    title = ""
    for one in elements:
        if one["type"] == "rich_text_preformatted" and title:
            found.append((name_of(title), json_of(value_of(drawn(text_of(one))))))
            title = ""
        elif one["type"] == "rich_text_preformatted":
            for line in drawn(text_of(one)).split("\n"):
                name, value = first_cell(line)
                found.append((name, json_of(value_of(value))))
        elif len(one["elements"]) == 1 and one["elements"][0].get("style", {}).get("bold"):
            title = prose(one["elements"][0]["text"])
        elif text_of(one) != "No arguments.":
            pairs, empty = _on_a_line(one["elements"])
            found += pairs
            nothing += empty
    return replace(seen, arguments=tuple(sorted(found)), nothing=tuple(nothing))


def _on_a_line(parts: Sequence[Block]) -> tuple[list[tuple[str, str]], list[str]]:
    """Return the arguments of a line, and those that it says are nothing: "customer: ada@example.com · no note"."""
    found: list[tuple[str, str]] = []
    nothing: list[str] = []
    for name, behind in _named(parts):
        value, *empty = behind.removeprefix(": ").split(" · ")
        found.append((name_of(name), json_of(value_of(value))))
        nothing += empty
    if not found:
        nothing = text_of({"elements": parts}).split(" · ")
    return found, [name_of(prose(each).removeprefix("no ")) for each in nothing]


# ------------------------------------------------------------------------------------------------ small print


def _asked(row: Sequence[Block], seen: Seen) -> Seen:
    """Return who asked, who decides until when, who edited it and why people are asked, as the small print has it."""
    for block in row:
        if block["type"] == "context" and block["elements"][0]["type"] == "plain_text":
            seen = replace(seen, trouble=meant(prose(block["elements"][0]["text"]).removeprefix("No preview: ")))
    for text, plain in small_print(row):
        if edited := re.search(r"^Edited by <@(\w+)>", text, re.MULTILINE):
            seen = replace(seen, edited_by=edited[1])
        if asked := ASKED.search(text):
            needed, whom = needed_of(asked[2])
            seen = replace(seen, requesters=mentioned(asked[1]), deciders=deciders_needed(whom), needed=needed)
            seen = replace(seen, until=int(asked[3]))
            seen = replace(seen, reason=meant(plain[0].removeprefix("Why: ")) if plain else "")
    return seen


def _needed(row: Sequence[Block]) -> tuple[int, int]:
    return next((needed_of(asked[2])[0] for text, _ in small_print(row) if (asked := ASKED.search(text))), (1, 1))


def _sources(blocks: Sequence[Block]) -> tuple[str, ...]:
    for text, plain in small_print(blocks):
        if text.startswith(":warning: Proposed after reading"):
            return tuple(_listed(plain[0]))
    return ()


def _listed(text: str) -> Iterator[str]:
    while text:
        cell = quoted(text) if text.startswith('"') else text.partition(", ")[0]
        yield source_of(cell)
        text = text[len(cell) :].removeprefix(", ")
