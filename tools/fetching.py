"""What lies at an address of the web, as bytes. Every hop of the way is held to public addresses, and to what a caller allows."""

import re
import socket
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from urllib.parse import urljoin

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from agent.approvals.hosts import url_host
from agent.tool.definition import ToolError
from tools.addresses import Lookup, look_up, resolve_public

MOST_HOPS = 5
REDIRECTS = (301, 302, 303, 307, 308)
TEXT = re.compile(r"text/|application/([\w.+-]+\+)?(json|xml)$")
HEADERS = {"User-Agent": "signoff", "Accept": "text/html, text/*;q=0.9, application/json;q=0.8"}


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came. `url`: where it was in the end; `cut`: there is more than may be taken."""

    url: str
    body: bytes
    media_type: str
    charset: str | None
    cut: bool


@dataclass(frozen=True, slots=True)
class Fetching:
    """How things are fetched. `follow`: returns the address that a redirect from the first one leads to, or raises ToolError."""

    follow: Callable[[str, str], str]
    readable: re.Pattern[str] = TEXT  # media types that are taken
    takes: str = "text"  # the same, in words
    most_bytes: int = 1_000_000
    private_hosts: Collection[str] = ()  # as `url_host` spells them: they may lead to addresses that are not public
    lookup: Lookup = look_up

    async def fetch(self, url: str) -> Fetched:
        """Return what lies there. Raises ToolError."""
        first = url
        for _ in range(MOST_HOPS):
            addresses = await resolve_public(url, allow_private=url_host(url) in self.private_hosts, lookup=self.lookup)
            answer = await self._get(url, addresses)
            if isinstance(answer, Fetched):
                return answer
            url = self.follow(first, urljoin(url, answer))
        raise ToolError("unexpected", f"{first} was redirected more than {MOST_HOPS} times.")

    async def _get(self, url: str, addresses: Sequence[str]) -> Fetched | str:
        """Fetch it, or return where it says it is instead. No cookies, no proxy, no redirect that nobody looked at."""
        connector = aiohttp.TCPConnector(resolver=_Checked(addresses), use_dns_cache=False, force_close=True)
        jar = aiohttp.DummyCookieJar()
        try:
            async with (
                aiohttp.ClientSession(connector=connector, cookie_jar=jar, headers=HEADERS, trust_env=False) as session,
                session.get(url, allow_redirects=False) as response,
            ):
                if response.status in REDIRECTS and (location := response.headers.get("Location")):
                    return location
                return await self._taken(url, response)
        except aiohttp.ClientError as error:
            raise ToolError(
                "unexpected", f"{url_host(url)} could not be reached, or broke off ({type(error).__name__})."
            ) from None

    async def _taken(self, url: str, response: aiohttp.ClientResponse) -> Fetched:
        if response.status >= 400:
            kind = "not_found" if response.status in (404, 410) else "unexpected"
            raise ToolError(kind, f"{url_host(url)} answered with status {response.status}.")
        if not self.readable.match(response.content_type):
            raise ToolError("invalid_input", f"The page is {response.content_type}, and only {self.takes} can be read.")
        body = bytearray()
        async for chunk in response.content.iter_chunked(65_536):
            body += chunk
            if len(body) > self.most_bytes:
                break
        cut = len(body) > self.most_bytes
        return Fetched(url, bytes(body[: self.most_bytes]), response.content_type, response.charset, cut)


class _Checked(AbstractResolver):
    """Answers with the addresses that were checked."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = addresses

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC) -> list[ResolveResult]:
        """Return the addresses that were checked: nobody is asked again."""
        return [
            ResolveResult(hostname=host, host=each, port=port, proto=0, flags=socket.AI_NUMERICHOST, family=_family(each))
            for each in self._addresses
        ]

    async def close(self) -> None:
        """Do nothing: there is nothing to close."""


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET
