"""Files and pages that strangers made: what they are is told truly, and none of them holds us up."""

import asyncio
from collections.abc import Awaitable, Callable
from io import BytesIO
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pypdf import PdfWriter

from agent.bounded import BoundedError, Limits, run_bounded
from agent.memory.look import Looked, look_at_file
from tests.bounded.ticks import ticking
from tests.profiles import examples
from tests.samples import pdf
from tools.document_text import read_document
from tools.page_text import read_page

PATIENCE = Limits(seconds=60.0)
LIMITS = Limits(seconds=2.0)
FEW = examples(0.25)
KINDS = ["markdown", "html", "csv", "text"]  # of documents


def looked(data: bytes) -> Looked:
    """Return what a bounded process says of these bytes."""
    return Looked(**asyncio.run(run_bounded(look_at_file, data, limits=PATIENCE)))


async def harmless(read: Callable[[], Awaitable[dict[str, Any]]]) -> str:
    """Return what became of it: the fields that came back, or why it was not read. The loop went on meanwhile."""
    async with ticking() as ticks:
        try:
            told = ", ".join(sorted(await read()))
        except BoundedError as error:
            told = str(error)
    assert ticks.longest_gap_seconds < LIMITS.seconds
    return told


def harmless_file(data: bytes) -> str:
    """The same of a file."""
    return asyncio.run(harmless(lambda: run_bounded(look_at_file, data, limits=LIMITS)))


def harmless_page(html: str) -> str:
    """The same of a page."""
    return asyncio.run(harmless(lambda: run_bounded(read_page, html.encode(), "utf-8", True, 50_000, limits=LIMITS)))


def harmless_document(data: bytes, kind: str) -> str:
    """The same of a document that is to be remembered."""
    return asyncio.run(harmless(lambda: run_bounded(read_document, data, kind, None, limits=LIMITS)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "text",
    ["# a\n", "```\n", "---\na\n", "a\n---\n", "#" * 7, "a,", '"', "<h1>", "<a id=x>", " ", "\n", "x", "<h2>a</h2>b", "```a"],
)
def test_a_document_that_repeats_itself_is_read_or_refused_in_time(text: str, kind: str) -> None:
    assert harmless_document((text * (2 * 2**20 // len(text))).encode(), kind)


@FEW
@given(
    data=st.binary(max_size=3_000) | st.text(max_size=1_000).map(str.encode),
    kind=st.sampled_from(KINDS),
)
def test_any_document_is_read_or_refused(data: bytes, kind: str) -> None:
    assert harmless_document(data, kind)


# ---------------------------------------------------------------------------------------- what a PDF is

CIPHERS = [None, "RC4-40", "RC4-128", "AES-128", "AES-256-R5", "AES-256"]


def written(count: int, cipher: str | None, password: str, title: str) -> bytes:
    """Return a PDF as a library writes it."""
    writer, file = PdfWriter(), BytesIO()
    for _ in range(count):
        writer.add_blank_page(width=72, height=72)
    writer.add_metadata({"/Title": title})
    if cipher:
        writer.encrypt(password, "owner", algorithm=cipher)
    writer.write(file)
    return file.getvalue()


@FEW
@given(
    st.integers(1, 30),
    st.sampled_from(CIPHERS),
    st.sampled_from(["", "secret"]),
    st.sampled_from(["", "/Encrypt", "/Type /Page"]),
)
def test_a_pdf_has_the_pages_that_it_has_and_is_protected_where_it_is(
    count: int, cipher: str | None, password: str, title: str
) -> None:
    found = looked(written(count, cipher, password, title))
    assert found == (Looked("pdf", trouble="the PDF is protected by a password") if cipher else Looked("pdf", pages=count))


SAYS = st.lists(st.sampled_from([b"how /Encrypt works", b"/Type /Page", b"/Type /Pages /Count 9", b"%%EOF", b" "])).map(b" ".join)


@FEW
@given(st.integers(1, 30), st.booleans(), SAYS)
@example(count=1, packed=False, says=b"how /Encrypt works")
@example(count=1, packed=True, says=b"/Type /Page /Type /Page")
def test_what_a_page_says_does_not_count(count: int, packed: bool, says: bytes) -> None:
    assert looked(pdf(count, packed=packed, says=says)) == Looked("pdf", pages=count)


CERTIFICATES = b"/Encrypt << /Filter /Adobe.PubSec /V 4 /SubFilter /adbe.pkcs7.s5 >>"


@pytest.mark.parametrize("packed", [False, True])
def test_a_pdf_that_certificates_protect_is_protected_too(packed: bool) -> None:
    assert looked(pdf(packed=packed, trailer=CERTIFICATES)) == Looked("pdf", trouble="the PDF is protected")


def test_a_pdf_that_was_changed_in_place_has_the_pages_that_it_has_now() -> None:
    writer, file = PdfWriter(BytesIO(written(3, None, "", "")), incremental=True), BytesIO()
    writer.add_blank_page(width=72, height=72)
    writer.write(file)
    assert file.getvalue().count(b"%%EOF") == 2
    assert looked(file.getvalue()) == Looked("pdf", pages=4)


# ---------------------------------------------------------------------------------------- what nobody should have made

ROOTS = [pdf(3), pdf(3, packed=True), written(3, None, "", "title"), written(3, "RC4-128", "", ""), pdf(40, says=b"x" * 2_000)]
PIECES = [
    *(b"/Prev 9", b"/Prev 0", b"/Kids [2 0 R]", b"/Kids [2 0 R 2 0 R]", b"/Parent 3 0 R", b"/Count -1", b"/Type /Page"),
    *(b"/Length 999999999", b"/Length 3 0 R", b"/Size 999999999", b"/N 999999999", b"/W [9 9 9]", b"/Index [0 99999999]"),
    *(b"/Filter [/FlateDecode /FlateDecode]", b"/Filter /LZWDecode", b"/Extends 4 0 R", b"/Encrypt 2 0 R"),
    *(b"/Type/ObjStm stream\r\n", b"stream\n", b"endstream", b"obj", b"4 0 obj", b"endobj", b"xref", b"trailer"),
    *(b"startxref\n0\n", b"%%EOF", b"%", b"<<", b">>", b"[", b"((((", b"R R R", b"2 0 R", b"9" * 20, b"\0", b"\xff"),
]
EDIT = st.tuples(
    st.integers(0, 10_000),  # where
    st.integers(0, 40),  # so many bytes go
    st.sampled_from(PIECES) | st.binary(max_size=20),
    st.integers(1, 3) | st.sampled_from([50, 5_000]),  # and so many times this comes
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A PDF, and what became of it in somebody's hands."""
    data = draw(st.sampled_from(ROOTS))
    for at, gone, piece, times in draw(st.lists(EDIT, max_size=6)):
        at %= len(data)
        data = data[:at] + piece * times + data[at + gone :]
    return data if draw(st.booleans()) else b"%PDF-1.7\n" + data[9:] + b"\n%%EOF\n"


@FEW
@given(mutated() | st.binary(max_size=2_000).map(lambda noise: b"%PDF-" + noise + b"%%EOF"))
def test_a_damaged_pdf_is_read_or_not_read_within_its_limit(data: bytes) -> None:
    assert harmless_file(data)


HOSTILE = {
    "a large one of nothing": b"%PDF-1.7\n" + b"\0" * 12_000_000 + b"\n%%EOF",
    "a large one of blanks": b"%PDF-1.7\n" + b"/Type\n" + b" " * 12_000_000 + b"%%EOF",
    "streams without end": b"%PDF-1.7\n" + b"/Type/ObjStm stream\r\n" * 200_000 + b"%%EOF",
    "objects without end": b"%PDF-1.7\n" + b"1 0 obj\n" * 200_000 + b"trailer << /Root 1 0 R >>\nstartxref\n9\n%%EOF",
    "numbers without end": b"%PDF-1.7\n" + b"9" * 2_000_000 + b" 0 obj\nstartxref\n9\n%%EOF",
    "nested without end": pdf(says=b"", trailer=b"/Info " + b"[" * 500_000),
    "dictionaries without end": pdf(trailer=b"/Info " + b"<< /A " * 200_000),
    "pages that hold themselves": pdf(3).replace(b"/Kids [3 0 R 4 0 R 5 0 R]", b"/Kids [2 0 R 2 0 R 2 0 R]"),
    "what unpacks to 200 MB": pdf(2, packed=True, blanks=200_000_000),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_pdf_holds_nobody_up(name: str) -> None:
    assert harmless_file(HOSTILE[name])


@FEW
@given(st.binary(max_size=3_000) | st.text(max_size=2_000).map(str.encode))
def test_any_other_file_is_something(data: bytes) -> None:
    assert looked(data).kind in ("image", "pdf", "text", "other")


INGREDIENTS = [
    *("<a ", "<", "</", "<!--", "-->", "--!>", "<![CDATA[", "]]>", "<!DOCTYPE", "<?", "<p>", "<br/>"),
    *("<script>", "</script", "<title>", "<textarea>", "&#", "&#xD800;", "&amp", "&" * 9),
    *('"', "'", "=", "a=b ", "a", "é", "\0", "\n", " ", ">"),
]
SOUP = st.lists(st.tuples(st.sampled_from(INGREDIENTS), st.sampled_from([1, 2, 7_000])), max_size=8).map(
    lambda parts: "".join(piece * times for piece, times in parts)
)


@FEW
@given(SOUP)
@example("<a " * 7_000)
@example("<!" * 100_000)
@example("</" * 100_000)
@example("<title>" * 100_000)
def test_a_page_of_soup_is_read_or_not_read_within_its_limit(html: str) -> None:
    assert harmless_page(html) in ("cut, text, title", "reading it takes longer than 2 s")
