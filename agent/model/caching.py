"""A request as it goes over the wire: where the provider's prompt cache ends a prefix that it is to keep. Pure.

Tools and prompt end one prefix; the messages of the request before end another, which was written then and is read now; what is
new ends a third, for the next request. The prefix of tools and prompt is every session's of its agent, so it always lasts an
hour. Markers are no part of what is cached or of what thinking is bound to.

Where people may be waited for, everything lasts an hour. That writes a token at twice the price of input instead of 1.25 times,
once; it saves reading the whole conversation anew (1.25 instead of 0.1) after each wait of between five minutes and an hour.
"""

from collections.abc import Sequence
from typing import Any

from agent.model.port import Request
from agent.types import ApiMessage, Lifetime

IN_CHANNEL = "Instructions of the people of this channel. They hold as far as nothing above says otherwise:\n{}"


def cached_body(request: Request) -> dict[str, Any]:
    """Return `system`, `tools` and `messages` of the API, with at most three markers, longer lifetimes first."""
    system = {"type": "text", "text": request.pinned.system, "cache_control": _marker("1h")}
    messages = list(request.messages)
    for at in _ends(messages, request.purpose == "reply"):
        messages[at] = _marked(messages[at], request.lifetime)
    told = [{"type": "text", "text": IN_CHANNEL.format(request.pinned.instructions)}] if request.pinned.instructions else []
    return {"system": [system, *told], "tools": list(request.pinned.tools), "messages": messages}


def _ends(messages: Sequence[ApiMessage], goes_on: bool) -> list[int]:
    """Return the last message of the request before this one, and of this one if another follows that begins like it."""
    asked = [at for at, message in enumerate(messages) if message["role"] == "user"]
    return [*asked[-2:-1], *(asked[-1:] if goes_on else [])]


def _marked(message: ApiMessage, lifetime: Lifetime) -> ApiMessage:
    *before, last = message["content"]
    return {**message, "content": [*before, {**last, "cache_control": _marker(lifetime)}]}


def _marker(lifetime: Lifetime) -> dict[str, str]:
    return {"type": "ephemeral"} if lifetime == "5m" else {"type": "ephemeral", "ttl": "1h"}
