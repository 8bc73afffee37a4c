"""An action that is decided, in two lines: what it was and what came of it, by whom and when. The rest is in Details."""

import re
from collections.abc import Sequence

from bot.cards.block_kit import SlackBlock, button, context, line_with, literal_text
from bot.cards.endings import ENDINGS
from bot.cards.harmless_text import cut
from bot.cards.people import people, slack_time
from bot.cards.row import Row
from bot.cards.values import BETWEEN, cut_in_the_middle

CARD_CHARACTERS = 120  # of both lines, as people see them
LEAST_CHARACTERS = 40  # of the headline
TOLD_CHARACTERS = 60  # of a reason, or of what went wrong
MOST_PEOPLE = 3
DETAILS = "Details"
# What a mention and a time in Slack's own spelling come to on the screen.
_DRAWN = ((re.compile(r"<@[^>]*>"), "@" + "x" * 7), (re.compile(r"<!date\^[^>]*>"), "Nov 22 at 6:54 PM"))


def closed_blocks(row: Row, number: str = "") -> list[SlackBlock]:
    """Return an action that is decided. `number`: of its row, where there are several."""
    ending, told = ENDINGS[row.card.look], _why_in_short(row)
    below = BETWEEN.join((ending.on_card(*_by_and_at(row)), *([told] if told else [])))
    before, behind = f"{ending.icon} {number}", "".join(f"{BETWEEN}{part}" for part in _behind(row))
    left = CARD_CHARACTERS - drawn_characters(below) - len(before) - len(behind) - len(DETAILS)
    line = f"{before}{cut_in_the_middle(row.texts.subject, max(LEAST_CHARACTERS, left))}{behind}"
    details = button("details", DETAILS, row.card.action_id)
    small = [ending.on_card(*_by_and_at(row)), *([literal_text(told)] if told else [])]
    return [line_with(line, details, f"closed:{row.card.action_id}"), context(*small)]


def drawn_characters(mrkdwn: str) -> int:
    """Return about how many characters people see of a sentence of ours."""
    for spelled, seen in _DRAWN:
        mrkdwn = spelled.sub(seen, mrkdwn)
    return len(mrkdwn)


def _behind(row: Row) -> Sequence[str]:
    return [*filter(None, (row.texts.magnitude, row.texts.receipt))]


def _why_in_short(row: Row) -> str:
    return cut(re.sub(r"\n+", " ", row.texts.told), TOLD_CHARACTERS)


def _by_and_at(row: Row) -> tuple[str, str]:
    """Return who decided, and when."""
    card = row.card
    voted = {"rejected": card.rejecters, "expired": (), "withdrawn": (), "edited": ()}.get(card.look, card.voters)
    decided_by = voted or tuple(filter(None, [card.decided_by]))
    by = f" by {people(decided_by, MOST_PEOPLE)}" if decided_by else ""
    return by, slack_time(card.decided_at) if card.decided_at else ""
