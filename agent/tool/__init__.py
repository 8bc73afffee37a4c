"""What a tool is, how it is declared, validated and run.

`declare.tool` turns a function into a `definition.Tool`; `validation.validate` checks what the model sent,
`definition.run` runs it.
Knows no session, no model and no Slack: a tool can be tried alone. Tool files import from here: `from agent.tool import tool`.
"""

from agent.tool.answer import WithImages
from agent.tool.arguments import Arguments
from agent.tool.declare import tool
from agent.tool.definition import Effect, Result, Tool, ToolContext, ToolError
from agent.tool.fallback import with_fallback

__all__ = ["Arguments", "Effect", "Result", "Tool", "ToolContext", "ToolError", "WithImages", "tool", "with_fallback"]
