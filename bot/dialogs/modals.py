"""The dialog that asks for the reason of a rejection."""

from bot.cards.block_kit import SlackBlock, entry, modal, section
from bot.cards.harmless_text import cut


def reject_view(card_headline: str, action_id: str) -> SlackBlock:
    """Return the dialog that asks for an optional reason."""
    reason = {"type": "plain_text_input", "action_id": "reason", "multiline": True, "max_length": 1_000}
    blocks = [section(cut(card_headline, 2_000)), entry("reason", "Reason (the agent reads it)", reason, optional=True)]
    return modal("reject", "Reject", blocks, submit="Reject", close="Go back", metadata=action_id)
<<<<<<< HEAD


def came_back_view(card_headline: str, action_id: str) -> SlackBlock:
    """Return the dialog that asks what came back of a call of which people said that it happened."""
    words = {"type": "plain_text_input", "action_id": "words", "multiline": True, "max_length": 2_000}
    entered = entry("words", "What came back? (the agent reads it)", words, hint="Such as an order number, or an error.")
    blocks = [section(cut(card_headline, 2_000)), entered]
    return modal("came_back", "What came back", blocks, submit="Tell the agent", close="Go back", metadata=action_id)


def arguments_view(values: Mapping[str, Any], preview: Preview | None = None, said: str = "") -> SlackBlock:
    """Return everything whole and unmasked, in as many pieces as Slack's limit for one block asks for."""
    titled = [(argument_name(name), value_text(value, unmasked)) for name, value in values.items()]
    if preview is not None and preview.headline:
        titled.insert(0, ("In one line", visible(preview.headline)))
    titled += change_texts("Would change", preview.changes if preview is not None else ())
    if said:
        titled.append(("The model's own words (not checked)", visible(said)))
    blocks = in_boxes(titled, max((len(text) for _, text in titled), default=0))
    for most in VALUE_CHARACTERS:
        if len(blocks) > MODAL_BLOCKS:
            blocks = [context(CUT), *in_boxes(titled, most)]
    return modal("arguments", "All arguments", blocks or [context("No arguments.")], close="Close")
=======
>>>>>>> origin/main
