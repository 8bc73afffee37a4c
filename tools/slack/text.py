"""Slack's own form of text, as people read it."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from tools.slack.port import Message

_TOKEN = re.compile(r"<([^<>|]+)(?:\|([^<>]*))?>")
_USER = re.compile(r"<@([UW][A-Z0-9]+)")


def readable(raw: str, names: Mapping[str, str]) -> str:
    """With names for ids, links in plain words, and escapes undone."""

    def plain(match: re.Match[str]) -> str:
        target, label = match.group(1), match.group(2)
        if target.startswith("@"):
            return f"@{names.get(target[1:], label or target[1:])}"
        if target.startswith("#"):
            return f"#{label or target[1:]}"
        if target.startswith("!"):
            return label or f"@{target[1:].partition('^')[0]}"
        address = re.sub(r"^(mailto|tel):", "", target)
        return address if label in (None, "", address, target) else f"{label} ({address})"

    return _TOKEN.sub(plain, raw).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def mentioned(messages: Iterable[Message]) -> list[str]:
    """Ids of whoever wrote the messages or is named in them, each once."""
    found = [user for message in messages for user in (message.user, *_USER.findall(message.text))]
    return list(dict.fromkeys(found))


def moment(ts: str) -> str:
    """A message's time."""
    return f"{datetime.fromtimestamp(float(ts), UTC):%Y-%m-%d %H:%M} UTC"
