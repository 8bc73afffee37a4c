"""Cache breakpoints: how many, and in which order of lifetimes."""

from collections.abc import Iterator, Mapping
from typing import Any

from .json_shapes import is_list, is_object
from .refusal import Refusal, extra

MOST_BREAKPOINTS = 4


def check_cache_control(body: Mapping[str, Any]) -> None:
    """Raise the Refusal for a malformed marker, a fifth one, or a one-hour marker behind a five-minute one."""
    lifetimes: list[str] = []
    for path, holder in _in_prefix_order(body):
        marker: object = holder.get("cache_control")
        if marker is None:
            continue
        if not is_object(marker) or marker.get("type") != "ephemeral":
            raise Refusal(f"{path}.cache_control.type: Input should be 'ephemeral'")
        for name in marker:
            if name not in ("type", "ttl"):
                raise extra(f"{path}.cache_control.ephemeral.{name}")
        lifetime = marker.get("ttl", "5m")
        if lifetime not in ("5m", "1h"):
            raise Refusal(f"{path}.cache_control.ephemeral.ttl: Input should be '5m' or '1h'")
        if lifetime == "1h" and "5m" in lifetimes:
            raise Refusal(
                f"{path}.cache_control.ttl: a ttl='1h' cache_control block must not come after a ttl='5m' "
                "cache_control block. Note that blocks are processed in the following order: `tools`, `system`, "
                "`messages`."
            )
        lifetimes.append(lifetime)
    if len(lifetimes) > MOST_BREAKPOINTS:
        raise Refusal(f"A maximum of {MOST_BREAKPOINTS} blocks with cache_control may be provided. Found {len(lifetimes)}.")


def _in_prefix_order(body: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield everything that may carry a marker: tools, system, messages with what results hold, then the request itself."""
    for part in ("tools", "system"):
        holders: object = body.get(part)
        for at, holder in enumerate(holders if is_list(holders) else []):
            yield f"{part}.{at}", holder
    for at, message in enumerate(body["messages"]):
        content: object = message["content"]
        for place, block in enumerate(content if is_list(content) else []):
            path = f"messages.{at}.content.{place}"
            inner: object = block.get("content") if block["type"] == "tool_result" else None
            for within, part in enumerate(inner if is_list(inner) else []):
                yield f"{path}.tool_result.content.{within}", part
            yield path, block
    yield "request", body
