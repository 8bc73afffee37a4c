"""The chunks of a document: Markdown, text, a page, a PDF or a table. Strangers wrote it, so `read_document` runs in a bounded
process."""

import csv
from io import StringIO
from pathlib import PurePosixPath
from typing import Any, Literal

from agent.memory import pdf
from agent.memory.chunks import DocumentSection, chunks, markdown_sections
from agent.memory.exported import is_exported
from agent.memory.look import MOST_TEXT_BYTES, Looked, look_at_file
from agent.text import whole
from tools.page_text import decoded, html_sections

FileKind = Literal["markdown", "html", "csv", "text", "pdf"]

MOST_CHUNKS = 10_000
BY_NAME: dict[str, FileKind] = {
    **dict.fromkeys((".md", ".markdown", ".mdx"), "markdown"),
    **dict.fromkeys((".html", ".htm", ".xhtml"), "html"),
    **dict.fromkeys((".csv", ".tsv"), "csv"),
    **dict.fromkeys((".txt", ".text", ".rst", ".adoc"), "text"),
    ".pdf": "pdf",
}
BY_MEDIA_TYPE: dict[str, FileKind] = {
    "text/markdown": "markdown",
    "text/html": "html",
    "application/xhtml+xml": "html",
    "text/csv": "csv",
    "text/tab-separated-values": "csv",
}
BACKUP = "it is a backup of memory, and what was forgotten since would be known again"
READABLE = "Markdown, text, HTML, PDF and CSV can be read"


def kind_of(name: str) -> FileKind | None:
    """Return what a file is by its name, if it is one that can be read."""
    return BY_NAME.get(PurePosixPath(name).suffix.lower())


def read_document(data: bytes, kind: str, charset: str | None) -> dict[str, Any]:
    """Return `chunks` of a document, each with `text`, `told` and `anchor`, and `trouble`: why it cannot be read, in words.

    `kind`: what a text is; a PDF is told by its bytes. `charset`: as a server names it.
    """
    sections, trouble = _sections_or_trouble(data, kind, charset)
    if sum(len(section.text) for section in sections) > MOST_TEXT_BYTES:
        sections, trouble = [], f"its text has more than {MOST_TEXT_BYTES:,} characters"
    found = chunks(sections)
    if len(found) > MOST_CHUNKS:
        found, trouble = [], f"it has {len(found):,} parts, and at most {MOST_CHUNKS:,} can be kept"
    if not found and not trouble:
        trouble = "it is empty"
    return {"chunks": [{"text": each.text, "told": each.told, "anchor": each.anchor} for each in found], "trouble": trouble}


def _sections_or_trouble(data: bytes, kind: str, charset: str | None) -> tuple[list[DocumentSection], str]:
    looked = Looked(**look_at_file(data))
    match looked.kind:
        case "pdf" | "text" if looked.trouble:
            return [], looked.trouble
        case "pdf":
            pages = [_page(number, text) for number, text in enumerate(pdf.page_texts(data), 1)]
            return pages, "" if any(page.text.strip() for page in pages) else "its pages are pictures without text"
        case "text":
            text = decoded(data, charset) if charset else looked.text
            if any(is_exported(line) for line in text.splitlines()):
                return [], BACKUP
            return _sections(whole(text).replace("\0", "\ufffd").replace("\r\n", "\n"), kind), ""
        case _:
            return [], f"only {READABLE}"


def _page(number: int, text: str) -> DocumentSection:
    """Return a page of a PDF. Its anchor is that of RFC 8118."""
    return DocumentSection(whole(text).replace("\0", "\ufffd"), (f"page {number}",), (f"page {number}",), f"page={number}")


def _sections(text: str, kind: str) -> list[DocumentSection]:
    match kind:
        case "markdown":
            return markdown_sections(text)
        case "html":
            return html_sections(text)
        case "csv":
            return [DocumentSection(table_text(text))]
        case _:
            return [DocumentSection(text)]


def table_text(text: str) -> str:
    """Return a table as lines, one a row, in which each cell stands behind the name of its column."""
    first = text.partition("\n")[0]
    delimiter = max(",;\t|", key=first.count)
    rows = [[" ".join(cell.split()) for cell in row] for row in csv.reader(StringIO(text), delimiter=delimiter)]
    rows = [row for row in rows if any(row)]
    if len(rows) < 2:
        return "\n".join(", ".join(row) for row in rows)
    head, *body = rows
    return "\n".join(_row(head, row) for row in body)


def _row(head: list[str], row: list[str]) -> str:
    """Return a row in words; a row that is too long for one chunk is cut like any other text."""
    names = [*head, *([""] * (len(row) - len(head)))]
    cells = [f"{name}: {cell}" if name else cell for name, cell in zip(names, row, strict=False) if cell]
    return "; ".join(cells)
