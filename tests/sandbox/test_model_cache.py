"""The model server's prompt cache: what it keeps, how long, how far it looks back, and what makes it void."""

from typing import Any

from bot.sandbox.model.usage import PromptCache

FIVE: dict[str, Any] = {"type": "ephemeral"}
HOUR: dict[str, Any] = {"type": "ephemeral", "ttl": "1h"}


def block(text: str, marker: dict[str, Any] | None = None) -> dict[str, Any]:
    """Some 700 tokens."""
    return {"type": "text", "text": f"{text} " * (2_800 // (len(text) + 1)), **({"cache_control": marker} if marker else {})}


def request(*blocks: dict[str, Any], **more: Any) -> dict[str, Any]:
    """One message with these blocks."""
    return {"model": "m", "messages": [{"role": "user", "content": list(blocks)}], **more}


def read(cache: PromptCache, body: dict[str, Any]) -> int:
    """Tokens that came from the cache."""
    return cache.input_usage(body)["cache_read_input_tokens"]


def test_what_is_kept_is_forgotten_after_its_lifetime_and_reading_begins_it_anew() -> None:
    cache = PromptCache(lambda: 0.0)
    short, long = request(block("a", FIVE)), request(block("b", HOUR))
    assert (read(cache, short), read(cache, long)) == (0, 0)
    cache.pass_seconds(299)
    assert read(cache, short) > 600
    cache.pass_seconds(299)
    assert read(cache, short) > 600
    cache.pass_seconds(301)
    assert read(cache, short) == 0
    assert read(cache, long) > 600
    cache.pass_seconds(3601)
    assert read(cache, long) == 0


def test_a_prefix_is_found_up_to_twenty_blocks_before_a_breakpoint() -> None:
    for further, found in ((20, True), (21, False)):
        cache = PromptCache(lambda: 0.0)
        cache.input_usage(request(block("a", FIVE)))
        later = request(block("a"), *(block(f"b{number}") for number in range(further - 1)), block("c", FIVE))
        assert (read(cache, later) > 0) is found


def test_tokens_are_written_once_by_the_lifetime_of_the_breakpoint_that_ends_them() -> None:
    cache = PromptCache(lambda: 0.0)
    usage = cache.input_usage(request(block("b", FIVE), block("c"), system=[block("a", HOUR)]))
    assert usage["cache_creation"]["ephemeral_1h_input_tokens"] > 600
    assert usage["cache_creation"]["ephemeral_5m_input_tokens"] > 600
    assert usage["cache_creation_input_tokens"] == sum(usage["cache_creation"].values())
    assert usage["input_tokens"] > 600


def test_other_settings_make_the_messages_void_and_another_tool_everything() -> None:
    first = request(block("b", FIVE), system=[block("a", FIVE)], tools=[{"name": "look"}])
    cache = PromptCache(lambda: 0.0)
    cache.input_usage(first)
    whole = read(cache, first)
    assert 0 < read(cache, {**first, "tool_choice": {"type": "none"}}) < whole
    assert 0 < read(cache, {**first, "thinking": {"type": "adaptive"}}) < whole
    assert read(cache, {**first, "tools": [{"name": "peek"}]}) == 0
    assert read(cache, {**first, "model": "n"}) == 0
