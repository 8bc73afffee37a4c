"""Standing permissions. Pure."""

from collections.abc import Mapping

from pydantic import JsonValue

from agent.tool import Tool
from agent.types import Pattern, Verdict


def grantable(tool: Tool, verdict: Verdict) -> bool:
    """PLACEHOLDER of another branch."""
    return False


def matches(pattern: Pattern, arguments: Mapping[str, JsonValue]) -> bool:
    """PLACEHOLDER of another branch."""
    return False


def too_wide(pattern: Pattern) -> bool:
    """PLACEHOLDER of another branch."""
    return True
