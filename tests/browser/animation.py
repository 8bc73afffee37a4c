"""Pictures one after the other, as an animated WebP. The container is ours to write: Chromium makes the pictures.

The format: https://developers.google.com/speed/webp/docs/riff_container
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

ANIMATED = 0x02  # the flag in VP8X
PICTURE = (b"ALPH", b"VP8 ", b"VP8L")  # the chunks of a still picture that a frame takes over


@dataclass(frozen=True)
class Frame:
    """A still WebP, and for how long it is shown."""

    picture: bytes
    milliseconds: int


def animation(frames: Sequence[Frame], width: int, height: int) -> bytes:
    """Return the animation, which begins again at its end. Each picture has to have this width and height, in pixels.

    Raises ValueError for a picture that is no WebP.
    """
    size = _three(width - 1) + _three(height - 1)
    parts = [_chunk(b"VP8X", struct.pack("<B3x", ANIMATED) + size), _chunk(b"ANIM", struct.pack("<IH", 0, 0))]
    for frame in frames:
        kept = b"".join(_chunk(name, data) for name, data in chunks(frame.picture) if name in PICTURE)
        parts.append(_chunk(b"ANMF", bytes(6) + size + _three(frame.milliseconds) + bytes(1) + kept))
    body = b"WEBP" + b"".join(parts)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def chunks(webp: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the name and the data of each chunk of a WebP. Raises ValueError."""
    if webp[:4] != b"RIFF" or webp[8:12] != b"WEBP":
        raise ValueError("this is no WebP")
    at = 12
    while at < len(webp):
        (length,) = struct.unpack_from("<I", webp, at + 4)
        yield webp[at : at + 4], webp[at + 8 : at + 8 + length]
        at += 8 + length + length % 2


def _chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


def _three(number: int) -> bytes:
    return struct.pack("<I", number)[:3]
