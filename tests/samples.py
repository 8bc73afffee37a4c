"""Small files of every kind that the agent reads, made here byte by byte."""

import struct
import zlib

FONT = b"/Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> "


def png(width: int = 3, height: int = 2) -> bytes:
    """A whole PNG, all black."""
    rows = b"".join(b"\0" + b"\0\0\0" * width for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    packed = [struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def jpeg(width: int = 30, height: int = 20) -> bytes:
    """A JPEG as far as its markers go."""
    frame = b"\xff\xc0" + struct.pack(">HBHHB", 11, 8, height, width, 1) + b"\x01\x11\x00"
    return b"\xff\xd8\xff\xe0" + struct.pack(">H", 4) + b"\0\0" + frame + b"\xff\xda" + struct.pack(">H", 2) + b"scan\xff\xd9"


def gif(width: int = 30, height: int = 20) -> bytes:
    """A GIF as far as its frame goes."""
    return b"GIF89a" + struct.pack("<HH", width, height) + b"\0\0\0" + b";"


def webp(width: int = 30, height: int = 20) -> bytes:
    """An extended WebP without what it shows."""
    body = (
        b"WEBPVP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def pdf(pages: int = 1, *, packed: bool = False, says: bytes = b"", trailer: bytes = b"", blanks: int = 0) -> bytes:
    """A PDF with so many pages, each of which says `says`; `trailer`: more entries of its trailer; `packed`: in an object stream,
    as newer programs write it, with so many blanks behind."""
    kids = b" ".join(b"%d 0 R" % (number + 3) for number in range(pages))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count %d /Kids [%s] >>" % (pages, kids),
        *[b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents %d 0 R %s>>" % (pages + 3, FONT if says else b"")] * pages,
    ]
    contents = _stream(b"", b"BT %s(%s) Tj ET" % (b"/F1 9 Tf " if says else b"", says))
    return _packed(objects, contents, trailer, blanks) if packed else _plain([*objects, contents], trailer)


def _stream(entries: bytes, data: bytes) -> bytes:
    return b"<< %s /Length %d >>\nstream\n%s\nendstream" % (entries, len(data), data)


def _plain(objects: list[bytes], trailer: bytes) -> bytes:
    """Objects one after the other, and a table of where they are."""
    file = b"%PDF-1.4\n"
    table = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    for number, body in enumerate(objects, 1):
        table += b"%010d 00000 n \n" % len(file)
        file += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    about = b"trailer\n<< /Size %d /Root 1 0 R %s >>\n" % (len(objects) + 1, trailer)
    return file + table + about + b"startxref\n%d\n%%%%EOF\n" % len(file)


def _packed(objects: list[bytes], contents: bytes, trailer: bytes, blanks: int) -> bytes:
    """All objects but the contents in one compressed stream, and where they are in another (ISO 32000, 7.5.7 and 7.5.8)."""
    count = len(objects)  # the contents follow them, then the stream with them, then the one that says where they are
    offsets = [sum(len(body) + 1 for body in objects[:number]) for number in range(count)]
    head = b" ".join(b"%d %d" % (number + 1, offset) for number, offset in enumerate(offsets)) + b"\n"
    inside = b"/Type /ObjStm /N %d /First %d /Filter /FlateDecode" % (count, len(head))
    file = b"%PDF-1.7\n"
    places = [(0, 0, 255), *((2, count + 2, number) for number in range(count))]
    kept = zlib.compress(head + b"\n".join(objects) + b" " * blanks)
    for number, body in ((count + 1, contents), (count + 2, _stream(inside, kept))):
        places.append((1, len(file), 0))
        file += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    places.append((1, len(file), 0))
    table = b"".join(struct.pack(">BIB", *place) for place in places)
    about = b"/Type /XRef /Size %d /W [1 4 1] /Root 1 0 R %s /Filter /FlateDecode" % (len(places), trailer)
    last = b"%d 0 obj\n%s\nendobj\n" % (count + 3, _stream(about, zlib.compress(table)))
    return file + last + b"startxref\n%d\n%%%%EOF\n" % len(file)
