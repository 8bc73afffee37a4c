"""What people read when a turn has used all its model calls: what was done in it, what was not, and how it goes on."""

from collections import Counter
from collections.abc import Collection

from agent.session.rules import Rules
from agent.session.state import Session
from agent.text import tool_in_words

_NOT_RUN = {"refused": "not allowed", "undeliverable": "nobody could be asked"}
_UNKNOWN = ("unknown", "left")
_RAN = ("succeeded", "failed", *_UNKNOWN)  # or may have


def capped(session: Session, rules: Rules) -> str:
    """Return the sentences that end such a turn."""
    ended = session.turn.ended
    reads = {name for name, tool in rules.tools.items() if tool.reads}
    done = _with_times([tool_in_words(tool) for tool, how in ended if how == "succeeded" and tool not in reads])
    read = _with_times([tool_in_words(tool) for tool, how in ended if how == "succeeded" and tool in reads])
    unknown = _with_times([tool_in_words(tool) for tool, how in ended if how in _UNKNOWN])
    failed = _with_times([tool_in_words(tool) for tool, how in ended if how == "failed"])
    not_run = _with_times([f"{tool_in_words(tool)} ({_NOT_RUN.get(how, how)})" for tool, how in ended if how not in _RAN])
    told = (
        ("Done", done),
        ("Only read", read),
        ("Failed", failed),
        ("Outcome unknown, it may have run", unknown),
        ("Not run", not_run),
    )
    return "\n".join(
        (
            f"I stopped after {rules.max_iterations} steps without finishing.",
            *(f"• {label}: {what}" for label, what in told if what),
            "Nothing more is run until somebody presses Continue, or tells me how to go on.",
        )
    )


def _with_times(names: Collection[str]) -> str:
    """Return names in one line, each with how often it is there."""
    return ", ".join(name if times == 1 else f"{name} ({times} times)" for name, times in Counter(names).items())
