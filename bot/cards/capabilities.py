"""What the agent can do, for people who want to know what to ask for."""

import re

from agent.text import tool_in_words
from agent.tool.definition import Effect, Tool, Tools
from bot.cards.harmless_text import cut, escaped, readable

MOST_TOLD = 15  # in one list: of more, those whose authors say it in words for people come first
WORDS_CHARACTERS = 150
FIRST_SENTENCE = re.compile(r".+?(?:[.!?](?=\s+[^\sa-z]|$)|$)")
INTRODUCED = "Here is what I can do; just ask in your own words:"
PROMISED = (
    "Whatever changes something waits until a person here has seen exactly what it is and approved it, unless your team's rules "
    "allow it."
)
NOTHING = "Just ask in your own words."


def capabilities(tools: Tools) -> str:
    """Return what an agent with these tools can do, as mrkdwn, and what it will not do without a click."""
    lines = capability_lines(tools)
    return f"{INTRODUCED}\n{lines}\n\n{PROMISED}" if lines else f"{NOTHING} {PROMISED}"


def capability_lines(tools: Tools) -> str:
    """Return a line for each tool that people would ask for, as mrkdwn."""
    told = [tool for tool in tools.values() if tool.can is not None]
    told.sort(key=lambda tool: not tool.can)
    more = [f"•  and {len(told) - MOST_TOLD} more things"] if len(told) > MOST_TOLD else []
    return "\n".join([*(f"•  {_line_of(tool)}{_asks(tool)}" for tool in told[:MOST_TOLD]), *more])


def _line_of(tool: Tool) -> str:
    """Return the author's words for people; else how the description begins that is for the model, which may be a server's."""
    line = tool.can or _first_sentence(tool.description) or tool_in_words(tool.name)
    return escaped(cut(readable(line), WORDS_CHARACTERS))


def _first_sentence(description: str) -> str:
    """Return the first sentence on one line, without the marks of Markdown."""
    line = next(filter(None, (" ".join(line.strip("#*-> ").split()) for line in description.splitlines())), "")
    found = FIRST_SENTENCE.match(line.replace("`", "").replace("**", ""))
    return found[0].removesuffix(".") if found else ""


def _asks(tool: Tool) -> str:
    """Return that people are asked first, where that is so of every call unless a rule says otherwise."""
    return "" if tool.effect is Effect.READ or tool.harmless is not None else "  _(asks for approval first)_"
