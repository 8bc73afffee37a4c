"""What kind of image bytes are, how large it is, and whether it is whole: a broken one in a request would be refused with it."""

import struct
import zlib
from dataclasses import dataclass

MOST_PIXELS = 8_000  # of an edge (documentation of the Messages API, vision)
MOST_TOKENS = 4_800  # of an image on the models that see the most of it; larger ones are scaled down
PIXELS_PER_TOKEN = 750
CUT_OFF = "the image is cut off or damaged"


@dataclass(frozen=True, slots=True)
class Picture:
    """An image. `trouble`: why the model could not see it."""

    media_type: str
    width: int = 0
    height: int = 0
    trouble: str = ""

    @property
    def tokens(self) -> int:
        """Return about how many tokens the image takes."""
        return min(MOST_TOKENS, -(-self.width * self.height // PIXELS_PER_TOKEN))


def recognise_image(data: bytes) -> Picture | None:
    """Return the image that these bytes are; None for anything else than JPEG, PNG, GIF and WebP."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        media_type, measure = "image/png", _png
    elif data.startswith(b"\xff\xd8\xff"):
        media_type, measure = "image/jpeg", _jpeg
    elif data.startswith((b"GIF87a", b"GIF89a")):
        media_type, measure = "image/gif", _gif
    elif data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        media_type, measure = "image/webp", _webp
    else:
        return None
    try:
        size = measure(data)
    except (struct.error, IndexError):
        size = None
    if size is None or 0 in size:
        return Picture(media_type, trouble=CUT_OFF)
    trouble = f"the image has {size[0]} × {size[1]} pixels, and at most {MOST_PIXELS:,} a side can be read"
    return Picture(media_type, *size, trouble if max(size) > MOST_PIXELS else "")


Size = tuple[int, int]


def _png(data: bytes) -> Size | None:
    """Return the size, if every chunk is there and has the checksum that it names."""
    size: Size | None = None
    at = 8
    while True:
        length, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + length]
        (sum_,) = struct.unpack_from(">I", data, at + 8 + length)
        if zlib.crc32(kind + body) != sum_:
            return None
        if kind == b"IHDR":
            size = struct.unpack_from(">II", body)
        if kind == b"IEND":
            return size
        at += 12 + length


def _jpeg(data: bytes) -> Size | None:
    """Return the size from the frame's header, if the scan that follows has an end."""
    at, size = 2, None
    while True:
        marker, length = struct.unpack_from(">xBH", data, at)
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker == 0xDA:
            return size if data.find(b"\xff\xd9", at) > 0 else None
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, at + 5)
            size = (width, height)
        at += 2 + length


def _gif(data: bytes) -> Size | None:
    size = struct.unpack_from("<HH", data, 6)
    return size if data.rstrip(b"\0").endswith(b";") else None


def _webp(data: bytes) -> Size | None:
    (length,) = struct.unpack_from("<I", data, 4)
    if length + 8 > len(data):
        return None
    match data[12:16]:
        case b"VP8X":
            return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
        case b"VP8L":
            bits = int.from_bytes(data[21:25], "little")
            return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        case _:
            width, height = struct.unpack_from("<HH", data, 26)
            return width & 0x3FFF, height & 0x3FFF
