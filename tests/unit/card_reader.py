"""A person who decides, as a parser: takes only what Slack draws of a card and its dialog, and says what the call is.

Knows how a card is laid out and nothing of how it is made: no code of `bot.cards` is used here. `drawn` is the eye: what Slack
draws as nothing is not there, and blanks at the end of a line are not seen.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from tests.unit.card_eye import (
    Block,
    Seen,
    change_of,
    deciders_in,
    drawn,
    first_cell,
    json_of,
    meant,
    mentioned,
    name_of,
    prose,
    quoted,
    small_print,
    source_of,
    text_of,
    value_of,
)
from tests.unit.dialog_reader import read_dialog

# ------------------------------------------------------------------------------------------------ a message


def read_message(blocks: Sequence[Block], dialogs: Mapping[str, Block]) -> dict[str, Seen]:
    """Return each open action of a message, by its id. `dialogs`: what opens behind *Review…*, by id."""
    head, *rows = _split(blocks)
    if not rows:
        head, rows = [], [head]
    found: dict[str, Seen] = {}
    for row in rows:
        for actions in (block for block in row if block.get("block_id", "").startswith("decide:")):
            id = actions["block_id"].removeprefix("decide:")
            if actions["elements"][0]["action_id"] == "review":
                found[id] = read_dialog(dialogs[id], _needed(row))
            else:
                seen = _row(row, actions, replace(_common(head), sources=_sources(blocks)))
                found[id] = seen if seen.until else replace(_decided_by(rows[-1], seen), needed=seen.needed)
    return found


def _common(head: Sequence[Block]) -> Seen:
    """Return what is said once of all rows."""
    seen = _about(head, Seen("approve"))
    for block in head:
        if block["type"] == "section":
            seen = replace(seen, does=prose(block["text"]["text"]).removeprefix("Each of them: "))
    return seen


def _split(blocks: Sequence[Block]) -> list[list[Block]]:
    """Return the blocks before the first divider, then each row."""
    parts: list[list[Block]] = [[]]
    for block in blocks:
        if block["type"] == "divider":
            parts.append([])
        else:
            parts[-1].append(block)
    last = parts[-1]
    if any(block.get("block_id") == "approve_all" for block in last):
        parts = [*parts[:-2], parts[-2] + last]
    return parts


def _row(row: Sequence[Block], actions: Block, seen: Seen) -> Seen:
    for block in row:
        match block["type"]:
            case "header":
                seen = replace(seen, headline=meant(prose(block["text"]["text"])))
            case "section":
                seen = replace(seen, does=prose(block["text"]["text"]))
            case "rich_text":
                seen = _rich(block, seen)
            case _:
                pass
    first = actions["elements"][0]
    assert first["action_id"] == "approve"
    warned = first.get("style") == "danger" and first.get("confirm", {}).get("title", {}).get("text") == "This cannot be undone"
    seen = _decided_by(row, _about(row, replace(seen, warned=warned, verb=meant(prose(first["text"]["text"])))))
    return replace(seen, does=meant(seen.does))


def _rich(block: Block, seen: Seen) -> Seen:
    elements, name = block["elements"], block.get("block_id", "").partition(":")[0]
    if name == "arguments":
        return replace(seen, arguments=tuple(sorted(_arguments(elements))))
    if name in ("changed", "changes"):
        lines = [line for box in _boxes(elements) for line in box.split("\n")]
        return replace(seen, **{name: tuple(map(change_of, lines))})
    title, *told = ["".join(part["text"] for part in line["elements"]) for line in elements]
    seen = replace(seen, headline=meant(re.sub(r"^\d+\. ", "", prose(title))))
    return replace(seen, does=prose(told[0])) if told else seen


def _boxes(elements: Sequence[Block]) -> Iterator[str]:
    yield from (drawn(text_of(one)) for one in elements if one["type"] == "rich_text_preformatted")


def _arguments(elements: Sequence[Block]) -> Iterator[tuple[str, str]]:
    title = ""
    for one in elements:
        if one["type"] == "rich_text_section":
            title = prose("".join(part["text"] for part in one["elements"] if part.get("style", {}).get("bold")))
        elif title:
            yield name_of(title), json_of(value_of(drawn(text_of(one))))
            title = ""
        else:
            for line in drawn(text_of(one)).split("\n"):
                name, value = first_cell(line)
                yield name, json_of(value_of(value))


# ------------------------------------------------------------------------------------------------ small print


def _about(row: Sequence[Block], seen: Seen) -> Seen:
    for block in row:
        if block["type"] == "context" and block["elements"][0]["type"] == "plain_text":
            seen = replace(seen, trouble=meant(prose(block["elements"][0]["text"]).removeprefix("No preview: ")))
    for text, plain in small_print(row):
        if edited := re.match(r"Arguments edited by <@(\w+)>", text):
            seen = replace(seen, edited_by=edited[1])
        if asked := re.search(r"^Asked by (.*?)  ·  `([^`]*)` \((\w+)\)", text, re.MULTILINE):
            rule, *why = plain
            seen = replace(seen, requesters=mentioned(asked[1]), tool=meant(_unescaped(asked[2])), effect=asked[3])
            seen = replace(seen, rule=meant(rule.removeprefix("rule: ") if rule != "rule:" else ""))
            seen = replace(seen, reason=meant(why[0].removeprefix("Why: ")) if why else "")
    return seen


def _sources(blocks: Sequence[Block]) -> tuple[str, ...]:
    for text, plain in small_print(blocks):
        if text.startswith(":warning: Read before, from outside"):
            return tuple(_listed(plain[0]))
    return ()


def _listed(text: str) -> Iterator[str]:
    while text:
        cell = quoted(text) if text.startswith('"') else text.partition(", ")[0]
        yield source_of(cell)
        text = text[len(cell) :].removeprefix(", ")


def _unescaped(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _decided_by(row: Sequence[Block], seen: Seen) -> Seen:
    for text, _ in small_print(row):
        if found := re.search(r"To be decided by (.*), until <!date\^(\d+)\^", text):
            seen = replace(seen, deciders=deciders_in(found[1]), until=int(found[2]))
    return replace(seen, needed=_needed(row))


def _needed(row: Sequence[Block]) -> tuple[int, int]:
    """Return how many must approve, and how many reject."""
    for text, _ in small_print(row):
        if found := re.search(r"of (\d+)\* approvals", text):
            rejections = re.search(r"of (\d+)\* rejections", text)
            return int(found[1]), int(rejections[1]) if rejections else 1
    return 1, 1
