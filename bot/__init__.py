"""Signoff in Slack: everything that people see and press, and the wiring. Nothing imports `bot`."""
