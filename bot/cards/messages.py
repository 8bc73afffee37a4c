"""What the bot says besides cards: answers and notices."""

from agent.decide.moves import AnswerPart, Card, Notice
from agent.tool.definition import Tools
from bot.cards.block_kit import SlackBlock, button, feedback_buttons, prose_section, wrong_answer_button
from bot.cards.capabilities import capabilities
from bot.cards.harmless_text import cut, escaped, readable
from bot.cards.inquiry import inquiry_blocks, inquiry_text
from bot.cards.markdown import fitted_markdown
from bot.cards.notices import headlines, sentence_with_headlines, who_is_left
from bot.cards.permissions import permitted_blocks, permitted_text
from bot.cards.values import Mask, unmasked

TEXT_CHARACTERS = 3_000  # of the plain text beside blocks: notifications and screen readers need no more
PLAIN_CHARACTERS = 35_000  # Slack cuts a text at 40,000 (reference: Slack, Limits)
LONGEST_MESSAGE_CHARACTERS = 12_000  # of a person's message that the agent reads


def answer_blocks(answer: AnswerPart, tools: Tools, mask: Mask = unmasked) -> list[SlackBlock]:
    """Return the agent's answer in Markdown, and what goes below it."""
    return [{"type": "markdown", "text": fitted_markdown(answer.text)}, *below_answer(answer, tools, mask)]


def below_answer(answer: AnswerPart, tools: Tools, mask: Mask = unmasked) -> list[SlackBlock]:
    """Return what ran without a card, a Continue button where a limit ended the turn, and how good the answer was, where it is
    the model's own."""
    blocks = permitted_blocks(answer.permitted, tools, mask)
    if answer.continue_turn is not None:
        offered = button("continue", "Continue", str(answer.continue_turn))
        blocks.append({"type": "actions", "block_id": "continue", "elements": [offered]})
    if answer.rated_turn is not None:
        blocks.append({"type": "context_actions", "block_id": "feedback", "elements": [feedback_buttons(answer.rated_turn)]})
        blocks.append(wrong_answer_button(answer.rated_turn))
    return blocks


def answer_text(answer: AnswerPart) -> str:
    """Return the answer as plain text."""
    return cut(escaped(readable(answer.text)), TEXT_CHARACTERS)


def plain_answer(answer: AnswerPart, tools: Tools, mask: Mask = unmasked) -> str:
    """Return all of the answer as a text without any form, for places and moments where Slack takes no other."""
    permitted = permitted_text(answer.permitted, tools, mask)
    return "\n\n".join(filter(None, (cut(escaped(readable(answer.text)), PLAIN_CHARACTERS), permitted)))


def notice_blocks(notice: Notice, tools: Tools, mask: Mask = unmasked) -> list[SlackBlock] | None:
    """Return what a notice about actions looks like; None where `notice_text` is all of it.

    Headlines stand in rich text, where nothing is live; those who are to decide are mentioned, so that they are notified.
    """
    match notice.subject:
        case "capabilities" | "too_long" | "told" | "outage":
            return None
        case "inquiry":
            return inquiry_blocks(notice, tools, mask)
        case "reminder":
            parts = [(STILL_UNKNOWN, _who_is_to_look(card)) for card in notice.cards]
    return [
        block
        for card, (before, after) in zip(notice.cards, parts, strict=True)
        for block in (sentence_with_headlines(before, (card,), tools, mask), prose_section(after))
    ]


def notice_text(notice: Notice, tools: Tools, mask: Mask = unmasked) -> str:
    """Return a fixed sentence, in mrkdwn: the whole notice, or beside its blocks the same for notifications and screen
    readers."""
    lines = [escaped(text) for text in headlines(notice.cards, tools, mask)]
    match notice.subject:
        case "capabilities":
            return capabilities(tools)
        case "too_long":
            return (
                f"Your message has {notice.length:,} characters, and I read at most {LONGEST_MESSAGE_CHARACTERS:,}. "
                "I have not read it; please send the part that matters."
            )
        case "outage":
            return OUTAGE
        case "told":
            return notice.text
        case "inquiry":
            return inquiry_text(notice, mask)
        case "reminder":
            parts = [f"{STILL_UNKNOWN} {text}. {_who_is_to_look(card)}" for card, text in zip(notice.cards, lines, strict=True)]
    return "\n".join(parts)


OUTAGE = (
    "The model does not answer at the moment. I go on by myself when it is back, and give up after an hour; "
    "press Stop or say *stop* to give up now."
)
STILL_UNKNOWN = "It is still unknown what became of:"


def _who_is_to_look(card: Card) -> str:
    return f"Please look, and say on the question above what happened: {who_is_left(card)}."
