"""What the environment, signoff.yaml, .mcp.json and manifest.yml say.

`settings.read_settings` reads the environment, `file.load_config` signoff.yaml, `mcp_file.read_servers` the MCP servers.
A mistake is a `refusal.Refusal`: one sentence with the mend. Opens no connection.
"""
