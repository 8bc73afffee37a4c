"""Versioned prompts: text, no code (`agent.prompts`), and beside them the golden sets that they are tried with (`bot.eval`)."""
