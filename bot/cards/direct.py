"""What those who may decide are told in direct messages: what waits and where, and how it ended."""

from agent.decide.moves import Card, DirectMessage
from agent.text import mention
from agent.tool.definition import Tools
from bot.cards.block_kit import SlackBlock, button, context, rich_line, rich_text
from bot.cards.endings import ENDINGS
from bot.cards.harmless_text import cut, escaped
from bot.cards.links import message_link
from bot.cards.people import by_whom, people, slack_time
from bot.cards.row import HEADLINE_CHARACTERS, headline
from bot.cards.values import Mask

TEXT_CHARACTERS = 1_000


def direct_text(message: DirectMessage, tools: Tools, mask: Mask) -> str:
    """Return the message in one line, for notifications and screen readers."""
    lines = "; ".join(_headline(card, tools, mask) for card in message.cards)
    if not any(card.look == "pending" for card in message.cards):
        return escaped(cut(f"Over: {lines}", TEXT_CHARACTERS))
    return f"{_who_asks(message)} {escaped(cut(lines, TEXT_CHARACTERS))}"


def direct_blocks(message: DirectMessage, tools: Tools, mask: Mask, slack_url: str) -> list[SlackBlock]:
    """Return each action with who may decide until when, or how it ended, and the way to its card. `slack_url`: the workspace's
    address."""
    waiting = [card for card in message.cards if card.look == "pending"]
    blocks: list[SlackBlock] = [context(_who_asks(message))] if waiting else []
    for card in message.cards:
        blocks += [rich_text([rich_line((_headline(card, tools, mask), True))]), context(_how_it_stands(card, message))]
    link = link_to_card(message, slack_url)
    if message.again or not waiting:
        return [*blocks, *([context(f"<{link}|Open the card>")] if link else [])]
    first = waiting[0].action_id
    opened: SlackBlock = {**button("open_card", "Open the card", first, style="primary"), "url": link}
    way = opened if link else button("review", "Review…", first, style="primary")
    elements = [way, button("ask", "Ask a question", first)]
    return [*blocks, {"type": "actions", "block_id": f"direct:{first}", "elements": elements}]


def link_to_card(message: DirectMessage, slack_url: str) -> str:
    """Return the address of the message with the card; empty where the person cannot open it."""
    channel, ts = message.card_at
    if not ts:
        return ""
    thread = message.session.thread_ts if channel == message.session.channel else ""
    return message_link(slack_url, channel, ts, thread)


def _who_asks(message: DirectMessage) -> str:
    """Return who wants a decision of the reader. One that is told again is mentioned: a reply alone notifies nobody."""
    if message.nudged_by:
        return f"{mention(message.user)}, {mention(message.nudged_by)} asks again for your decision:"
    if message.again:
        return f"{mention(message.user)}, this still waits for your decision:"
    return f"{people(message.cards[0].requesters[:1])} asks for your decision:"


def _how_it_stands(card: Card, message: DirectMessage) -> str:
    """Return where an open action stands and until when it may be decided, or how it ended."""
    if card.look == "pending":
        where = "in a direct message" if message.session.direct else f"in <#{message.session.channel}>"
        needed = f"  ·  {len(card.voters)} of {card.verdict.quorum} approvals" if card.verdict.quorum > 1 else ""
        return f"Asked {where}{needed}  ·  until {slack_time(card.expires_at)}"
    return ENDINGS[card.look].away_from_card(by_whom(card), slack_time(card.decided_at) if card.decided_at else "")


def _headline(card: Card, tools: Tools, mask: Mask) -> str:
    return cut(headline(card, tools.get(card.tool), mask), HEADLINE_CHARACTERS)
