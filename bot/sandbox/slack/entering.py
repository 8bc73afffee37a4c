"""What a person puts into an input, and what Slack's client says before it sends anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.sandbox.slack.blocks import elements_of
from bot.sandbox.slack.reading import State, initial_value, options_of, value_key
from bot.sandbox.slack.wire import Json

Value = str | Sequence[str] | None
"""One value, or several for an element that takes several; an option is named by its value or by its label."""

REQUIRED = "Please complete this required field."


def entered(element: Json, value: Value) -> Json:
    """Return `value` in the element, in the form of `state.values`. Raises LookupError for an option that is not offered."""
    kind, key = element["type"], value_key(element)
    if initial_value(element) is None:  # an overflow menu acts without keeping a value
        key = "selected_option"
    if key == "selected_option":
        return {"type": kind, key: _option(element, str(value)) if value else None}
    if key == "selected_options":
        return {"type": kind, key: [_option(element, one) for one in several(value)]}
    if key.endswith("s") and key.startswith("selected_"):
        return {"type": kind, key: several(value)}
    return {"type": kind, key: value or None}


def several(value: Value) -> list[str]:
    """Return a list as it is, a string as its comma-separated parts."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return list(value or ())


def _option(element: Json, wanted: str) -> Json:
    options = options_of(element)
    for option in options:
        if wanted in (option["value"], option["text"]["text"]):
            return option
    raise LookupError(f"There is no option {wanted!r}: choose one of {[one['value'] for one in options]}.")


def client_errors(blocks: Sequence[Json], state: State) -> Mapping[str, str]:
    """Return what Slack's client finds missing or out of bounds, by block_id: it then sends no view_submission at all."""
    errors: dict[str, str] = {}
    for block in blocks:
        if block["type"] != "input":
            continue
        element = elements_of(block)[0]
        value = state.get(block["block_id"], {}).get(element["action_id"], {}).get(value_key(element))
        if not value:
            if not block.get("optional"):
                errors[block["block_id"]] = REQUIRED
        elif sentence := _out_of_bounds(element, value):
            errors[block["block_id"]] = sentence
    return errors


def _out_of_bounds(element: Json, value: str) -> str | None:
    if element["type"] == "plain_text_input":
        least, most = element.get("min_length", 0), element.get("max_length", 3000)
        if not least <= len(value) <= most:
            return f"Please enter {least} to {most} characters."
    if element["type"] == "number_input":
        try:
            number = float(value) if element["is_decimal_allowed"] else int(value)
        except ValueError:
            return "Please enter a number."
        least, most = float(element.get("min_value", "-inf")), float(element.get("max_value", "inf"))
        if not least <= number <= most:
            return f"Please enter a number from {least:g} to {most:g}."
    return None
