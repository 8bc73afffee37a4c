"""Standing permissions: which calls a pattern lets through, what may be offered, and for which tools at all.

Whatever is unclear does not match: a call that no grant covers is shown to people, as it would have been without any.
"""

import math
from collections.abc import Mapping
from typing import TypeGuard

from pydantic import JsonValue

from agent.canonical import same
from agent.tool.definition import Effect, Tool
from agent.types import Allowed, GrantPattern, Verdict, Wish

MOST_USES = 100
LONGEST_SECONDS = 7 * 24 * 3600


def grantable(tool: Tool, verdict: Verdict) -> bool:
    """Return whether a standing permission may be offered for a call of this tool, under this verdict.

    Never for what cannot be undone, and never where policy asks for more than one yes: one person's standing yes would be less.
    Nor after an escalation, which callers see: people brought in by it may not decide the next such call.
    What became of a lost run under a grant should be known without people: they did not see it begin.
    """
    survives_a_crash = tool.repeatable or tool.reconcile is not None
    return tool.effect is not Effect.IRREVERSIBLE and verdict.answer == "ask" and verdict.quorum == 1 and survives_a_crash


def choices(arguments: Mapping[str, JsonValue]) -> Mapping[str, tuple[Allowed, ...]]:
    """Return what an approver of a call with these arguments may allow each of them to be, the narrowest first."""
    return {name: _choices(name, value) for name, value in arguments.items()}


def _choices(name: str, value: JsonValue) -> tuple[Allowed, ...]:
    exactly = Allowed(argument=name, to_be="exactly", value=value)
    at_most = [Allowed(argument=name, to_be="at_most", value=value)] if _amount(value) else []
    return (exactly, *at_most, Allowed(argument=name, to_be="anything"))


def matches(pattern: GrantPattern, arguments: Mapping[str, JsonValue]) -> bool:
    """Return whether a call with these arguments is one that the pattern lets through.

    Each argument must be named in the pattern and fulfil it, and each name of the pattern must be there, once.
    """
    named = {allowed.argument: allowed for allowed in pattern}
    if len(named) < len(pattern) or named.keys() != arguments.keys():
        return False
    return all(_fulfils(allowed, arguments[name]) for name, allowed in named.items())


def resolves_alike(pattern: GrantPattern, granted: Mapping[str, JsonValue], now: Mapping[str, JsonValue]) -> bool:
    """Return whether the arguments resolve to what they did when the permission was given: the same channel behind a name, the
    same price of a product. Of an argument that may be anything it is not asked."""
    free = {allowed.argument for allowed in pattern if allowed.to_be == "anything"}
    return all(
        name in granted and name in now and same(granted[name], now[name]) for name in {**granted, **now} if name not in free
    )


def _fulfils(allowed: Allowed, value: JsonValue) -> bool:
    match allowed.to_be:
        case "exactly":
            return same(allowed.value, value)
        case "at_most":
            return _amount(allowed.value) and _amount(value) and value <= allowed.value
        case "anything":
            return True


def _amount(value: JsonValue) -> TypeGuard[int | float]:
    """Return whether this is a number of something: not negative, not infinite, and neither true nor false."""
    match value:
        case bool():
            return False
        case int():
            return value >= 0
        case float():
            return math.isfinite(value) and value >= 0
        case _:
            return False


def too_wide(pattern: GrantPattern) -> bool:
    """Return whether the pattern would let through any call of the tool, whatever its arguments."""
    return bool(pattern) and all(allowed.to_be == "anything" for allowed in pattern)


def sound(wish: Wish, arguments: Mapping[str, JsonValue]) -> bool:
    """Return whether a wish may be granted together with the approval of a call with these arguments."""
    bounded = 0 < wish.lasts_seconds <= LONGEST_SECONDS and 0 < wish.most_uses <= MOST_USES
    return bounded and matches(wish.pattern, arguments) and not too_wide(wish.pattern)
