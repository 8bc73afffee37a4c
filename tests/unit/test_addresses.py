"""Whatever one program or another would resolve is an address: a text that says none of itself may still lead somewhere."""

import ipaddress
import json
import re
import socket
import unicodedata
from urllib.parse import quote, unquote, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.approvals.addresses import FIRST_DESTINATION, resolvable, says_address
from agent.approvals.hosts import NamedHosts, hosts_named, is_allowed

ALLOWED = ("docs.example.com", "*.example.org")
URL = "https://docs.example.com/"


def words(text: str) -> list[str]:
    """The words of a text."""
    return text.split()


WITHOUT_SPACES = words(r"""
localhost LOCALHOST localhost. localhost:8080 localhost/admin ip6-localhost metadata db.localhost [::1] ::1 [::1]:80 ::
[fe80::1%25eth0] fe80::1%eth0 2001:db8::1 [::ffff:127.0.0.1] ::ffff:7f00:1 64:ff9b::7f00:1 2002:7f00:1:: fec0::1 3fff::1
127.0.0.1 127.1 127.0.1 127.1. 2130706433 2130706433:80 0 0.0.0.0 0x7f.1 0X7F000001 0x 0177.0.0.1 017700000001
00000177.1 0x7f.0.0.01 169.254.169.254 0xa9fea9fe 3232235777 evil.example evil.example. evil.example:443 //evil.example
\\evil.example\share /\evil.example ann@evil.example ann@evil ann:word@evil.example docs.example.com@evil.example
git@evil.example:a/b https%3A%2F%2Fevil.example https%253A%252F%252Fevil.example https%25253A%25252F%25252Fevil.example
%6cocalhost %256cocalhost 127%2e0.0.1 https&#58;//evil.example \u002f\u002fevil.example https:\/\/evil
ｌｏｃａｌｈｏｓｔ ⓛⓞⓒⓐⓛⓗⓞⓢⓣ １２７.１
bücher.example 💩.example <localhost> '127.1' (localhost) mailto:ann@evil.example javascript:fetch(1)
""")
LEADING_SOMEWHERE = [
    *WITHOUT_SPACES,
    *("evil\u3002example", "evil\uff0eexample", "evil\uff61example", "lo\u00adcal\u200bhost", "\U0001d7cf\U0001d7d0\U0001d7d5.1"),
    *("127.0.0.1 x", "local\thost", "  localhost  ", "a, localhost", "one\n127.1", "localhost evil.example"),
]


@pytest.mark.parametrize("text", LEADING_SOMEWHERE)
def test_beside_an_allowed_address_nothing_else_that_leads_somewhere_runs(text: str) -> None:
    for arguments in ({"target": text}, {"deep": [{"in": [text]}]}, {text: 1}, {"json": json.dumps({"a": [text]})}):
        found = hosts_named({"url": URL, **arguments})
        assert found.unclear or not all(is_allowed(host, ALLOWED) for host in found.hosts), arguments


WORDS = words(r"""
hello 10:30 5 2026 12/24 2026-11-28 C# @ann wait...what x C0123ABCD ghost 0x7 08
""")
SENTENCES = ("what is new?", "open at 10:30", "1,200 of 3,000", "a/b - ok", "5 apples", "a: b", "2026-11-28 19:00")
NUMBERS = (0, 5, 2026, 16_777_215, 1_700_000_000_000, -5, 3.5, True, None, "")


@pytest.mark.parametrize("value", [*WORDS, *SENTENCES, *NUMBERS])
def test_words_dates_and_numbers_lead_nowhere(value: object) -> None:
    assert not resolvable(value)
    assert hosts_named({"url": URL, "beside": value}) == NamedHosts(("docs.example.com",))


SAYING = words(r"""
url URL urls URLs pageURLs page_urls PAGE_URLS page-urls PageUrls pageurls imageURLString server servers proxy proxies
HTTP_PROXY httpProxy origin allowedOrigins site sites siteUrl address addresses ipAddress ip IP ips IPs clientIPs ipv4
IPv6Address addr remote_addr host hostname hostName target_host targethost X-Forwarded-Host webhook webhookUrl callback
endpoint apiEndpoint baseurl domain subdomain link permalink href website ｕｒｌ dns url2
""")


@pytest.mark.parametrize("name", SAYING)
def test_a_name_says_address_in_whichever_casing(name: str) -> None:
    assert says_address(name)
    assert hosts_named({"url": URL, name: "somewhere else"}).unclear


@pytest.mark.parametrize(
    "name",
    words("query curl ghost security SECURITY_LEVEL zip ship tip composite original symlink text unfurl"),
)
def test_a_name_of_something_else_says_nothing(name: str) -> None:
    assert not says_address(name)


# ---------------------------------------------------------------------------------------------- held against what programs do

SPECIAL = {"http": 80, "https": 443, "ws": 80, "wss": 443, "ftp": 21}
FORBIDDEN = re.compile(r"[\x00-\x20#/:<>?@\[\\\]^|%\x7f]")


def browsers_host(text: str) -> str | None:
    """The host that a browser makes of an address of a special scheme (the URL standard, 4.4 and 3.5); None where it fails."""
    text = re.sub(r"[\t\n\r]", "", text.strip("".join(map(chr, range(33)))))
    scheme = re.match(r"([a-zA-Z][a-zA-Z0-9+.-]*):", text)
    if scheme is None or scheme[1].lower() not in SPECIAL:
        return None
    authority = re.split(r"[/\\?#]", text[scheme.end() :].lstrip("/\\"), maxsplit=1)[0].rpartition("@")[2]
    host, colon, port = authority.rpartition(":") if not authority.endswith("]") else (authority, "", "")
    if not colon:
        host = authority
    if port and (not port.isascii() or not port.isdigit() or int(port) > 65535):
        return None
    if host.startswith("["):
        try:
            return f"[{ipaddress.IPv6Address(host.strip('[]'))}]"
        except ValueError:
            return None
    mapped = unicodedata.normalize("NFKC", unquote(host, errors="strict").replace("\u00ad", "").replace("\u200b", ""))
    mapped = re.sub("[\u3002\uff0e\uff61]", ".", mapped).lower()
    if not mapped or FORBIDDEN.search(mapped):
        return None
    if re.fullmatch(r"[0-9]+|0x[0-9a-f]*", mapped.removesuffix(".").rpartition(".")[2], re.ASCII):
        return libcs_address(mapped.removesuffix("."))
    return mapped


def libcs_address(text: str) -> str | None:
    """What `inet_aton` reads, where it is a destination."""
    try:
        packed = socket.inet_aton(text)
    except (OSError, ValueError):
        return None
    number = int.from_bytes(packed)
    return socket.inet_ntoa(packed) if number == 0 or number >= FIRST_DESTINATION else None


PIECES = words(r"""
0x 127 localhost docs.example.com evil.example ::1 ::ffff: http: https:// ftp: // %2e %6c １ ｌ é
""")
PARTS = st.one_of(
    st.sampled_from([*"0123456789.:/\\@#?%[]x-_ \t\n\u3002\uff0e\u00ad\u200b", *PIECES]),
    st.integers(0, 2**33).map(str),
    st.integers(0, 2**32).map(hex),
    st.integers(0, 255).map(lambda number: f"0{number:o}"),
)
TEXTS = st.lists(PARTS, max_size=7).map("".join)
LEADS = re.compile(r"localhost\.?|\[.*\]|.+\..+")  # of the names that a browser reads: those that are no single word


def found(text: str) -> NamedHosts:
    """What is made of the text in an argument that does not say that it is an address."""
    return hosts_named({"beside": text})


@given(TEXTS)
@example("http:\\127.1")
@example("https:evil.example")
def test_what_a_browser_resolves_is_found_or_unclear(text: str) -> None:
    host = browsers_host(text)
    if host is not None:
        assert found(text) != NamedHosts(), host
        if not found(text).unclear:
            assert [each.partition(":")[0] for each in found(text).hosts if "[" not in each] in ([host.removesuffix(".")], [])
    without_scheme = browsers_host(f"http://{text}")
    if without_scheme is not None and LEADS.fullmatch(without_scheme):
        assert found(text) != NamedHosts(), without_scheme


@given(TEXTS)
@example("127.0.0.1 and more")
def test_what_libc_reads_as_an_address_is_found(text: str) -> None:
    if libcs_address(text) is not None:
        assert found(text) != NamedHosts()


@given(TEXTS)
def test_what_python_reads_as_an_address_is_found(text: str) -> None:
    try:
        host = urlsplit(text).hostname
    except ValueError:
        return
    if host:
        assert found(text) != NamedHosts(), host


@given(st.sampled_from(LEADING_SOMEWHERE[:20]), st.integers(0, 12))
def test_escapes_hide_nothing_however_many_there_are(text: str, times: int) -> None:
    for _ in range(times):
        text = quote(text, safe="")
    assert found(text) != NamedHosts()
    assert found(quote(quote("".join(f"%{byte:02x}" for byte in text.encode()), safe=""), safe="")) != NamedHosts()


@given(st.text())
def test_any_text_is_read_without_fail(text: str) -> None:
    assert isinstance(resolvable(text), bool)
    assert isinstance(says_address(text), bool)
