"""Slack's own form of text, as people read it."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from tools.slack.port import SlackMessage

MARKED = re.compile(r"<([^<>|]+)(?:\|([^<>]*))?>")  # a mention, link or date in Slack's own form, and its label
_USER = re.compile(r"<@([UW][A-Z0-9]+)")


def message_text(raw: str, names: Mapping[str, str]) -> str:
    """Return a message with names for ids, links in plain words, and escapes undone."""

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

    return MARKED.sub(plain, raw).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def mentioned(messages: Iterable[SlackMessage]) -> list[str]:
    """Return ids of those who wrote the messages or are named in them, each once."""
    found = [user for message in messages for user in (message.user, *_USER.findall(message.text))]
    return list(dict.fromkeys(found))


def message_time(ts: str) -> str:
    """Return a message's time."""
    return f"{datetime.fromtimestamp(float(ts), UTC):%Y-%m-%d %H:%M} UTC"
