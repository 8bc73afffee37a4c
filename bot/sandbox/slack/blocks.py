"""What Slack refuses in the blocks of a message or a view, it refuses here, in Slack's own form of sentence.

`message_faults` and `view_faults` answer with one sentence for each fault, a JSON pointer at its end; no fault, no sentence.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, TypeAlias, cast

from bot.sandbox.slack.elements import CONTEXT_ACTIONS, IMAGE, INTERACTIVE, RICH, TYPED_IN, URL, plain_element, text
from bot.sandbox.slack.reading import read_blocks
from bot.sandbox.slack.shapes import (
    Check,
    any_field,
    anything,
    boolean,
    both,
    fault,
    integer,
    listing,
    matching,
    one_of,
    record,
    string,
    typed,
)
from bot.sandbox.slack.wire import Json

Surface: TypeAlias = Literal["message", "modal", "home"]

MESSAGE_BLOCKS, VIEW_BLOCKS = 50, 100
MARKDOWN_CHARACTERS = 12_000
"""In all markdown blocks of a message together."""
BLOCK_CHARACTERS = 10_000
"""In all other blocks of a message together; Slack says only `msg_blocks_too_long`, the number is from experience."""
TABLE_CHARACTERS = 10_000

_ID: dict[str, Check] = {"block_id": string(255)}
_ACCESSORY: dict[str, Check] = {**INTERACTIVE, "image": IMAGE}
_IN_ACTIONS = {kind: check for kind, check in INTERACTIVE.items()}
_IN_INPUT = {**{kind: check for kind, check in INTERACTIVE.items() if kind not in ("button", "overflow")}, **TYPED_IN}
_IN_CONTEXT: dict[str, Check] = {"image": IMAGE, "plain_text": text(3000), "mrkdwn": text(3000)}

_RICH_TEXT = record({"elements": listing(typed(RICH), 1000, least=0)}, _ID)
_RICH_BLOCK = typed({"rich_text": _RICH_TEXT})
_SOURCE = typed({"url": record({"url": URL}, {"text": string(3000), "icon_url": URL})})
_TASK = record(
    {"task_id": string(255), "title": string(3000), "status": one_of("pending", "in_progress", "complete", "error")},
    {**_ID, "details": _RICH_BLOCK, "output": _RICH_BLOCK, "sources": listing(_SOURCE, 100, least=0)},
)
_CELL = typed(
    {
        "raw_text": record({"text": string(10_000)}),
        "raw_number": record({"value": anything, "text": string(10_000)}),
        "rich_text": _RICH_TEXT,
    }
)
_COLUMN = record({}, {"align": one_of("left", "center", "right"), "is_wrapped": boolean})
_PLAN_TITLE = string(3000)

BLOCKS: dict[str, Check] = {
    "section": both(
        record(
            {},
            {**_ID, "text": text(3000), "fields": listing(text(2000), 10), "accessory": typed(_ACCESSORY)} | {"expand": boolean},
        ),
        any_field("text", "fields"),
    ),
    "header": record({"text": plain_element(150)}, {**_ID, "level": integer(1, 4)}),
    "divider": record({}, _ID),
    "image": both(
        record({"alt_text": string(2000)}, {**_ID, "image_url": URL, "slack_file": anything, "title": plain_element(2000)}),
        any_field("image_url", "slack_file"),
    ),
    "context": record({"elements": listing(typed(_IN_CONTEXT), 10)}, _ID),
    "actions": record({"elements": listing(typed(_IN_ACTIONS), 25)}, _ID),
    "context_actions": record({"elements": listing(typed(CONTEXT_ACTIONS), 5)}, _ID),
    "input": record(
        {"label": plain_element(2000), "element": typed(_IN_INPUT)},
        {**_ID, "hint": plain_element(2000), "optional": boolean, "dispatch_action": boolean},
    ),
    "markdown": record({"text": string(MARKDOWN_CHARACTERS)}, _ID),
    "rich_text": _RICH_TEXT,
    "table": record({"rows": listing(listing(_CELL, 20), 100)}, {**_ID, "column_settings": listing(_COLUMN, 20, least=0)}),
    "plan": record({"title": _PLAN_TITLE}, {**_ID, "tasks": listing(typed({"task_card": _TASK}), 50, least=0)}),
    "task_card": _TASK,
    "card": both(
        record(
            {},
            {**_ID, "title": text(150), "subtitle": text(150), "body": text(200), "hero_image": IMAGE, "icon": IMAGE}
            | {"actions": listing(typed(INTERACTIVE), 25)},
        ),
        any_field("hero_image", "title", "actions", "body"),
    ),
}
_EVERYWHERE = frozenset({"section", "header", "divider", "image", "context", "actions", "input", "rich_text"})
_SURFACES: dict[Surface, frozenset[str]] = {
    "message": frozenset(BLOCKS),
    "modal": _EVERYWHERE,
    "home": _EVERYWHERE,
}

_VIEW: dict[str, Check] = {"private_metadata": string(3000, 0), "callback_id": string(255), "external_id": string(255)}
_MODAL = record(
    {"title": plain_element(24), "blocks": anything},
    {**_VIEW, "submit": plain_element(24), "close": plain_element(24), "clear_on_close": boolean, "notify_on_close": boolean}
    | {"submit_disabled": boolean},
)
_HOME = record({"blocks": anything}, _VIEW)
_VIEW_TYPE = matching("modal|home", "must be one of: modal, home")


def message_faults(blocks: Any) -> list[str]:
    """Return what is wrong with a message's blocks."""
    faults = list(_block_faults(blocks, "message", MESSAGE_BLOCKS, "/blocks", least=0))
    if faults:
        return faults
    whole = cast(list[Json], blocks)
    if sum(block["type"] == "table" for block in whole) > 1:
        faults.append(fault("only one table allowed in a message", "/blocks"))
    for index, block in enumerate(whole):
        if block["type"] == "table" and len(read_blocks([block], {})) > TABLE_CHARACTERS:
            faults.append(fault(f"must be less than {TABLE_CHARACTERS + 1} characters", f"/blocks/{index}/rows"))
    if sum(len(block["text"]) for block in whole if block["type"] == "markdown") > MARKDOWN_CHARACTERS:
        faults.append(fault(f"markdown blocks must be less than {MARKDOWN_CHARACTERS + 1} characters", "/blocks"))
    return faults


def blocks_too_long(blocks: list[Json]) -> bool:
    """Return whether the texts of all blocks but markdown are more than Slack takes in one message."""
    return len(read_blocks([block for block in blocks if block["type"] != "markdown"], {})) > BLOCK_CHARACTERS


def view_faults(view: Any) -> list[str]:
    """Return what is wrong with a view, blocks included."""
    if not isinstance(view, dict):
        return [fault("must be an object", "/view")]
    body = cast(Json, view)
    faults = list(_VIEW_TYPE(body.get("type"), "/view/type"))
    if faults:
        return faults
    surface: Surface = body["type"]
    faults += (_MODAL if surface == "modal" else _HOME)(body, "/view")
    if "blocks" in body:
        faults += _block_faults(body["blocks"], surface, VIEW_BLOCKS, "/view/blocks", least=1)
    if not faults and surface == "modal" and not body.get("submit"):
        faults += (
            fault("a submit button is required when the view has an input block", f"/view/blocks/{index}")
            for index, block in enumerate(cast(list[Json], body["blocks"]))
            if block["type"] == "input"
        )
    return faults


def _block_faults(value: Any, surface: Surface, most: int, pointer: str, *, least: int) -> Iterator[str]:
    faults = list(listing(typed(BLOCKS, _SURFACES[surface]), most, least)(value, pointer))
    yield from faults or _doubled(cast(list[Json], value), pointer)


def _doubled(blocks: list[Json], pointer: str) -> Iterator[str]:
    """Yield block ids that occur twice, and action ids that occur twice in one block."""
    seen: set[str] = set()
    for index, block in enumerate(blocks):
        block_id = block.get("block_id")
        if block_id is not None and block_id in seen:
            yield fault(f"block_id {block_id!r} already exists for another block", f"{pointer}/{index}/block_id")
        seen.add(block_id or "")
        actions: set[str] = set()
        for element in elements_of(block):
            action_id = element.get("action_id")
            if action_id is not None and action_id in actions:
                yield fault(f"action_id {action_id!r} already exists in this block", f"{pointer}/{index}/elements")
            actions.add(action_id or "")


def elements_of(block: Json) -> list[Json]:
    """Return the elements of a block that a person can act on, in the order in which they stand."""
    found: list[Json] = [*(block.get("elements") or ()), *(block.get("actions") or ())]
    found += [block[place] for place in ("accessory", "element") if block.get(place)]
    return [one for one in found if one["type"] in _ACTED_ON] if block["type"] != "rich_text" else []


_ACTED_ON = {*INTERACTIVE, *TYPED_IN, *CONTEXT_ACTIONS}


def with_ids(blocks: list[Json]) -> list[Json]:
    """Return the blocks with a block_id each and an action_id for each element, as Slack gives them to those without."""
    return [_with_ids(block, index) for index, block in enumerate(blocks)]


def _with_ids(block: Json, index: int) -> Json:
    named: Json = {"block_id": f"b{index}", **block}
    if named["type"] == "rich_text":
        return named
    for place in ("elements", "actions"):
        if place in named:
            named[place] = [_with_action_id(one, f"a{index}.{place}.{at}") for at, one in enumerate(named[place])]
    for place in ("accessory", "element"):
        if named.get(place):
            named[place] = _with_action_id(named[place], f"a{index}.{place}")
    return named


def _with_action_id(element: Json, action_id: str) -> Json:
    return {"action_id": action_id, **element} if element["type"] in _ACTED_ON else element
