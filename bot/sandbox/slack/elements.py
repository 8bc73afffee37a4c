"""What Slack takes as an element of a block: text objects, buttons, inputs, images, rich text.

Numbers are those of Slack's Block Kit reference, as collected in the limits of slack_sdk 3.47.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from bot.sandbox.slack.reading import options_of
from bot.sandbox.slack.shapes import (
    Check,
    any_field,
    anything,
    boolean,
    both,
    fault,
    integer,
    listing,
    matching,
    not_together,
    one_of,
    record,
    string,
    typed,
)
from bot.sandbox.slack.wire import Json

URL = both(string(3000), matching(r"(?s)[a-zA-Z][a-zA-Z0-9+.-]*:.*", "must be a valid URL"))
ACTION_ID = string(255)


def plain_element(most: int, least: int = 1) -> Check:
    return typed({"plain_text": record({"text": string(most, least)}, {"emoji": boolean})})


def text(most: int, least: int = 1) -> Check:
    mrkdwn = record({"text": string(most, least)}, {"verbatim": boolean})
    return typed({"plain_text": record({"text": string(most, least)}, {"emoji": boolean}), "mrkdwn": mrkdwn})


CONFIRM = record({"title": plain_element(100), "text": text(300), "confirm": plain_element(30), "deny": plain_element(30)}, {
    "style": one_of("primary", "danger")
})  # fmt: skip
IMAGE = both(record({"alt_text": string(2000)}, {"image_url": URL, "slack_file": anything}), any_field("image_url", "slack_file"))
_OPTION = record({"text": plain_element(75), "value": string(150)}, {"description": plain_element(75)})
_TICKED_OPTION = record({"text": text(75), "value": string(150)}, {"description": text(75)})
_OVERFLOW_OPTION = record({"text": plain_element(75), "value": string(150)}, {"description": plain_element(75), "url": URL})
_GROUP = record({"label": plain_element(75), "options": listing(_OPTION, 100)})

_COMMON: dict[str, Check] = {"action_id": ACTION_ID, "confirm": CONFIRM, "focus_on_load": boolean}
_SELECT = {**_COMMON, "placeholder": plain_element(150)}
_TYPED_IN = {
    "action_id": ACTION_ID,
    "placeholder": plain_element(150),
    "focus_on_load": boolean,
    "dispatch_action_config": anything,
    "initial_value": string(3000, 0),
}


def _initial_is_an_option(value: Any, pointer: str) -> Iterator[str]:
    element = cast(Json, value)
    many = "initial_options" in element
    initial = element.get("initial_options" if many else "initial_option")
    wanted: list[Json] = (initial if many else [initial]) if initial else []
    offered = [one.get("value") for one in options_of(element)]
    if any(one.get("value") not in offered for one in wanted):
        field = "initial_options" if many else "initial_option"
        yield fault(f"{field} must be among the options", f"{pointer}/{field}")


def _values_differ(value: Any, pointer: str) -> Iterator[str]:
    values = [one.get("value") for one in options_of(cast(Json, value))]
    if len(values) != len(set(values)):
        yield fault("option values must be unique", f"{pointer}/options")


_CHOICE = both(any_field("options", "option_groups"), not_together("options", "option_groups"))


def _choosing(shape: Check) -> Check:
    """Check `shape` first; what its options say about each other only when that holds."""

    def check(value: Any, pointer: str) -> Iterator[str]:
        faults = list(both(shape, _CHOICE)(value, pointer))
        yield from faults or both(_initial_is_an_option, _values_differ)(value, pointer)

    return check


_BUTTON = record(
    {"text": plain_element(75)},
    {"action_id": ACTION_ID, "url": URL, "value": string(2000), "style": one_of("primary", "danger")}
    | {"confirm": CONFIRM, "accessibility_label": string(75), "agent_prompt": string(4000)}
    | {"agent_prompt_display": anything, "visible_to_user_ids": listing(string(255), 100)},
)
_FEEDBACK = record({"text": plain_element(75), "value": string(2000)}, {"accessibility_label": string(75)})
_DATE = matching(r"\d{4}-\d{2}-\d{2}", "must be a date in the format YYYY-MM-DD")
_TIME = matching(r"\d{2}:\d{2}", "must be a time in the format HH:mm")
_NUMBER = matching(r"-?\d+(\.\d+)?", "must be a number in a string")
_OPTIONS = {"options": listing(_OPTION, 100), "option_groups": listing(_GROUP, 100)}

INTERACTIVE: dict[str, Check] = {
    "button": _BUTTON,
    "static_select": _choosing(record({}, {**_SELECT, **_OPTIONS, "initial_option": anything})),
    "multi_static_select": _choosing(
        record(
            {},
            {**_SELECT, **_OPTIONS, "initial_options": listing(anything, 100), "max_selected_items": integer(1, 100)},
        )
    ),
    "checkboxes": _choosing(
        record({"options": listing(_TICKED_OPTION, 10)}, {**_COMMON, "initial_options": listing(anything, 10)})
    ),
    "radio_buttons": _choosing(record({"options": listing(_TICKED_OPTION, 10)}, {**_COMMON, "initial_option": anything})),
    "overflow": record({"options": listing(_OVERFLOW_OPTION, 5)}, {"action_id": ACTION_ID, "confirm": CONFIRM}),
    "datepicker": record({}, {**_SELECT, "initial_date": _DATE}),
    "timepicker": record({}, {**_SELECT, "initial_time": _TIME, "timezone": string(255)}),
    "datetimepicker": record({}, {**_COMMON, "initial_date_time": integer(0, 9_999_999_999)}),
    "users_select": record({}, {**_SELECT, "initial_user": string(255)}),
    "conversations_select": record(
        {},
        {**_SELECT, "initial_conversation": string(255), "default_to_current_conversation": boolean}
        | {"response_url_enabled": boolean, "filter": anything},
    ),
    "channels_select": record({}, {**_SELECT, "initial_channel": string(255), "response_url_enabled": boolean}),
    "multi_users_select": record(
        {}, {**_SELECT, "initial_users": listing(string(255), 100), "max_selected_items": integer(1, 100)}
    ),
    "multi_conversations_select": record(
        {},
        {**_SELECT, "initial_conversations": listing(string(255), 100), "max_selected_items": integer(1, 100)}
        | {"default_to_current_conversation": boolean, "filter": anything},
    ),
    "multi_channels_select": record(
        {}, {**_SELECT, "initial_channels": listing(string(255), 100), "max_selected_items": integer(1, 100)}
    ),
}
TYPED_IN: dict[str, Check] = {
    "plain_text_input": record(
        {},
        {**_TYPED_IN, "multiline": boolean, "min_length": integer(0, 3000), "max_length": integer(1, 3000)},
    ),
    "number_input": record(
        {"is_decimal_allowed": boolean},
        {**_TYPED_IN, "initial_value": _NUMBER, "min_value": _NUMBER, "max_value": _NUMBER},
    ),
    "email_text_input": record({}, _TYPED_IN),
    "url_text_input": record({}, _TYPED_IN),
}
CONTEXT_ACTIONS: dict[str, Check] = {
    "feedback_buttons": record({"positive_button": _FEEDBACK, "negative_button": _FEEDBACK}, {"action_id": ACTION_ID}),
    "icon_button": record(
        {"icon": string(255), "text": plain_element(75)},
        {"action_id": ACTION_ID, "value": string(2000), "confirm": CONFIRM, "accessibility_label": string(75)}
        | {"visible_to_user_ids": listing(string(255), 100)},
    ),
}

_STYLED: dict[str, Check] = {"style": anything}
_RICH_PARTS: dict[str, Check] = {
    "text": record({"text": string(100_000)}, _STYLED),
    "link": record({"url": URL}, {**_STYLED, "text": string(100_000), "unsafe": boolean}),
    "user": record({"user_id": string(255)}, _STYLED),
    "channel": record({"channel_id": string(255)}, _STYLED),
    "usergroup": record({"usergroup_id": string(255)}, _STYLED),
    "team": record({"team_id": string(255)}, _STYLED),
    "emoji": record({"name": string(255)}, {**_STYLED, "skin_tone": anything, "unicode": string(255)}),
    "broadcast": record({"range": one_of("here", "channel", "everyone")}, _STYLED),
    "date": record(
        {"timestamp": integer(0, 2**53), "format": string(255)},
        {**_STYLED, "url": URL, "fallback": string(3000)},
    ),
    "color": record({"value": string(255)}, _STYLED),
}
_RICH_LINE = {"elements": listing(typed(_RICH_PARTS), 10_000, least=0)}
_RICH_SECTION = record(_RICH_LINE, {"indent": integer(0, 8)})
RICH: dict[str, Check] = {
    "rich_text_section": _RICH_SECTION,
    "rich_text_preformatted": record(_RICH_LINE, {"border": integer(0, 1), "language": string(255)}),
    "rich_text_quote": record(_RICH_LINE, {"border": integer(0, 1)}),
    "rich_text_list": record(
        {
            "style": one_of("bullet", "ordered"),
            "elements": listing(typed({"rich_text_section": _RICH_SECTION}), 1000, least=0),
        },
        {"indent": integer(0, 8), "offset": integer(0, 10_000), "border": integer(0, 1)},
    ),
}
