"""Block Kit, as far as it is needed here. Text of others goes into plain_text and rich text, which Slack never parses."""

from collections.abc import Sequence
from typing import Any, cast

from bot.plain import cut

Block = dict[str, Any]

HEADER_CHARACTERS = 150
BUTTON_CHARACTERS = 75
CONFIRM_CHARACTERS = 300
VALUE_CHARACTERS = 2_000
# Slack refuses a message whose blocks hold more than about 10,000 characters (reference: Slack, Limits); we stay below.
MESSAGE_CHARACTERS = 9_500


def plain(text: str) -> Block:
    """Shown letter for letter: not even an emoji code in it is live."""
    return {"type": "plain_text", "text": text, "emoji": False}


def header(text: str) -> Block:
    return {"type": "header", "text": plain(cut(text, HEADER_CHARACTERS))}


def section(text: str) -> Block:
    return {"type": "section", "text": plain(text)}


def mrkdwn(text: str) -> Block:
    """Our own sentence: `verbatim`, so that only what we spelled out as a mention or a link is one."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def context(*elements: str | Block) -> Block:
    """Small print: our own sentences as mrkdwn, and whatever else as the elements that are given."""
    return {"type": "context", "elements": [mrkdwn(one) if isinstance(one, str) else one for one in elements]}


def button(action_id: str, label: str, value: str, *, style: str | None = None) -> Block:
    text = {"type": "plain_text", "text": cut(label, BUTTON_CHARACTERS)}
    made: Block = {"type": "button", "action_id": action_id, "text": text, "value": value}
    return {**made, "style": style} if style else made


def feedback_buttons(turn: int) -> Block:
    """Slack's own pair of thumbs, for the answer of this turn."""

    def thumb(label: str, told: str, value: str) -> Block:
        return {"text": {"type": "plain_text", "text": label}, "accessibility_label": told, "value": f"{value}:{turn}"}

    good, bad = thumb("Good answer", "This answer was good", "good"), thumb("Bad answer", "This answer was bad", "bad")
    return {"type": "feedback_buttons", "action_id": "feedback", "positive_button": good, "negative_button": bad}


def confirm(title: str, text: str, yes: str, *, style: str | None = None) -> Block:
    """The dialog that asks once more."""
    made: Block = {
        "title": plain(title),
        "text": plain(cut(text, CONFIRM_CHARACTERS)),
        "confirm": plain(cut(yes, 30)),
        "deny": plain("Go back"),
    }
    return {**made, "style": style} if style else made


def rich_text(elements: Sequence[Block], block_id: str = "") -> Block:
    made: Block = {"type": "rich_text", "elements": list(elements)}
    return {**made, "block_id": block_id} if block_id else made


def line(*parts: tuple[str, bool]) -> Block:
    """A line of rich text: each part with whether it is bold. Empty parts are left out."""
    bold = {"style": {"bold": True}}
    texts = [{"type": "text", "text": text, **(bold if is_bold else {})} for text, is_bold in parts if text]
    return {"type": "rich_text_section", "elements": texts}


def preformatted(text: str) -> Block:
    return {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": text}]}


def characters(blocks: Any) -> int:
    """How many characters of text stand in blocks, and a few for what is around each; not in the dialog behind a button."""
    match blocks:
        case list():
            return sum(map(characters, cast(list[Any], blocks)))
        case dict():
            fields = cast(Block, blocks)
            own = len(fields["text"]) + 3 if isinstance(fields.get("text"), str) else 0
            return own + sum(characters(field) for name, field in fields.items() if name != "confirm")
        case _:
            return 0
