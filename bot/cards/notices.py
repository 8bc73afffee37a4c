"""The one notice of a message with cards, as people see it: what waits and for how long, what is queued, and how that ended."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from agent.decide.moves import Card, CardNotice
from agent.tool.definition import Tools
from bot.cards.block_kit import VALUE_CHARACTERS, SlackBlock, button, context, prose_section, rich_line, rich_text
from bot.cards.endings import ENDINGS
from bot.cards.harmless_text import cut, escaped
from bot.cards.people import MOST_MENTIONED, approvers_named, by_whom, decided_until, names_somebody, slack_time
from bot.cards.row import HEADLINE_CHARACTERS, headline
from bot.cards.values import Mask, unmasked

MOST_HEADLINES = 5  # in one sentence
LATE, REMINDED, WAITING = "Nobody decided in time:", "Still waiting:", "I am waiting for a decision on"
APPROVES_NOTHING = "use the buttons on the card above, or withdraw what waits."
ENDED_IN_SEVERAL_WAYS = "Nothing of it waits any more: the card above says how each ended."


def card_notice_blocks(notice: CardNotice, tools: Tools, mask: Mask = unmasked) -> list[SlackBlock]:
    """Return what the notice looks like: a line without buttons once nothing waits.

    Headlines stand in rich text, where nothing is live; those who are to decide are mentioned, so that they are notified.
    """
    if not notice.look.waits:
        return [context(_how_all_ended(notice.cards))]
    said = prose_section("\n".join(_details(notice))) if _details(notice) else None
    sentence = sentence_with_headlines(_lead(notice), notice.cards, tools, mask)
    return [sentence, *([said] if said else []), *_ways_on(notice)]


def card_notice_text(notice: CardNotice, tools: Tools, mask: Mask = unmasked) -> str:
    """Return the same as text, for notifications and screen readers."""
    if not notice.look.waits:
        return _how_all_ended(notice.cards)
    named = "; ".join(escaped(text) for text in headlines(notice.cards, tools, mask))
    return " ".join([f"{_lead(notice)} {named}.", *_details(notice)])


def _is_held_up(notice: CardNotice) -> bool:
    """Return whether somebody may want to go on without what waits: to be heard, or because nobody can decide it."""
    return bool(notice.look.queued) or any(card.too_few for card in notice.cards)


def _lead(notice: CardNotice) -> str:
    return LATE if notice.look.escalated else REMINDED if notice.look.reminders else WAITING


def _details(notice: CardNotice) -> list[str]:
    """Return the lines below the headlines, each once: who may decide, why that is not enough, and what is queued."""
    look, lines = notice.look, list[str]()
    for card in notice.cards[:MOST_HEADLINES]:
        if card.action_id in look.escalated:
            lines.append(_further(card))
        elif look.reminders:
            lines.append(f"Since {slack_time(_asked_at(card))}. {_who_and_until(card)}")
        if card.too_few:
            lines.append(card.too_few)
    return [*dict.fromkeys(lines), *([_queued(look.queued)] if look.queued else [])]


def _queued(messages: int) -> str:
    if messages == 1:
        return f"Your message is queued, and I will read it right afterwards. It approves nothing: {APPROVES_NOTHING}"
    return f"{messages} messages are queued, and I will read them right afterwards. They approve nothing: {APPROVES_NOTHING}"


def _how_all_ended(cards: Sequence[Card]) -> str:
    """Return one line that says how all of it ended."""
    ends = {ENDINGS[card.look].away_from_card(by_whom(card)) for card in cards}
    return ends.pop() if len(ends) == 1 else ENDED_IN_SEVERAL_WAYS


def _asked_at(card: Card) -> datetime:
    """Return when it was brought before people."""
    return card.expires_at - timedelta(seconds=card.verdict.expires_seconds)


def _who_and_until(card: Card) -> str:
    return f"{decided_until(who_is_left(card), card.expires_at)}; then it expires and nothing is run."


def who_is_left(card: Card) -> str:
    """Return who may decide, without those who have voted already: they are not reminded."""
    approvers = card.verdict.approvers
    left = tuple(user for user in approvers.users if user not in (*card.voters, *card.rejecters)) or approvers.users
    return approvers_named(approvers.model_copy(update={"users": left}), card.requesters, MOST_MENTIONED)


def _further(card: Card) -> str:
    """Return a sentence that mentions those who may decide from now on."""
    to = card.verdict.escalation.to if card.verdict.escalation is not None else card.verdict.approvers
    who = approvers_named(to, card.requesters, MOST_MENTIONED)
    return f"Escalated: may be decided by {who} too, until {slack_time(card.expires_at)}."


def _ways_on(notice: CardNotice) -> list[SlackBlock]:
    """Return the offers to take back all that waits, and to have those told again whom a rule names. A button that names only
    some of it would not let the conversation go on."""
    value = ",".join(card.action_id for card in notice.cards)
    buttons = [button("withdraw", "Withdraw and continue", value)] if _is_held_up(notice) else []
    buttons += [nudge_button(value)] if any(names_somebody(card.verdict) for card in notice.cards) else []
    if not buttons or len(value) > VALUE_CHARACTERS:
        return []
    return [{"type": "actions", "block_id": "withdraw", "elements": buttons}]


def nudge_button(action_ids: str) -> SlackBlock:
    """Return the button of those who asked, with which those who may decide are told once more."""
    return button("nudge", "Nudge", action_ids)


def headlines(cards: Sequence[Card], tools: Tools, mask: Mask) -> list[str]:
    """Return the actions in a line each, as many as a sentence holds, and how many are left."""
    named = [cut(headline(card, tools.get(card.tool), mask), HEADLINE_CHARACTERS) for card in cards[:MOST_HEADLINES]]
    return [*named, *([f"and {len(cards) - MOST_HEADLINES} more"] if len(cards) > MOST_HEADLINES else [])]


def sentence_with_headlines(before: str, cards: Sequence[Card], tools: Tools, mask: Mask) -> SlackBlock:
    """Return a sentence that ends in the actions' headlines."""
    parts: list[tuple[str, bool]] = [(f"{before} ", False)]
    for number, text in enumerate(headlines(cards, tools, mask)):
        parts += [("; " if number else "", False), (text, number < MOST_HEADLINES)]
    return rich_text([rich_line(*parts)])
