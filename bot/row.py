"""One action on a card: what would run and to which effect, who may decide it and until when, or how it ended."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from agent.moves import Card
from agent.tool import Effect, Tool
from agent.types import Verdict
from bot.arguments import Mask, Named, Room, arguments_block, change_text, changes_block, named, news, unmasked, words
from bot.block_kit import CONFIRM_CHARACTERS, Block, button, confirm, context, line, preformatted, rich_text
from bot.people import approvers_named, moment, people, who_may_decide
from bot.plain import cut, escaped, visible
from bot.schema import argument_names

RESULT_CHARACTERS = 800
RULE_CHARACTERS = 200

MayGrant = Callable[[Tool, Verdict], bool]

ENDINGS = {
    "approved": ":hourglass_flowing_sand: Approved{by}{at}. Running now.",
    "succeeded": ":white_check_mark: Approved{by}{at}. Done.",
    "failed": ":x: Approved{by}{at}, but it failed.",
    "unknown": ":warning: Approved{by}{at}. Its outcome is unknown: it was started, and the result was lost.",
    "rejected": ":no_entry: Rejected{by}{at}. Nothing was run.",
    "expired": ":alarm_clock: Expired{by}{at}. Nobody decided in time; nothing was run.",
    "withdrawn": ":leftwards_arrow_with_hook: Withdrawn{by}{at}. Nothing was run.",
    "edited": ":pencil2: Edited{by}: the new card is below. Nothing was run.",
    "refused": ":no_entry: Not run{by}{at}. The approval no longer holds.",
}
REASONED = ("rejected", "withdrawn")  # a person's reason stands on the closed card; on others, what came of the call


@dataclass(frozen=True, slots=True)
class Texts:
    """What an action's row says in words of others: masked and harmless, not yet cut."""

    headline: str
    arguments: Named
    changes: tuple[tuple[str, str, str], ...]
    trouble: str
    told: str  # the reason of its end, or what came of it


@dataclass(frozen=True, slots=True)
class Row:
    """One action, ready to be fitted into a message."""

    card: Card
    tool: Tool | None
    texts: Texts
    hidden: bool  # the mask changed something

    @property
    def open(self) -> bool:
        return self.card.look == "pending"


def row_of(card: Card, tool: Tool | None, mask: Mask) -> Row:
    """The action's texts, masked once: what a mask does may take its time."""
    texts = _texts(card, tool, mask)
    return Row(card, tool, texts, hidden=mask is not unmasked and texts != _texts(card, tool, unmasked))


def _texts(card: Card, tool: Tool | None, mask: Mask) -> Texts:
    preview = card.preview
    return Texts(
        headline=headline(card, tool, mask),
        arguments=named(card.arguments, mask, argument_names(tool) if tool is not None else ()),
        changes=tuple(change_text(change, mask) for change in preview.changes) if preview else (),
        trouble=words(preview.trouble, mask) if preview else "",
        told=visible(mask(card.reason)) if card.look in REASONED else _outcome(card, mask),
    )


def headline(card: Card, tool: Tool | None, mask: Mask = unmasked) -> str:
    """The action and its scope in one line: by names where a preview found them, else as the tool's author put it."""
    preview = words(card.preview.headline, mask) if card.preview is not None else ""
    verb = tool.verb if tool is not None else "Run"
    said = in_authors_words(tool, tool.headline, card.arguments) if tool is not None else ""
    return preview or words(said, mask) or f"{verb}: {card.tool}"


def in_authors_words(tool: Tool, say: Callable[[Any], str] | None, arguments: Mapping[str, Any]) -> str:
    """What the tool's author says of a call with these arguments; nothing where the tool does not take them (any more)."""
    if say is None:
        return ""
    try:
        return say(tool.arguments.model_validate(dict(arguments)))
    except ValidationError:
        return ""


def _outcome(card: Card, mask: Mask) -> str:
    """What the result adds to the arguments, or the sentence that says what went wrong."""
    if not card.result:
        return ""
    result = json.loads(card.result)
    return news(result["result"], card.arguments, mask) if result["ok"] else visible(mask(str(result["detail"])))


# ---------------------------------------------------------------------------------------------- what, and to which effect


def effect_in_words(tool: Tool | None, room: Room) -> str:
    """Its consequence, and whether it can be undone, by the tool's author."""
    told = " ".join(part for part in (tool.consequence, tool.undo) if part) if tool is not None else ""
    return cut(words(told, unmasked), room.prose)  # an author may be a server that nobody here has written


def what_blocks(row: Row, room: Room, *, asked: bool = True, changes: bool = True) -> tuple[list[Block], bool]:
    """Every argument, what would change, who asked by which rule. True: nothing is cut or hidden.

    `asked`, `changes`: whether it says who asked, and what would change.
    """
    name = row.card.action_id
    arguments, whole = arguments_block(row.texts.arguments, room, f"arguments:{name}")
    blocks = [arguments]
    if row.texts.changes and changes:
        label = "What would change" if row.open else "What was to change"
        table, all_of_them = changes_block(row.texts.changes, label, room, f"changes:{name}")
        blocks.append(table)
        whole = whole and all_of_them
    if row.texts.trouble:
        said = cut(f"No preview: {row.texts.trouble}", 300)
        blocks.append({"type": "context", "elements": [{"type": "plain_text", "text": said, "emoji": False}]})
    blocks.append(context(_about(row, room, asked=asked)))
    return blocks, whole and not row.hidden


def asked_in_words(card: Card, room: Room) -> str:
    """Who asked for which tool, and the rule by which people are asked."""
    rule = escaped(cut(card.verdict.rule, min(RULE_CHARACTERS, room.prose)))
    named = rule if rule.startswith("rule ") else f"rule: {rule}"
    return f"Asked by {people(card.requesters, room.people)}  ·  `{escaped(card.tool)}`  ·  {named}"


def _about(row: Row, room: Room, *, asked: bool) -> str:
    card = row.card
    edited = f"Arguments edited by {people([card.edited_by])}: the votes started anew.\n" if card.edited_by else ""
    hidden = "\n:lock: Personal data is hidden here." if row.hidden else ""
    if hidden and row.open:
        hidden += " Show all has it whole, for those who may decide."
    who = f"{asked_in_words(card, room)}  ·  " if asked else ""
    return f"{edited}{who}digest `{card.digest[:12]}`{hidden}"


# ---------------------------------------------------------------------------------------------- open, or ended


def open_blocks(row: Row, room: Room, *, whole: bool, may_grant: MayGrant, until: bool = True) -> list[Block]:
    """The buttons, and how things stand. `until`: whether it says who may decide, and until when."""
    card, tool = row.card, row.tool
    verb = tool.verb if tool is not None else "Run"
    approve = button("approve", verb, card.action_id, style="primary")
    if tool is not None and tool.effect is Effect.IRREVERSIBLE:
        approve["style"] = "danger"
        approve["confirm"] = confirm("This cannot be undone", cut(row.texts.headline, CONFIRM_CHARACTERS), verb, style="danger")
    buttons = [approve, button("reject", "Reject", card.action_id), button("edit", "Edit…", card.action_id)]
    if tool is not None and may_grant(tool, card.verdict):
        buttons.append(button("grant", "Always allow…", card.action_id))
    if not whole:
        buttons.append(button("show_all", "Show all", card.action_id))
    actions: Block = {"type": "actions", "block_id": f"decide:{card.action_id}", "elements": buttons}
    by_whom = until_in_words(card, card.expires_at, room) if until else ""
    told = [*filter(None, [_progress(card, room), _escalated(card, room), by_whom, _not_posted(card)])]
    return [actions, context("\n".join(told))] if told else [actions]


def until_in_words(card: Card, at: datetime, room: Room) -> str:
    """Who may decide, and until when."""
    who = who_may_decide(card.verdict, card.requesters, room.people)
    return f"To be decided by {who}, until {moment(at)}; then it expires and nothing is run."


def _progress(card: Card, room: Room) -> str:
    """How far a quorum has come; nothing where the first word settles it."""
    verdict = card.verdict
    if verdict.quorum == 1 and verdict.rejections == 1:
        return ""
    approvals = f"*{len(card.voters)} of {verdict.quorum}* approvals{_by(card.voters, room)}"
    if verdict.rejections == 1:
        return f"{approvals}. One rejection settles it."
    return f"{approvals}, *{len(card.rejecters)} of {verdict.rejections}* rejections{_by(card.rejecters, room)}."


def _by(users: tuple[str, ...], room: Room) -> str:
    return f": {people(users, room.people)}" if users else ""


def _escalated(card: Card, room: Room) -> str:
    if not card.escalated:
        return ""
    escalation = card.verdict.escalation
    to = f" to {approvers_named(escalation.to, card.requesters, room.people)}" if escalation else ""
    return f":rotating_light: Nobody decided in time: escalated{to}."


def _not_posted(card: Card) -> str:
    where = f"<#{card.verdict.post_to}>"
    return (
        f":warning: It could not be posted in {where} ({escaped(card.not_posted)}): invite me there." if card.not_posted else ""
    )


def closed_blocks(row: Row, room: Room) -> list[Block]:
    """Who, when, and what came of it, in words."""
    card = row.card
    voted = {"rejected": card.rejecters, "expired": (), "withdrawn": (), "edited": ()}.get(card.look, card.voters)
    decided_by = voted or tuple(filter(None, [card.decided_by]))
    by = f" by {people(decided_by, room.people)}" if decided_by else ""
    at = f", {moment(card.decided_at)}" if card.decided_at else ""
    blocks = [context(ENDINGS[card.look].format(by=by, at=at))]
    if told := row.texts.told:
        most = min(RESULT_CHARACTERS, room.value)
        cut_here = [line((f"{len(told):,} characters, cut here", False))] if len(told) > most else []
        blocks.append(rich_text([*cut_here, preformatted(cut(told, most))], f"outcome:{card.action_id}"))
    return blocks
