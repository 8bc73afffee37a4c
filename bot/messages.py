"""Everything else that the bot says: answers, notices, and the Home tab."""

from collections.abc import Sequence

from agent.moves import Answer, Card, Notice
from agent.tool import Effect, Tools
from bot.arguments import Mask, unmasked
from bot.block_kit import VALUE_CHARACTERS, Block, button, line, rich_text
from bot.people import approvers_named, moment, people
from bot.plain import cut, escaped, unmassed
from bot.row import headline

TEXT_CHARACTERS = 3_000  # of the plain text beside blocks: notifications and screen readers need no more
HEADLINE_CHARACTERS = 150
MOST_HEADLINES = 5  # in one sentence
MOST_MENTIONED = 40  # in a notice: who is not named is not notified
LONGEST_MESSAGE_CHARACTERS = 12_000  # of a person's message that the agent reads


def answer_blocks(answer: Answer) -> list[Block]:
    """The agent's words in Markdown, and a Continue button where the budget ended them."""
    blocks: list[Block] = [{"type": "markdown", "text": unmassed(answer.text)}]
    if answer.continue_turn is not None:
        offered = button("continue", "Continue", str(answer.continue_turn))
        blocks.append({"type": "actions", "block_id": "continue", "elements": [offered]})
    return blocks


def answer_text(answer: Answer) -> str:
    """The same as plain text."""
    return cut(escaped(answer.text), TEXT_CHARACTERS)


def notice_blocks(notice: Notice, tools: Tools, mask: Mask = unmasked) -> list[Block] | None:
    """What a notice about actions looks like; None where `notice_text` is all of it.

    Headlines stand in rich text, where nothing is live; those who are to decide are mentioned, so that they are notified.
    """
    match notice.subject:
        case "capabilities" | "too_long" | "told" | "outage":
            return None
        case "waiting":
            blocks = [*_about("I am waiting for a decision on", notice.cards, tools, mask), _section(QUEUED)]
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
        for block in (*_about(before, (card,), tools, mask), _section(after))
    ]


def notice_text(notice: Notice, tools: Tools, mask: Mask = unmasked) -> str:
    """A fixed sentence, in mrkdwn: the whole notice, or beside its blocks the same for notifications and screen readers."""
    lines = [f"{escaped(cut(_headline(card, tools, mask), HEADLINE_CHARACTERS))}" for card in notice.cards]
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
    """Whose word let it run, and what is left of that."""
    who = people((card.decided_by,))
    return f"{who} always allows this here: use {notice.uses} of {notice.most_uses}, until {moment(card.expires_at)}."


def _headline(card: Card, tools: Tools, mask: Mask) -> str:
    return headline(card, tools.get(card.tool), mask)


def _about(before: str, cards: Sequence[Card], tools: Tools, mask: Mask) -> list[Block]:
    """A sentence that ends in the actions' headlines."""
    headlines = [cut(_headline(card, tools, mask), HEADLINE_CHARACTERS) for card in cards[:MOST_HEADLINES]] or [SOMETHING]
    left = f" and {len(cards) - MOST_HEADLINES} more" if len(cards) > MOST_HEADLINES else ""
    separated = [(f"{'; ' if number else ''}", text) for number, text in enumerate(headlines)]
    parts = [part for between, text in separated for part in ((between, False), (text, True))]
    return [rich_text([line((f"{before} ", False), *parts, (left, False))])]


def _withdraw(cards: Sequence[Card]) -> list[Block]:
    """The offer to take back all that waits. A button that names only some of it would not let the conversation go on."""
    value = ",".join(card.action_id for card in cards)
    if not value or len(value) > VALUE_CHARACTERS:
        return []
    return [{"type": "actions", "block_id": "withdraw", "elements": [button("withdraw", "Withdraw and continue", value)]}]


def _reminding(card: Card) -> str:
    return "It is still unknown what became of:" if card.look == "unknown" else "Still waiting:"


def _who_and_until(card: Card) -> str:
    """Whoever has voted already is not reminded."""
    approvers = card.verdict.approvers
    left = tuple(user for user in approvers.users if user not in (*card.voters, *card.rejecters)) or approvers.users
    who = approvers_named(approvers.model_copy(update={"users": left}), card.requesters, MOST_MENTIONED)
    if card.look == "unknown":
        return f"Please look, and say on the question above what happened: {who}."
    return f"To be decided by {who}, until {moment(card.expires_at)}; then it expires and nothing is run."


def _further(card: Card) -> str:
    """Mentions those who may decide from now on."""
    to = card.verdict.escalation.to if card.verdict.escalation is not None else card.verdict.approvers
    who = approvers_named(to, card.requesters, MOST_MENTIONED)
    return f"Escalated: may be decided by {who} too, until {moment(card.expires_at)}."


def capabilities(tools: Tools) -> str:
    """What the agent can do, and what it will not do without a click."""
    lines = ["Here is what I can do; just ask in your own words:"]
    for tool in tools.values():
        asks = "" if tool.effect is Effect.READ else " _(asks for approval first)_"
        lines.append(f"•  {escaped(tool.consequence or tool.verb)}{asks}")
    lines.append("Nothing that changes something is run before a person here has seen exactly what it is and approved it.")
    return "\n".join(lines)


def _section(mrkdwn: str) -> Block:
    return {"type": "section", "text": {"type": "mrkdwn", "text": cut(mrkdwn, 3_000)}}
