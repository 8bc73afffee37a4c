"""What the bytes of a file are, told by the bytes themselves: strangers made them, so `look_at_file` runs in a bounded
process."""

from dataclasses import dataclass
from typing import Any, Literal

from agent.memory import images, pdf
from agent.text import whole

MOST_TEXT_BYTES = 2 * 2**20


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found. `trouble`: why the model could not read it, in words."""

    kind: Literal["image", "pdf", "text", "other"]
    media_type: str = ""  # of an image
    tokens: int = 0  # of an image
    pages: int = 0  # of a PDF
    text: str = ""
    trouble: str = ""


def look_at_file(data: bytes) -> dict[str, Any]:
    """Return the fields of a `Looked`."""
    if data.startswith(b"%PDF-"):
        try:
            return {"kind": "pdf", "pages": pdf.count_pages(data)}
        except pdf.PdfError as error:
            return {"kind": "pdf", "trouble": str(error)}
    if (picture := images.recognise_image(data)) is not None:
        return {"kind": "image", "media_type": picture.media_type, "tokens": picture.tokens, "trouble": picture.trouble}
    text = _decoded(data)
    if text is None:
        return {"kind": "other"}
    if len(data) > MOST_TEXT_BYTES:
        return {"kind": "text", "trouble": f"the text has {len(data):,} bytes, and at most {MOST_TEXT_BYTES:,} can be read"}
    return {"kind": "text", "text": text}


def _decoded(data: bytes) -> str | None:
    """Return the text of UTF-8, UTF-16 with its mark, or what spreadsheets write on Windows; None for what is no text."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return whole(data.decode("utf-16", "replace")).replace("\0", "\ufffd")
    if b"\0" in data or data.startswith(b"\x1f\x8b"):
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", "replace")
    controls = sum(character < " " and character not in "\t\n\r\f" for character in text)
    return None if controls > len(text) // 100 else text
