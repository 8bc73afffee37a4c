"""An action that is decided, in two lines: what it was and what came of it, by whom and when. The rest is in Details."""

import re

from bot.cards.block_kit import SlackBlock, button, context, line_with, literal_text
from bot.cards.endings import ENDINGS
from bot.cards.harmless_text import cut
from bot.cards.people import by_whom, slack_clock
from bot.cards.row import Row
from bot.cards.values import BETWEEN, cut_in_the_middle

CARD_CHARACTERS = 120  # of both lines, as people see them
HEADLINE_SHARE, TOLD_SHARE = 40, 24  # that is left to the headline where there is room, and to what was told in any case
MOST_PEOPLE = 3
DETAILS = "Details"
# What a mention and a time in Slack's own spelling come to on the screen.
_DRAWN = ((re.compile(r"<@[^>]*>"), "@" + "x" * 5), (re.compile(r"<!date\^[^>]*>"), "06:54 UTC"))


def closed_blocks(row: Row, number: str = "") -> list[SlackBlock]:
    """Return an action that is decided. `number`: of its row, where there are several."""
    ending, texts = ENDINGS[row.card.look], row.texts
    said = ending.on_card(*_by_and_at(row))
    before = f"{ending.icon} {number}"
    behind = "".join(f"{BETWEEN}{part}" for part in (texts.magnitude, texts.receipt) if part)
    left = CARD_CHARACTERS - drawn_characters(said) - len(before) - len(behind) - len(DETAILS) - (1 if texts.told else 0)
    told = cut(re.sub(r"\n+", " ", texts.told), max(TOLD_SHARE, left - min(len(texts.subject), HEADLINE_SHARE)))
    headline = cut_in_the_middle(texts.subject, max(TOLD_SHARE, left - len(told)))
    details = button("details", DETAILS, row.card.action_id)
    return [
        line_with(f"{before}{headline}{behind}", details, f"closed:{row.card.action_id}"),
        context(said, *([literal_text(told)] if told else [])),
    ]


def drawn_characters(mrkdwn: str) -> int:
    """Return about how many characters people see of a sentence of ours."""
    for spelled, seen in _DRAWN:
        mrkdwn = spelled.sub(seen, mrkdwn)
    return len(mrkdwn)


def _by_and_at(row: Row) -> tuple[str, str]:
    """Return who decided, and when."""
    at = row.card.decided_at
    return by_whom(row.card, MOST_PEOPLE), slack_clock(at) if at else ""
