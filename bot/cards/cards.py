"""How actions look in Slack. Rendered from the stored calls by trusted code; the model has no say in it.

One message with a row for each action. What others wrote stands in plain text or preformatted, never in mrkdwn.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from agent.decide.moves import Card, Cards
from agent.tool.definition import Tool, Tools
from agent.types import Verdict
from bot.cards.block_kit import (
    CONFIRM_CHARACTERS,
    VALUE_CHARACTERS,
    SlackBlock,
    button,
    confirm,
    context,
    header,
    literal_text,
    rich_line,
    rich_text,
    section,
)
from bot.cards.harmless_text import cut, escaped, readable
from bot.cards.people import people, slack_time, who_may_decide
from bot.cards.row import (
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
    why_in_words,
)
from bot.cards.values import Mask, TextRoom, arguments_block, clipped, cut_in_the_middle, fitted, one_line, source_name, unmasked

__all__ = ["card_blocks", "card_text", "headline", "people", "question_blocks", "question_text", "slack_time", "who_may_decide"]

READ_BEFORE = ":warning: Read before, from outside, unchecked:"
TEXT_CHARACTERS = 1_000
HEADLINE_CHARACTERS = 150
SOURCE_CHARACTERS = 80
SOURCES_CHARACTERS = 300
SAID_CHARACTERS = 300
SAME_TIME = timedelta(minutes=1)  # proposals of one turn end a few moments apart


def never(tool: Tool, verdict: Verdict) -> bool:
    """Return False: there are no grants here."""
    return False


def card_blocks(cards: Cards, tools: Tools, *, mask: Mask = unmasked, may_grant: MayGrant = never) -> list[SlackBlock]:
    """Return the message: what, with exactly which arguments, to which effect; then buttons, or how it ended. At most five rows.

    `may_grant`: whether such a call may be allowed from now on as well.
    """
    rows = [row_of(card, tools.get(card.tool), mask) for card in cards.rows]
    sources, said = _sources(cards, mask), _model_words(cards, mask)

    def render(room: TextRoom) -> list[SlackBlock]:
        read, all_named = _sources_block(sources, room)
        claimed = _said_block(said, room, edited=any(card.edited_by for card in cards.rows))
        if len(rows) == 1:
            single = _single(rows[0], room, [*claimed, *read], may_grant, sources_whole=all_named)
            return [*single, *(_what_came_back(rows[0].card) if cards.answered else [])]
        once = _common_lines(rows, room)
        blocks = [header(_count(cards)), *once.top(), *read]
        whole = all_named
        for number, row in enumerate(rows, 1):
            shown, row_whole = _row_blocks(row, number, room, once, may_grant, sources_whole=all_named)
            blocks += shown
            whole = whole and (row_whole or not row.open)
        return [*blocks, *claimed, *(_approve_all(rows) if whole else []), *once.bottom()]

    return fitted(render)


def card_text(cards: Cards, tools: Tools, mask: Mask = unmasked) -> str:
    """Return the card in one line, for notifications and screen readers."""
    states = [
        f"{'Approval needed' if card.look == 'pending' else card.look.capitalize()}: {headline(card, tools.get(card.tool), mask)}"
        for card in cards.rows
    ]
    text = states[0] if len(states) == 1 else f"{_count(cards)}. " + "; ".join(states)
    return escaped(cut(text, TEXT_CHARACTERS))


def _single(
    row: Row, room: TextRoom, beside: Sequence[SlackBlock], may_grant: MayGrant, *, sources_whole: bool
) -> list[SlackBlock]:
    told, _ = effect_in_words(row.wording, room)
    what, whole = what_blocks(row, room)
    whole = whole and sources_whole
    end = open_blocks(row, room, whole=whole, may_grant=may_grant) if row.open else closed_blocks(row, room)
    return [header(row.texts.headline), *([section(told)] if told else []), *what, *beside, *end]


@dataclass(frozen=True, slots=True)
class _Once:
    """What is the same for every row, and so stands in the message once; empty where it is not."""

    effect: str  # of the open rows
    asked: str  # and by which rule
    why: tuple[SlackBlock, ...]
    until: str  # of the open rows

    def top(self) -> list[SlackBlock]:
        effect = [section(f"Each of them: {self.effect}")] if self.effect else []
        return [*effect, *([context(self.asked, *self.why)] if self.asked else [])]

    def bottom(self) -> list[SlackBlock]:
        return [context(self.until)] if self.until else []


def _common_lines(rows: Sequence[Row], room: TextRoom) -> _Once:
    effect = _same([effect_in_words(row.wording, room)[0] for row in rows if row.open])
    told = [(asked_in_words(row, room), why_in_words(row.card, room)) for row in rows]
    asked, why = (told[0][0], tuple(told[0][1])) if len(told) > 1 and all(one == told[0] for one in told) else ("", ())
    undecided = [row.card for row in rows if row.open]
    ends = sorted(card.expires_at for card in undecided)
    if not undecided or ends[-1] - ends[0] > SAME_TIME:
        return _Once(effect, asked, why, "")
    return _Once(effect, asked, why, _same([until_in_words(card, ends[0], room) for card in undecided]))


def _same(said: Sequence[str]) -> str:
    """Return what several rows say, if it is the same."""
    return said[0] if len(said) > 1 and len(set(said)) == 1 else ""


def _row_blocks(
    row: Row, number: int, room: TextRoom, once: _Once, may_grant: MayGrant, *, sources_whole: bool
) -> tuple[list[SlackBlock], bool]:
    """Return one of several actions, of one that is decided only what was to run and how it ended. True: all of it is there."""
    title = rich_line((f"{number}. {cut(row.texts.headline, min(HEADLINE_CHARACTERS, room.prose))}", True))
    told = effect_in_words(row.wording, room)[0] if row.open and not once.effect else ""
    what, whole = what_blocks(row, room, asked=not once.asked, changes=row.open)
    whole = whole and sources_whole
    decide = open_blocks(row, room, whole=whole, may_grant=may_grant, until=not once.until) if row.open else []
    end = decide or closed_blocks(row, room)
    return [{"type": "divider"}, rich_text([title, *([rich_line((told, False))] if told else [])]), *what, *end], whole


def _count(cards: Cards) -> str:
    undecided = sum(card.look == "pending" for card in cards.rows)
    of = f"{undecided} of {len(cards.rows)}" if undecided < len(cards.rows) else str(undecided)
    return f"{of} actions to decide" if undecided else f"{len(cards.rows)} actions, all of them decided"


def _sources(cards: Cards, mask: Mask) -> list[str]:
    return list(dict.fromkeys(source_name(source, mask) for card in cards.rows for source in card.sources))


def _model_words(cards: Cards, mask: Mask) -> str:
    return " ".join(dict.fromkeys(filter(None, (one_line(card.said, mask) for card in cards.rows))))


def _sources_block(names: Sequence[str], room: TextRoom) -> tuple[list[SlackBlock], bool]:
    """Return where texts that were read before the call came from: what they say may have led to it. True: all are named."""
    most = min(SOURCES_CHARACTERS, room.prose)
    fitting: list[str] = []
    for name in names:
        short = clipped(name, min(SOURCE_CHARACTERS, room.prose))
        if not fitting or sum(map(len, fitting)) + len(short) <= most:
            fitting.append(short)
    rest = f", and {len(names) - len(fitting)} more" if len(names) > len(fitting) else ""
    listed = literal_text(", ".join(fitting) + rest)
    whole = not rest and fitting == list(names)
    return ([context(READ_BEFORE, listed)] if names else []), whole


def _said_block(said: str, room: TextRoom, *, edited: bool) -> list[SlackBlock]:
    """Return the model's reason, last and labelled: it is a claim, not a fact, and not about what a person made of the call."""
    label = "The model's own words, before the edit (not checked):" if edited else "The model's own words (not checked):"
    short = clipped(said, min(SAID_CHARACTERS, room.prose))
    return [context(label, literal_text(short))] if said else []


def _approve_all(rows: Sequence[Row]) -> list[SlackBlock]:
    """Return one button for all that is open, if the same people decide all of it and all of it can be undone."""
    undecided = [row for row in rows if row.open]
    value = ",".join(row.card.action_id for row in undecided)
    alike = len({_decided_alike(row.card) for row in undecided}) == 1
    undoable = all(row.tool is not None and not row.irreversible for row in undecided)
    if len(undecided) < 2 or not alike or not undoable or len(value) > VALUE_CHARACTERS:
        return []
    label = f"Approve all {len(undecided)}"
    share = CONFIRM_CHARACTERS // len(undecided) - 3
    listed = "\n".join(f"• {cut(row.texts.headline, share)}" for row in undecided)
    if read := ", ".join(dict.fromkeys(row.texts.sources for row in undecided if row.texts.sources)):
        listed = f"Proposed after reading: {cut(read, share)}\n{listed}"
    approve = {**button("approve_all", label, value), "confirm": confirm(f"{label}?", listed, label)}
    return [{"type": "divider"}, {"type": "actions", "block_id": "approve_all", "elements": [approve]}]


def _decided_alike(card: Card) -> tuple[object, ...]:
    """Return what makes the same people's click count for two actions in the same way."""
    verdict = card.verdict
    requesters = frozenset(card.requesters) if verdict.approvers.requester is not None else frozenset[str]()
    return verdict.approvers, verdict.quorum, verdict.rejections, card.escalated, requesters


# ---------------------------------------------------------------------------------------------- unknown outcome


def _what_came_back(card: Card) -> list[SlackBlock]:
    """Return the offer to say what came back of a call of which people said that it happened: its result was lost."""
    if card.look != "succeeded" or card.result:
        return []
    offered = button("came_back", "Say what came back", card.action_id)
    return [{"type": "actions", "block_id": f"came_back:{card.action_id}", "elements": [offered]}]


def question_blocks(card: Card, tool: Tool | None, mask: Mask = unmasked, said: str = "") -> list[SlackBlock]:
    """Return the question after an unknown outcome: people say what happened. `said`: the model's words on it."""
    row = row_of(card, tool, mask)
    words = [context("The model's own words:", literal_text(readable(said)))] if said else []
    return fitted(lambda room: [*_question_blocks(row, room), *words])


def question_text(card: Card, tool: Tool | None, mask: Mask = unmasked) -> str:
    """Return the question in one line."""
    return escaped(cut(f"Outcome unknown: {headline(card, tool, mask)}", TEXT_CHARACTERS))


def _question_blocks(row: Row, room: TextRoom) -> list[SlackBlock]:
    card = row.card
    explained = (
        "This was started, and its result was lost. It may have happened. It will not be run again unless somebody here says so: "
        "please look where it would have happened, then choose."
    )
    read = f"\nIt was proposed after reading: {row.texts.sources}" if row.texts.sources else ""
    twice = cut_in_the_middle(f"If the first run did happen, it will have happened twice.{read}", CONFIRM_CHARACTERS)
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
    if card.verdict.quorum > 1:
        who += f" To run it again takes {card.verdict.quorum} of them."
    return [
        header(f"Outcome unknown: {row.texts.headline}"),
        section(explained),
        arguments,
        *([context(READ_BEFORE, literal_text(cut(row.texts.sources, SOURCES_CHARACTERS)))] if row.texts.sources else []),
        {"type": "actions", "block_id": f"outcome:{card.action_id}", "elements": buttons},
        context("\n".join([*hidden, who])),
    ]
