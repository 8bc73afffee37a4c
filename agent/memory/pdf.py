"""How many pages a PDF has, whether the model could open it, and its text. For a bounded process alone: some files make any
parser hang."""

from io import BytesIO


class PdfError(Exception):
    """Why a PDF cannot be read, in words."""


def count_pages(data: bytes) -> int:
    """Return their number. Raises PdfError, and anything at all for a file that is damaged.

    A PDF that opens without a password, but is encrypted so that it cannot be printed or changed, counts as protected too: the
    Messages API takes no encrypted ones (its documentation, PDF support).
    """
    from pypdf import PdfReader  # only the process that reads pays for it
    from pypdf.errors import DependencyError

    if b"%%EOF" not in data[-2048:]:
        raise PdfError("the PDF is cut off")
    try:
        reader = PdfReader(BytesIO(data))
    except (DependencyError, NotImplementedError):  # a protection that pypdf does not know, by certificates for example
        if b"/Encrypt" in data:
            raise PdfError("the PDF is protected") from None
        raise
    if reader.is_encrypted:
        raise PdfError("the PDF is protected by a password")
    if not reader.pages:
        raise PdfError("the PDF has no pages")
    return len(reader.pages)


def page_texts(data: bytes) -> list[str]:
    """Return the text of each page of a PDF that can be opened; a page that is a picture has none. Raises anything at all."""
    from pypdf import PdfReader

    return [page.extract_text() for page in PdfReader(BytesIO(data)).pages]
