"""Whatever bytes a file or a page is made of: what the model reads of them can be kept and sent, or a sentence says why not."""

import asyncio
import json
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.bounded import BoundedError, Limits, run_bounded
from agent.errors import RefusedError
from agent.memory.attachments import FileRead, FileRoom, read_attachment
from agent.memory.look import Looked, look_at_file
from agent.types import Attachment
from tests.profiles import examples
from tests.samples import gif, jpeg, pdf, png, webp
from tests.watchdog import watched
from tools.page_text import read_page

LIMITS = Limits(seconds=10.0)
ROOM = FileRoom(files=5, bytes=10**8, tokens=10**6)
FILE = Attachment(id="F1", name="a file", mimetype="text/csv", size=1)
CSV = 'name,count,price\r\n"Lamp, desk",2,19.99\r\n=1+1,\u20ac,"a ""quote"""\r\n'.encode()
HTML = (
    b"<!DOCTYPE html><html><head><title>A page</title><script>x()</script><meta charset=utf-8></head>"
    b"<body><h1>Words</h1><p>and <b>more</b> &amp; &#8364;<br><!-- not this --><table><tr><td>1</td></tr></table></body></html>"
)
SEEDS = (
    *(png(), jpeg(), gif(), webp(), pdf(2), pdf(2, packed=True), CSV, CSV.decode().encode("utf-16"), HTML, b"plain words\n"),
    *("\u00e9\u00e8".encode("cp1252"), b"PK\x03\x04", b"\x1f\x8b\x08", b'{"a": [1, 2]}', b"\xef\xbb\xbfwords"),
)
PIECES = st.sampled_from(
    [
        *(
            b"\0",
            b"\xff\xff\xff\xff",
            b"\x80\0\0\0",
            b"\xed\xa0\xbd",
            b"\xd8\x3d",
            b"\xff\xfe",
            b"\r",
            b'"',
            b",",
            b"=cmd|' /C calc'!A0",
        ),
        *(
            b"%PDF-1.7\n",
            b"%%EOF",
            b"/Kids [2 0 R]",
            b"/Prev 9",
            b"<!DOCTYPE",
            b"<![CDATA[",
            b"<script>",
            b"&#xD800;",
            b"&#99999999;",
        ),
        *(
            b"\x89PNG\r\n\x1a\n",
            b"\xff\xd8\xff",
            b"GIF89a",
            b"RIFF",
            b"WEBPVP8 ",
            b"WEBPVP8L",
            b"IHDR",
            b"\xff\xc0",
            b"</",
            b"<a ",
        ),
    ]
)
EDITS = st.lists(
    st.tuples(
        st.integers(0, 1_000),
        st.integers(0, 60),
        PIECES | st.binary(max_size=8),
        st.sampled_from([0, 1, 1, 2, 1_000, 50_000]),
    ),
    max_size=4,
)


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """A small file of a known kind, and what became of it."""
    data = draw(st.sampled_from(SEEDS))
    for at, gone, piece, times in draw(EDITS):
        at %= len(data) + 1
        data = data[:at] + piece * times + data[at + gone :]
    return data[: draw(st.none() | st.integers(0, 200))]


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    """One loop for all of them."""
    with asyncio.Runner() as runner:
        yield runner


async def attached(data: bytes) -> FileRead | str:
    """What becomes of an attached file, as `FileEffects` makes it; or why it is not read."""
    async with watched():
        try:
            looked = Looked(**await run_bounded(look_at_file, data, limits=LIMITS))
            return read_attachment(FILE, data, looked, ROOM, "S1:1")
        except (RefusedError, BoundedError) as error:
            return str(error)


@examples(1)
@given(files())
@example(b"")
@example(b"\xff\xfe\x3d\xd8")
@example(b"%PDF-")
def test_any_file_is_read_or_a_sentence_says_why_not(runner: asyncio.Runner, data: bytes) -> None:
    read = runner.run(attached(data))
    if words(data):
        assert isinstance(read, FileRead)
    if isinstance(read, str):
        assert read
        return
    assert read.step.model_dump_json().encode()
    json.dumps(read.step.model_dump(mode="json"), allow_nan=False)
    if read.text is not None:
        assert read.text.encode() is not None


def words(data: bytes) -> bool:
    """Whether these are words in UTF-8 and nothing else."""
    text = data.decode("utf-8", "replace").replace("\r\n", "").replace("\n", "")
    return bool(text) and text.isprintable() and "\ufffd" not in text and not text.startswith(("%PDF-", "GIF8", "RIFF"))


CHARSETS = st.sampled_from(
    [None, "utf-8", "utf-16", "latin-1", "ascii", "hex", "rot13", "idna", "undefined", "", "none", "utf-7", "\0"]
)


async def page(data: bytes, charset: str | None, is_html: bool) -> dict[str, object] | str:
    """What becomes of a page of the web."""
    async with watched():
        try:
            return await run_bounded(read_page, data, charset, is_html, 50_000, limits=LIMITS)
        except BoundedError as error:
            return str(error)


@examples(1)
@given(files(), CHARSETS, st.booleans())
def test_any_page_is_read_or_a_sentence_says_why_not(
    runner: asyncio.Runner, data: bytes, charset: str | None, html: bool
) -> None:
    read = runner.run(page(data, charset, html))
    if isinstance(read, str):
        assert read
        return
    assert read.keys() == {"title", "text", "cut"}
    json.dumps(read, ensure_ascii=False).encode()
    assert len(str(read["text"])) <= 50_000
