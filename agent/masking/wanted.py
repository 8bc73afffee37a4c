"""What is to be masked beyond what always is: ids and phone numbers of which countries, a team's own patterns, names."""

import json
from dataclasses import asdict, dataclass
from typing import Literal

Names = Literal["persons", "places", "groups", "organisations"]

# Those whose ids Presidio knows, by its own codes. What each has is in `known.py`.
COUNTRIES = (*("au", "ca", "de", "es", "fi", "in", "it", "kr", "ng", "ph", "pl", "se", "sg", "th", "tr", "uk", "us", "za"),)
DEFAULT_COUNTRIES = ("us", "uk")
# Without organisations: with them the model hides three times as much that is nobody's name (docs/operations.md, What is masked).
DEFAULT_NAMES: tuple[Names, ...] = ("persons", "places", "groups")


@dataclass(frozen=True, slots=True)
class TeamPattern:
    """A pattern of a team's own, in RE2's syntax, and the kind that what it finds has: EMPLOYEE becomes [EMPLOYEE_1]."""

    kind: str
    pattern: str


@dataclass(frozen=True, slots=True)
class WantedMasks:
    """What to look for. `names`, of which kinds, needs the model that `signoff[names]` brings."""

    countries: tuple[str, ...] = DEFAULT_COUNTRIES
    patterns: tuple[TeamPattern, ...] = ()
    names: tuple[Names, ...] = ()

    def to_json(self) -> str:
        """Return it as a bounded process takes it."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "WantedMasks":
        """Return what `to_json` was made of."""
        told = json.loads(text)
        return cls(tuple(told["countries"]), tuple(TeamPattern(**each) for each in told["patterns"]), tuple(told["names"]))
