"""The dialog that asks for the reason of a rejection."""

from bot.cards.block_kit import SlackBlock, entry, modal, section
from bot.cards.harmless_text import cut


def reject_view(card_headline: str, action_id: str) -> SlackBlock:
    """Return the dialog that asks for an optional reason."""
    reason = {"type": "plain_text_input", "action_id": "reason", "multiline": True, "max_length": 1_000}
    blocks = [section(cut(card_headline, 2_000)), entry("reason", "Reason (the agent reads it)", reason, optional=True)]
    return modal("reject", "Reject", blocks, submit="Reject", close="Go back", metadata=action_id)
