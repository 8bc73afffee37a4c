"""What a person reads in messages and views."""

from typing import Any

import pytest

from bot.sandbox import Message
from bot.sandbox.slack.types import File
from tests.sandbox.slack_bots import actions, button, section

Json = dict[str, Any]
NAMES = {"U1": "Ann Archer", "C1": "orders"}


def seen(*blocks: Json, text: str = "", files: tuple[str, ...] = ()) -> str:
    shared = tuple(File("F1", name, "text/csv", "U1", b"", 0) for name in files)
    return Message("C1", "1.000001", "U1", text, blocks=blocks, files=shared, names=NAMES).seen_text


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def rich(*elements: Json) -> Json:
    return {"type": "rich_text", "elements": list(elements)}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Hello <@U1>", "Hello @Ann Archer"),
        ("in <#C1> and <#C2|general>", "in #orders and #general"),
        ("<!here> <!channel>", "@here @channel"),
        ("<https://example.com|the order>", "the order"),
        ("<https://example.com>", "https://example.com"),
        ("<!date^1700000000^{date}|14 Nov>", "14 Nov"),
        ("3 &lt; 4 &amp; *bold*", "3 < 4 & *bold*"),
    ],
)
def test_mrkdwn_is_read(text: str, shown: str) -> None:
    assert seen(text=text) == shown
    assert seen(section(text)) == shown


def test_plain_text_is_read_letter_for_letter() -> None:
    injected = "<@U1> <https://example.com|ok> *bold* &lt;"
    assert seen({"type": "section", "text": plain(injected)}) == injected
    assert seen(rich({"type": "rich_text_preformatted", "elements": [{"type": "text", "text": injected}]})) == injected


def test_blocks_hide_the_text() -> None:
    assert seen(section("The card"), text="A notification") == "The card"


def test_blocks_are_read_in_order() -> None:
    blocks = (
        {"type": "header", "text": plain("Order 3 mugs?")},
        section("*Customer*", fields=[plain("Ann"), plain("3 mugs")], accessory=button("Show all", "all")),
        {"type": "divider"},
        {"type": "image", "image_url": "https://example.com/a.png", "alt_text": "a mug"},
        {"type": "markdown", "text": "**total** 27"},
        {"type": "context", "elements": [plain("until"), {"type": "mrkdwn", "text": "noon, asked by <@U1>"}]},
        actions(button("Place order", "approve"), button("Reject", "reject")),
    )
    assert seen(*blocks, files=("a.csv",)).splitlines() == [
        "Order 3 mugs?",
        "*Customer*",
        "Ann",
        "3 mugs",
        "[Show all]",
        "a mug",
        "**total** 27",
        "until noon, asked by @Ann Archer",
        "[Place order] [Reject]",
        "[file a.csv]",
    ]


def test_rich_text_is_read() -> None:
    line = {
        "type": "rich_text_section",
        "elements": [
            {"type": "user", "user_id": "U1"},
            {"type": "text", "text": " in "},
            {"type": "channel", "channel_id": "C1"},
            {"type": "link", "url": "https://example.com", "text": " here"},
            {"type": "emoji", "name": "wave"},
            {"type": "broadcast", "range": "here"},
        ],
    }
    items = [{"type": "rich_text_section", "elements": [{"type": "text", "text": one}]} for one in ("a", "b")]
    listed = {"type": "rich_text_list", "style": "bullet", "elements": items}
    assert seen(rich(line, listed)) == "@Ann Archer in #orders here:wave:@here\n• a\n• b"


def test_tables_plans_and_cards_are_read() -> None:
    cells = [[{"type": "raw_text", "text": "SKU"}, {"type": "raw_number", "value": 3, "text": "3"}]]
    assert seen({"type": "table", "rows": cells}) == "SKU | 3"
    details = rich({"type": "rich_text_section", "elements": [{"type": "text", "text": "found 3"}]})
    task = {"type": "task_card", "task_id": "t", "title": "Look", "status": "complete", "details": details}
    assert seen({"type": "plan", "title": "Plan", "tasks": [task]}) == "Plan\nLook\nfound 3"
    card = {"type": "card", "title": plain("Mug"), "body": plain("Blue"), "actions": [button("Buy", "buy")]}
    assert seen(card) == "Mug\nBlue\n[Buy]"


def test_inputs_show_what_stands_in_them() -> None:
    options = [{"text": plain("Small"), "value": "s"}, {"text": plain("Big"), "value": "b"}]
    boxes = {"type": "checkboxes", "action_id": "c", "options": options, "initial_options": options[:1]}
    menu = {"type": "static_select", "action_id": "m", "options": options, "initial_option": options[1]}
    empty = {"type": "static_select", "action_id": "e", "options": options, "placeholder": plain("Pick a size")}
    person = {"type": "users_select", "action_id": "u", "initial_user": "U1"}
    text = {"type": "plain_text_input", "action_id": "t", "initial_value": "3 mugs"}
    label = {"type": "input", "label": plain("What"), "element": text, "hint": plain("in words")}
    assert seen(actions(boxes)) == "☑ Small\n☐ Big"
    assert seen(actions(menu, empty, person)) == "[Big] [Pick a size] [Ann Archer]"
    assert seen(label) == "What\n[3 mugs]\nin words"
