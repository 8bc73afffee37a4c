"""What somebody presses who means something by its name: a button, or what a menu offers."""

from collections.abc import Sequence
from typing import TypedDict

from bot.sandbox.slack.blocks import elements_of
from bot.sandbox.slack.wire import Json


class Pressed(TypedDict):
    """What a click names: an element, and its value."""

    action_id: str
    block_id: str
    value: str


def pressed(blocks: Sequence[Json], name: str, of: str | None = None) -> Pressed | None:
    """Return how to click it: a button of this action_id, or an option of a menu whose value is this name, a colon and what it is
    `of`. None: nothing here is called that. `of` None: whatever it is of.
    """
    for block in blocks:
        for element in elements_of(block):
            element_id, block_id = str(element["action_id"]), str(block["block_id"])
            if element["action_id"] == name and of in (None, element.get("value")):
                return {"action_id": element_id, "block_id": block_id, "value": str(element.get("value") or "")}
            for option in element.get("options") or ():
                word, _, action = str(option["value"]).partition(":")
                if element["type"] == "overflow" and word == name and of in (None, action):
                    return {"action_id": element_id, "block_id": block_id, "value": str(option["value"])}
    return None
