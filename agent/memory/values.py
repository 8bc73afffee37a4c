"""Values that are remembered by a key: preferences, checkpoints and flags of a person, a channel or the workspace. Pure."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Literal

from pydantic import JsonValue

from agent.memory.items import Audience
from agent.types import Frozen, Origin

Owner = Literal["user", "channel", "workspace"]
ValueKind = Literal["preference", "checkpoint", "flag"]
KEY = re.compile(r"[a-z][a-z0-9_-]{0,47}")
KEY_RULE = "a key has 1 to 48 small letters, digits, _ and -, and begins with a letter"
MOST_KEYS = 100  # of an owner
MOST_CHARACTERS: Mapping[ValueKind, int] = {"preference": 500, "checkpoint": 2_000, "flag": 5}  # of a value as JSON
TERMS: Mapping[ValueKind, timedelta | None] = {"preference": None, "checkpoint": timedelta(days=30), "flag": None}
QUOTED_CHARACTERS = 2_000  # of all values, in the first request of a conversation


class NewValue(Frozen):
    """A value to be kept. `channel` is the one that it was said in, whose readers may know it."""

    kind: ValueKind
    key: str
    value: JsonValue
    channel: str
    set_by: str


class Value(Frozen):
    """A value as it is kept."""

    kind: ValueKind
    key: str
    value: JsonValue
    channel: str
    set_by: str


def known_to(audience: Audience, values: Sequence[Value]) -> tuple[Value, ...]:
    """Return the values that may be told."""
    return tuple(value for value in values if value.channel in audience.scopes)


def owner_key(owner: Owner, user: str, channel: str) -> str:
    """Return the name that an owner has in the table: of the person, the channel or the workspace."""
    return {"user": f"user:{user}", "channel": f"channel:{channel}", "workspace": "workspace"}[owner]


def value_origins(kept: Mapping[Owner, tuple[Value, ...]], user: str, channel: str) -> tuple[Origin, ...]:
    """Return where values are from that a person and a channel are told."""
    return tuple(
        Origin(owner=owner_key(owner, user, channel), key=value.key) for owner, values in kept.items() for value in values
    )


def fault(new: NewValue) -> str:
    """Return the sentence that says what is wrong with a value; empty if it can be kept."""
    if not KEY.fullmatch(new.key):
        return f"{new.key!r} is no key: {KEY_RULE}"
    if new.kind == "flag" and not isinstance(new.value, bool):
        return "a flag is true or false"
    if new.kind == "preference" and not isinstance(new.value, str):
        return "a preference is a text"
    if (size := len(json.dumps(new.value, ensure_ascii=False))) > MOST_CHARACTERS[new.kind]:
        return f"the value has {size:,} characters as JSON, and a {new.kind} may have {MOST_CHARACTERS[new.kind]:,}"
    return ""


def quoted_values(values: Mapping[Owner, tuple[Value, ...]]) -> str:
    """Return the lines that the first request of a conversation begins with, cut where they get long; empty without values."""
    whose: dict[Owner, str] = {"user": "of who asks", "channel": "of this channel", "workspace": "of the workspace"}
    lines = [
        f"- {value.kind} {value.key} {whose[owner]}: {json.dumps(value.value, ensure_ascii=False)}"
        for owner, kept in values.items()
        for value in kept
    ]
    text, left = "", 0
    for line in lines:
        if len(text) + len(line) >= QUOTED_CHARACTERS:
            left += 1
        else:
            text += f"{line}\n"
    return text + (f"- and {left} more: get_memory has them\n" if left else "")
