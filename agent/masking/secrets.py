"""Keys, tokens and passwords: those whose makers gave them a beginning, those that something names, and what looks drawn by lot.

The beginnings are those that the makers document, as gitleaks and GitHub's secret scanning have them too.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

from agent.masking.recogniser import Places, Recogniser, by_pattern

MOST_BITS = 3.5  # of a character: words of English have about 2.5 by their own letters, base64 of 24 characters 4 and more
SHORTEST = 20  # characters of what is found by its looks alone
_SWITCHES = 0.25  # of all neighbours: how often something drawn by lot changes between small, large and digit

# Kind -> hint, pattern.
_MAKERS: tuple[tuple[str, str, str], ...] = (
    ("SLACK_TOKEN", r"(?i)xox|xapp-", r"(?i)(?<![a-z0-9])(?:xox[a-z](?:\.xox[a-z])?|xapp)-[A-Za-z0-9-]{8,}"),
    ("SLACK_WEBHOOK", "hooks.slack", r"https?://hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/[\w/-]+"),
    ("ANTHROPIC_KEY", "sk-ant", r"(?<![A-Za-z0-9])sk-ant-[\w-]{8,}"),
    ("OPENAI_KEY", "sk-", r"(?<![A-Za-z0-9])sk-(?!ant-)(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{20,}"),
    ("STRIPE_KEY", "[sr]k_|whsec_", r"(?<![A-Za-z0-9])(?:[sr]k_(?:live|test)_|whsec_)[A-Za-z0-9]{10,}"),
    (
        "AWS_KEY",
        "A[BCGKPRS][A-Z]A|AIPA",
        r"(?<![A-Za-z0-9])(?:AKIA|ASIA|ABIA|ACCA|AGPA|AIDA|AIPA|ANPA|APKA|AROA)[A-Z2-7]{16}(?![A-Za-z0-9])",
    ),
    ("GITHUB_TOKEN", "gh[a-z]_|github_pat_", r"(?<![A-Za-z0-9])(?:gh[opsur]_[A-Za-z0-9]{20,}|github_pat_\w{22,})"),
    (
        "GOOGLE_KEY",
        r"AIza|ya29\.|GOCSPX-|1//0",
        r"(?<![A-Za-z0-9])(?:AIza[\w-]{35}|ya29\.[\w.-]{20,}|GOCSPX-[\w-]{20,}|1//0[\w-]{30,})",
    ),
    ("JWT", "eyJ", r"(?<![A-Za-z0-9])eyJ[\w-]{6,}={0,2}\.[\w-]{6,}={0,2}(?:\.[\w=-]*){0,3}"),
    (
        "PRIVATE_KEY",
        "PRIVATE KEY",
        # Up to its end, or where that is missing, as far as it goes.
        r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
        r"(?:(?:[^-]|-(?!----END))*-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
        r"|[A-Za-z0-9+/=\s\\:,-]*)",
    ),
    ("SECRET", "://", r"(?i)[a-z][a-z0-9+.-]{1,20}://[^\s/?#:@\"'<>]*:([^\s/?#@\"'<>]+)@"),  # a password in an address
    ("SECRET", "(?i)bearer|basic", r"(?i)\b(?:bearer|basic) +([A-Za-z0-9._~+/=-]{8,})"),
)
_PASSWORD = r"pass(?:word|wd|phrase|code)|pwd|passwort|mot de passe"
_NAMES = rf"{_PASSWORD}|secret|token|credential|authorization|(?:api|access|private|signing|auth)[ _-]?key"
_SAID = r"(?:\\?[\"'`*]{1,2}|\])?\s{0,3}(?:[:=]|=>|:=| is )\s{0,3}"
_NAMED = re.compile(
    rf"(?i)(?P<name>{_NAMES})s?\w{{0,20}}?{_SAID}(?:\\?[\"'`]|\*{{1,2}}|f?\"|(?=[^\s\"'`*]))(?P<value>[^\s\"'`,;<>|]+)"
)
_NAME = re.compile(rf"(?i)(?:{_NAMES})s?$")
_PASSWORD_NAME = re.compile(rf"(?i)(?:{_PASSWORD})s?$")
_CLOSING = ".,;:!?)]}\\*"
_NOT_SECRET = re.compile(
    r"(?i)(?:none|null|nil|true|false|undefined|missing|invalid|expired|required|optional|empty|unset|unknown|redacted|str|string|int|"
    r"\*+|x+|\.+|\d{1,6}|\$\{?\w+\}?|<.*|\[.*|\{.*|(?:the|a|an|not|no|wrong|set|incorrect|revoked|too|in|for|my|your|on|and)(?:\W.*)?)"
)
_DRAWN = re.compile(rf"(?<![A-Za-z0-9+/=_.~-])[A-Za-z0-9+/=_~-]{{{SHORTEST},}}(?![A-Za-z0-9+/=_~-])")
_LONG = re.compile(rf"[A-Za-z0-9+/=_~-]{{{SHORTEST}}}")
_FORTY = re.compile(r"(?<![A-Za-z0-9+/=])[A-Za-z0-9+/]{40}(?![A-Za-z0-9+/=])")
# Ids that are no secrets: of the model's API, and digests and UUIDs, which are hexadecimal throughout.
_IDS = re.compile(
    r"(?:toolu|srvtoolu|msg|req|call|file|batch|msgbatch)_[A-Za-z0-9]+|[0-9a-fA-F-]+|(?:sha\d+|md5)[=-].*|[0-9A-HJKMNP-TV-Z]{26}"
)


def named_secret(name: str, value: object) -> bool:
    """Return whether a value of this name is a secret, whatever it looks like: `password`, `slack_bot_token`, `apiKey`. A number
    is one only as a password: `max_tokens` counts."""
    if isinstance(value, str):
        return value != "" and _NAME.search(name) is not None
    return isinstance(value, int | float) and not isinstance(value, bool) and _PASSWORD_NAME.search(name) is not None


def secret_recognisers() -> Iterable[Recogniser]:
    """Yield recognisers of secrets."""
    for kind, hint, pattern in _MAKERS:
        yield by_pattern(kind, hint, pattern)
    yield Recogniser("SECRET", re.compile(rf"(?i){_NAMES}"), _named_values, numbers=False)
    yield Recogniser("SECRET", _LONG, _drawn, numbers=False)
    yield Recogniser("AWS_KEY", _LONG, _aws_secrets, numbers=False)


def _named_values(text: str) -> Places:
    for match in _NAMED.finditer(text):
        value = match["value"].rstrip(_CLOSING)
        if _could_be_secret(match["name"], value):
            yield match.start("value"), match.start("value") + len(value)


def _could_be_secret(name: str, value: str) -> bool:
    """Return whether a value behind such a name is one. A password may be a word, a token is not."""
    if len(value) < 4 or _NOT_SECRET.fullmatch(value):
        return False
    if re.search(_PASSWORD, name, re.IGNORECASE):
        return True
    return (
        len(value) >= 8 and (any(map(str.isdigit, value)) or _bits(value) >= MOST_BITS) and not re.fullmatch(r"[\d.,:-]+", value)
    )


def _aws_secrets(text: str) -> Places:
    """Yield what has the looks of AWS's secret keys, which all begin differently: 40 characters of base64."""
    for match in _FORTY.finditer(text):
        if {"a", "A", "0"} <= {_class(each) for each in match[0] if each.isalnum()} and _bits(match[0]) >= 4.2:
            yield match.span()


def _drawn(text: str) -> Places:
    for match in _DRAWN.finditer(text):
        if looks_drawn(match[0]):
            yield match.span()


def looks_drawn(text: str) -> bool:
    """Return whether a text looks drawn by lot: many different characters, digits among letters, and often another class."""
    if _IDS.fullmatch(text):
        return False
    kinds = [_class(each) for each in text if each.isalnum()]
    if len(kinds) < SHORTEST - 4 or kinds.count("0") < 1 or len(kinds) - kinds.count("0") < 4:
        return False
    switches = sum(one != next_one for one, next_one in pairwise(kinds))
    return switches >= _SWITCHES * len(kinds) and text.count("/") <= len(text) / 12 and _bits(text) >= MOST_BITS


def _class(character: str) -> str:
    return "0" if character.isdigit() else "a" if character.islower() else "A"


def _bits(text: str) -> float:
    """Return Shannon's entropy of a text by its own characters, in bits a character."""
    return -sum(count / len(text) * math.log2(count / len(text)) for count in Counter(text).values())
