"""Block Kit, as far as it is needed here. Text of others goes into plain_text and rich text, which Slack never parses."""

from collections.abc import Sequence
from typing import Any, cast

from bot.cards.harmless_text import cut

SlackBlock = dict[str, Any]

HEADER_CHARACTERS = 150
BUTTON_CHARACTERS = 75
CONFIRM_CHARACTERS = 300
VALUE_CHARACTERS = 2_000
SECTION_CHARACTERS = 3_000
OPTION_CHARACTERS = 75
# Slack refuses a message whose blocks hold more than about 10,000 characters (reference: Slack, Limits); we stay below.
MESSAGE_CHARACTERS = 9_500


def literal_text(text: str) -> SlackBlock:
    """Return text that is shown letter for letter: not even an emoji code in it is live."""
    return {"type": "plain_text", "text": text, "emoji": False}


def header(text: str) -> SlackBlock:
    return {"type": "header", "text": literal_text(cut(text, HEADER_CHARACTERS))}


def section(text: str) -> SlackBlock:
    return {"type": "section", "text": literal_text(text)}


def line_with(text: str, accessory: SlackBlock, block_id: str) -> SlackBlock:
    """Return a section with something to press beside it."""
    return {**section(cut(text, SECTION_CHARACTERS)), "accessory": accessory, "block_id": block_id}


def prose_section(mrkdwn: str) -> SlackBlock:
    """Return a section of our own words, as mrkdwn, cut to what Slack takes."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": cut(mrkdwn, SECTION_CHARACTERS)}}


def modal(
    callback_id: str, title: str, blocks: Sequence[SlackBlock], *, close: str, submit: str = "", metadata: str = ""
) -> SlackBlock:
    """Return a dialog. Without `submit` it only shows something; `metadata` comes back with what was entered."""
    made: SlackBlock = {"type": "modal", "callback_id": callback_id, "title": literal_text(title), "close": literal_text(close)}
    made |= {"submit": literal_text(submit)} if submit else {}
    made |= {"private_metadata": metadata} if metadata else {}
    return {**made, "blocks": list(blocks)}


def entry(block_id: str, label: str, element: SlackBlock, *, optional: bool = False, hint: str = "") -> SlackBlock:
    """Return an input of a dialog, below its label."""
    made: SlackBlock = {
        "type": "input",
        "block_id": block_id,
        "optional": optional,
        "label": literal_text(label),
        "element": element,
    }
    return made | ({"hint": literal_text(hint)} if hint else {})


def option(value: str, text: str) -> SlackBlock:
    """Return an option of a menu."""
    return {"text": literal_text(cut(text, OPTION_CHARACTERS)), "value": value}


def mrkdwn(text: str) -> SlackBlock:
    """Return our own sentence: `verbatim`, so that only what we spelled out as a mention or a link is one."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def context(*elements: str | SlackBlock) -> SlackBlock:
    """Return small print: our own sentences as mrkdwn, and other elements as they are given."""
    return {"type": "context", "elements": [mrkdwn(one) if isinstance(one, str) else one for one in elements]}


def button(action_id: str, label: str, value: str, *, style: str | None = None) -> SlackBlock:
    made: SlackBlock = {
        "type": "button",
        "action_id": action_id,
        "text": literal_text(cut(label, BUTTON_CHARACTERS)),
        "value": value,
    }
    return {**made, "style": style} if style else made


def overflow(action_id: str, options: Sequence[SlackBlock]) -> SlackBlock:
    """Return the menu of what is done more seldom."""
    return {"type": "overflow", "action_id": action_id, "options": list(options)}


def feedback_buttons(turn: int) -> SlackBlock:
    """Return Slack's own pair of thumbs, for the answer of this turn."""

    def thumb(label: str, told: str, value: str) -> SlackBlock:
        return {"text": literal_text(label), "accessibility_label": told, "value": f"{value}:{turn}"}

    good, bad = (
        thumb("Good answer", "Good answer: this answer was good", "good"),
        thumb("Bad answer", "Bad answer: this answer was bad", "bad"),
    )
    return {"type": "feedback_buttons", "action_id": "feedback", "positive_button": good, "negative_button": bad}


def wrong_answer_button(turn: int) -> SlackBlock:
    """Return the button that stands by the thumbs, for the answer of this turn. In their row Slack takes no button but one with
    the picture of a trash can (docs: Icon button element), so it has a row below."""
    asked = {
        **button("wrong_answer", "Wrong answer?", str(turn)),
        "accessibility_label": "Wrong answer? Say what is wrong with this answer",
    }
    return {"type": "actions", "block_id": "wrong_answer", "elements": [asked]}


def confirm(title: str, text: str, yes: str, *, no: str = "Go back", style: str | None = None) -> SlackBlock:
    """Return the dialog that asks once more."""
    made: SlackBlock = {
        "title": literal_text(title),
        "text": literal_text(cut(text, CONFIRM_CHARACTERS)),
        "confirm": literal_text(cut(yes, 30)),
        "deny": literal_text(no),
    }
    return {**made, "style": style} if style else made


def rich_text(elements: Sequence[SlackBlock], block_id: str = "") -> SlackBlock:
    made: SlackBlock = {"type": "rich_text", "elements": list(elements)}
    return {**made, "block_id": block_id} if block_id else made


def rich_line(*parts: tuple[str, bool]) -> SlackBlock:
    """Return a line of rich text: each part with whether it is bold. Empty parts are left out."""
    bold = {"style": {"bold": True}}
    texts = [{"type": "text", "text": text, **(bold if is_bold else {})} for text, is_bold in parts if text]
    return {"type": "rich_text_section", "elements": texts}


def preformatted(text: str) -> SlackBlock:
    return {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": text}]}


def block_characters(blocks: Any) -> int:
    """Return how many characters of text blocks have, and a few for what is around each; without the dialog behind a button."""
    match blocks:
        case list():
            return sum(map(block_characters, cast(list[Any], blocks)))
        case dict():
            fields = cast(SlackBlock, blocks)
            own = len(fields["text"]) + 3 if isinstance(fields.get("text"), str) else 0
            return own + sum(block_characters(field) for name, field in fields.items() if name != "confirm")
        case _:
            return 0
