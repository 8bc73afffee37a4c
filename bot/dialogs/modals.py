"""The dialog that asks for the reason of a rejection."""

from bot.cards.block_kit import SlackBlock, entry, modal, section
from bot.cards.harmless_text import cut


def reject_view(card_headline: str, action_id: str) -> SlackBlock:
    """Return the dialog that asks for an optional reason."""
    reason = {"type": "plain_text_input", "action_id": "reason", "multiline": True, "max_length": 1_000}
    blocks = [section(cut(card_headline, 2_000)), entry("reason", "Reason (the agent reads it)", reason, optional=True)]
    return modal("reject", "Reject", blocks, submit="Reject", close="Go back", metadata=action_id)


def came_back_view(card_headline: str, action_id: str) -> SlackBlock:
    """Return the dialog that asks what came back of a call of which people said that it happened."""
    words = {"type": "plain_text_input", "action_id": "words", "multiline": True, "max_length": 2_000}
    entered = entry("words", "What came back? (the agent reads it)", words, hint="Such as an order number, or an error.")
    blocks = [section(cut(card_headline, 2_000)), entered]
    return modal("came_back", "What came back", blocks, submit="Tell the agent", close="Go back", metadata=action_id)
