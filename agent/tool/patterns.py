"""Patterns that somebody else wrote, in an engine whose time grows with the text and never explodes: the one of pydantic-core.

What that engine cannot read (a look ahead, a reference back), and what is too large to compile at once, is None here.
"""

import re
from functools import lru_cache

from pydantic_core import SchemaError, SchemaValidator, ValidationError, core_schema

MOST_STATES = 5_000  # about how many the compiled pattern has; to compile so many takes some 0.3 s
MOST_CHARACTERS = 2_000
KNOWN_PATTERNS = 2_000
WIDE = 30  # states of a class over all of Unicode

_ATOM = re.compile(r"\\[pP]\{[^}]*\}|\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|.", re.DOTALL)
_REPEATED = re.compile(r"\{(\d+)(?:,(\d*))?\}")


class Pattern:
    """A pattern that can be looked for."""

    def __init__(self, text: str, states: int) -> None:
        self.states = states
        self._engine = SchemaValidator(core_schema.str_schema(pattern=text, regex_engine="rust-regex"))

    def found_in(self, text: str) -> bool:
        """Return whether the text holds it anywhere, as JSON Schema has it."""
        try:
            self._engine.validate_python(text, strict=True)
        except ValidationError:
            return False
        return True


@lru_cache(KNOWN_PATTERNS)
def pattern(text: str) -> Pattern | None:
    """Return the pattern, or None where nobody here can read it in bounded time."""
    if len(text) > MOST_CHARACTERS or (states := _states(text)) > MOST_STATES:
        return None
    try:
        return Pattern(text, states)
    except (SchemaError, ValueError):  # ValueError: it holds half a character
        return None


def _states(text: str) -> int:
    """About how many states it takes: those of its parts, times what they are repeated."""
    groups = [0]
    last = at = 0
    while at < len(text):
        if repeated := _REPEATED.match(text, at):
            times = max(int(number[:9]) for number in repeated.groups() if number)
            groups[-1] += last * max(0, times - 1)
            last *= max(1, times)
            at = repeated.end()
            continue
        atom = _ATOM.match(text, at)
        assert atom is not None  # the last alternative takes any character
        at = atom.end()
        match atom[0]:
            case "(":
                groups.append(0)
                continue
            case ")" if len(groups) > 1:
                last = groups.pop()
            case "*" | "+" | "?" | "|" | "^" | "$":
                continue
            case "." | "\\w" | "\\W" | "\\d" | "\\D" | "\\s" | "\\S":
                last = WIDE
            case part:
                last = WIDE if part.startswith(("\\p", "\\P", "[^")) or re.search(r"\\[wWdDsSpP]", part) else 1
        groups[-1] += last
    return sum(groups)
