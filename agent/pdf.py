"""How many pages a PDF has, and whether the model could open it: as much of the format (ISO 32000) as that takes."""

import re
import zlib

MOST_UNPACKED_BYTES = 64 * 2**20
_PAGE = re.compile(rb"/Type\s*/Page(?![A-Za-z])")
_OBJECTS = re.compile(rb"/Type\s*/ObjStm.{0,1000}?stream\r?\n", re.DOTALL)


class PdfError(Exception):
    """Why a PDF cannot be read, in words."""


def pages(data: bytes) -> int:
    """About how many: of a file that was changed in place it may be too many. Raises PdfError."""
    if b"%%EOF" not in data[-2048:]:
        raise PdfError("the PDF is cut off")
    if re.search(rb"/Encrypt\b", data):
        raise PdfError("the PDF is protected by a password")
    count = len(_PAGE.findall(data)) + sum(len(_PAGE.findall(part)) for part in _unpacked(data))
    if not count:
        raise PdfError("the PDF has no pages that can be found")
    return count


def _unpacked(data: bytes) -> list[bytes]:
    """The object streams, in which newer files keep their pages."""
    parts: list[bytes] = []
    left = MOST_UNPACKED_BYTES
    for found in _OBJECTS.finditer(data):
        try:
            part = zlib.decompressobj().decompress(data[found.end() :], left)
        except zlib.error:
            continue  # packed in another way
        left -= len(part)
        parts.append(part)
        if left <= 0:
            raise PdfError("the PDF is too large when it is unpacked")
    return parts
