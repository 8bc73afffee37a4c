"""The same person in front of the dialogs that *Review…* and *Details* open: everything is in boxes, each under its title."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from tests.unit.card_eye import (
    Block,
    Seen,
    UnreadableError,
    cell_of,
    deciders_in,
    drawn,
    headline_of,
    json_of,
    meant,
    mentioned,
    name_of,
    prose,
    small_print,
    source_of,
    text_of,
    value_of,
)

CHANGED, CHANGES = "Not as it was shown before", "Would change"
READ = "Read before it was proposed, from outside, unchecked"


def read_dialog(view: Block, needed: tuple[int, int]) -> Seen:
    """Return what the dialog says; the card behind it only says how many people are `needed`."""
    seen = Seen("review", needed=needed, verb=meant(prose(view["submit"]["text"])) if "submit" in view else "")
    changes: dict[str, list[tuple[str, str, str]]] = {CHANGED: [], CHANGES: []}
    before = ""
    for title, text in _titled(view["blocks"]):
        label, _, rest = title.partition(": ")
        what, _, when = rest.rpartition(", ")
        match title:
            case "In one line":
                headline, magnitude = headline_of(text)
                seen = replace(seen, headline=headline, magnitude=magnitude)
            case "What it does":
                seen = replace(seen, does=meant(text))
            case "Its button says":
                seen = replace(seen, verb=meant(text))
            case "No preview":
                seen = replace(seen, trouble=meant(text))
            case "Why people are asked":
                seen = replace(seen, reason=meant(text))
            case "By which rule":
                seen = replace(seen, rule=meant(text))
            case "Which tool":
                tool, _, effect = text.rpartition(" (")
                seen = replace(seen, tool=meant(tool), effect=effect.removesuffix(")"))
            case "The model's own words (not checked)" | "Its digest":
                pass
            case _ if label == "It stands for":
                pass
            case _ if title == READ:
                seen = replace(seen, sources=(*seen.sources, source_of(text)))
            case _ if label in changes and when == "before":
                before = str(_string(text))
            case _ if label in changes and when == "after":
                name = cell_of(what)[0] or ""
                changes[label].append((name, before, _string(text)))
                before = ""
            case _ if title.startswith('"') or re.fullmatch(r"[A-Za-z0-9_.-]+", title):
                seen = replace(seen, arguments=(*seen.arguments, (name_of(title), json_of(value_of(text)))))
            case _:
                raise UnreadableError(title)
    seen = replace(seen, changed=tuple(changes[CHANGED]), changes=tuple(changes[CHANGES]), sources=_once(seen.sources))
    seen = replace(seen, arguments=tuple(sorted(seen.arguments)))
    return _said_of_people(" ".join(text for text, _ in small_print(view["blocks"])), seen)


def _once(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _string(seen: str) -> str:
    """Return the text that a text in a box stands for, where it can be nothing but a text."""
    text = meant(seen)
    if text.startswith('"""\n') and text.endswith('\n"""'):
        return text[4:-4]
    return json.loads(text) if text.startswith('"') and "\n" not in text else text


def _titled(blocks: Sequence[Block]) -> Iterator[tuple[str, str]]:
    """Yield each text with its title, put together from its pieces."""
    title, pieces = "", list[str]()
    for element in (one for block in blocks if block["type"] == "rich_text" for one in block["elements"]):
        if element["type"] == "rich_text_section":
            title = prose(text_of(element))
            continue
        piece = re.fullmatch(r"(.*) \((\d+) of (\d+)\)", title)
        pieces.append(drawn(text_of(element)))
        if piece is None or piece[2] == piece[3]:
            yield piece[1] if piece else title, "".join(pieces)
            pieces = []


def _said_of_people(text: str, seen: Seen) -> Seen:
    found = re.search(
        r"(?P<once>\*This cannot be undone\.\* )?Asked by (?P<asked>.*?)(?: Arguments edited by <@(?P<edited>\w+)>)?"
        r" To be decided by (?P<who>.*), until <!date\^(?P<until>\d+)\^",
        text,
    )
    if found is None:
        raise UnreadableError(text)
    seen = replace(seen, requesters=mentioned(found["asked"]), edited_by=found["edited"] or "", until=int(found["until"]))
    return replace(seen, deciders=deciders_in(found["who"]), warned=bool(found["once"]))
