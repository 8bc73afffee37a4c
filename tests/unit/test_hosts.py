"""Which hosts a call names: every trick of an address is another host or unclear, never the host that it pretends to be."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.approvals.hosts import NamedHosts, hosts_named, is_allowed, url_host

ALLOWED = ("docs.example.com", "*.example.org")


def runs(**arguments: Any) -> bool:
    """Whether an egress call with these arguments would run without a click."""
    found = hosts_named(arguments)
    return bool(found.hosts) and not found.unclear and all(is_allowed(host, ALLOWED) for host in found.hosts)


@pytest.mark.parametrize(
    "url",
    [
        "https://docs.example.com",
        "http://docs.example.com/a/b?c=d&e=a@b#f",
        "HTTPS://DOCS.EXAMPLE.COM:443/",
        "http://docs.example.com:80",
        "https://docs.example.com./",
        "https://docs.example.com?q=1",
        "https://docs.example.com/über",
        "https://a.example.org/",
        "https://a.b.example.org/",
        "docs.example.com/a",
    ],
)
def test_an_address_of_an_allowed_host_runs(url: str) -> None:
    assert runs(url=url)
    assert runs(anything=url)


TRICKS = [
    "https://docs.example.com@evil.example/",
    "https://docs.example.com:443@evil.example/",
    "https://docs.example.com%40evil.example/",
    "https://evil.example\\@docs.example.com/",
    "https://evil.example#@docs.example.com/",
    "https://docs.example.com#@evil.example/",
    "https://docs.example.com?@evil.example/",
    "https://docs.example.com\\.evil.example/",
    "https:\\\\docs.example.com\\evil",
    "https:docs.example.com",
    "https:/docs.example.com/",
    "https:///docs.example.com/",
    "//docs.example.com/",
    "//evil.example/",
    "\\\\evil.example\\share",
    "https://docs.example.com.evil.example/",
    "https://evildocs.example.com/",
    "https://docs.example.comevil.example/",
    "https://docs-example.com/",
    "https://example.org/",
    "https://evilexample.org/",
    "https://docs.example.com../",
    "https://.docs.example.com/",
    "https://docs..example.com/",
    "https://docs.example.com:8443/",
    "http://docs.example.com:443/",
    "https://docs.example.com:/",
    "https://docs.example.com:99999/",
    "https://docs.example.com:0/",
    "https://docs.example.com:٤٤٣/",
    "ftp://docs.example.com/",
    "file://docs.example.com/etc/passwd",
    "javascript:fetch('https://docs.example.com')",
    "view-source:https://docs.example.com/",
    "data:text/html,https://docs.example.com",
    " https://docs.example.com/",
    "https://docs.example.com/\n",
    "ht\ntps://docs.example.com/",
    "https://docs.example.com /",
    "https://docs.exa\tmple.com/",
    "https://docs.example.com/\x00",
    "https://docs.example.com\u200b/",
    "https://docs\u3002example\uff0ecom/",
    "https://ｄocs.example.com/",
    "https://dосs.example.com/",
    "https://docs.example.com\u2044evil.example/",
    "https://xn--dcs-fed.example.com/",
    "https://bücher.example.org/",
    "https://doc\u017f.example.com/",
    "https://127.0.0.1/",
    "https://2130706433/",
    "https://0x7f.1/",
    "https://0x7f000001/",
    "https://0177.0.0.1/",
    "https://127.1/",
    "https://127.0.0.1./",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[fe80::1%25eth0]/",
    "https://docs.example.com,https://evil.example/",
    "https://docs.example.com/?u=https://evil.example/",
    "https%3A%2F%2Fevil.example%2F",
    "see https://docs.example.com/ and https://evil.example/",
    "evil.example",
    "evil.example:443/path",
    "mailto:ann@evil.example",
]


@pytest.mark.parametrize("text", TRICKS)
def test_a_trick_of_an_address_never_runs_in_whichever_field_it_stands(text: str) -> None:
    assert not runs(url=text)
    assert not runs(anything=text)
    assert not runs(url="https://docs.example.com/", beside=text)
    assert not runs(url="https://docs.example.com/", deep=[{"in": {"it": [text]}}])
    assert not runs(url="https://docs.example.com/", deep={text: 1})


def test_a_field_that_says_so_holds_a_host_or_is_unclear() -> None:
    for name in ("host", "base_url", "targetHost", "X-Forwarded-Host", "WEBHOOK", "server"):
        assert hosts_named({name: "evil"}) == NamedHosts(("evil",))
        assert hosts_named({name: "two words"}) == NamedHosts((), unclear=True)
        assert hosts_named({name: 2130706433}) == NamedHosts((), unclear=True)
        assert hosts_named({name: {"of": ["evil"]}}).hosts == ("evil",)
        assert hosts_named({name: None}) == hosts_named({name: ""}) == NamedHosts()


def test_words_and_numbers_name_no_host() -> None:
    assert (
        hosts_named({"query": "what is new? 3.5 of 10, at 10:30", "limit": 5, "deep": [True, {"note": "a/b - ok"}]})
        == NamedHosts()
    )
    assert runs(url="https://docs.example.com/", query="what is new?", limit=5)


def test_a_sentence_that_merely_looks_like_a_name_asks() -> None:
    assert hosts_named({"save_as": "report.pdf"}).hosts == ("report.pdf",)


def test_one_spelling_of_each_host() -> None:
    assert url_host("HTTP://Docs.Example.com.:80/") == "docs.example.com"
    assert url_host("https://docs.example.com:8443") == "docs.example.com:8443"
    assert url_host("https://[2001:DB8:0::1]/") == "[2001:db8::1]"
    assert url_host("https://192.0.2.7/") == "192.0.2.7"
    assert url_host("docs.example.com") is None
    for spelling in ("2130706433", "0x7f.1", "0x7f000001", "0177.0.0.1", "127.1", "127.0.0.256", "1.2.3.4.5"):
        assert url_host(f"https://{spelling}/") is None


PIECES = st.sampled_from(
    [*"@:/\\?#.%[] \t\u200b", "docs.example.com", "evil.example", "https:", "//", "127.1", "0x7f", "a", "443"]
)


@given(st.lists(PIECES, max_size=8).map("".join))
def test_what_runs_is_read_alike_by_another_parser(rest: str) -> None:
    url = f"https://{rest}"
    if runs(url=url):
        parsed = urlsplit(url)
        assert parsed.hostname is not None
        assert is_allowed(parsed.hostname.removesuffix("."), ALLOWED)
        assert parsed.username is None
        assert parsed.port in (None, 443)
