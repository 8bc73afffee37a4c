"""Small files of every kind that the agent reads, made here byte by byte."""

import struct
import zlib


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


def pdf(pages: int = 1, *, packed: bool = False, more: bytes = b"") -> bytes:
    """A PDF with so many pages; `packed`: in an object stream, as newer programs write it."""
    objects = b"".join(b"%d 0 obj\n<< /Type /Page /Parent 1 0 R >>\nendobj\n" % (number + 2) for number in range(pages))
    if packed:
        stream = zlib.compress(objects)
        objects = b"9 0 obj\n<< /Type /ObjStm /N 1 /Length %d >>\nstream\r\n" % len(stream) + stream + b"\nendstream\nendobj\n"
    return b"%PDF-1.7\n1 0 obj\n<< /Type /Pages /Count 1 >>\nendobj\n" + objects + more + b"trailer << >>\n%%EOF\n"
