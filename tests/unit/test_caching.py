"""Where a request ends the prefixes that the provider is to keep, and what they save the next one."""

from datetime import timedelta
from typing import Any

import pytest

from agent.model import caching
from agent.model.anthropic import request_body
from agent.model.caching import left_cached
from agent.model.port import Request
from agent.types import Lifetime, Pinned, Purpose, Usage
from bot.sandbox.model.usage import PromptCache
from tests.unit.shown import NOW

PINNED = Pinned(model="claude-sonnet-5-5", system="You help.", tools=({"name": "look", "input_schema": {"type": "object"}},))


def said(role: str, *texts: str) -> dict[str, Any]:
    """A message."""
    return {"role": role, "content": [{"type": "text", "text": text} for text in texts]}


ONE = [said("user", "a", "b")]
TWO = [*ONE, said("assistant", "c"), said("user", "d", "e")]
THREE = [*TWO, said("assistant", "f"), said("user", "g")]


def ends(messages: list[dict[str, Any]], purpose: Purpose = "reply", lifetime: Lifetime = "1h") -> list[str]:
    """The texts of the blocks that end a prefix, after the prompt, which always does."""
    sent = caching.cached_body(Request(PINNED, messages, 100, purpose, lifetime))
    assert [block["cache_control"] for block in sent["system"]] == [{"type": "ephemeral", "ttl": "1h"}]
    blocks = [block for message in sent["messages"] for block in message["content"]]
    marked = [block for block in blocks if "cache_control" in block]
    expected = {"type": "ephemeral", "ttl": "1h"} if lifetime == "1h" else {"type": "ephemeral"}
    assert all(block["cache_control"] == expected for block in marked)
    return [block["text"] for block in marked]


@pytest.mark.parametrize("lifetime", ["5m", "1h"])
def test_what_the_request_before_ended_with_is_read_and_what_is_new_is_kept_for_the_next(lifetime: Lifetime) -> None:
    assert ends(ONE, lifetime=lifetime) == ["b"]
    assert ends(TWO, lifetime=lifetime) == ["b", "e"]
    assert ends(THREE, lifetime=lifetime) == ["e", "g"]


def test_a_request_for_a_summary_is_the_last_of_its_context_and_keeps_nothing() -> None:
    assert ends(ONE, "compact") == []
    assert ends(THREE, "compact") == ["e"]


def test_what_was_said_before_is_read_however_much_one_reply_adds() -> None:
    cache = PromptCache(lambda: 0.0)
    pinned = PINNED.model_copy(update={"system": "You help. " * 300})
    ids = [f"toolu_{number}" for number in range(30)]  # more blocks than the cache looks back
    used: list[dict[str, Any]] = [{"type": "tool_use", "id": id, "name": "look", "input": {}} for id in ids]
    results = [{"type": "tool_result", "tool_use_id": id, "content": "{}"} for id in ids]
    begun = [said("user", "look thirty times")]
    first = cache.input_usage(request_body(Request(pinned, begun, 100)))
    added: list[dict[str, Any]] = [{"role": "assistant", "content": used}, {"role": "user", "content": results}]
    second = cache.input_usage(request_body(Request(pinned, [*begun, *added], 100)))
    assert second["cache_read_input_tokens"] == first["cache_creation_input_tokens"] > 500


def test_markers_are_put_into_copies() -> None:
    before = repr(THREE)
    caching.cached_body(Request(PINNED, THREE, 100))
    assert repr(THREE) == before


def used(read: int, written: int) -> Usage:
    """What a request read from the cache, and left in it."""
    return Usage(input_tokens=3, output_tokens=50, cache_read_input_tokens=read, cache_creation_input_tokens=written)


def test_nine_tenths_of_what_the_cache_holds_are_saved_within_its_term_and_with_time_to_get_there() -> None:
    first = left_cached(used(0, 1_000), NOW, None)
    second = left_cached(used(1_000, 400), NOW, first)
    terms: tuple[tuple[Lifetime, timedelta], ...] = (("5m", timedelta(minutes=4)), ("1h", timedelta(minutes=59)))
    for lifetime, lasts in terms:
        assert second.saved_tokens(lifetime, NOW + lasts - timedelta(seconds=1)) == 1_260
        assert second.saved_tokens(lifetime, NOW + lasts) == 0


def test_nothing_is_saved_until_the_cache_has_been_seen_to_work_and_after_it_has_not() -> None:
    first = left_cached(used(0, 1_000), NOW, None)
    missed = left_cached(used(0, 1_400), NOW, left_cached(used(1_000, 400), NOW, first))
    assert (first.saved_tokens("1h", NOW), missed.saved_tokens("1h", NOW)) == (0, 0)
    assert left_cached(used(1_400, 10), NOW, missed).saved_tokens("1h", NOW) == 1_269
