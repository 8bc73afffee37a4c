"""Which hosts a call names, and which hosts are allowed. Pure, and on the safe side: what two programs could read in two ways
is unclear, and a call with anything unclear in it asks.

A host is written as an address of the web writes it: `docs.example.com`, `192.0.2.7`, `[2001:db8::1]`, and with its port where
that is not the one of its scheme: `docs.example.com:8443`. Names that are not ASCII are unclear in addresses: write `xn--...`.
"""

import ipaddress
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from agent.approvals.addresses import nests, resolvable, says_address

DEFAULT_PORTS = {"http": 80, "https": 443}
MOST_SHOWN = 5  # hosts in a sentence

# Nothing in front of the host, and behind it a port of digits or nothing: a name before an @ is no host.
URL = re.compile(
    r"(?i:(https?)://)?([a-z0-9.-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?((?:/.*)?|[?#][^@]*)", re.ASCII | re.IGNORECASE
)
LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
UNREADABLE = re.compile(r"[\s\\\x00-\x1f\x7f-\x9f]|[^\w\x00-\x7f]")  # spaces, backslashes, what is invisible or an ornament


@dataclass(frozen=True, slots=True)
class NamedHosts:
    """The hosts that a call names, and whether something in it could name another one."""

    hosts: tuple[str, ...] = ()
    unclear: bool = False


def url_host(text: str) -> str | None:
    """Return the host of an http or https address, in one spelling. None: it is none, or could be read in two ways."""
    found = URL.fullmatch(text)
    return _host_of_address(text) if found and found[1] else None


def link_host(text: str) -> str | None:
    """Return the host of an http or https address that a person may follow, whatever follows the host. None: as
    `url_host`."""
    found = URL.fullmatch(text)
    return _host_of_match(found) if found and found[1] and not UNREADABLE.search(text) else None


def hosts_named(arguments: Mapping[str, Any]) -> NamedHosts:
    """Return the hosts in all the arguments, however deep: what some program would resolve, and whatever stands in a field that
    says so."""
    hosts: dict[str, None] = {}
    unclear = False
    for value, says_so in _values(arguments, says_so=False):
        if not says_so and not resolvable(value):
            continue
        host = _host_of_address(value) if isinstance(value, str) and not nests(value) else None
        if host is None:
            unclear = True
        else:
            hosts[host] = None
    return NamedHosts(tuple(hosts), unclear)


def host_pattern(text: str) -> str:
    """Return an entry of `allowed_hosts`, checked: a host, or `*.` and a domain for every name below it. Raises ValueError."""
    below = text.startswith("*.")
    name = text.removeprefix("*.")
    if not name.isascii():
        raise ValueError(f"should be a host in ASCII, as its address has it (xn--...), not {text!r}")
    found = URL.fullmatch(name)
    host = _host_of_address(name) if found and not found[1] and not found[4] else None
    if host is None:
        raise ValueError(f"should be a host such as docs.example.com, or *.example.org for every name below it, not {text!r}")
    if below and ("." not in host or host.startswith("[") or _is_ip(host.partition(":")[0])):
        raise ValueError(f"is {text!r}, which would allow hosts of everybody: name the domain, such as *.example.org")
    return f"*.{host}" if below else host


def is_allowed(host: str, patterns: Sequence[str]) -> bool:
    """Return whether a host, as `hosts_named` and `url_host` spell it, is one of these. `*.example.org` is not example.org
    itself."""
    return any(host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern for pattern in patterns)


def hosts_in_words(hosts: Sequence[str]) -> str:
    """Return a few of the hosts for a sentence, and how many more there are."""
    more = len(hosts) - MOST_SHOWN
    return ", ".join(hosts[:MOST_SHOWN]) + (f" and {more} more" if more > 0 else "")


# ---------------------------------------------------------------------------------------------- reading


def _values(value: Any, *, says_so: bool) -> Iterator[tuple[Any, bool]]:
    """Yield each part of a value, keys included, each with whether its field, or one around it, says that it is an address.

    A text that is JSON is read too: a program that takes it apart finds the hosts in it.
    """
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            yield from _values(json.loads(value, strict=False), says_so=says_so)
        except ValueError:
            pass  # it is no JSON
        except RecursionError:
            yield value, True  # nobody reads that, so nobody can say what is in it
    if isinstance(value, Mapping):
        for key, below in cast(Mapping[Any, Any], value).items():
            yield str(key), False
            yield from _values(below, says_so=says_so or says_address(str(key)))
    elif isinstance(value, list | tuple | set | frozenset):
        for below in cast(Sequence[Any], value):
            yield from _values(below, says_so=says_so)
    elif value is not None and value != "" and not isinstance(value, bool):
        yield value, says_so


def _host_of_address(text: str) -> str | None:
    """Return the host of an address with or without its scheme, in one spelling; None where programs could disagree."""
    found = URL.fullmatch(text)
    if found is None or UNREADABLE.search(text) or text.count("://") > (1 if found[1] else 0):
        return None
    return _host_of_match(found)


def _host_of_match(found: re.Match[str]) -> str | None:
    """Return the host and port of an address that `URL` matches, in one spelling."""
    scheme, written, port = (found[1] or "").lower(), found[2].lower(), found[3]
    host = _bracketed(written) if written.startswith("[") else _name(written)
    if host is None or (port is not None and not 0 < int(port) < 65536):
        return None
    return host if port is None or int(port) == DEFAULT_PORTS.get(scheme) else f"{host}:{int(port)}"


def _bracketed(written: str) -> str | None:
    try:
        return f"[{ipaddress.IPv6Address(written[1:-1])}]"
    except ValueError:
        return None


def _name(written: str) -> str | None:
    """Return a name without its final dot, or four decimal numbers. 0x7f.1, 2130706433 and 0177.0.0.1 are addresses to some
    only."""
    name = written.removesuffix(".")
    labels = name.split(".")
    if len(name) > 253 or not all(LABEL.fullmatch(label) for label in labels):
        return None
    if re.fullmatch(r"[0-9]+|0x[0-9a-f]*", labels[-1]):
        return name if _is_ip(name) else None
    return name


def _is_ip(name: str) -> bool:
    try:
        return str(ipaddress.IPv4Address(name)) == name
    except ValueError:
        return False
