"""A Slack workspace on this machine: Web API, Socket Mode, signed HTTP, people, and the page's routes."""
