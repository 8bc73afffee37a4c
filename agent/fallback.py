"""The face of `agent.tool` under the name that tool files have imported since 0.1."""

from agent.tool.fallback import with_fallback

__all__ = ["with_fallback"]
