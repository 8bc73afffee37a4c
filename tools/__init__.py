"""What the agent can do: one module or package a tool pack. Tools know `agent`, never Slack."""
