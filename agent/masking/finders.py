"""What finds everything that is wanted. This file and what it imports take seconds to load: it is imported where it is needed."""

from collections.abc import Iterator
from functools import lru_cache

from agent.masking import known, names, numbers, secrets, team
from agent.masking.placeholders import nothing
from agent.masking.recogniser import Recogniser, finder
from agent.masking.spans import Finder
from agent.masking.wanted import WantedMasks


@lru_cache(8)
def patterns(wanted: WantedMasks) -> Finder:
    """Return the finder of all patterns: the same answer for the same text always. About 5 ms a KB where there are digits."""
    return finder([*_fast(wanted), *known.phones(wanted.countries)])


@lru_cache(8)
def fast_patterns(wanted: WantedMasks) -> Finder:
    """Return the finder for lines of a log: without the library that knows the phone numbers of each country, which alone takes
    four fifths of the time, and without domains, for an operator has to see which server a line is about."""
    return finder([each for each in _fast(wanted) if each.kind != "DOMAIN"])


def _fast(wanted: WantedMasks) -> Iterator[Recogniser]:
    yield from numbers.number_recognisers()
    yield from known.known(wanted.countries)
    yield from secrets.secret_recognisers()
    yield from team.team(wanted.patterns)


def names_if(wanted: WantedMasks) -> Finder:
    """Return the finder of names, or of nothing where they are not wanted."""
    return names.names_finder(wanted.names) if wanted.names else nothing
