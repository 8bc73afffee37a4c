"""The dialog of a card that is not whole: everything that the approval covers, and its submit is the approval."""

from collections.abc import Iterable, Iterator, Sequence

from agent.decide.for_cards import card
from agent.decide.moves import Card
from agent.session.state import ActionState
from agent.session.steps import ProposedAction
from agent.tool.definition import Effect, Tool, Tools
from agent.types import Change
from bot.cards.block_kit import SlackBlock, block_characters, context, modal, preformatted, rich_line, rich_text
from bot.cards.harmless_text import cut, ends_seen, visible
from bot.cards.people import decided_until, people, who_may_decide
from bot.cards.row import headline, wording_of
from bot.cards.values import argument_name, change_text, one_line, plain_text, source_name, unmasked, value_text

PIECE_CHARACTERS = 2_800
TITLE_CHARACTERS = 1_000
MODAL_BLOCKS = 100
MODAL_CHARACTERS = 200_000  # Slack takes a view of 250 kB; JSON around the text takes its share (reference: Slack, Limits)
SUBMIT_CHARACTERS = 24
ELEMENT_CHARACTERS = 2_000  # of mrkdwn in a context block

Titled = Sequence[tuple[str, str]]  # a title, and the text below it


def review_view(card: Card, tool: Tool | None) -> SlackBlock:
    """Return the dialog of a card that could not show all of it: everything whole and unmasked. Its submit approves."""
    verb = visible(wording_of(card, tool).verb)
    irreversible = wording_of(card, tool).effect == Effect.IRREVERSIBLE
    once_more = [context(":rotating_light: *This cannot be undone.*")] if irreversible else []
    blocks = [*once_more, *_whole_blocks(card, _bound(card, tool), _model_words(card))]
    submit = cut(verb, SUBMIT_CHARACTERS)
    return modal("review", "Review", blocks, close="Go back", submit=submit, metadata=card.action_id)


def fits_a_dialog(card: Card, tool: Tool | None) -> bool:
    """Return whether Slack's dialog holds all of a card. What it does not hold nobody can be asked about."""
    bound = _bound(card, tool)
    blocks = _whole_blocks(card, bound, _model_words(card))
    titled = all(len(title) <= TITLE_CHARACTERS for title, _ in bound)
    return titled and len(blocks) < MODAL_BLOCKS and block_characters(blocks) <= MODAL_CHARACTERS


def _whole_blocks(card: Card, bound: Titled, told: Titled) -> list[SlackBlock]:
    """Return everything that an approval covers: what, to which effect, what is different, from which sources, by whom, until
    when; and last, labelled, the model's own words."""
    everybody = 10_000
    people_said = [
        f"Asked by {people(card.requesters, everybody)}",
        *([f"Arguments edited by {people([card.edited_by])}"] if card.edited_by else []),
        decided_until(who_may_decide(card.verdict, card.requesters, everybody), card.expires_at),
    ]
    longest = max(len(text) for _, text in (*bound, *told))
    about = [context(part) for text in people_said for part in _sentences(text)]
    return [*in_boxes(bound, longest), *about, *in_boxes(told, longest)]


def _bound(card: Card, tool: Tool | None) -> list[tuple[str, str]]:
    """Return each text with its title. Ours are never a plain word: an argument of any name cannot pass for one of them."""
    wording = wording_of(card, tool)
    titled = [("In one line", headline(card, tool))]
    does = one_line(" ".join(part for part in (wording.consequence, wording.undo) if part), unmasked)
    titled += [("What it does", does)] if does else []
    titled += [("Its button says", verb)] if len(verb := visible(wording.verb)) > SUBMIT_CHARACTERS else []
    titled += change_texts("Not as it was shown before", card.changed)
    titled += [(argument_name(name), value_text(value, unmasked)) for name, value in card.arguments.items()]
    if card.preview is not None:
        titled += change_texts("Would change", card.preview.changes)
        titled += [("No preview", one_line(card.preview.trouble, unmasked))] if card.preview.trouble else []
    titled += [("Read before it was proposed, from outside, unchecked", source_name(source, unmasked)) for source in card.sources]
    titled += [("Why people are asked", one_line(card.verdict.reason, unmasked))] if card.verdict.reason else []
    rule = one_line(card.verdict.rule, unmasked)
    return [*titled, ("By which rule", rule), ("Which tool", f"{one_line(card.tool, unmasked)} ({wording.effect})")]


def _model_words(card: Card) -> list[tuple[str, str]]:
    return [("The model's own words (not checked)", visible(card.said))] if card.said else []


def change_texts(label: str, changes: Iterable[Change]) -> list[tuple[str, str]]:
    """Return what is different before and after, each text under its title."""
    return [
        (f"{label}: {change_text(change, unmasked)[0]}, {when}", plain_text(text))
        for change in changes
        for when, text in (("before", change.before), ("after", change.after))
        if text or when == "after"  # which ends a change, so that two of them never read as one
    ]


def _sentences(text: str) -> Iterator[str]:
    """Yield a text of ours in pieces that one element takes, cut between words: a mention holds no space."""
    line = ""
    for word in text.split(" "):
        if line and len(line) + len(word) >= ELEMENT_CHARACTERS:
            yield line
            line = ""
        line = f"{line} {word}" if line else word
    yield line


def can_show(proposed: ProposedAction, tools: Tools) -> bool:
    """Return whether there is a card or dialog that holds all of an action."""
    return fits_a_dialog(card(ActionState(proposed)), tools.get(proposed.tool))


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
