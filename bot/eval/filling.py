"""Ids for names in the texts of a case: `$ann` is Ann's, `$orders` that of the channel, as the sandbox workspace has them."""

import re
from collections.abc import Callable
from typing import Any

from pydantic import JsonValue

from bot.sandbox.slack.sandbox import SlackSandbox

NAMED = re.compile(r"\$([a-z][a-z0-9]*)")


def filling(slack: SlackSandbox) -> Callable[[str], str]:
    """Return what fills in ids for names. A name that nobody has stays as it is."""

    def filled(text: str) -> str:
        known = {**slack.people, **slack.channels, "bot": slack.bot_user_id}
        return NAMED.sub(lambda match: known.get(match[1], match[0]), text)

    return filled


def filled_value(value: JsonValue, text: Callable[[str], str]) -> Any:
    """Return a JSON value with its texts filled in, keys of mappings included."""
    match value:
        case str():
            return text(value)
        case list():
            return [filled_value(one, text) for one in value]
        case dict():
            return {text(name): filled_value(one, text) for name, one in value.items()}
        case _:
            return value
