"""How actions look in Slack. Rendered from the stored calls by trusted code; the model has no say in it.

One message with a row for each action. What others wrote stands in plain text or preformatted, never in mrkdwn.
"""

from agent.decide.moves import Card, Cards
from agent.tool.definition import Tool, Tools
from agent.types import Verdict
from bot.cards.batch import batch_blocks, batch_headline
from bot.cards.block_kit import (
    CONFIRM_CHARACTERS,
    SlackBlock,
    button,
    confirm,
    context,
    header,
    literal_text,
    section,
)
from bot.cards.closed_row import closed_blocks
from bot.cards.harmless_text import cut, escaped
from bot.cards.magnitude import short_magnitude
from bot.cards.open_row import open_blocks
from bot.cards.people import people, slack_time, who_may_decide
from bot.cards.row import MayGrant, Row, headline, row_of
from bot.cards.sources import PROPOSED_AFTER_READING, READ, SOURCES_CHARACTERS, named_sources, sources_block
from bot.cards.values import Mask, TextRoom, arguments_blocks, cut_in_the_middle, fitted, unmasked

__all__ = ["card_blocks", "card_text", "headline", "people", "question_blocks", "question_text", "slack_time", "who_may_decide"]

TEXT_CHARACTERS = 1_000


def never(tool: Tool, verdict: Verdict) -> bool:
    """Return False: there are no grants here."""
    return False


def card_blocks(cards: Cards, tools: Tools, *, mask: Mask = unmasked, may_grant: MayGrant = never) -> list[SlackBlock]:
    """Return the message: what and how much, with exactly which arguments, to which effect; then who decides, and buttons, or how
    it ended. At most five rows.

    `may_grant`: whether such a call may be allowed from now on as well.
    """
    rows = [row_of(card, tools.get(card.tool), mask) for card in cards.rows]
    sources = named_sources(cards, mask)

    def render(room: TextRoom) -> list[SlackBlock]:
        read, all_named = sources_block(sources, room)
        if len(rows) > 1:
            return batch_blocks(rows, room, read, sources_whole=all_named)
        row = rows[0]
        return open_blocks(row, room, read, may_grant, sources_whole=all_named) if row.open else closed_blocks(row)

    return fitted(render)


def card_text(cards: Cards, tools: Tools, mask: Mask = unmasked) -> str:
    """Return the card in one line, for notifications and screen readers: who asks for what, and how many have said yes to it."""
    rows = [row_of(card, tools.get(card.tool), mask) for card in cards.rows]
    if len(rows) == 1:
        return cut(_asks(rows[0]) if rows[0].open else _state(rows[0]), TEXT_CHARACTERS)
    return cut(f"{escaped(batch_headline(rows))}. " + "; ".join(map(_state, rows)), TEXT_CHARACTERS)


def _asks(row: Row) -> str:
    card, preview = row.card, row.card.preview
    magnitude = f", {short_magnitude(preview.magnitude)}" if preview is not None and preview.magnitude is not None else ""
    votes = f" ({len(card.voters)} of {card.verdict.quorum})" if card.verdict.quorum > 1 else ""
    return f"{people(card.requesters)} asks: {escaped(row.texts.subject + magnitude)}{votes}"


def _state(row: Row) -> str:
    return escaped(f"{'Approval needed' if row.open else row.card.look.capitalize()}: {row.texts.headline}")


# ---------------------------------------------------------------------------------------------- unknown outcome


def question_blocks(card: Card, tool: Tool | None, mask: Mask = unmasked) -> list[SlackBlock]:
    """Return the question after an unknown outcome: people say what happened."""
    row = row_of(card, tool, mask)
    return fitted(lambda room: _question_blocks(row, room))


def question_text(card: Card, tool: Tool | None, mask: Mask = unmasked) -> str:
    """Return the question in one line."""
    return escaped(cut(f"Outcome unknown: {headline(card, tool, mask)}", TEXT_CHARACTERS))


def _question_blocks(row: Row, room: TextRoom) -> list[SlackBlock]:
    card = row.card
    explained = (
        "This was started, and its result was lost. It may have happened. It will not be run again unless somebody here says so: "
        "please look where it would have happened, then choose."
    )
    read = f"\n{PROPOSED_AFTER_READING} {row.texts.sources}" if row.texts.sources else ""
    twice = cut_in_the_middle(f"If the first run did happen, it will have happened twice.{read}", CONFIRM_CHARACTERS)
    again = {
        **button("run_again", "Run again", card.action_id),
        "confirm": confirm("Run it a second time?", twice, "Run again"),
    }
    buttons = [button("happened", "It happened", card.action_id), again, button("leave", "Leave it", card.action_id)]
    arguments, whole = arguments_blocks(row.texts.arguments, room, f"arguments:{card.action_id}", empty=row.texts.empty)
    if row.hidden or not whole:
        buttons.append(button("show_all", "Show all", card.action_id))
    hidden = [":lock: Personal data is hidden here. Show all has it whole."] if row.hidden else []
    who = f"To be answered by {who_may_decide(card.verdict, card.requesters, room.people)}."
    if card.verdict.quorum > 1:
        who += f" To run it again takes {card.verdict.quorum} of them."
    return [
        header(f"Outcome unknown: {row.texts.headline}"),
        section(explained),
        *arguments,
        *([context(READ, literal_text(cut(row.texts.sources, SOURCES_CHARACTERS)))] if row.texts.sources else []),
        {"type": "actions", "block_id": f"outcome:{card.action_id}", "elements": buttons},
        context("\n".join([*hidden, who])),
    ]
