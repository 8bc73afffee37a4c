"""Documents as what is remembered of them: their chunks, each with the words and the link that it is cited by."""

import asyncio
import re
from dataclasses import dataclass
from urllib.parse import urldefrag, urlsplit

from agent.bounded import BoundedError, Limits, run_bounded
from agent.errors import RefusedError
from agent.memory.items import NewItem, Source, document_key
from agent.tool.definition import ToolError
from tools.document_text import BY_MEDIA_TYPE, READABLE, FileKind, kind_of, read_document
from tools.fetching import Fetching

MOST_BYTES = 20 * 2**20
READ_SECONDS = 60.0  # a PDF of some hundred pages takes that long
FETCH_SECONDS = 60.0
QUOTE_CHARACTERS = 200
NAME_CHARACTERS = 300
FETCHED = re.compile(r"text/|application/([\w.+-]+\+)?(json|xml|pdf)$")
# Who names an address themselves may be led on: each hop is held to public addresses.
ANYWHERE = Fetching(lambda _, url: url, FETCHED, READABLE.removesuffix(" can be read"), MOST_BYTES)


@dataclass(frozen=True, slots=True)
class Raw:
    """A document as it comes. `link`: where people find it, to which the anchors of its headings are added."""

    name: str
    link: str
    data: bytes
    kind: FileKind
    charset: str | None = None


def named(name: str) -> str:
    """Return the name of a document on one line, as it is told to people and models."""
    return " ".join("".join(each if each.isprintable() else " " for each in name).split())[:NAME_CHARACTERS]


async def fetched(url: str, fetching: Fetching = ANYWHERE) -> Raw:
    """Return what lies at an http or https address. Raises RefusedError, with words that fit behind "it was not read:"."""
    try:
        async with asyncio.timeout(FETCH_SECONDS):
            got = await fetching.fetch(urldefrag(url).url)
    except ToolError as error:
        raise RefusedError(error.detail.rstrip(".")) from None
    except TimeoutError:
        raise RefusedError(f"it did not come within {FETCH_SECONDS:g} s") from None
    if got.cut:
        raise RefusedError(f"it has more than {fetching.most_bytes:,} bytes")
    kind = BY_MEDIA_TYPE.get(got.media_type) or kind_of(urlsplit(got.url).path) or "text"
    address = urldefrag(url).url
    return Raw(named(address), address, got.body, kind, got.charset)


async def chunks_of(raw: Raw, channel: str, by: str = "") -> list[NewItem]:
    """Return what is to be remembered of a document, in its order, for the readers of a channel.

    Raises RefusedError, with words that fit behind "it was not read:".
    """
    try:
        read = await run_bounded(read_document, raw.data, raw.kind, raw.charset, limits=Limits(seconds=READ_SECONDS))
    except BoundedError as error:
        raise RefusedError(str(error)) from None
    if read["trouble"]:
        raise RefusedError(read["trouble"])
    key = document_key(raw.name)
    return [
        NewItem(
            channel=channel,
            kind="document",
            text=each["told"],
            source=Source(
                key=key,
                quote=each["text"][:QUOTE_CHARACTERS],
                by=by,
                link=f"{raw.link}#{each['anchor']}" if each["anchor"] and raw.link else raw.link,
            ),
            group=key,
            position=number,
        )
        for number, each in enumerate(read["chunks"], 1)
    ]
