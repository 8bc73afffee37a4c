"""Where an address of the web really leads: a name is resolved once, and what was checked is what is connected to."""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import urlsplit

from agent.approvals.hosts import DEFAULT_PORTS, url_host
from agent.tool.definition import ToolError

Lookup = Callable[[str, int], Awaitable[Sequence[str]]]
IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

# Public by their numbers, and yet a cloud's own: they answer only from inside. The documentation prefix of RFC 9637 and the relay
# anycast of RFC 7526 are not public either, which older Pythons do not know.
NOT_PUBLIC = tuple(map(ipaddress.ip_network, ("168.63.129.16/32", "192.0.0.0/24", "192.88.99.0/24", "3fff::/20")))
# All that is given out of IPv6 for the open internet (IANA, IPv6 address space). Outside of it are the site-local fec0::/10, the
# segment routing of 5f00::/16 and the local NAT64 of 64:ff9b:1::/48, of which one Python or another says that they are global.
GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
NAT64 = ipaddress.ip_network("64:ff9b::/96")


async def look_up(host: str, port: int) -> Sequence[str]:
    """Return the addresses of a name, or of an address itself, as this machine resolves them. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(address[4][0]) for address in found))


async def resolve_public(url: str, *, allow_private: bool = False, lookup: Lookup = look_up) -> tuple[str, ...]:
    """Return the addresses to connect to for an http or https URL. Connect to these and resolve nothing again, or a name that
    changes its answer (DNS rebinding) leads elsewhere. Raises ToolError, also if only one of them is not public.
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
    """Return whether an IP address is one of the open internet's: not private, loopback, link-local, multicast, unspecified,
    reserved, shared by a provider's customers, or a cloud's metadata, and no IPv6 form of such an IPv4 address."""
    try:
        ip = _inner(ipaddress.ip_address(address))
    except ValueError:  # with a zone, for example, which only a link-local address has
        return False
    if isinstance(ip, ipaddress.IPv6Address) and ip not in GLOBAL_UNICAST:
        return False
    closed = ip.is_multicast or ip.is_reserved or ip.is_link_local or any(ip in network for network in NOT_PUBLIC)
    return ip.is_global and not closed


def _inner(ip: IPAddress) -> IPAddress:
    """Return the IPv4 address that an IPv6 address stands for, or the address itself."""
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    if ip in NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or ip
