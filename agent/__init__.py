"""The core: sessions, steps, moves, and the loop that makes them. Knows nothing of Slack and of no particular tool."""
