"""What an address is: names of arguments that say so, and texts that some program would resolve as a host.

Programs read an address in many ways: as a browser does (the URL standard, which maps letters, undoes escapes and drops what is
invisible), as `urllib` does, as `inet_aton` does (`2130706433`, `0x7f.1`). Whatever one of them takes for a host is one here.
"""

import html
import ipaddress
import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any, cast
from urllib.parse import unquote

from agent.text import default_ignorable

# ---------------------------------------------------------------------------------------------- names and schemas

# Words of a name that mean an address, alone or at the end of a longer word (`pageurl`, `targethost`).
_WORDS = "url|uri|href|host|hostname|domain|server|endpoint|website|webhook|webpage|homepage|address|proxy|hyperlink|permalink"
# Words that mean one only alone: other words end like them (zip, composite, symlink).
_SHORT_WORDS = "ip|ipv|addr|fqdn|dns|site|origin|link|callback|gateway|upstream"
_SAYING = re.compile(rf"(?:[a-z]{{3,}})?(?:{_WORDS})(?:e?s)?|(?:{_SHORT_WORDS})(?:e?s)?|(?:[a-z]{{3,}})?proxies")
_NOT_SAYING = frozenset({"unfurl", "unfurls"})
_ACRONYM = re.compile(r"(?<![A-Z])(?:UR[LI]|IP)(?=[a-z])")  # pageURLs, IPv4, URLstring
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

FORMATS = frozenset(
    {"uri", "url", "uri-reference", "uri-template", "iri", "iri-reference", "hostname", "idn-hostname", "ipv4", "ipv6"}
)
_DESCRIBING = re.compile(r"\bUR[LI]s?\b|\bhost ?names?\b|\bIP address(es)?\b")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


def says_address(name: str) -> bool:
    """Return whether an argument's name says that it holds a URL or a host: baseUrl, pageURLs, TARGET_HOST, X-Forwarded-Host."""
    name = unicodedata.normalize("NFKC", name)
    words = [word.lower() for word in _WORD.findall(name)]
    return bool(_ACRONYM.search(name)) or any(_SAYING.fullmatch(word) and word not in _NOT_SAYING for word in words)


def takes_address(schema: Mapping[str, Any]) -> bool:
    """Return whether an argument, at any depth, is a URL or a host: by its format, name, pattern, description or examples."""
    return any(_is_address(name, part) for name, part in _arguments(schema))


def _is_address(name: str, part: Mapping[str, Any]) -> bool:
    if part.get("type") in ("boolean", "null"):
        return False
    if part.get("format") in FORMATS or says_address(name):
        return True
    shown = [part.get("pattern"), part.get("default"), *_list(part.get("examples"))]
    if any(isinstance(text, str) and (_SCHEME.search(text) or "http" in text) for text in shown):
        return True
    description = part.get("description")
    return bool(name) and isinstance(description, str) and bool(_DESCRIBING.search(description))


def _list(value: Any) -> list[Any]:
    return cast(list[Any], value) if isinstance(value, list) else []


def _arguments(schema: Any, name: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every part of a schema with the name of the property it describes, if it is one's."""
    if isinstance(schema, list):
        for part in cast(list[Any], schema):
            yield from _arguments(part)
    if isinstance(schema, dict):
        keywords = cast(dict[str, Any], schema)
        yield name, keywords
        for word, value in keywords.items():
            if word in ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas") and isinstance(
                value, dict
            ):
                for key, part in cast(dict[str, Any], value).items():
                    yield from _arguments(part, key if "properties" in word.lower() else "")
            elif word not in ("const", "enum", "default", "examples"):
                yield from _arguments(value)


# ---------------------------------------------------------------------------------------------- values

MOST_ROUNDS = 8  # of taking off escapes: what still changes then was written to hide something

# A scheme, or slashes in front. A scheme that is not followed by slashes counts only at the beginning: `mailto:ann@evil.example`.
_ADDRESS = re.compile(r"://|[/\\]{2}|^\W*[a-z][a-z0-9+.-]*:\S", re.IGNORECASE)
_FORBIDDEN = r"\s.#/:<>?@\[\\\]^|%"  # in a label (the URL standard, forbidden host code points), and the dot between labels
_DOTTED = re.compile(rf"[^{_FORBIDDEN}]+(\.[^{_FORBIDDEN}]+)+\.?")
_LABEL = re.compile(rf"[^{_FORBIDDEN}]+")
_IP_NUMBER = re.compile(r"0[xX][0-9a-fA-F]*|0[0-7]*|[1-9][0-9]*", re.ASCII)
# Names of one word that lead somewhere by themselves: this machine, and what clouds and clusters answer to.
_LOCAL = frozenset(
    {"localhost", "localhost6", "localdomain", "ip6-localhost", "ip6-loopback", "loopback", "broadcasthost"}
    | {"metadata", "instance-data", "kubernetes", "wpad"}
)
_DOTS = str.maketrans({"\u3002": ".", "\uff0e": ".", "\uff61": "."})  # full stops to IDNA (RFC 3490, 3.1)
_JS_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2}))")
_UNSEEN = re.compile(r"[\t\n\r\x00]")  # dropped by the URL standard, wherever they are; NUL ends a text in C
_QUOTES = " \t\n\r\f\v'\"`<>(){}"
FIRST_DESTINATION = 1 << 24  # 0.0.0.0/8 is no destination (RFC 6890, table 1) but for 0.0.0.0, which leads to this machine


def resolvable(value: Any) -> bool:
    """Return whether some program would take a value for an address or a host: a text or an item of a list in it, or a number."""
    if isinstance(value, bool):
        return False
    if isinstance(value, int):
        return FIRST_DESTINATION <= value < 1 << 32
    if not isinstance(value, str):
        return False
    readings = list(_readings(value))
    return len(readings) > MOST_ROUNDS or any(map(_resolvable, readings))


def nests(url: str) -> bool:
    """Return whether another address stands within an address, under however many escapes: its host may pass it on."""
    return any(reading.count("://") > 1 for reading in _readings(url))


def _readings(text: str) -> Iterator[str]:
    """Yield the text as it is, and as programs read it that undo escapes and map letters, step by step until nothing changes."""
    for _ in range(MOST_ROUNDS + 1):
        yield text
        mapped = _mapped(_unescaped(text))
        if mapped == text:
            return
        text = mapped


def _unescaped(text: str) -> str:
    """Return a text with one layer of escapes undone: those of addresses, of HTML and of JSON."""
    text = html.unescape(unquote(text))
    return _JS_ESCAPE.sub(lambda found: chr(int(found[1] or found[2], 16)), text)


def _mapped(text: str) -> str:
    """Return a text as IDNA maps names (UTS 46): one form of each letter, full stops alike, nothing that is drawn as nothing."""
    if text.isascii():
        return _UNSEEN.sub("", text).lower()
    seen = "".join(character for character in text if not default_ignorable(character))
    return _UNSEEN.sub("", unicodedata.normalize("NFKC", seen.translate(_DOTS)).translate(_DOTS)).lower()


def _resolvable(reading: str) -> bool:
    if _ADDRESS.search(reading.strip()):
        return True
    tokens = reading.split()
    if tokens and (all(map(_is_host, tokens)) or is_ipv4(tokens[0])):  # inet_aton stops reading at a space
        return True
    items = re.split(r"[,;|\n]", reading)
    return any(_is_host(item) for item in items if item.strip(" 0") or len(items) == 1)


def _is_host(item: str) -> bool:
    """Return whether an item is what follows `http://` in an address: whom it is for before an @, a host, a port, a path."""
    if _is_ipv6(item.strip(_QUOTES)):
        return True
    authority = re.split(r"[/\\?#]", item.strip(_QUOTES).lstrip("/\\"), maxsplit=1)[0].strip()
    user, at, rest = authority.rpartition("@")
    host = rest if rest.startswith("[") or _is_ipv6(rest) else rest.partition(":")[0]
    if at and user and _LABEL.fullmatch(host):
        return True
    return bool(_DOTTED.fullmatch(host)) or host.rstrip(".").lower() in _LOCAL or is_ipv4(host) or _is_ipv6(host)


def _is_ipv6(host: str) -> bool:
    bracketed = re.match(r"\[([^\]]*)\]", host)
    inside = bracketed[1] if bracketed else host
    try:
        ipaddress.IPv6Address(inside.partition("%")[0])
    except ValueError:
        return False
    return True


def is_ipv4(host: str) -> bool:
    """Return whether a text is an IPv4 address to `inet_aton` or a browser: up to four numbers, octal and hexadecimal ones too.

    Those that are no destination do not count: a page number is no host.
    """
    parts = host.removesuffix(".").split(".")
    if len(parts) > 4 or not all(_IP_NUMBER.fullmatch(part) for part in parts) or len(host) > 64:
        return False
    *first, last = [_number(part) for part in parts]
    if any(part > 255 for part in first) or last >= 256 ** (4 - len(first)):
        return False
    number = sum(part << (24 - 8 * place) for place, part in enumerate(first)) + last
    return number == 0 or number >= FIRST_DESTINATION


def _number(part: str) -> int:
    if part[:2].lower() == "0x":
        return int(part[2:] or "0", 16)
    return int(part, 8 if part.startswith("0") else 10)
