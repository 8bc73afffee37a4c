"""What stood on people's screens, block by block, and what a person can read there. None of our code is asked how it is read."""

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

ISOLATES = str.maketrans("", "", "\u2068\u2069")
SPELLED = re.compile("⟨U\\+([0-9A-F]{4,6})⟩")


@dataclass(frozen=True)
class Screen:
    """A message with cards as it stood there from a moment on, or a dialog that one person opened."""

    at: datetime
    blocks: list[dict[str, Any]]
    action_ids: frozenset[str]
    reader: str = ""  # empty: everybody in the channel

    def buttons(self, action_id: str) -> frozenset[str]:
        """Return what can be clicked for an action: buttons by their id, and what menus offer by its word."""
        buttons = {
            each["action_id"] for each in _every(self.blocks, "button") if action_id in str(each.get("value", "")).split(",")
        }
        options = (str(option["value"]).partition(":") for each in _every(self.blocks, "overflow") for option in each["options"])
        return frozenset(buttons | {word for word, _, of in options if of == action_id})

    def texts(self) -> list[str]:
        """Return its text, character by character."""
        return [text for text, _ in _texts(self.blocks)]

    def open_texts(self) -> list[str]:
        """Return the texts without the two blocks of each action that is over: its line, and what came of it below."""
        over = [str(each.get("block_id")).startswith("closed:") for each in self.blocks]
        below = [False, *over]
        left = [each for each, *closed in zip(self.blocks, over, below, strict=False) if not any(closed)]
        return [text for text, _ in _texts(left)]

    def says(self, text: str) -> bool:
        """Whether a sentence stands there whole."""
        return any(text in meant(shown) for shown in self.texts())

    def has(self, name: str, value: Any) -> bool:
        """Whether an argument stands there whole: on a line behind its name, in a line of a table, or in a box below its name."""
        text = _written(value)
        texts = [(meant(shown), boxed) for shown, boxed in _texts(self.blocks)]
        if any(re.search(rf"^{re.escape(name)} +{re.escape(text)}$", shown, re.MULTILINE) for shown, boxed in texts if boxed):
            return True
        pairs = itertools.pairwise(shown for shown, _ in texts)
        if any((before, behind) == (name, f": {text}") for before, behind in pairs):
            return True
        if value in (None, "", [], {}) and any(shown == f"no {name}" for shown, _ in texts):
            return True
        titled = any(title == name and box == text for (title, _), (box, boxed) in itertools.pairwise(texts) if boxed)
        return titled or (len(text) > 60 and text in "".join(shown for shown, boxed in texts if boxed))  # in several pieces

    def holds(self, arguments: Mapping[str, Any]) -> bool:
        """Whether all of them stand there whole."""
        return all(self.has(name, value) for name, value in arguments.items())


def _written(value: Any) -> str:
    """Return a value as it stands on a card: a string as it is, but in quotes where it reads as JSON, and else as JSON."""
    if isinstance(value, str):
        try:
            json.loads(value)
        except ValueError:
            return value
    return json.dumps(value)


def meant(shown: str) -> str:
    """Return the text that is meant by what is shown: what was spelled out is put back."""
    return SPELLED.sub(lambda found: chr(int(found[1], 16)), shown.translate(ISOLATES))


def _texts(blocks: Any, *, boxed: bool = False) -> Iterator[tuple[str, bool]]:
    """Every text in the blocks, and whether it stands in a box where nothing is formatted."""
    match blocks:
        case list():
            for each in cast(list[Any], blocks):
                yield from _texts(each, boxed=boxed)
        case dict():
            fields = cast(dict[str, Any], blocks)
            boxed = boxed or fields.get("type") == "rich_text_preformatted"
            for name, value in fields.items():
                if name == "text" and isinstance(value, str):
                    yield value, boxed
                else:
                    yield from _texts(value, boxed=boxed)
        case _:
            pass


def _every(blocks: Any, kind: str) -> Iterator[dict[str, Any]]:
    """Every object of a type."""
    match blocks:
        case list():
            for each in cast(list[Any], blocks):
                yield from _every(each, kind)
        case dict():
            fields = cast(dict[str, Any], blocks)
            if fields.get("type") == kind:
                yield fields
            for value in fields.values():
                yield from _every(value, kind)
        case _:
            pass
