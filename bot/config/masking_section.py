"""The section `masking` of signoff.yaml: what is hidden in logs and in whatever else people or files get to see."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from agent.masking.names import names_installed
from agent.masking.team import pattern_trouble
from agent.masking.wanted import COUNTRIES, DEFAULT_COUNTRIES, DEFAULT_NAMES, Names, TeamPattern, WantedMasks
from bot.config.sections import Section

MOST_PATTERNS = 50


def _country(code: str) -> str:
    if code not in COUNTRIES:
        raise ValueError(f"should be one of {', '.join(COUNTRIES)}")
    return code


def _pattern(text: str) -> str:
    if wrong := pattern_trouble(text):
        raise ValueError(wrong)
    return text


def _names(value: Any) -> Any:
    """Return the kinds of names; YAML's `off`, or `false`, is none."""
    if value is False:
        return ()
    if value and not names_installed():
        raise ValueError('needs a model that is not installed: `pip install "signoff[names]"`, or remove it')
    return value


def _kind(name: str) -> str:
    if re.fullmatch(r"[A-Z][A-Z0-9_]{0,29}", name) is None:
        raise ValueError("should be at most 30 capitals, digits and underscores, such as EMPLOYEE: its placeholders name it")
    return name


MaskedKind = Annotated[str, AfterValidator(_kind)]


class Masking(Section):
    """What is masked besides what always is: addresses, numbers and secrets that look the same everywhere."""

    countries: tuple[Annotated[str, AfterValidator(_country)], ...] = DEFAULT_COUNTRIES
    """Whose ids and phone numbers are known."""
    patterns: Annotated[Mapping[MaskedKind, Annotated[str, AfterValidator(_pattern)]], Field(max_length=MOST_PATTERNS)] = {}
    """A team's own: a kind, which its placeholders name, to a regular expression in RE2's syntax."""
    names: Annotated[tuple[Names, ...] | Literal["default"], BeforeValidator(_names)] = "default"
    """Which names are masked where there is time for that, so not in logs; by default those without organisations, if the model
    is installed."""

    cards: Annotated[bool, Field(strict=True)] = False
    """Whether cards in channels hold placeholders too: who may decide then reads all of it in a dialog, and approves there."""

    def wanted(self) -> WantedMasks:
        """Return it as the masker takes it."""
        default = DEFAULT_NAMES if names_installed() else ()
        patterns = tuple(TeamPattern(kind, pattern) for kind, pattern in self.patterns.items())
        return WantedMasks(self.countries, patterns, default if self.names == "default" else self.names)
