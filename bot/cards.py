"""How actions look in Slack. Rendered from the stored calls by trusted code; the model has no say in it.

One message with a row for each action. What others wrote stands in plain text or preformatted, never in mrkdwn.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from agent.moves import Card, Cards
from agent.tool import Effect, Tool, Tools
from agent.types import Verdict
from bot.arguments import Mask, Room, arguments_block, clipped, fitted, unmasked, words
from bot.block_kit import (
    CONFIRM_CHARACTERS,
    VALUE_CHARACTERS,
    Block,
    button,
    confirm,
    context,
    header,
    line,
    plain,
    rich_text,
    section,
)
from bot.people import moment, people, who_may_decide
from bot.plain import cut, escaped
from bot.row import (
    MayGrant,
    Row,
    asked_in_words,
    closed_blocks,
    effect_in_words,
    headline,
    open_blocks,
    row_of,
    until_in_words,
    what_blocks,
)

__all__ = ["card_blocks", "card_text", "headline", "moment", "people", "question_blocks", "question_text", "who_may_decide"]

TEXT_CHARACTERS = 1_000
HEADLINE_CHARACTERS = 150
SOURCE_CHARACTERS = 80
SOURCES_CHARACTERS = 300
SAID_CHARACTERS = 300
SAME_TIME = timedelta(minutes=1)  # proposals of one turn end a few moments apart


def never(tool: Tool, verdict: Verdict) -> bool:
    """No grants."""
    return False


def card_blocks(cards: Cards, tools: Tools, *, mask: Mask = unmasked, may_grant: MayGrant = never) -> list[Block]:
    """The message: what, with exactly which arguments, to which effect; then buttons, or how it ended. At most five rows.

    `may_grant`: whether such a call may be allowed from now on as well.
    """
    rows = [row_of(card, tools.get(card.tool), mask) for card in cards.rows]
    sources, said = _sources(cards, mask), _said(cards, mask)

    def render(room: Room) -> list[Block]:
        read, claimed = _sources_block(sources, room), _said_block(said, room, edited=any(card.edited_by for card in cards.rows))
        if len(rows) == 1:
            return _single(rows[0], room, [*read, *claimed], may_grant)
        once = _once(rows, room)
        blocks = [header(_count(cards)), *once.top(), *read]
        for number, row in enumerate(rows, 1):
            blocks += _row(row, number, room, once, may_grant)
        return [*blocks, *claimed, *_approve_all(rows), *once.bottom()]

    return fitted(render)


def card_text(cards: Cards, tools: Tools, mask: Mask = unmasked) -> str:
    """The same in one line, for notifications and screen readers."""
    states = [
        f"{'Approval needed' if card.look == 'pending' else card.look.capitalize()}: {headline(card, tools.get(card.tool), mask)}"
        for card in cards.rows
    ]
    text = states[0] if len(states) == 1 else f"{_count(cards)}. " + "; ".join(states)
    return escaped(cut(text, TEXT_CHARACTERS))


def _single(row: Row, room: Room, beside: Sequence[Block], may_grant: MayGrant) -> list[Block]:
    told = effect_in_words(row.tool, room)
    what, whole = what_blocks(row, room)
    end = open_blocks(row, room, whole=whole, may_grant=may_grant) if row.open else closed_blocks(row, room)
    return [header(row.texts.headline), *([section(told)] if told else []), *what, *beside, *end]


@dataclass(frozen=True, slots=True)
class _Once:
    """What is the same for every row, and so stands in the message once; empty where it is not."""

    effect: str  # of the open rows
    asked: str
    until: str  # of the open rows

    def top(self) -> list[Block]:
        effect = [section(f"Each of them: {self.effect}")] if self.effect else []
        return [*effect, *([context(self.asked)] if self.asked else [])]

    def bottom(self) -> list[Block]:
        return [context(self.until)] if self.until else []


def _once(rows: Sequence[Row], room: Room) -> _Once:
    effect = _same([effect_in_words(row.tool, room) for row in rows if row.open])
    asked = _same([asked_in_words(row.card, room) for row in rows])
    undecided = [row.card for row in rows if row.open]
    ends = sorted(card.expires_at for card in undecided)
    if not undecided or ends[-1] - ends[0] > SAME_TIME:
        return _Once(effect, asked, "")
    return _Once(effect, asked, _same([until_in_words(card, ends[0], room) for card in undecided]))


def _same(said: Sequence[str]) -> str:
    """What several rows say, if it is the same."""
    return said[0] if len(said) > 1 and len(set(said)) == 1 else ""


def _row(row: Row, number: int, room: Room, once: _Once, may_grant: MayGrant) -> list[Block]:
    """One of several actions; of one that is decided only what was to run, and how it ended."""
    title = line((f"{number}. {cut(row.texts.headline, min(HEADLINE_CHARACTERS, room.prose))}", True))
    told = effect_in_words(row.tool, room) if row.open and not once.effect else ""
    what, whole = what_blocks(row, room, asked=not once.asked, changes=row.open)
    decide = open_blocks(row, room, whole=whole, may_grant=may_grant, until=not once.until) if row.open else []
    end = decide or closed_blocks(row, room)
    return [{"type": "divider"}, rich_text([title, *([line((told, False))] if told else [])]), *what, *end]


def _count(cards: Cards) -> str:
    undecided = sum(card.look == "pending" for card in cards.rows)
    of = f"{undecided} of {len(cards.rows)}" if undecided < len(cards.rows) else str(undecided)
    return f"{of} actions to decide" if undecided else f"{len(cards.rows)} actions, all of them decided"


def _sources(cards: Cards, mask: Mask) -> list[str]:
    return list(dict.fromkeys(words(source, mask) or "an unnamed source" for card in cards.rows for source in card.sources))


def _said(cards: Cards, mask: Mask) -> str:
    return " ".join(dict.fromkeys(filter(None, (words(card.said, mask) for card in cards.rows))))


def _sources_block(names: Sequence[str], room: Room) -> list[Block]:
    """Where texts that were read in this turn came from: what they say may have led to the call."""
    most = min(SOURCES_CHARACTERS, room.prose)
    fitting: list[str] = []
    for name in names:
        short = clipped(name, min(SOURCE_CHARACTERS, room.prose))
        if not fitting or sum(map(len, fitting)) + len(short) <= most:
            fitting.append(short)
    rest = f", and {len(names) - len(fitting)} more" if len(names) > len(fitting) else ""
    listed = plain(", ".join(fitting) + rest)
    return [context(":warning: Read in this turn from outside, unchecked:", listed)] if names else []


def _said_block(said: str, room: Room, *, edited: bool) -> list[Block]:
    """The model's reason, last and labelled: it is a claim, not a fact, and not about what a person made of the call."""
    label = "The model's own words, before the edit (not checked):" if edited else "The model's own words (not checked):"
    short = clipped(said, min(SAID_CHARACTERS, room.prose))
    return [context(label, plain(short))] if said else []


def _approve_all(rows: Sequence[Row]) -> list[Block]:
    """One click for all that is open, where the same people decide all of it and all of it could be undone."""
    undecided = [row for row in rows if row.open]
    value = ",".join(row.card.action_id for row in undecided)
    alike = len({_decided_alike(row.card) for row in undecided}) == 1
    undoable = all(row.tool is not None and row.tool.effect is not Effect.IRREVERSIBLE for row in undecided)
    if len(undecided) < 2 or not alike or not undoable or len(value) > VALUE_CHARACTERS:
        return []
    label = f"Approve all {len(undecided)}"
    share = CONFIRM_CHARACTERS // len(undecided) - 3
    listed = "\n".join(f"• {cut(row.texts.headline, share)}" for row in undecided)
    approve = {**button("approve_all", label, value), "confirm": confirm(f"{label}?", listed, label)}
    return [{"type": "divider"}, {"type": "actions", "block_id": "approve_all", "elements": [approve]}]


def _decided_alike(card: Card) -> tuple[object, ...]:
    """What makes the same people's click count for two actions in the same way."""
    verdict = card.verdict
    requesters = frozenset(card.requesters) if verdict.approvers.requester is not None else frozenset[str]()
    return verdict.approvers, verdict.quorum, verdict.rejections, card.escalated, requesters


# ---------------------------------------------------------------------------------------------- unknown outcome


def question_blocks(card: Card, tool: Tool | None, mask: Mask = unmasked) -> list[Block]:
    """The outcome is unknown: people say what happened."""
    row = row_of(card, tool, mask)
    return fitted(lambda room: _question(row, room))


def question_text(card: Card, tool: Tool | None, mask: Mask = unmasked) -> str:
    """The same in one line."""
    return escaped(cut(f"Outcome unknown: {headline(card, tool, mask)}", TEXT_CHARACTERS))


def _question(row: Row, room: Room) -> list[Block]:
    card = row.card
    explained = (
        "This was started, and its result was lost. It may have happened. It will not be run again unless somebody here says so: "
        "please look where it would have happened, then choose."
    )
    twice = "If the first run did happen, it will have happened twice."
    again = {
        **button("run_again", "Run again", card.action_id),
        "confirm": confirm("Run it a second time?", twice, "Run again"),
    }
    buttons = [button("happened", "It happened", card.action_id), again, button("leave", "Leave it", card.action_id)]
    arguments, whole = arguments_block(row.texts.arguments, room, f"arguments:{card.action_id}")
    if row.hidden or not whole:
        buttons.append(button("show_all", "Show all", card.action_id))
    hidden = [":lock: Personal data is hidden here. Show all has it whole."] if row.hidden else []
    who = f"To be answered by {who_may_decide(card.verdict, card.requesters, room.people)}."
    return [
        header(f"Outcome unknown: {row.texts.headline}"),
        section(explained),
        arguments,
        {"type": "actions", "block_id": f"outcome:{card.action_id}", "elements": buttons},
        context("\n".join([*hidden, who])),
    ]
