"""Believable token counts: a token is four characters of what the model reads or writes."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from .file_rules import tokens_of_files, without_data
from .json_shapes import is_list, is_object

CHARACTERS_PER_TOKEN = 4
LEAST_CACHED_TOKENS = 512  # a shorter prefix is not cached (documentation, prompt caching)


def tokens_in(text: str) -> int:
    """At least one token, also for nothing."""
    return max(1, -(-len(text) // CHARACTERS_PER_TOKEN))


def input_tokens_of(body: Mapping[str, Any]) -> int:
    """What `system`, `tools` and `messages` come to."""
    told = [body.get(part) for part in ("tools", "system", "messages")]
    text = json.dumps(without_data([part for part in told if part]), ensure_ascii=False)
    return tokens_in(text) + tokens_of_files(body.get("messages"))


class PromptCache:
    """Which prefixes were seen, so that usage tells cache writes from reads. Lifetimes are not modelled."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def input_usage(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The input fields of `usage`. Their sum is always `input_tokens_of(body)`."""
        total = input_tokens_of(body)
        read = written = 0
        lifetime = "5m"
        for prefix, ttl in _prefixes(body):
            tokens = min(total, tokens_in(prefix))
            if tokens < LEAST_CACHED_TOKENS:
                continue
            mark = hashlib.sha256(prefix.encode()).hexdigest()
            if mark in self._seen:
                read, written = tokens, 0
            else:
                written, lifetime = tokens - read, ttl
                self._seen.add(mark)
        return {
            "input_tokens": total - read - written,
            "cache_creation_input_tokens": written,
            "cache_read_input_tokens": read,
            "cache_creation": {
                "ephemeral_5m_input_tokens": written if lifetime == "5m" else 0,
                "ephemeral_1h_input_tokens": written if lifetime == "1h" else 0,
            },
        }


def _prefixes(body: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The text before each breakpoint with the breakpoint's lifetime, shortest first."""
    found: list[tuple[str, str]] = []
    told: list[str] = []

    def take(holder: object) -> None:
        marker: object = holder.get("cache_control") if is_object(holder) else None
        shown = {name: part for name, part in holder.items() if name != "cache_control"} if is_object(holder) else holder
        told.append(json.dumps(shown, ensure_ascii=False))
        if is_object(marker):
            found.append(("".join(told), str(marker.get("ttl", "5m"))))

    for part in ("tools", "system"):
        holders: object = body.get(part) or []
        for holder in holders if is_list(holders) else [holders]:
            take(holder)
    for message in body["messages"]:
        content: object = message["content"]
        for block in content if is_list(content) else [content]:
            take(block)
    whole: object = body.get("cache_control")
    if is_object(whole) and told:
        found.append(("".join(told), str(whole.get("ttl", "5m"))))
    return found
