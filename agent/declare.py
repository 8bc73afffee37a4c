"""The face of `agent.tool` under the name that tool files have imported since 0.1."""

from agent.tool.declare import tool

__all__ = ["tool"]
