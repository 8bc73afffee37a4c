"""An action that waits: everything that is to be read of it, who may decide it and until when, and what to press."""

from collections.abc import Sequence
from datetime import datetime

from agent.decide.moves import Card
from bot.cards.block_kit import (
    CONFIRM_CHARACTERS,
    SlackBlock,
    button,
    confirm,
    context,
    header,
    literal_text,
    option,
    overflow,
    rich_line,
    rich_text,
)
from bot.cards.harmless_text import cut, escaped, visible
from bot.cards.magnitude import short_magnitude
from bot.cards.people import approvers_named, needs, people, slack_time
from bot.cards.row import HEADLINE_CHARACTERS, MayGrant, Row, effect_in_words
from bot.cards.sources import PROPOSED_AFTER_READING
from bot.cards.values import (
    BETWEEN,
    LinePart,
    TextRoom,
    arguments_blocks,
    changes_block,
    changes_line,
    cut_in_the_middle,
    one_line,
    unmasked,
)

WHY_CHARACTERS = 300  # two rules hold together where a condition is unclear
TROUBLE_CHARACTERS = 300
VERB_CHARACTERS = 30  # that a confirm's button holds
CANNOT_BE_UNDONE = "This cannot be undone."


def open_blocks(
    row: Row, room: TextRoom, read: Sequence[SlackBlock], may_grant: MayGrant, *, sources_whole: bool
) -> list[SlackBlock]:
    """Return the card of one action that waits, from what happens to who decides. `read`: its sources; `sources_whole`: none is
    left out there."""
    what, whole = what_blocks(row, room)
    effect = effect_parts(row, room)
    told = "\n".join((asked_in_words(row.card, row.card.expires_at, room), *standing(row, room)))
    return [
        header(row.texts.headline),
        *what,
        *([rich_text([rich_line(*effect)], f"effect:{row.card.action_id}")] if effect else []),
        *read,
        context(told, *why_in_words(row.card, room)),
        decide_block(row, whole=whole and sources_whole, may_grant=may_grant),
    ]


# ---------------------------------------------------------------------------------------------- what, and to which effect


def what_blocks(row: Row, room: TextRoom, *, on_lines: bool = False) -> tuple[list[SlackBlock], bool]:
    """Return what is not as the card before said it, every argument, and what would change. True: nothing is cut or hidden.

    `on_lines`: there is no room for boxes.
    """
    name, texts = row.card.action_id, row.texts
    blocks: list[SlackBlock] = []
    whole = _said_whole(row, room)
    if texts.changed:
        table, all_of_them = changes_block(texts.changed, "Not as it was shown before", room, f"changed:{name}")
        blocks.append(table)
        whole = whole and all_of_them
    arguments, all_of_them = arguments_blocks(texts.arguments, room, f"arguments:{name}", empty=texts.empty, on_lines=on_lines)
    blocks += arguments
    whole = whole and all_of_them
    if not row.card.arguments:
        blocks.append(rich_text([rich_line(("No arguments.", False))], f"arguments:{name}"))
    if texts.changes:
        line = changes_line(texts.changes, "Would change", f"changes:{name}") if room.changes else None
        table, all_of_them = changes_block(texts.changes, "What would change", room, f"changes:{name}")
        blocks.append(line or table)
        whole = whole and (line is not None or all_of_them)
    if texts.trouble:
        blocks.append(context(literal_text(cut(f"No preview: {texts.trouble}", TROUBLE_CHARACTERS))))
    return blocks, whole


def effect_parts(row: Row, room: TextRoom) -> list[LinePart]:
    """Return to which effect, in the author's words, and in ours that there is no way back."""
    told = effect_in_words(row.wording, room)[0]
    warned = [(f"{CANNOT_BE_UNDONE}{' ' if told else ''}", True)] if row.irreversible else []
    return [*warned, *([(told, False)] if told else [])]


def _said_whole(row: Row, room: TextRoom) -> bool:
    """Return whether everything about an action fits its card besides its arguments and changes: who, why, to which effect.

    The rule and the tool are in Details, whole; the model's own words bind nothing.
    """
    card, texts, approvers = row.card, row.texts, row.card.verdict.approvers
    verb = visible(row.wording.verb)
    return (
        not row.hidden
        and len(texts.headline) <= min(HEADLINE_CHARACTERS, room.prose)
        and effect_in_words(row.wording, room)[1]
        and len(verb) <= VERB_CHARACTERS
        and BETWEEN.strip() not in verb  # behind one comes how much
        and len(texts.trouble) + len("No preview: ") <= TROUBLE_CHARACTERS
        and len(_why(card)) <= min(WHY_CHARACTERS, room.prose)
        and max(len(card.requesters), len(approvers.users), len(approvers.groups)) <= room.people
    )


# ---------------------------------------------------------------------------------------------- who decides, and how it stands


def asked_in_words(card: Card, until: datetime, room: TextRoom) -> str:
    """Return who asked, how many of whom it needs, and until when."""
    asked = f"Asked by {people(card.requesters, room.people)}"
    return BETWEEN.join((asked, needs(card.verdict, card.requesters, room.people), f"until {slack_time(until)}"))


def why_in_words(card: Card, room: TextRoom) -> list[SlackBlock]:
    """Return the reason for its rule, in the words of those who wrote it: plain text."""
    why = _why(card)
    return [literal_text(cut(why, min(WHY_CHARACTERS, room.prose)))] if why else []


def _why(card: Card) -> str:
    reason = one_line(card.verdict.reason, unmasked)
    return f"Why: {reason}" if reason else ""


def standing(row: Row, room: TextRoom) -> list[str]:
    """Return how it stands besides, a line each: votes, an edit, an escalation, what is hidden, what went wrong in asking."""
    card = row.card
    edited = f"Edited by {people([card.edited_by])}: the votes started anew." if card.edited_by else ""
    hidden = ":lock: Personal data is hidden here. Review has it whole, for those who may decide." if row.hidden else ""
    told = [edited, _progress(card, room), _escalated(card, room), hidden, _too_few(card), _not_posted(card)]
    return [*filter(None, told)]


def _progress(card: Card, room: TextRoom) -> str:
    """Return how far a quorum has come; nothing where nobody has said anything yet."""
    verdict = card.verdict
    if not card.voters and not card.rejecters:
        return ""
    approvals = f"*{len(card.voters)} of {verdict.quorum}* approvals{_by(card.voters, room)}"
    if verdict.rejections == 1:
        return f"{approvals}."
    return f"{approvals}, *{len(card.rejecters)} of {verdict.rejections}* rejections{_by(card.rejecters, room)}."


def _by(users: tuple[str, ...], room: TextRoom) -> str:
    return f": {people(users, room.people)}" if users else ""


def _escalated(card: Card, room: TextRoom) -> str:
    if not card.escalated:
        return ""
    escalation = card.verdict.escalation
    to = f" to {approvers_named(escalation.to, card.requesters, room.people)}" if escalation else ""
    return f":rotating_light: Nobody decided in time: escalated{to}."


def _too_few(card: Card) -> str:
    return f":warning: {card.too_few}" if card.too_few else ""


def _not_posted(card: Card) -> str:
    where = f"<#{card.verdict.post_to}>"
    return (
        f":warning: It could not be posted in {where} ({escaped(card.not_posted)}): invite me there." if card.not_posted else ""
    )


# ---------------------------------------------------------------------------------------------- what to press


def decide_block(row: Row, *, whole: bool, may_grant: MayGrant) -> SlackBlock:
    """Return what decides an action, and the menu of what is done more seldom."""
    elements = [deciding_button(row, whole=whole), button("reject", "Reject", row.card.action_id)]
    elements.append(overflow("more", _further(row, whole=whole, may_grant=may_grant)))
    return {"type": "actions", "block_id": f"decide:{row.card.action_id}", "elements": elements}


def _further(row: Row, *, whole: bool, may_grant: MayGrant) -> Sequence[SlackBlock]:
    card, tool = row.card, row.tool
    always = whole and tool is not None and not card.escalated and may_grant(tool, card.verdict)
    offered = {"edit": "Edit…", **({"always": "Always allow…"} if always else {}), "ask": "Ask a question", "details": "Details"}
    return [option(f"{name}:{card.action_id}", words) for name, words in offered.items()]


def deciding_button(row: Row, *, whole: bool) -> SlackBlock:
    """Return the button that approves a card that shows all of it; else the one that opens the dialog that does."""
    if not whole:
        return button("review", "Review…", row.card.action_id, style="primary")
    verb, preview = visible(row.wording.verb), row.card.preview
    magnitude = short_magnitude(preview.magnitude) if preview is not None and preview.magnitude is not None else ""
    approve = button("approve", BETWEEN.join(filter(None, (verb, magnitude))), row.card.action_id, style="primary")
    if row.irreversible:  # it asks once more, with its sources
        read = f"\n{PROPOSED_AFTER_READING} {row.texts.sources}" if row.texts.sources else ""
        told = cut_in_the_middle(f"{row.texts.headline}{read}", CONFIRM_CHARACTERS)
        approve["style"] = "danger"
        approve["confirm"] = confirm("This cannot be undone", told, verb, style="danger")
    return approve
