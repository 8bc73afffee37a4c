"""Fetching a page: each hop is held to the allowed hosts and to public addresses, and connects to what was checked."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web as http

from agent.tool.definition import Effect, Result, Tool, ToolContext, ToolError, registry, run
from agent.tool.validation import validate
from tools.addresses import is_public, resolve_public
from tools.page_text import read_html
from tools.web import MOST_BYTES, MOST_CHARACTERS, web

CONTEXT = ToolContext(session_id="session-1", requester="U1", idempotency_key="key-1")


@dataclass
class Web:
    """One server that answers for every host, and its own name service."""

    port: int = 0
    seen: list[str] = field(default_factory=list[str])  # "host path" of each request that arrived
    answers: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    asked: list[str] = field(default_factory=list[str])  # of the name service
    names: dict[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])

    async def answer(self, request: http.Request) -> http.Response:
        """Return the answer under this path."""
        self.seen.append(f"{request.host.partition(':')[0]} {request.path_qs}")
        return http.Response(**self.answers[request.path])

    async def lookup(self, host: str, port: int) -> Sequence[str]:
        """The address of this server, unless the name has others."""
        self.asked.append(host)
        return self.names.get(host, ("127.0.0.1",))

    def says(self, path: str, **answer: Any) -> None:
        """From now on this is the answer."""
        self.answers[path] = answer

    def redirect(self, path: str, location: str, status: int = 302) -> None:
        """From now on this path leads elsewhere."""
        self.says(path, status=status, headers={"Location": location})

    def tool(self) -> Tool:
        """docs and wiki are allowed, inside too, but only the first two may lead to this machine."""
        allowed = [f"{name}.example.com:{self.port}" for name in ("docs", "wiki", "inside")]
        [tool] = web(allowed, private_hosts={*allowed[:2], f"other.example.com:{self.port}"}, lookup=self.lookup)
        return tool

    def url(self, path: str, host: str = "docs.example.com") -> str:
        """Of a page here."""
        return f"http://{host}:{self.port}{path}"

    async def fetch(self, url: str) -> Result:
        """What the model reads."""
        tools = registry([self.tool()])
        arguments = validate(tools, "fetch_page", {"url": url})
        assert not isinstance(arguments, Result)
        return await run(tools["fetch_page"], arguments, CONTEXT)


@pytest.fixture
async def pages() -> AsyncIterator[Web]:
    pages = Web()
    site = http.Application()
    site.router.add_get("/{path:.*}", pages.answer)
    runner = http.AppRunner(site, access_log=None)
    await runner.setup()
    await http.TCPSite(runner, "127.0.0.1", 0).start()
    pages.port = runner.addresses[0][1]
    yield pages
    await runner.cleanup()


async def test_a_page_becomes_text(pages: Web) -> None:
    html = "<title>A &amp; B</title><style>x{}</style><h1>Hi</h1><p>one  <b>two</b><br>three<script>evil()</script></p>"
    pages.says("/a", text=html, content_type="text/html")
    result = await pages.fetch(pages.url("/a?q=1"))
    assert result.result == {"url": pages.url("/a?q=1"), "title": "A & B", "text": "Hi\none two\nthree", "note": None}
    assert pages.seen == ["docs.example.com /a?q=1"]
    assert pages.asked == ["docs.example.com"]  # once: what was checked is what was connected to


async def test_the_tool_is_egress_and_names_its_source(pages: Web) -> None:
    tool = pages.tool()
    assert tool.effect is Effect.EGRESS
    assert tool.untrusted is not None
    assert tool.untrusted(tool.arguments(url="https://docs.example.com/a")) == "web page docs.example.com"


async def test_redirects_are_followed_to_the_same_and_to_allowed_hosts(pages: Web) -> None:
    pages.redirect("/a", "/b")
    pages.redirect("/b", pages.url("/c", "wiki.example.com"), 307)
    pages.says("/c", text="here")
    result = await pages.fetch(pages.url("/a"))
    assert result.result["text"] == "here"
    assert pages.seen == ["docs.example.com /a", "docs.example.com /b", "wiki.example.com /c"]


async def test_a_host_that_a_person_approved_may_redirect_within_itself(pages: Web) -> None:
    pages.redirect("/a", "/b")
    pages.says("/b", text="here")
    assert (await pages.fetch(pages.url("/a", "other.example.com"))).result["text"] == "here"


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("http://evil.example/?secret", "redirects to evil.example, which is not an allowed host"),
        ("//evil.example/", "redirects to evil.example"),
        ("http://docs.example.com.evil.example/", "which is not an allowed host"),
        ("http://docs.example.com@evil.example/", "an unclear address"),
        ("http://other.example.com:{port}/", "which is not an allowed host"),
        ("http://127.0.0.1:{port}/", "which is not an allowed host"),
        ("http://2130706433:{port}/", "an unclear address"),
        ("file:///etc/passwd", "an unclear address"),
        ("http://inside.example.com:{port}/x", "inside.example.com leads to an address that is not public"),
    ],
)
async def test_a_redirect_elsewhere_is_not_followed(pages: Web, location: str, words: str) -> None:
    pages.redirect("/a", location.replace("{port}", str(pages.port)))
    result = await pages.fetch(pages.url("/a"))
    assert result.error == "permission_denied"
    assert words in str(result.detail)
    assert pages.seen == ["docs.example.com /a"]


async def test_redirects_without_end_end(pages: Web) -> None:
    pages.redirect("/a", "/a")
    assert "redirected more than 5 times" in str((await pages.fetch(pages.url("/a"))).detail)
    assert len(pages.seen) == 5


@pytest.mark.parametrize("url", ["http://{host}@evil.example/", "ftp://{host}/", "http://0x7f.1/", "docs.example.com"])
async def test_an_unclear_address_is_not_fetched_even_if_somebody_approved_it(pages: Web, url: str) -> None:
    assert (await pages.fetch(url.replace("{host}", f"docs.example.com:{pages.port}"))).error == "invalid_input"
    assert pages.asked == pages.seen == []


async def test_a_page_is_cut_and_says_so(pages: Web) -> None:
    for size in (MOST_CHARACTERS + 1, 3 * MOST_BYTES):
        pages.says("/long", text="x" * size)
        result = await pages.fetch(pages.url("/long"))
        assert len(result.result["text"]) == MOST_CHARACTERS
        assert result.result["note"]


async def test_what_is_no_text_or_no_page_is_a_structured_error(pages: Web) -> None:
    pages.says("/image", body=b"\x00", content_type="image/png")
    pages.says("/gone", status=404)
    pages.says("/odd", body=b"caf\xe9", headers={"Content-Type": "text/plain; charset=no-such"})
    assert (await pages.fetch(pages.url("/image"))).error == "invalid_input"
    assert (await pages.fetch(pages.url("/gone"))).error == "not_found"
    assert (await pages.fetch(pages.url("/odd"))).result["text"] == "caf\ufffd"


async def test_a_charset_of_no_known_name_or_of_no_use_is_read_as_utf_8(pages: Web) -> None:
    for charset in ("no-such", "idna", "zlib", "undefined"):
        pages.says("/odd", body="café".encode(), headers={"Content-Type": f"text/plain; charset={charset}"})
        assert (await pages.fetch(pages.url("/odd"))).result["text"] == "café", charset


async def test_a_page_that_takes_too_long_to_read_is_an_error_of_its_own(pages: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.web.READ_SECONDS", 0.05)
    pages.says("/slow", text="a-" + "9" * MOST_BYTES, headers={"Content-Type": "text/html; charset=punycode"})
    result = await pages.fetch(pages.url("/slow"))
    assert (result.error, result.detail) == (
        "unexpected",
        f"The page of docs.example.com:{pages.port} was not read: reading it takes longer than 0.05 s.",
    )


def test_a_page_that_does_not_close_its_tags_is_read_all_the_same() -> None:
    assert read_html("</script></p>a<p>b<title>t</title></title>c<script>d") == ("t", "a\nbc")


# ---------------------------------------------------------------------------------------------- addresses

INSIDE = [
    "127.0.0.1",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "100.100.100.200",
    "169.254.169.254",
    "168.63.129.16",
    "192.0.0.192",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::a00:1",
    "2002:a00:1::",
    "2001:0:a00:1::",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "2001:db8::1",
    "fec0::1",
    "3fff::1",
    "5f00::1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::5db8:d822",
    "2002:a00:1::",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "192.88.99.1",
]


@pytest.mark.parametrize("address", INSIDE)
async def test_a_name_that_leads_inside_is_refused_whatever_else_it_leads_to(address: str) -> None:
    async def lookup(host: str, port: int) -> Sequence[str]:
        return ("93.184.216.34", address)

    with pytest.raises(ToolError, match="not public"):
        await resolve_public("https://docs.example.com/", lookup=lookup)
    assert await resolve_public("https://docs.example.com/", allow_private=True, lookup=lookup) == ("93.184.216.34", address)


def test_public_addresses_are_public() -> None:
    for address in ("93.184.216.34", "2606:4700::1111", "::ffff:93.184.216.34", "64:ff9b::5db8:d822"):
        assert is_public(address)


async def test_addresses_that_are_written_as_such_are_looked_at_too() -> None:
    for url in ("http://127.0.0.1/", "http://[::1]/", "http://127.0.0.1:8080/"):
        with pytest.raises(ToolError, match="not public"):
            await resolve_public(url)


async def test_a_name_without_an_address_is_not_found() -> None:
    async def nobody(host: str, port: int) -> Sequence[str]:
        raise OSError

    with pytest.raises(ToolError, match="has no address"):
        await resolve_public("https://docs.example.com/", lookup=nobody)
