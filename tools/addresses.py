"""Where an address of the web really leads: a name is resolved once, and what was checked is what is connected to."""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import urlsplit

from agent.hosts import DEFAULT_PORTS, url_host
from agent.tool import ToolError

Lookup = Callable[[str, int], Awaitable[Sequence[str]]]
IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

# Public by their numbers, and yet a cloud's own: they answer only from inside.
CLOUDS_OWN = (ipaddress.ip_network("168.63.129.16/32"), ipaddress.ip_network("192.0.0.0/24"))
NAT64 = ipaddress.ip_network("64:ff9b::/96")


async def look_up(host: str, port: int) -> Sequence[str]:
    """The addresses of a name, or of an address itself, as this machine resolves them. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(address[4][0]) for address in found))


async def resolve_public(url: str, *, allow_private: bool = False, lookup: Lookup = look_up) -> tuple[str, ...]:
    """The addresses to connect to for an http or https URL. Connect to these and resolve nothing again, or a name that changes
    its answer (DNS rebinding) leads elsewhere. Raises ToolError, also if only one of them is not public.
    """
    if url_host(url) is None:
        raise ToolError("invalid_input", f"{url!r} is not a plain http or https address: write it as https://host/path.")
    parts = urlsplit(url)
    host = str(parts.hostname)
    try:
        found = await lookup(host, parts.port or DEFAULT_PORTS[parts.scheme])
    except OSError:
        found = ()
    if not found:
        raise ToolError("not_found", f"The host {host} has no address: check its spelling.")
    if not allow_private and not all(is_public(address) for address in found):
        raise ToolError("permission_denied", f"{host} leads to an address that is not public, so nothing was sent to it.")
    return tuple(found)


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet's: not private, loopback, link-local, multicast, unspecified, reserved,
    shared by a provider's customers, or a cloud's metadata, and no IPv6 form of such an IPv4 address."""
    try:
        ip = _inner(ipaddress.ip_address(address))
    except ValueError:  # with a zone, say, which only a link-local address has
        return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_link_local or any(ip in own for own in CLOUDS_OWN))


def _inner(ip: IPAddress) -> IPAddress:
    """The IPv4 address that an IPv6 address stands for, or the address itself."""
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    if ip in NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or ip
