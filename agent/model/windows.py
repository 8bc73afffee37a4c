"""How much a model can read at once, and from where on a conversation is compacted."""

# From the provider's model pages, October 2026. The models of the generations before read 200,000 tokens.
MILLION = (
    *("claude-fable-", "claude-mythos-", "claude-haiku-5", "claude-sonnet-5", "claude-opus-5"),
    *("claude-opus-4-6", "claude-opus-4-7", "claude-opus-4-8", "claude-sonnet-4-6"),
)


def window_tokens(model: str) -> int:
    """Return how many tokens one request and its reply may have; an unknown model counts as a small one."""
    return 1_000_000 if model.startswith(MILLION) else 200_000


def context_tokens(model: str, session_tokens: int, configured: int | None) -> int:
    """Return from how many tokens on a conversation is compacted after a turn.

    A quarter of the session's budget, unless configured: that binds long before a window does. A turn that begins when the
    cache has forgotten the conversation pays for all of it, so with a context of a quarter three more such turns would use up
    the rest, while compacting it right after a turn reads it from the cache, at a tenth. And never more than three quarters
    of the window: the next turn has to fit in, too.
    """
    return min(configured or session_tokens // 4, window_tokens(model) * 3 // 4)
