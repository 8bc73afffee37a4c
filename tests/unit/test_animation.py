"""Pictures one after the other, as an animated WebP."""

import struct

import pytest

from tests.browser.animation import Frame, animation, chunks

# What Chromium writes: a lossy picture alone in its container, here without its pixels.
STILL = b"RIFF" + struct.pack("<I", 4 + 8 + 4) + b"WEBP" + b"VP8 " + struct.pack("<I", 3) + b"abc" + bytes(1)


def test_each_picture_is_a_frame_with_its_time_and_the_whole_begins_again() -> None:
    film = animation([Frame(STILL, 90), Frame(STILL, 3_000)], width=1000, height=640)
    assert struct.unpack_from("<I", film, 4) == (len(film) - 8,)
    header, endless, *frames = chunks(film)
    assert header == (b"VP8X", b"\x02\0\0\0" + b"\xe7\x03\0" + b"\x7f\x02\0")
    assert endless == (b"ANIM", bytes(6))
    assert [(name, data[12:15]) for name, data in frames] == [(b"ANMF", b"\x5a\0\0"), (b"ANMF", b"\xb8\x0b\0")]
    assert all(data[16:] == b"VP8 " + struct.pack("<I", 3) + b"abc\0" for _, data in frames)


def test_what_is_no_webp_is_refused() -> None:
    with pytest.raises(ValueError, match="no WebP"):
        animation([Frame(b"GIF89a", 90)], 1, 1)
