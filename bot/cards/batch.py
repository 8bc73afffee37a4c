"""Several actions of one message: a line each, to be decided one at a time, all together, or in a dialog one by one."""

from collections.abc import Sequence
from datetime import timedelta
from typing import TypeVar

from agent.decide.moves import Card
from agent.types import Magnitude
from bot.cards.block_kit import (
    CONFIRM_CHARACTERS,
    SlackBlock,
    button,
    confirm,
    context,
    header,
    line_with,
    rich_line,
    rich_text,
)
from bot.cards.closed_row import closed_blocks
from bot.cards.harmless_text import FSI, PDI, cut
from bot.cards.magnitude import magnitude_in_words, short_magnitude, total
from bot.cards.open_row import (
    asked_in_words,
    deciding_button,
    effect_parts,
    standing,
    what_blocks,
    why_in_words,
)
from bot.cards.row import HEADLINE_CHARACTERS, Row
from bot.cards.sources import PROPOSED_AFTER_READING
from bot.cards.values import BETWEEN, TextRoom

SAME_TIME = timedelta(minutes=1)  # proposals of one turn end a few moments apart
NO_END = {BETWEEN.strip(), FSI, PDI}  # what an end of a headline may not hold: it would look like how much, or have lost its half
LINKING = frozenset({"at", "for", "from", "in", "of", "on", "to", "with"})  # what a common end of headlines begins with


def batch_blocks(rows: Sequence[Row], room: TextRoom, read: Sequence[SlackBlock], *, sources_whole: bool) -> list[SlackBlock]:
    """Return the message. `read`: the sources of all of them; `sources_whole`: none is left out there."""
    undecided = [row for row in rows if row.open]
    effect = _same([tuple(effect_parts(row, room)) for row in undecided])
    asked = _same([_asked(row.card, undecided, room) for row in undecided])
    why = _same([tuple(block["text"] for block in why_in_words(row.card, room)) for row in undecided])
    once = asked is not None and why is not None
    blocks = [header(batch_headline(rows)), *read]
    if effect:
        blocks.insert(1, rich_text([rich_line(("Each of them: ", False), *effect)], "effect"))
    all_whole = sources_whole
    for number, row in enumerate(rows, 1):
        blocks.append({"type": "divider"})
        if not row.open:
            blocks += closed_blocks(row, f"{number}. ")
            continue
        what, whole = what_blocks(row, room, on_lines=True)
        whole = whole and sources_whole
        all_whole = all_whole and whole
        line = f"{number}. {cut(row.texts.headline, min(HEADLINE_CHARACTERS, room.prose))}"
        told = [] if once else [asked_in_words(row.card, row.card.expires_at, room)]
        told += standing(row, room)
        own = [] if effect is not None else effect_parts(row, room)
        blocks += [
            line_with(line, _unstressed(deciding_button(row, whole=whole)), f"decide:{row.card.action_id}"),
            *what,
            *([rich_text([rich_line(*own)], f"effect:{row.card.action_id}")] if own else []),
            *([context("\n".join(told), *([] if once else why_in_words(row.card, room)))] if told else []),
        ]
    if not undecided:
        return blocks
    below = [context(asked, *why_in_words(undecided[0].card, room))] if once and asked else []
    return [*blocks, {"type": "divider"}, *below, *_pressed_together(undecided, all_whole=all_whole)]


def _unstressed(pressed: SlackBlock) -> SlackBlock:
    """Return the button of a row without the colour of the one that decides them all; a warning keeps its own."""
    return {name: value for name, value in pressed.items() if (name, value) != ("style", "primary")}


def _asked(card: Card, undecided: Sequence[Row], room: TextRoom) -> str:
    """Return who asked for it and who decides; of several that end at about the same time, until the earliest end."""
    ends = sorted(row.card.expires_at for row in undecided)
    return asked_in_words(card, ends[0] if ends[-1] - ends[0] <= SAME_TIME else card.expires_at, room)


Alike = TypeVar("Alike")


def _same(said: Sequence[Alike]) -> Alike | None:
    """Return what several rows say, if it is the same."""
    return said[0] if len(said) > 1 and all(one == said[0] for one in said) else None


def batch_headline(rows: Sequence[Row]) -> str:
    """Return how many actions wait, of what and for whom, and what they come to: "2 of 3 orders for Ada Byron · $265.00"."""
    undecided = [row for row in rows if row.open]
    counted = undecided or rows
    of = f"{len(undecided)} of {len(rows)}" if 0 < len(undecided) < len(rows) else str(len(rows))
    made = {row.tool.several if row.tool is not None else "" for row in rows}
    things = made.pop() if len(made) == 1 else ""
    what = f"{of} {things}{_common_end(rows)}" if things else f"{of} actions"
    state = ("" if things else " to decide") if undecided else ", none waits any more"
    amount = _total(counted)
    return BETWEEN.join((f"{what}{state}", *([magnitude_in_words(amount)] if amount is not None else [])))


def _common_end(rows: Sequence[Row]) -> str:
    """Return the last words that all headlines share, from a word on that links: " for Ada Byron"."""
    words = [row.texts.subject.split(" ") for row in rows]
    shared = 0
    while all(shared < len(each) and each[-1 - shared] == words[0][-1 - shared] for each in words):
        shared += 1
    end = words[0][len(words[0]) - shared :]
    linked = next((at for at, word in enumerate(end) if word in LINKING), None)
    words_of_it = "" if linked is None else " " + " ".join(end[linked:])
    return "" if set(words_of_it) & NO_END else words_of_it


def _total(rows: Sequence[Row]) -> Magnitude | None:
    return total(row.card.preview.magnitude if row.card.preview is not None else None for row in rows)


def _pressed_together(undecided: Sequence[Row], *, all_whole: bool) -> list[SlackBlock]:
    """Return what decides them together, if the same people decide all of it and all of it can be undone; and what opens them one
    by one."""
    ids = ",".join(row.card.action_id for row in undecided)
    one_by_one = button("one_by_one", "One by one…", ids)
    alike = len({_decided_alike(row.card) for row in undecided}) == 1
    undoable = all(row.tool is not None and not row.irreversible for row in undecided)
    together = all_whole and len(undecided) > 1 and alike and undoable
    elements = [*([_approve_all(undecided, ids)] if together else []), one_by_one]
    return [{"type": "actions", "block_id": "together", "elements": elements}]


def _approve_all(undecided: Sequence[Row], ids: str) -> SlackBlock:
    """Return one button for all that is open. It asks once more, naming each."""
    verbs = {row.wording.verb for row in undecided}
    verb, _, things = (verbs.pop() if len(verbs) == 1 else "Approve").partition(" ")
    several = {row.tool.several for row in undecided if row.tool is not None}
    alike = not things or (len(several) == 1 and all(several))  # "Place all 3" says enough below "3 orders"
    label = f"{verb if alike else 'Approve'} all {len(undecided)}"
    amount = _total(undecided)
    share = CONFIRM_CHARACTERS // len(undecided) - 3
    listed = "\n".join(f"• {cut(row.texts.headline, share)}" for row in undecided)
    if read := ", ".join(dict.fromkeys(row.texts.sources for row in undecided if row.texts.sources)):
        listed = f"{PROPOSED_AFTER_READING} {cut(read, share)}\n{listed}"
    shown = BETWEEN.join((label, *([short_magnitude(amount)] if amount is not None else [])))
    return {**button("approve_all", shown, ids, style="primary"), "confirm": confirm(f"{label}?", listed, label)}


def _decided_alike(card: Card) -> tuple[object, ...]:
    """Return what makes the same people's click count for two actions in the same way."""
    verdict = card.verdict
    requesters = frozenset(card.requesters) if verdict.approvers.requester is not None else frozenset[str]()
    return verdict.approvers, verdict.quorum, verdict.rejections, card.escalated, requesters
