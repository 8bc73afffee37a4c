"""Blocks that Slack refuses are refused, with the place of the fault; what Slack takes is taken."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block

from bot.sandbox.slack.blocks import message_faults, view_faults, with_ids
from tests.sandbox.slack_bots import actions, button, modal, section, text_input

Json = dict[str, Any]


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def option(value: str, label: str = "One", **more: Any) -> Json:
    return {"text": plain(label), "value": value, **more}


def select(kind: str = "static_select", **more: Any) -> Json:
    return {"type": kind, "action_id": "s", "placeholder": plain("Pick"), "options": [option("1"), option("2")], **more}


def rich(*parts: Json) -> Json:
    return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": list(parts)}]}


def table(rows: int = 2, columns: int = 2, text: str = "x") -> Json:
    return {"type": "table", "rows": [[{"type": "raw_text", "text": text}] * columns] * rows}


def task(status: str = "complete", **more: Any) -> Json:
    return {"type": "task_card", "task_id": "t1", "title": "Look it up", "status": status, **more}


def context(*elements: Json) -> Json:
    return {"type": "context", "elements": list(elements)}


CONFIRM = {"title": plain("Sure?"), "text": plain("It cannot be undone."), "confirm": plain("Yes"), "deny": plain("No")}
IMAGE = {"type": "image", "image_url": "https://example.com/mug.png", "alt_text": "a mug"}

TAKEN: list[Json] = [
    section("x" * 3000),
    section("*hi*", fields=[plain("x" * 2000)] * 10, accessory=button("Go", "go", style="danger", confirm=CONFIRM)),
    {"type": "section", "fields": [plain("only fields")]},
    section("hi", accessory=IMAGE),
    {"type": "header", "text": plain("x" * 150)},
    {"type": "divider", "block_id": "line"},
    {**IMAGE, "title": plain("A mug")},
    context(plain("x"), {"type": "mrkdwn", "text": "*y*"}, IMAGE),
    actions(*(button("x" * 75, f"a{n}", value="x" * 2000) for n in range(25))),
    actions(select(), select("multi_static_select", action_id="m", initial_options=[option("1")], max_selected_items=2)),
    actions({"type": "checkboxes", "options": [option("1")], "initial_options": [option("1")]}),
    actions({"type": "overflow", "action_id": "o", "options": [option("1", url="https://example.com")]}),
    actions({"type": "datepicker", "initial_date": "2026-01-31"}, {"type": "users_select", "initial_user": "U1"}),
    text_input("reason", "Why?", optional=True, hint=plain("A word")),
    text_input("n", "How many?", element={"type": "number_input", "is_decimal_allowed": False, "initial_value": "3"}),
    {"type": "markdown", "text": "x" * 12_000},
    rich({"type": "text", "text": "hi", "style": {"bold": True}}, {"type": "user", "user_id": "U1"}),
    {"type": "rich_text", "elements": [{"type": "rich_text_preformatted", "elements": [{"type": "text", "text": "{}"}]}]},
    table(100, 20),
    task(details=rich({"type": "text", "text": "found 3"}), sources=[{"type": "url", "url": "https://example.com"}]),
    {"type": "plan", "title": "Plan", "tasks": [task() for _ in range(50)]},
    {"type": "card", "title": {"type": "mrkdwn", "text": "*A*"}, "body": plain("x" * 200), "actions": [button("Go", "g")]},
    {
        "type": "context_actions",
        "elements": [
            {
                "type": "feedback_buttons",
                "action_id": "f",
                "positive_button": {"text": plain("Good"), "value": "good"},
                "negative_button": {"text": plain("Bad"), "value": "bad"},
            }
        ],
    },
]

REFUSED: list[tuple[Json, str]] = [
    ({}, "missing required field: type [json-pointer:/blocks/0]"),
    ({"type": "sectoin"}, "unsupported type: sectoin [json-pointer:/blocks/0/type]"),
    ({"type": "section"}, "must define at least one of: text, fields [json-pointer:/blocks/0]"),
    (section(""), "must be more than 0 characters [json-pointer:/blocks/0/text/text]"),
    (section("x" * 3001), "must be less than 3001 characters [json-pointer:/blocks/0/text/text]"),
    (section("x", txet="y"), "invalid additional property: txet [json-pointer:/blocks/0]"),
    (section("x", block_id="x" * 256), "must be less than 256 characters [json-pointer:/blocks/0/block_id]"),
    ({"type": "section", "text": "x"}, "must be an object [json-pointer:/blocks/0/text]"),
    ({"type": "section", "fields": [plain("x")] * 11}, "no more than 10 items allowed [json-pointer:/blocks/0/fields]"),
    ({"type": "section", "fields": [plain("x" * 2001)]}, "less than 2001 characters [json-pointer:/blocks/0/fields/0/text]"),
    (section("x", accessory=text_input("a", "b")["element"]), "unsupported type: plain_text_input"),
    ({"type": "header", "text": plain("x" * 151)}, "less than 151 characters"),
    ({"type": "header", "text": {"type": "mrkdwn", "text": "x"}}, "unsupported type: mrkdwn"),
    (context(), "no fewer than 1 items allowed [json-pointer:/blocks/0/elements]"),
    (context(*[plain("x")] * 11), "no more than 10 items allowed"),
    (context(button("x", "y")), "unsupported type: button"),
    (actions(), "no fewer than 1 items allowed"),
    (actions(*(button("x", f"a{n}") for n in range(26))), "no more than 25 items allowed"),
    (actions(button("x", "same"), button("y", "same")), "action_id 'same' already exists"),
    (actions(button("", "a")), "more than 0 characters"),
    (actions(button("x" * 76, "a")), "less than 76 characters"),
    (actions(button("x", "x" * 256)), "less than 256 characters [json-pointer:/blocks/0/elements/0/action_id]"),
    (actions(button("x", "a", value="x" * 2001)), "less than 2001 characters [json-pointer:/blocks/0/elements/0/value]"),
    (actions(button("x", "a", style="default")), "must be one of: primary, danger"),
    (actions(button("x", "a", url="not a link")), "must be a valid URL"),
    (actions(button("x", "a", text={"type": "mrkdwn", "text": "x"})), "unsupported type: mrkdwn"),
    (actions(button("x", "a", confirm={**CONFIRM, "title": plain("x" * 101)})), "less than 101 characters"),
    (actions(button("x", "a", confirm={**CONFIRM, "text": plain("x" * 301)})), "less than 301 characters"),
    (actions(button("x", "a", confirm={**CONFIRM, "confirm": plain("x" * 31)})), "less than 31 characters"),
    (
        actions(button("x", "a", confirm={**CONFIRM, "text": None})),
        "must be an object [json-pointer:/blocks/0/elements/0/confirm/text]",
    ),
    (actions(select(options=[])), "no fewer than 1 items allowed"),
    (actions(select(options=[option(str(n)) for n in range(101)])), "no more than 100 items allowed"),
    (actions(select(options=[option("1"), option("1")])), "option values must be unique"),
    (actions(select(options=[option("x" * 151)])), "less than 151 characters"),
    (actions(select(options=[option("1", "x" * 76)])), "less than 76 characters"),
    (actions(select(initial_option=option("3"))), "initial_option must be among the options"),
    (actions(select(option_groups=[{"label": plain("a"), "options": [option("1")]}])), "may define only one of"),
    (actions({"type": "static_select", "action_id": "s"}), "must define at least one of: options, option_groups"),
    (actions({"type": "radio_buttons", "options": [option(str(n)) for n in range(11)]}), "no more than 10 items"),
    (actions({"type": "overflow", "options": [option(str(n)) for n in range(6)]}), "no more than 5 items"),
    (actions({"type": "datepicker", "initial_date": "31.1.2026"}), "must be a date"),
    (actions(text_input("a", "b")["element"]), "unsupported type: plain_text_input"),
    (text_input("a", "x" * 2001), "less than 2001 characters"),
    (text_input("a", "b", element=button("x", "y")), "unsupported type: button"),
    (text_input("a", "b", element={"type": "number_input"}), "missing required field: is_decimal_allowed"),
    (text_input("a", "b", element={"max_length": 3001}), "must be between 1 and 3000"),
    ({"type": "image", "image_url": "https://example.com/a.png"}, "missing required field: alt_text"),
    ({"type": "image", "alt_text": "a"}, "must define at least one of: image_url, slack_file"),
    ({"type": "markdown", "text": ""}, "more than 0 characters"),
    ({"type": "markdown", "text": "x" * 12_001}, "less than 12001 characters"),
    (rich({"type": "text", "text": ""}), "more than 0 characters"),
    (rich({"type": "bold", "text": "x"}), "unsupported type: bold"),
    ({"type": "rich_text", "elements": [{"type": "text", "text": "x"}]}, "unsupported type: text"),
    (table(101), "no more than 100 items allowed"),
    (table(1, 21), "no more than 20 items allowed"),
    (table(1, 1, text=""), "more than 0 characters"),
    (table(100, 20, "x" * 10), "must be less than 10001 characters [json-pointer:/blocks/0/rows]"),
    ({"type": "plan", "title": "Plan", "tasks": [task() for _ in range(51)]}, "no more than 50 items allowed"),
    (task("done"), "must be one of: pending, in_progress, complete, error"),
    ({"type": "card"}, "must define at least one of"),
    ({"type": "card", "body": plain("x" * 201)}, "less than 201 characters"),
]


@pytest.mark.parametrize("block", TAKEN, ids=lambda block: block["type"])
def test_what_slack_takes(block: Json) -> None:
    assert message_faults([block]) == []


@pytest.mark.parametrize(("block", "sentence"), REFUSED, ids=lambda one: one if isinstance(one, str) else "")
def test_what_slack_refuses(block: Json, sentence: str) -> None:
    faults = message_faults([block])
    assert len(faults) == 1, faults
    assert sentence in faults[0]


def test_limits_of_a_whole_message() -> None:
    assert message_faults([{"type": "divider"}] * 50) == []
    assert message_faults([{"type": "divider"}] * 51) == ["no more than 50 items allowed [json-pointer:/blocks]"]
    doubled = message_faults([section("a", block_id="b"), section("c", block_id="b")])
    assert doubled == ["block_id 'b' already exists for another block [json-pointer:/blocks/1/block_id]"]
    assert "only one table" in message_faults([table(), table()])[0]
    assert "less than 12001" in message_faults([{"type": "markdown", "text": "x" * 6001}] * 2)[0]
    assert message_faults("text") == ["must be an array [json-pointer:/blocks]"]


def without_submit(view: Json) -> Json:
    return {name: value for name, value in view.items() if name != "submit"}


REASON = text_input("reason", "Why?")


@pytest.mark.parametrize(
    ("view", "sentence"),
    [
        (modal(REASON, title="x" * 25), "less than 25 characters [json-pointer:/view/title/text]"),
        (modal(REASON, submit="x" * 25), "less than 25 characters [json-pointer:/view/submit/text]"),
        (modal(REASON, close=plain("x" * 25)), "less than 25 characters [json-pointer:/view/close/text]"),
        (modal(REASON, private_metadata="x" * 3001), "less than 3001 characters"),
        (modal(REASON, callback_id="x" * 256), "less than 256 characters"),
        (modal(), "no fewer than 1 items allowed [json-pointer:/view/blocks]"),
        (modal(*[{"type": "divider"}] * 101), "no more than 100 items allowed"),
        (modal({"type": "markdown", "text": "x"}), "unsupported type: markdown"),
        (without_submit(modal(REASON)), "a submit button is required"),
        ({"type": "modal", "blocks": [section("x")]}, "missing required field: title"),
        ({"type": "home", "blocks": [section("x")], "title": plain("x")}, "invalid additional property: title"),
        ({"type": "tab", "blocks": []}, "must be one of: modal, home"),
        ("text", "must be an object"),
    ],
)
def test_views_that_slack_refuses(view: Any, sentence: str) -> None:
    faults = view_faults(view)
    assert len(faults) == 1, faults
    assert sentence in faults[0]


def test_views_that_slack_takes() -> None:
    assert view_faults(modal(REASON, *[{"type": "divider"}] * 99, title="x" * 24, private_metadata="x" * 3000)) == []
    assert view_faults({"type": "home", "blocks": [section("x"), actions(button("Go", "go"))]}) == []


def refused_by_the_sdk(block: Json) -> bool:
    try:
        parsed = Block.parse(block)  # pyright: ignore[reportUnknownMemberType]  # a bare dict in slack_sdk
        if parsed is None:
            return True
        parsed.validate_json()
    except (SlackObjectFormationError, TypeError):
        return True
    return False


lengths = st.sampled_from([0, 1, 30, 31, 75, 76, 150, 151, 2000, 2001, 3000, 3001, 12_000, 12_001])


@given(
    kind=st.sampled_from(["section", "header", "markdown", "field", "button", "value", "label"]),
    length=lengths.filter(lambda length: length > 0),
)
def test_nothing_that_the_sdk_refuses_is_taken(kind: str, length: int) -> None:
    text = "x" * length
    block: Json = {
        "section": section(text),
        "header": {"type": "header", "text": plain(text)},
        "markdown": {"type": "markdown", "text": text},
        "field": {"type": "section", "fields": [plain(text)]},
        "button": actions(button(text, "a")),
        "value": actions(button("x", "a", value=text)),
        "label": text_input("a", text),
    }[kind]
    if refused_by_the_sdk(block):
        assert message_faults([block])


@pytest.mark.parametrize("block", TAKEN, ids=lambda block: block["type"])
def test_the_sdk_takes_what_is_taken(block: Json) -> None:
    assert not refused_by_the_sdk(block)


def test_ids_are_given_to_those_without() -> None:
    given_ids = with_ids([section("a"), actions(button("Go", "go"), {"type": "datepicker"}, block_id="mine")])
    assert given_ids[0]["block_id"]
    assert given_ids[1]["block_id"] == "mine"
    assert given_ids[1]["elements"][0]["action_id"] == "go"
    assert given_ids[1]["elements"][1]["action_id"]
    assert "block_id" not in section("a")
