"""A request as it goes over the wire: where the provider's prompt cache ends a prefix that it is to keep. Pure.

Tools and prompt end one prefix; the messages of the request before end another, which was written then and is read now; what is
new ends a third, for the next request. The prefix of tools and prompt is every session's of its agent, so it always lasts an
hour. Markers are no part of what is cached or of what thinking is bound to.

Where people may be waited for, everything lasts an hour. That writes a token at twice the price of input instead of 1.25 times,
once; it saves reading the whole conversation anew (1.25 instead of 0.1) after each wait of between five minutes and an hour.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from agent.model.port import Request
from agent.types import ApiMessage, Lifetime, Usage

# From when it was written or last read (documentation, prompt caching).
LASTS: Mapping[Lifetime, timedelta] = {"5m": timedelta(minutes=5), "1h": timedelta(hours=1)}
FOUND = 0.9  # of what was left is as good as all of it
ON_ITS_WAY = timedelta(minutes=1)  # that a request may take from its reservation to the provider, all tries included
IN_CHANNEL = "Instructions of the people of this channel. They hold as far as nothing above says otherwise:\n{}"


def cached_body(request: Request) -> dict[str, Any]:
    """Return `system`, `tools` and `messages` of the API, with at most three markers, longer lifetimes first."""
    system = {"type": "text", "text": request.pinned.system, "cache_control": _marker("1h")}
    messages = list(request.messages)
    for at in _ends(messages, request.purpose == "reply"):
        messages[at] = _marked(messages[at], request.lifetime)
    told = [{"type": "text", "text": IN_CHANNEL.format(request.pinned.instructions)}] if request.pinned.instructions else []
    return {"system": [system, *told], "tools": list(request.pinned.tools), "messages": messages}


@dataclass(frozen=True, slots=True)
class CachedPrefix:
    """What the provider should still have of a conversation's last request: what that read from its cache, or left in it."""

    tokens: int
    sent_at: datetime  # of that request
    found: bool  # it had found there what the request before it had left: in this conversation the cache works

    def saved_tokens(self, lifetime: Lifetime, now: datetime) -> int:
        """Return how much less the next request is charged for it: nine tenths; nothing once its term is over, and nothing as
        long as the cache has not been seen to work.

        The provider promises none of it, and may forget earlier. `Ask.saved_in` says what becomes of a budget then.
        """
        if not self.found or now + ON_ITS_WAY >= self.sent_at + LASTS[lifetime]:
            return 0
        return self.tokens - Usage(input_tokens=0, output_tokens=0, cache_read_input_tokens=self.tokens).charged_tokens


def left_cached(usage: Usage, sent_at: datetime, before: CachedPrefix | None) -> CachedPrefix:
    """Return what is left in the cache by a request that was sent after the one that left `before`."""
    found = before is not None and usage.cache_read_input_tokens >= FOUND * before.tokens
    return CachedPrefix(usage.cache_read_input_tokens + usage.cache_creation_input_tokens, sent_at, found)


def _ends(messages: Sequence[ApiMessage], goes_on: bool) -> list[int]:
    """Return the last message of the request before this one, and of this one if another follows that begins like it."""
    asked = [at for at, message in enumerate(messages) if message["role"] == "user"]
    return [*asked[-2:-1], *(asked[-1:] if goes_on else [])]


def _marked(message: ApiMessage, lifetime: Lifetime) -> ApiMessage:
    *before, last = message["content"]
    return {**message, "content": [*before, {**last, "cache_control": _marker(lifetime)}]}


def _marker(lifetime: Lifetime) -> dict[str, str]:
    return {"type": "ephemeral"} if lifetime == "5m" else {"type": "ephemeral", "ttl": "1h"}
