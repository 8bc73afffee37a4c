"""How an action looks in Slack. Rendered from the stored call by trusted code; the model has no say in it.

Arguments stand as preformatted rich text, which Slack never parses: no mention, link or formatting in them is live.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from agent.moves import Card
from agent.tool import Effect, Tool
from agent.types import Verdict
from bot.plain import cut, escaped, visible

Block = dict[str, Any]

# Slack refuses a message whose blocks hold more than about 10,000 characters (reference: Slack, Limits); a card stays below.
ARGUMENT_CHARACTERS = 6_000
VALUE_CHARACTERS = 1_200
LEAST_VALUE_CHARACTERS = 40
LINE_CHARACTERS = 60  # of a value that stands on a line of the table
NAME_CHARACTERS = 24  # that the values of the table are indented by at most
LONGEST_NAME_CHARACTERS = 60
RESULT_CHARACTERS = 800
HEADER_CHARACTERS = 150
BUTTON_CHARACTERS = 75
MODAL_PIECE_CHARACTERS = 2_800
MODAL_BLOCKS = 100

ENDINGS = {
    "approved": ":hourglass_flowing_sand: Approved{by}. Running now.",
    "succeeded": ":white_check_mark: Approved{by}. Done.",
    "failed": ":x: Approved{by}, but it failed.",
    "unknown": ":warning: Approved{by}. Its outcome is unknown: it was started, and the result was lost.",
    "rejected": ":no_entry: Rejected{by}. Nothing was run.",
    "expired": ":alarm_clock: Expired{by}. Nobody decided in time; nothing was run.",
    "withdrawn": ":leftwards_arrow_with_hook: Withdrawn{by}. Nothing was run.",
    "refused": ":no_entry: Not run{by}. The approval no longer holds.",
}


def headline(card: Card, tool: Tool | None) -> str:
    """The action and its scope in one line."""
    if tool is not None and tool.headline is not None:
        return " ".join(visible(tool.headline(tool.arguments.model_validate(card.arguments))).split())
    verb = tool.verb if tool is not None else "Run"
    return f"{verb}: {card.tool}"


def card_blocks(card: Card, tool: Tool | None) -> list[Block]:
    """The card: what, with exactly which arguments, to which effect; then buttons, or how it ended."""
    heading = cut(headline(card, tool), HEADER_CHARACTERS)
    blocks: list[Block] = [{"type": "header", "text": {"type": "plain_text", "text": heading, "emoji": False}}]
    if tool is not None and (told := " ".join(part for part in (tool.consequence, tool.undo) if part)):
        blocks.append({"type": "section", "text": {"type": "plain_text", "text": cut(told, 2_000)}})
    arguments, whole = _arguments(card.arguments)
    blocks.append(arguments)
    blocks.append(_context(_about(card)))
    blocks += _open_end(card, tool, whole) if card.look == "pending" else _closed_end(card)
    return blocks


def card_text(card: Card, tool: Tool | None) -> str:
    """The same in one line, for notifications and screen readers."""
    state = "Approval needed" if card.look == "pending" else card.look.capitalize()
    return escaped(cut(f"{state}: {headline(card, tool)}", 1_000))


def _arguments(values: Mapping[str, Any]) -> tuple[Block, bool]:
    """Every argument by name: short ones as lines of one table, the others in a box each, cut with their length.

    A line of the table holds no line break, so no value can pass itself off as another argument. True: all stand there whole.
    """
    texts = [(_name(name), visible(_spelled(value))) for name, value in values.items()]
    short = [(name, text) for name, text in texts if _short(text)]
    elements: list[Block] = []
    if short:
        width = min(max(len(name) for name, _ in short), NAME_CHARACTERS)
        lines = "\n".join(f"{name:<{width}}  {text}" for name, text in short)
        elements.append({"type": "rich_text_preformatted", "elements": [_text(lines)]})
    long = [(name, text) for name, text in texts if not _short(text)]
    share = max(LEAST_VALUE_CHARACTERS, min(VALUE_CHARACTERS, ARGUMENT_CHARACTERS // max(len(texts), 1) - LINE_CHARACTERS))
    for name, text in long:
        cut_here = f" ({len(text):,} characters, cut here: Show all has the whole)" if len(text) > share else ""
        elements.append({"type": "rich_text_section", "elements": [_text(name, bold=True), _text(cut_here or " ")]})
        elements.append({"type": "rich_text_preformatted", "elements": [_text(cut(text, share))]})
    if not texts:
        elements.append({"type": "rich_text_section", "elements": [_text("No arguments.")]})
    whole = all(len(text) <= share for _, text in long)
    return {"type": "rich_text", "block_id": "arguments", "elements": elements}, whole


def _short(text: str) -> bool:
    return len(text) <= LINE_CHARACTERS and not set(text) & {"\n", "\t"}


def _name(name: str) -> str:
    """An argument's name; one that is not a plain word stands in quotes, with whatever it hides spelled out."""
    plain = re.fullmatch(r"[A-Za-z0-9_.-]+", name)
    return cut(name if plain else visible(json.dumps(name, ensure_ascii=False)), LONGEST_NAME_CHARACTERS)


def _spelled(value: Any) -> str:
    if isinstance(value, str):
        return value or '""'
    line = json.dumps(value, ensure_ascii=False)
    return line if len(line) <= LINE_CHARACTERS else json.dumps(value, ensure_ascii=False, indent=2)


def _text(text: str, *, bold: bool = False) -> Block:
    return {"type": "text", "text": text, **({"style": {"bold": True}} if bold else {})}


def _context(*lines: str) -> Block:
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": cut(line, 2_000)} for line in lines]}


def _about(card: Card) -> str:
    rule = escaped(card.verdict.rule)
    return f"Asked by {people(card.requesters)}  ·  `{card.tool}`  ·  rule: {rule}  ·  digest `{card.digest[:12]}`"


def people(users: Sequence[str]) -> str:
    """These people, by name."""
    return ", ".join(f"<@{user}>" for user in users)


def who_may_decide(card_verdict: Verdict, requesters: Sequence[str]) -> str:
    """The approvers in words."""
    approvers = card_verdict.approvers
    groups = [f"a member of <!subteam^{group}>" for group in approvers.groups]
    members = ["any member of this conversation"] if approvers.channel_members else []
    asked = [f"{people(requesters)}, who asked"] if approvers.requester else []
    anybody = " or ".join([*([people(approvers.users)] if approvers.users else []), *groups, *members, *asked])
    return f"{anybody} (but not {people(requesters)}, who asked)" if approvers.requester is False else anybody


def moment(at: datetime) -> str:
    """A time that Slack shows in the reader's own zone."""
    return f"<!date^{int(at.timestamp())}^{{date_short_pretty}} at {{time}}|{at:%Y-%m-%d %H:%M} UTC>"


def _open_end(card: Card, tool: Tool | None, whole: bool) -> list[Block]:
    verb = cut(tool.verb if tool is not None else "Run", BUTTON_CHARACTERS)
    approve = _button("approve", verb, card.action_id, style="primary")
    if tool is not None and tool.effect is Effect.IRREVERSIBLE:
        approve["style"] = "danger"
        approve["confirm"] = {
            "title": {"type": "plain_text", "text": "This cannot be undone"},
            "text": {"type": "plain_text", "text": cut(headline(card, tool), 300)},
            "confirm": {"type": "plain_text", "text": cut(verb, 30)},
            "deny": {"type": "plain_text", "text": "Go back"},
            "style": "danger",
        }
    buttons = [approve, _button("reject", "Reject", card.action_id)]
    if not whole:
        buttons.append(_button("show_all", "Show all", card.action_id))
    who = who_may_decide(card.verdict, card.requesters)
    until = f"To be decided by {who}, until {moment(card.expires_at)}; then it expires and nothing is run."
    actions: Block = {"type": "actions", "block_id": f"decide:{card.action_id}", "elements": buttons}
    return [actions, *([_context(_progress(card))] if card.verdict.quorum > 1 else []), _context(until)]


def _progress(card: Card) -> str:
    by = f": {people(card.voters)}" if card.voters else ""
    return f"*{len(card.voters)} of {card.verdict.quorum}* approvals{by}. One rejection settles it."


def _button(action_id: str, label: str, value: str, *, style: str | None = None) -> Block:
    button: Block = {"type": "button", "action_id": action_id, "text": {"type": "plain_text", "text": label}, "value": value}
    return {**button, "style": style} if style else button


def _closed_end(card: Card) -> list[Block]:
    """Who, when, and what came of it, in words."""
    no_yes = card.look in ("rejected", "expired", "withdrawn")
    decided_by = card.voters if card.voters and not no_yes else tuple(filter(None, [card.decided_by]))
    by = f" by {people(decided_by)}" if decided_by else ""
    at = f", {moment(card.decided_at)}" if card.decided_at else ""
    blocks = [_context(ENDINGS[card.look].format(by=f"{by}{at}"))]
    told = card.reason if card.look in ("rejected", "withdrawn") else _outcome(card)
    if told:
        element = {"type": "rich_text_preformatted", "elements": [_text(cut(visible(told), RESULT_CHARACTERS))]}
        blocks.append({"type": "rich_text", "block_id": "outcome", "elements": [element]})
    return blocks


def _outcome(card: Card) -> str:
    """What the result adds to the arguments, as lines of a table, or the sentence that says what went wrong."""
    if not card.result:
        return ""
    result = json.loads(card.result)
    if not result["ok"]:
        return str(result["detail"])
    values = result["result"]
    if not isinstance(values, dict):
        return _spelled(values)
    fields = cast(dict[str, Any], values)
    news = {name: value for name, value in fields.items() if value not in ("", None) and card.arguments.get(name) != value}
    width = min(max(map(len, news), default=0), NAME_CHARACTERS)
    return "\n".join(f"{name:<{width}}  {_spelled(value)}" for name, value in news.items())


def question_blocks(card: Card, tool: Tool | None) -> list[Block]:
    """The outcome is unknown: people say what happened."""
    heading = cut(f"Outcome unknown: {headline(card, tool)}", HEADER_CHARACTERS)
    explained = (
        "This was started, and its result was lost. It may have happened. It will not be run again unless somebody here says so: "
        "please look where it would have happened, then choose."
    )
    again = _button("run_again", "Run again", card.action_id)
    again["confirm"] = {
        "title": {"type": "plain_text", "text": "Run it a second time?"},
        "text": {"type": "plain_text", "text": "If the first run did happen, it will have happened twice."},
        "confirm": {"type": "plain_text", "text": "Run again"},
        "deny": {"type": "plain_text", "text": "Go back"},
    }
    buttons = [_button("happened", "It happened", card.action_id), again, _button("leave", "Leave it", card.action_id)]
    return [
        {"type": "header", "text": {"type": "plain_text", "text": heading, "emoji": False}},
        {"type": "section", "text": {"type": "plain_text", "text": explained}},
        _arguments(card.arguments)[0],
        {"type": "actions", "block_id": f"outcome:{card.action_id}", "elements": buttons},
    ]


# ---------------------------------------------------------------------------------------------- modals


def reject_view(card_headline: str, action_id: str) -> Block:
    """Asks for an optional reason."""
    reason = {"type": "plain_text_input", "action_id": "reason", "multiline": True, "max_length": 1_000}
    label = {"type": "plain_text", "text": "Reason (the agent reads it)"}
    return {
        "type": "modal",
        "callback_id": "reject",
        "private_metadata": action_id,
        "title": {"type": "plain_text", "text": "Reject"},
        "submit": {"type": "plain_text", "text": "Reject"},
        "close": {"type": "plain_text", "text": "Go back"},
        "blocks": [
            {"type": "section", "text": {"type": "plain_text", "text": cut(card_headline, 2_000)}},
            {"type": "input", "block_id": "reason", "optional": True, "label": label, "element": reason},
        ],
    }


def arguments_view(values: Mapping[str, Any]) -> Block:
    """Every argument whole, in as many pieces as Slack's limit for one block asks for."""
    blocks: list[Block] = []
    for name, value in values.items():
        text = visible(_spelled(value))
        pieces = [text[at : at + MODAL_PIECE_CHARACTERS] for at in range(0, len(text), MODAL_PIECE_CHARACTERS)] or [" "]
        for number, piece in enumerate(pieces, 1):
            part = f" ({number} of {len(pieces)})" if len(pieces) > 1 else ""
            title = {"type": "rich_text_section", "elements": [_text(_name(name) + part, bold=True)]}
            body = {"type": "rich_text_preformatted", "elements": [_text(piece)]}
            blocks.append({"type": "rich_text", "elements": [title, body]})
    if len(blocks) > MODAL_BLOCKS:
        left = f"{len(blocks) - MODAL_BLOCKS + 1} further pieces do not fit here; reject this if you cannot judge it unseen."
        blocks = [*blocks[: MODAL_BLOCKS - 1], _context(left)]
    return {
        "type": "modal",
        "callback_id": "arguments",
        "title": {"type": "plain_text", "text": "All arguments"},
        "close": {"type": "plain_text", "text": "Close"},
        "blocks": blocks or [_context("No arguments.")],
    }
