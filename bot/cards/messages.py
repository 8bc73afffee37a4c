"""Everything else that the bot says: answers, notices, and the Home tab."""

from collections.abc import Sequence

from agent.decide.moves import AnswerPart, Card, Notice
from agent.tool.definition import Tools
from bot.cards.block_kit import (
    VALUE_CHARACTERS,
    SlackBlock,
    button,
    feedback_buttons,
    prose_section,
    rich_line,
    rich_text,
    wrong_answer_button,
)
from bot.cards.capabilities import capabilities
from bot.cards.harmless_text import cut, escaped, readable
from bot.cards.markdown import fitted_markdown
from bot.cards.people import approvers_named, people, slack_time, to_be_decided
from bot.cards.row import headline
from bot.cards.values import Mask, unmasked

TEXT_CHARACTERS = 3_000  # of the plain text beside blocks: notifications and screen readers need no more
PLAIN_CHARACTERS = 35_000  # Slack cuts a text at 40,000 (reference: Slack, Limits)
HEADLINE_CHARACTERS = 150
MOST_HEADLINES = 5  # in one sentence
MOST_MENTIONED = 40  # in a notice: who is not named is not notified
LONGEST_MESSAGE_CHARACTERS = 12_000  # of a person's message that the agent reads


def answer_blocks(answer: AnswerPart) -> list[SlackBlock]:
    """Return the agent's answer in Markdown, and what goes below it."""
    return [{"type": "markdown", "text": fitted_markdown(answer.text)}, *below_answer(answer)]


def below_answer(answer: AnswerPart) -> list[SlackBlock]:
    """Return a Continue button where a limit ended it; how good it was, where it is the model's own."""
    blocks: list[SlackBlock] = []
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


def plain_answer(answer: AnswerPart) -> str:
    """Return all of the answer as a text without any form, for places and moments where Slack takes no other."""
    return cut(escaped(readable(answer.text)), PLAIN_CHARACTERS)


def notice_blocks(notice: Notice, tools: Tools, mask: Mask = unmasked) -> list[SlackBlock] | None:
    """Return what a notice about actions looks like; None where `notice_text` is all of it.

    Headlines stand in rich text, where nothing is live; those who are to decide are mentioned, so that they are notified.
    """
    match notice.subject:
        case "capabilities" | "too_long" | "told" | "outage":
            return None
        case "waiting":
            blocks = [
                *_sentence_with_headlines("I am waiting for a decision on", notice.cards, tools, mask),
                prose_section(QUEUED),
            ]
            return [*blocks, *_withdraw(notice.cards)]
        case "reminder":
            parts = [(_reminding(card), _who_and_until(card)) for card in notice.cards]
        case "escalated":
            parts = [("Nobody decided in time:", _further(card)) for card in notice.cards]
        case "allowed":
            parts = [(ALLOWED, _by_permission(card, notice)) for card in notice.cards]
    return [
        block
        for card, (before, after) in zip(notice.cards, parts, strict=True)
        for block in (*_sentence_with_headlines(before, (card,), tools, mask), prose_section(after))
    ]


def notice_text(notice: Notice, tools: Tools, mask: Mask = unmasked) -> str:
    """Return a fixed sentence, in mrkdwn: the whole notice, or beside its blocks the same for notifications and screen
    readers."""
    lines = [f"{escaped(cut(_card_headline(card, tools, mask), HEADLINE_CHARACTERS))}" for card in notice.cards]
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
        case "waiting":
            return f"I am waiting for a decision on {'; '.join(lines[:MOST_HEADLINES]) or SOMETHING}. {QUEUED}"
        case "reminder":
            parts = [f"{_reminding(card)} {text}. {_who_and_until(card)}" for card, text in zip(notice.cards, lines, strict=True)]
        case "escalated":
            parts = [f"Nobody decided in time: {text}. {_further(card)}" for card, text in zip(notice.cards, lines, strict=True)]
        case "allowed":
            parts = [f"{ALLOWED} {text}. {_by_permission(card, notice)}" for card, text in zip(notice.cards, lines, strict=True)]
    return "\n".join(parts)


OUTAGE = (
    "The model does not answer at the moment. I go on by myself when it is back, and give up after an hour; "
    "press Stop or say *stop* to give up now."
)
SOMETHING = "something that was asked before"
QUEUED = (
    "Your message is queued, and I will read it right afterwards. It approves nothing: please use the buttons on the card above, "
    "or withdraw what waits."
)


ALLOWED = "Run without a card:"


def _by_permission(card: Card, notice: Notice) -> str:
    """Return whose permission let it run, and what is left of that."""
    who = people((card.decided_by,))
    return f"{who} always allows this here: use {notice.uses} of {notice.most_uses}, until {slack_time(card.expires_at)}."


def _card_headline(card: Card, tools: Tools, mask: Mask) -> str:
    return headline(card, tools.get(card.tool), mask)


def _sentence_with_headlines(before: str, cards: Sequence[Card], tools: Tools, mask: Mask) -> list[SlackBlock]:
    """Return a sentence that ends in the actions' headlines."""
    headlines = [cut(_card_headline(card, tools, mask), HEADLINE_CHARACTERS) for card in cards[:MOST_HEADLINES]] or [SOMETHING]
    left = f" and {len(cards) - MOST_HEADLINES} more" if len(cards) > MOST_HEADLINES else ""
    separated = [(f"{'; ' if number else ''}", text) for number, text in enumerate(headlines)]
    parts = [part for between, text in separated for part in ((between, False), (text, True))]
    return [rich_text([rich_line((f"{before} ", False), *parts, (left, False))])]


def _withdraw(cards: Sequence[Card]) -> list[SlackBlock]:
    """Return the offer to take back all that waits. A button that names only some of it would not let the conversation go on."""
    value = ",".join(card.action_id for card in cards)
    if not value or len(value) > VALUE_CHARACTERS:
        return []
    return [{"type": "actions", "block_id": "withdraw", "elements": [button("withdraw", "Withdraw and continue", value)]}]


def _reminding(card: Card) -> str:
    return "It is still unknown what became of:" if card.look == "unknown" else "Still waiting:"


def _who_and_until(card: Card) -> str:
    """Return who may decide, and until when. People who have voted already are not reminded."""
    approvers = card.verdict.approvers
    left = tuple(user for user in approvers.users if user not in (*card.voters, *card.rejecters)) or approvers.users
    who = approvers_named(approvers.model_copy(update={"users": left}), card.requesters, MOST_MENTIONED)
    if card.look == "unknown":
        return f"Please look, and say on the question above what happened: {who}."
    return to_be_decided(who, card.expires_at)


def _further(card: Card) -> str:
    """Return a sentence that mentions those who may decide from now on."""
    to = card.verdict.escalation.to if card.verdict.escalation is not None else card.verdict.approvers
    who = approvers_named(to, card.requesters, MOST_MENTIONED)
    return f"Escalated: may be decided by {who} too, until {slack_time(card.expires_at)}."
