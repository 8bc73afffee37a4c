"""All wiring: from settings to a bot that takes in events, drives sessions, and answers health checks.

Enter at `wiring.running`; `edge` persists each delivery before Slack hears "received", `ops` tells the ops channel.
"""
