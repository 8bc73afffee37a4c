"""The dialogs that hold all of an action: *Review*, whose submit approves, and *Details*, for everybody who sees its card."""

from collections.abc import Iterable, Iterator

from agent.decide.for_cards import card
from agent.decide.moves import Card
from agent.session.state import ActionState
from agent.session.steps import ProposedAction
from agent.tool.definition import Effect, Result, Tool, Tools
from agent.types import Change
from bot.cards.block_kit import SlackBlock, block_characters, context, modal
from bot.cards.boxes import MODAL_BLOCKS, MODAL_CHARACTERS, TITLE_CHARACTERS, Titled, fitting_boxes, in_boxes
from bot.cards.endings import ENDINGS
from bot.cards.harmless_text import cut, visible
from bot.cards.people import by_whom, decided_until, people, slack_time, who_may_decide
from bot.cards.row import headline, wording_of
from bot.cards.schema import argument_names
from bot.cards.values import (
    Mask,
    argument_name,
    change_text,
    named_values,
    one_line,
    plain_text,
    source_name,
    unmasked,
    value_text,
)

SUBMIT_CHARACTERS = 24
ELEMENT_CHARACTERS = 2_000  # of mrkdwn in a context block
EVERYBODY = 10_000  # people are named, all of them
HIDDEN = ":lock: Personal data is hidden here."


def details_view(card: Card, tool: Tool | None, mask: Mask = unmasked) -> SlackBlock:
    """Return the dialog of everything about an action, open or decided, that its card has no room for: masked as its place is."""
    titled = _everything(card, tool, mask)
    hidden = mask is not unmasked and titled != _everything(card, tool, unmasked)
    people_said = [context(part) for text in _people_said(card) for part in _sentences(text)]
    about = [*([context(HIDDEN)] if hidden else []), *people_said]
    return modal("details", "Details", [*fitting_boxes(titled, len(about) + 1), *about], close="Close")


def _everything(card: Card, tool: Tool | None, mask: Mask) -> list[tuple[str, str]]:
    """Return each text with its title: what the approval covers, what came of it, and last the model's own words."""
    bound = card.preview.bound if card.preview is not None else {}
    result = Result.of_text(card.result) if card.result else None
    return [
        *_bound(card, tool, mask),
        *((f"It stands for: {argument_name(name)}", value_text(value, mask)) for name, value in bound.items()),
        ("Its digest", card.digest),
        *([("The reason that was given", visible(mask(card.reason)))] if card.reason else []),
        *([("What came of it", value_text(result.result if result.ok else str(result.detail), mask))] if result else []),
        *_model_words(card, mask),
    ]


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
    longest = max(len(text) for _, text in (*bound, *told))
    about = [context(part) for text in _people_said(card) for part in _sentences(text)]
    return [*in_boxes(bound, longest), *about, *in_boxes(told, longest)]


def _people_said(card: Card) -> list[str]:
    return [
        f"Asked by {people(card.requesters, EVERYBODY)}",
        *([f"Arguments edited by {people([card.edited_by])}"] if card.edited_by else []),
        _who_decides_or_did(card),
    ]


def _who_decides_or_did(card: Card) -> str:
    """Return who is to decide until when, or how it ended."""
    if card.look == "pending":
        return decided_until(who_may_decide(card.verdict, card.requesters, EVERYBODY), card.expires_at)
    return ENDINGS[card.look].on_card(by_whom(card, EVERYBODY), slack_time(card.decided_at) if card.decided_at else "")


def _bound(card: Card, tool: Tool | None, mask: Mask = unmasked) -> list[tuple[str, str]]:
    """Return each text with its title. Ours are never a plain word: an argument of any name cannot pass for one of them."""
    wording = wording_of(card, tool)
    titled = [("In one line", headline(card, tool, mask))]
    does = one_line(" ".join(part for part in (wording.consequence, wording.undo) if part), unmasked)
    titled += [("What it does", does)] if does else []
    titled += [("Its button says", verb)] if len(verb := visible(wording.verb)) > SUBMIT_CHARACTERS else []
    titled += _change_texts("Not as it was shown before", card.changed, mask)
    titled += named_values(card.arguments, mask, argument_names(tool) if tool is not None else ())
    if card.preview is not None:
        titled += _change_texts("Would change", card.preview.changes, mask)
        titled += [("No preview", one_line(card.preview.trouble, mask))] if card.preview.trouble else []
    titled += [("Read before it was proposed, from outside, unchecked", source_name(source, mask)) for source in card.sources]
    titled += [("Why people are asked", one_line(card.verdict.reason, unmasked))] if card.verdict.reason else []
    rule = one_line(card.verdict.rule, unmasked)
    return [*titled, ("By which rule", rule), ("Which tool", f"{one_line(card.tool, unmasked)} ({wording.effect})")]


def _model_words(card: Card, mask: Mask = unmasked) -> list[tuple[str, str]]:
    return [("The model's own words (not checked)", visible(mask(card.said)))] if card.said else []


def _change_texts(label: str, changes: Iterable[Change], mask: Mask) -> list[tuple[str, str]]:
    """Return what is different before and after, each text under its title."""
    return [
        (f"{label}: {change_text(change, mask)[0]}, {when}", plain_text(mask(text)))
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
