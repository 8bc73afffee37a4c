"""Which agents there are and which tools they have: packs, tool files, MCP servers, databases.

`toolbox.Toolbox` keeps them up to date while the bot runs, `policy_check` says what in the policy cannot have been meant.
Never runs a tool.
"""
