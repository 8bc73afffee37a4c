"""Believable token counts: a token is four characters of what the model reads or writes. And the prompt cache behind them."""

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .file_rules import tokens_of_files, without_data
from .json_shapes import is_list, is_object
from .tool_search import loaded_tools

CHARACTERS_PER_TOKEN = 4
# Documentation, prompt caching: shorter prefixes are not cached; what is cached is looked for this far before a breakpoint.
LEAST_CACHED_TOKENS = 512
LOOK_BACK_BLOCKS = 20
LIFETIME_SECONDS = {"5m": 300.0, "1h": 3600.0}


def tokens_in(text: str) -> int:
    """Return the tokens of a text: at least one, also for nothing."""
    return max(1, -(-len(text) // CHARACTERS_PER_TOKEN))


def input_tokens_of(body: Mapping[str, Any]) -> int:
    """Return what `system`, the loaded `tools` and `messages` come to; markers of the cache are not read."""
    told = [unmarked(part) for part in (loaded_tools(body), body.get("system"), body.get("messages"))]
    text = json.dumps(without_data([part for part in told if part]), ensure_ascii=False)
    return tokens_in(text) + tokens_of_files(body.get("messages"))


def unmarked(value: object) -> object:
    """Return the value without `cache_control`, at every depth."""
    if is_object(value):
        return {name: unmarked(part) for name, part in value.items() if name != "cache_control"}
    return [unmarked(part) for part in value] if is_list(value) else value


@dataclass
class _Kept:
    until: float
    seconds: float


@dataclass
class PromptCache:
    """What is kept of earlier requests, and until when: usage tells what was written, read, and billed in full.

    A prefix is kept for its breakpoint's lifetime, and reading it begins that anew. `pass_seconds` lets time go by.
    """

    clock: Callable[[], float] = time.monotonic
    _kept: dict[str, _Kept] = field(default_factory=dict[str, _Kept])
    _passed: float = 0.0

    def pass_seconds(self, seconds: float) -> None:
        """Behave as if so much time had gone by."""
        self._passed += seconds

    def input_usage(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the input fields of `usage`. Their sum is always `input_tokens_of(body)`."""
        now, total = self.clock() + self._passed, input_tokens_of(body)
        blocks = _cacheable_blocks(body)
        found = max((self._tokens_from_cache(blocks, at, now) for at, block in enumerate(blocks) if block.lifetime), default=0)
        read = min(total, found)
        written, begun = {"5m": 0, "1h": 0}, read
        for block in blocks:
            tokens = min(total, block.tokens)
            if block.lifetime is None or tokens < LEAST_CACHED_TOKENS:
                continue
            if tokens > begun:
                written[block.lifetime] += tokens - begun
                begun = tokens
            if block.mark not in self._kept or self._kept[block.mark].until <= now:
                seconds = LIFETIME_SECONDS[block.lifetime]
                self._kept[block.mark] = _Kept(now + seconds, seconds)
        return {
            "input_tokens": total - begun,
            "cache_creation_input_tokens": sum(written.values()),
            "cache_read_input_tokens": read,
            "cache_creation": {f"ephemeral_{lifetime}_input_tokens": tokens for lifetime, tokens in written.items()},
        }

    def _tokens_from_cache(self, blocks: "list[_Block]", at: int, now: float) -> int:
        """Return tokens of the longest kept prefix that ends at this breakpoint or shortly before it."""
        for block in reversed(blocks[max(0, at - LOOK_BACK_BLOCKS) : at + 1]):
            kept = self._kept.get(block.mark)
            if kept is not None and kept.until > now:
                kept.until = now + kept.seconds
                return block.tokens
        return 0


@dataclass(frozen=True)
class _Block:
    """A block of the request: everything up to and with it, as a mark and as tokens, and its breakpoint's lifetime."""

    mark: str
    tokens: int
    lifetime: str | None


def _cacheable_blocks(body: Mapping[str, Any]) -> list[_Block]:
    """Return blocks in the order in which the cache reads them. Settings that the messages depend on are part of their
    prefixes."""
    found: list[_Block] = []
    told, characters = hashlib.sha256(str(body["model"]).encode()), 0
    separator, around = len(", "), len('{"role": "", "content": []}')

    def take(holder: object, more: object = None) -> None:
        nonlocal characters
        text = json.dumps(unmarked(holder), ensure_ascii=False)
        told.update(json.dumps(more).encode() + text.encode())
        characters += len(text) + separator
        marker: object = holder.get("cache_control") if is_object(holder) else None
        lifetime = str(marker.get("ttl", "5m")) if is_object(marker) else None
        found.append(_Block(told.hexdigest(), -(-characters // CHARACTERS_PER_TOKEN), lifetime))

    for part in (loaded_tools(body), body.get("system")):
        holders: object = part or []
        for holder in holders if is_list(holders) else [holders]:
            take(holder)
    settings = [body.get("tool_choice"), body.get("thinking")]
    for message in body["messages"]:
        characters += around + len(message["role"])
        content: object = message["content"]
        for block in content if is_list(content) else [content]:
            take(block, [message["role"], settings])
    whole: object = body.get("cache_control")
    if is_object(whole) and found:
        found[-1] = _Block(found[-1].mark, found[-1].tokens, str(whole.get("ttl", "5m")))
    return found
