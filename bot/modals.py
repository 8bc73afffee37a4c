"""Dialogs about one action: the reason of a rejection, and everything whole that a card had to cut or hide."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from agent.types import Preview
from bot.arguments import name_of, unmasked, value_text
from bot.block_kit import Block, context, line, preformatted, rich_text, section
from bot.plain import cut, visible

PIECE_CHARACTERS = 2_800
TITLE_CHARACTERS = 1_000
VALUE_CHARACTERS = (2_800, 1_200, 300, 60, 10)  # where not even the dialog holds everything whole
CUT = "This dialog cannot hold it whole, so long values are cut; reject this if you cannot judge it unseen."
MODAL_BLOCKS = 100


def reject_view(card_headline: str, action_id: str) -> Block:
    """Asks for an optional reason."""
    reason = {"type": "plain_text_input", "action_id": "reason", "multiline": True, "max_length": 1_000}
    label = {"type": "plain_text", "text": "Reason (the agent reads it)"}
    return {
        "type": "modal",
        "callback_id": "reject",
        "private_metadata": action_id,
        "title": {"type": "plain_text", "text": "Reject"},
        "submit": {"type": "plain_text", "text": "Reject"},
        "close": {"type": "plain_text", "text": "Go back"},
        "blocks": [
            section(cut(card_headline, 2_000)),
            {"type": "input", "block_id": "reason", "optional": True, "label": label, "element": reason},
        ],
    }


def arguments_view(values: Mapping[str, Any], preview: Preview | None = None, said: str = "") -> Block:
    """Everything whole and unmasked, in as many pieces as Slack's limit for one block asks for."""
    titled = [(name_of(name), value_text(value, unmasked)) for name, value in values.items()]
    if preview is not None and preview.headline:
        titled.insert(0, ("In one line", visible(preview.headline)))
    for change in preview.changes if preview is not None else ():
        what = f"Would change: {visible(change.what)}"
        titled += [
            (f"{what}, {when}", visible(text)) for when, text in (("before", change.before), ("after", change.after)) if text
        ]
    if said:
        titled.append(("The model's own words (not checked)", visible(said)))
    blocks = _blocks(titled, max((len(text) for _, text in titled), default=0))
    for most in VALUE_CHARACTERS:
        if len(blocks) > MODAL_BLOCKS:
            blocks = [context(CUT), *_blocks(titled, most)]
    return {
        "type": "modal",
        "callback_id": "arguments",
        "title": {"type": "plain_text", "text": "All arguments"},
        "close": {"type": "plain_text", "text": "Close"},
        "blocks": blocks or [context("No arguments.")],
    }


def _blocks(titled: Sequence[tuple[str, str]], most: int) -> list[Block]:
    """Each text under its title, at most so many characters of it."""
    return list(_packed(piece for title, text in titled for piece in _pieces(title, text, most)))


def _pieces(title: str, text: str, most: int) -> Iterator[tuple[str, str]]:
    """A long text under its title, a piece at a time."""
    title = cut(title, TITLE_CHARACTERS) + (f" ({len(text):,} characters, cut here)" if len(text) > most else "")
    shown = text[:most]
    parts = [shown[at : at + PIECE_CHARACTERS] for at in range(0, len(shown), PIECE_CHARACTERS)]
    for number, part in enumerate(parts, 1):
        yield f"{title} ({number} of {len(parts)})" if len(parts) > 1 else title, part


def _packed(pieces: Iterable[tuple[str, str]]) -> Iterator[Block]:
    """A box for each piece; as many in one block as it holds."""
    elements: list[Block] = []
    length = 0
    for title, text in pieces:
        if elements and length + len(title) + len(text) > PIECE_CHARACTERS:
            yield rich_text(elements)
            elements, length = [], 0
        elements += [line((title, True)), preformatted(text)]
        length += len(title) + len(text)
    if elements:
        yield rich_text(elements)
