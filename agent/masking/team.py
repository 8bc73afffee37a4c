"""A team's own patterns. The home of `re2`: an engine whose time grows with the text and never explodes.

pydantic-core's, which reads strangers' patterns elsewhere (`agent.tool.patterns`), says only whether a text matches, not where.
"""

import re
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import re2  # pyright: ignore[reportMissingTypeStubs]

from agent.masking.recogniser import Places, Recogniser
from agent.masking.wanted import TeamPattern

MOST_BYTES = 2**20  # of a compiled pattern
MOST_CHARACTERS = 1_000
_ANYTHING = re.compile("")
_engine: Any = re2  # it has no types


def pattern_trouble(pattern: str) -> str | None:
    """Return what is wrong with a pattern, as words that follow its name; None if it can be used."""
    if len(pattern) > MOST_CHARACTERS:
        return f"should have at most {MOST_CHARACTERS:,} characters"
    try:
        if _compiled(pattern).search("") is not None:
            return "should not match an empty text: it would match everywhere"
    except _engine.error as error:
        return f"should be a pattern in RE2's syntax, without look-arounds and back-references: {_complaint(error)}"
    except (ValueError, UnicodeError):
        return "should be a pattern in RE2's syntax"
    return None


def _complaint(error: Exception) -> str:
    [told] = error.args
    return told.decode("utf-8", "replace") if isinstance(told, bytes) else str(told)


@cache
def _compiled(pattern: str) -> Any:
    options = _engine.Options()
    options.max_mem, options.log_errors = MOST_BYTES, False
    return _engine.compile(pattern, options)


def team(patterns: Iterable[TeamPattern]) -> Iterable[Recogniser]:
    """Yield a recogniser for each pattern: its whole match counts."""
    for each in patterns:
        yield Recogniser(each.kind, _ANYTHING, _finding(each.pattern), numbers=False)


def _finding(pattern: str) -> Callable[[str], Places]:
    compiled = _compiled(pattern)

    def find(text: str) -> Places:
        return [match.span() for match in compiled.finditer(text)]

    return find
