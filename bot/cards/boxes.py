"""Texts of any length in a dialog: each in boxes under its title, in pieces that Slack takes."""

from collections.abc import Iterable, Iterator, Sequence

from bot.cards.block_kit import SlackBlock, block_characters, context, preformatted, rich_line, rich_text
from bot.cards.harmless_text import cut, ends_seen

PIECE_CHARACTERS = 2_800
TITLE_CHARACTERS = 1_000
MODAL_BLOCKS = 100
MODAL_CHARACTERS = 200_000  # Slack takes a view of 250 kB; JSON around the text takes its share (reference: Slack, Limits)
VALUE_CHARACTERS = (2_800, 1_200, 300, 60, 10)  # where not even the dialog holds everything whole
CUT = "This dialog cannot hold it whole, so long values are cut; reject this if you cannot judge it unseen."

Titled = Sequence[tuple[str, str]]  # a title, and the text below it


def fitting_boxes(titled: Titled, beside: int) -> list[SlackBlock]:
    """Return each text under its title, whole where a dialog holds that with `beside` other blocks; else cut, which it says."""
    blocks = in_boxes(titled, max((len(text) for _, text in titled), default=0))
    for most in VALUE_CHARACTERS:
        if len(blocks) + beside >= MODAL_BLOCKS or block_characters(blocks) > MODAL_CHARACTERS:
            blocks = [context(CUT), *in_boxes(titled, most)]
    return blocks


def in_boxes(titled: Sequence[tuple[str, str]], most: int) -> list[SlackBlock]:
    """Return each text under its title, at most so many characters of it."""
    return list(_packed(piece for title, text in titled for piece in _titled_pieces(title, text, most)))


def _titled_pieces(title: str, text: str, most: int) -> Iterator[tuple[str, str]]:
    """Yield a long text under its title, a piece at a time; blanks where it is cut are seen."""
    title = cut(title, TITLE_CHARACTERS) + (f" ({len(text):,} characters, cut here)" if len(text) > most else "")
    parts = list(_cut_up(text[:most]))
    for number, part in enumerate(parts, 1):
        piece = ends_seen(part) if len(parts) > 1 else part
        yield f"{title} ({number} of {len(parts)})" if len(parts) > 1 else title, piece


def _cut_up(text: str) -> Iterator[str]:
    """Yield a visible text in pieces that a box takes; what is spelled out, as in `⟨2 spaces⟩`, is never cut."""
    at = 0
    while at < len(text):
        end = at + PIECE_CHARACTERS
        opened = text.rfind("⟨", at, end)
        if end < len(text) and opened > at and "⟩" not in text[opened:end]:
            end = opened
        yield text[at:end]
        at = end


def _packed(pieces: Iterable[tuple[str, str]]) -> Iterator[SlackBlock]:
    """Yield a box for each piece; as many in one block as it holds."""
    elements: list[SlackBlock] = []
    length = 0
    for title, text in pieces:
        if elements and length + len(title) + len(text) > PIECE_CHARACTERS:
            yield rich_text(elements)
            elements, length = [], 0
        elements += [rich_line((title, True)), preformatted(text)]
        length += len(title) + len(text)
    if elements:
        yield rich_text(elements)
