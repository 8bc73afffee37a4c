"""One action on a card: what would run and to which effect, who may decide it and until when, or how it ended."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from agent.decide.moves import Card
from agent.tool.definition import Effect, Result, Tool
from agent.tool.validation import checked
from agent.types import Verdict, Wording
from bot.cards.block_kit import (
    CONFIRM_CHARACTERS,
    SlackBlock,
    button,
    confirm,
    context,
    literal_text,
    preformatted,
    rich_line,
    rich_text,
)
from bot.cards.endings import ENDINGS
from bot.cards.harmless_text import cut, escaped, visible
from bot.cards.people import approvers_named, people, slack_time, to_be_decided, who_may_decide
from bot.cards.schema import argument_names
from bot.cards.values import (
    Mask,
    Named,
    TextRoom,
    arguments_block,
    change_text,
    changes_block,
    cut_in_the_middle,
    named_values,
    news,
    one_line,
    source_name,
    unmasked,
)

RESULT_CHARACTERS = 800
RULE_CHARACTERS = 300  # two rules hold together where a condition is unclear
HEADLINE_CHARACTERS = 150
TROUBLE_CHARACTERS = 300
VERB_CHARACTERS = 30  # that a confirm's button holds

MayGrant = Callable[[Tool, Verdict], bool]

REASONED = ("rejected", "withdrawn")  # a person's reason stands on the closed card; on others, what came of the call


@dataclass(frozen=True, slots=True)
class Texts:
    """What an action's row says in words of others: masked and harmless, not yet cut."""

    headline: str
    arguments: Named
    changes: tuple[tuple[str, str, str], ...]
    changed: tuple[tuple[str, str, str], ...]  # since the card before
    trouble: str
    told: str  # the reason of its end, or what came of it
    sources: str  # from outside, that were read before it was proposed


@dataclass(frozen=True, slots=True)
class Row:
    """One action, ready to be fitted into a message."""

    card: Card
    tool: Tool | None
    texts: Texts
    wording: Wording  # as it was when the card was made
    hidden: bool  # the mask changed something

    @property
    def open(self) -> bool:
        return self.card.look == "pending"

    @property
    def irreversible(self) -> bool:
        return self.wording.effect == Effect.IRREVERSIBLE


def row_of(card: Card, tool: Tool | None, mask: Mask) -> Row:
    """Return the action's texts, masked once: what a mask does may take its time."""
    texts = _texts(card, tool, mask)
    hidden = mask is not unmasked and texts != _texts(card, tool, unmasked)
    return Row(card, tool, texts, wording_of(card, tool), hidden=hidden)


def wording_of(card: Card, tool: Tool | None) -> Wording:
    """Return the author's or server's words as they were shown; those of the tool as it is now for a card from before any were
    on record, and plain ones where that tool is gone."""
    if card.wording is not None:
        return card.wording
    if tool is None:
        return Wording(effect=Effect.WRITE, verb="Run")
    found = checked(tool, card.arguments)
    if isinstance(found, BaseModel):
        return tool.wording(found)
    return Wording(effect=tool.effect, verb=tool.verb, consequence=tool.consequence, undo=tool.undo)  # it takes them no more


def _texts(card: Card, tool: Tool | None, mask: Mask) -> Texts:
    preview = card.preview
    return Texts(
        headline=headline(card, tool, mask),
        arguments=named_values(card.arguments, mask, argument_names(tool) if tool is not None else ()),
        changes=tuple(change_text(change, mask) for change in preview.changes) if preview else (),
        changed=tuple(change_text(change, mask) for change in card.changed),
        trouble=one_line(preview.trouble, mask) if preview else "",
        told=visible(mask(card.reason)) if card.look in REASONED else _outcome(card, mask),
        sources=", ".join(source_name(source, mask) for source in card.sources),
    )


def headline(card: Card, tool: Tool | None, mask: Mask = unmasked) -> str:
    """Return the action and its scope in one line: by names where a preview found them, else as the tool's author put it."""
    preview = one_line(card.preview.headline, mask) if card.preview is not None else ""
    wording = wording_of(card, tool)
    return preview or one_line(wording.headline, mask) or one_line(f"{wording.verb}: {card.tool}", unmasked)


def in_authors_words(tool: Tool, say: Callable[[Any], str] | None, arguments: Mapping[str, Any]) -> str:
    """Return what the tool's author says of a call with these arguments; nothing where the tool does not take them (any more)."""
    if say is None:
        return ""
    found = checked(tool, arguments)
    return say(found) if isinstance(found, BaseModel) else ""


def _outcome(card: Card, mask: Mask) -> str:
    """Return what the result adds to the arguments, or the sentence that says what went wrong."""
    if not card.result:
        return ""
    result = Result.of_text(card.result)
    return news(result.result, card.arguments, mask) if result.ok else visible(mask(str(result.detail)))


# ---------------------------------------------------------------------------------------------- what, and to which effect


def effect_in_words(wording: Wording, room: TextRoom) -> tuple[str, bool]:
    """Return its consequence, and whether it can be undone, by the tool's author. True: nothing is cut."""
    told = one_line(" ".join(part for part in (wording.consequence, wording.undo) if part), unmasked)
    return cut_in_the_middle(told, room.prose), len(told) <= room.prose  # an author may be a server that nobody here has written


def what_blocks(row: Row, room: TextRoom, *, asked: bool = True, changes: bool = True) -> tuple[list[SlackBlock], bool]:
    """Return every argument, what would change, who asked by which rule, and what is not as the card before said it.

    `asked`, `changes`: whether it says who asked, and what would change. True: nothing is cut or hidden.
    """
    name = row.card.action_id
    arguments, whole = arguments_block(row.texts.arguments, room, f"arguments:{name}")
    blocks = [arguments]
    if row.texts.changed and row.open:
        table, all_of_them = changes_block(row.texts.changed, "Not as it was shown before", room, f"changed:{name}")
        blocks.insert(0, table)
        whole = whole and all_of_them
    if row.texts.changes and changes:
        label = "What would change" if row.open else "What was to change"
        table, all_of_them = changes_block(row.texts.changes, label, room, f"changes:{name}")
        blocks.append(table)
        whole = whole and all_of_them
    if row.texts.trouble:
        blocks.append(context(literal_text(cut(f"No preview: {row.texts.trouble}", TROUBLE_CHARACTERS))))
    blocks.append(context(_digest_line(row, room, asked=asked), *(why_in_words(row.card, room) if asked else [])))
    return blocks, whole and _named_whole(row, room)


def _named_whole(row: Row, room: TextRoom) -> bool:
    """Return whether everything about an action stands on the card besides its arguments and changes: who, why, to which effect.

    The model's own words do not count: they bind nothing.
    """
    card, texts, approvers = row.card, row.texts, row.card.verdict.approvers
    return (
        not row.hidden
        and len(texts.headline) <= min(HEADLINE_CHARACTERS, room.prose)
        and effect_in_words(row.wording, room)[1]
        and len(visible(row.wording.verb)) <= VERB_CHARACTERS
        and len(texts.trouble) + len("No preview: ") <= TROUBLE_CHARACTERS
        and max(map(len, _why(card))) <= min(RULE_CHARACTERS, room.prose)
        and max(len(card.requesters), len(approvers.users), len(approvers.groups)) <= room.people
    )


def asked_in_words(row: Row, room: TextRoom) -> str:
    """Return who asked for which tool, and what a call of it does to the world."""
    tool = f"`{escaped(visible(row.card.tool))}` ({escaped(visible(row.wording.effect))})"
    return f"Asked by {people(row.card.requesters, room.people)}  ·  {tool}"


def why_in_words(card: Card, room: TextRoom) -> list[SlackBlock]:
    """Return the rule by which people are asked, and the reason for it. Both may hold words of strangers: they are plain text."""
    return [literal_text(cut(text, min(RULE_CHARACTERS, room.prose))) for text in _why(card)]


def _why(card: Card) -> list[str]:
    rule, reason = one_line(card.verdict.rule, unmasked), one_line(card.verdict.reason, unmasked)
    return [rule if rule.startswith("rule ") else f"rule: {rule}", *([f"Why: {reason}"] if reason else [])]


def _digest_line(row: Row, room: TextRoom, *, asked: bool) -> str:
    card = row.card
    edited = f"Arguments edited by {people([card.edited_by])}: the votes started anew.\n" if card.edited_by else ""
    hidden = "\n:lock: Personal data is hidden here." if row.hidden else ""
    if hidden and row.open:
        hidden += " Review has it whole, for those who may decide."
    who = f"{asked_in_words(row, room)}  ·  " if asked else ""
    return f"{edited}{who}digest `{card.digest[:12]}`{hidden}"


# ---------------------------------------------------------------------------------------------- open, or ended


def open_blocks(row: Row, room: TextRoom, *, whole: bool, may_grant: MayGrant, until: bool = True) -> list[SlackBlock]:
    """Return the buttons, and the state of the vote. `until`: whether it says who may decide, and until when."""
    card, tool = row.card, row.tool
    approve = _approve(row) if whole else button("review", "Review…", card.action_id, style="primary")
    buttons = [approve, button("reject", "Reject", card.action_id), button("edit", "Edit…", card.action_id)]
    if whole and tool is not None and not card.escalated and may_grant(tool, card.verdict):
        buttons.append(button("grant", "Always allow…", card.action_id))
    actions: SlackBlock = {"type": "actions", "block_id": f"decide:{card.action_id}", "elements": buttons}
    by_whom = until_in_words(card, card.expires_at, room) if until else ""
    told = [*filter(None, [_progress(card, room), _escalated(card, room), by_whom, _too_few(card), _not_posted(card)])]
    return [actions, context("\n".join(told))] if told else [actions]


def _approve(row: Row) -> SlackBlock:
    """Return the button that approves a card that shows all of it; what cannot be undone asks once more, with its sources."""
    verb = visible(row.wording.verb)
    approve = button("approve", verb, row.card.action_id, style="primary")
    if row.irreversible:
        read = f"\nProposed after reading: {row.texts.sources}" if row.texts.sources else ""
        told = cut_in_the_middle(f"{row.texts.headline}{read}", CONFIRM_CHARACTERS)
        approve["style"] = "danger"
        approve["confirm"] = confirm("This cannot be undone", told, verb, style="danger")
    return approve


def until_in_words(card: Card, at: datetime, room: TextRoom) -> str:
    """Return who may decide, and until when."""
    return to_be_decided(who_may_decide(card.verdict, card.requesters, room.people), at)


def _progress(card: Card, room: TextRoom) -> str:
    """Return how far a quorum has come; nothing where the first word settles it."""
    verdict = card.verdict
    if verdict.quorum == 1 and verdict.rejections == 1:
        return ""
    approvals = f"*{len(card.voters)} of {verdict.quorum}* approvals{_by(card.voters, room)}"
    if verdict.rejections == 1:
        return f"{approvals}. One rejection settles it."
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


def closed_blocks(row: Row, room: TextRoom) -> list[SlackBlock]:
    """Return who decided, when, and what came of it."""
    card = row.card
    voted = {"rejected": card.rejecters, "expired": (), "withdrawn": (), "edited": ()}.get(card.look, card.voters)
    decided_by = voted or tuple(filter(None, [card.decided_by]))
    by = f" by {people(decided_by, room.people)}" if decided_by else ""
    at = f", {slack_time(card.decided_at)}" if card.decided_at else ""
    blocks = [context(ENDINGS[card.look].on_card(by, at))]
    if told := row.texts.told:
        most = min(RESULT_CHARACTERS, room.value)
        cut_here = [rich_line((f"{len(told):,} characters, cut here", False))] if len(told) > most else []
        blocks.append(rich_text([*cut_here, preformatted(cut(told, most))], f"outcome:{card.action_id}"))
    return blocks
