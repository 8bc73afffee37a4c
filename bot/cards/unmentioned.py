"""Messages in which nobody is mentioned: people and user groups stand there by name."""

import re
from collections.abc import Mapping
from typing import Any, cast

from bot.cards.harmless_text import escaped, visible

MENTIONED = re.compile(r"<@([UW][A-Z0-9]+)>|<!subteam\^(S[A-Z0-9]+)>")


def mentioned_in(rendered: Any) -> frozenset[str]:
    """Return the ids of the people that a rendered message mentions in our own words."""
    return frozenset(found[1] for text in _live_texts(rendered) for found in MENTIONED.finditer(text) if found[1])


def unmentioned(rendered: Any, names: Mapping[str, str]) -> Any:
    """Return the same with names in place of mentions; where a name is not known, with the id."""

    def name(found: re.Match[str]) -> str:
        if found[2]:
            return f"the user group {found[2]}"
        return escaped(visible(names.get(found[1]) or found[1]))

    match rendered:
        case list():
            return [unmentioned(each, names) for each in cast("list[Any]", rendered)]
        case {"type": "mrkdwn", "text": str(text), **others}:
            return {"type": "mrkdwn", "text": MENTIONED.sub(name, text), **others}
        case dict():
            fields = cast("dict[str, Any]", rendered)
            is_message = "type" not in fields and isinstance(fields.get("text"), str)
            own = {"text": MENTIONED.sub(name, fields["text"])} if is_message else {}
            return {**{field: unmentioned(value, names) for field, value in fields.items()}, **own}
        case _:
            return rendered


def _live_texts(rendered: Any) -> list[str]:
    """Return the texts in which a mention is one: those of mrkdwn, and of the message itself."""
    match rendered:
        case list():
            return [text for each in cast("list[Any]", rendered) for text in _live_texts(each)]
        case {"type": "mrkdwn", "text": str(text)}:
            return [text]
        case dict():
            fields = cast("dict[str, Any]", rendered)
            own = [str(fields["text"])] if "type" not in fields and isinstance(fields.get("text"), str) else []
            return own + [text for each in fields.values() for text in _live_texts(each)]
        case _:
            return []
