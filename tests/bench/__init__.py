"""`make bench`: how fast the bot is, and what it writes, each figure beside its floor measured in the same run."""
