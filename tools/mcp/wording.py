"""How a call's fate and a server's own words are told to the model and to people."""

from tools.mcp.fates import Answered, Fate, NotSent, TurnedAway, Unclear

QUOTED_CHARACTERS = 160
METHOD_NOT_FOUND, INVALID_PARAMS = -32601, -32602


def quoted(text: str) -> str:
    """Return a server's words on one line, between quotes that they cannot close."""
    line = " ".join(text.replace("“", '"').replace("”", '"').split())
    return f"“{line if len(line) <= QUOTED_CHARACTERS else line[: QUOTED_CHARACTERS - 1] + '…'}”"


def in_words(server: str, fate: Fate) -> str:
    """Return what became of a call that has no result, in a sentence or two: what is known of whether it ran, and no more."""
    who = f"The MCP server {server}"
    match fate:
        case NotSent(why):
            return f"{who} cannot be reached right now ({why}). Nothing was run."
        case TurnedAway(why=why):
            said = f": {quoted(why)}" if why else ""
            return f"{who} turned the call away (HTTP {fate.in_words}){said}. Nothing was run."
        case Answered():
            return f"{who} answered with an error: {quoted(fate.message)}."
        case Unclear(why):
            return f"{who} gave no answer to the call ({why}). What it did until then is not known."
