"""Versioned prompts: text, no code. `NAME/N.md` is version N of a prompt, `NAME/promoted` says which one is in use."""
