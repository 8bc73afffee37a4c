"""What the API checks of images and PDFs that stand in a request (documentation, "Vision" and "PDF support")."""

import base64
import zlib
from collections.abc import Mapping
from typing import Any

from .json_shapes import is_object
from .refusal import Refusal, extra, required

IMAGES: Mapping[str, tuple[bytes, ...]] = {  # media type -> how such a file begins
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/gif": (b"GIF87a", b"GIF89a"),
    "image/webp": (b"RIFF",),
}
MOST_IMAGE_BASE64 = 5 * 2**20
IMAGE_TOKENS, PAGE_TOKENS = 1_600, 3_000  # at most, or about


def check_file(path: str, kind: str, source: object) -> None:
    """Check the source of an `image` or `document` block."""
    path = f"{path}.source"
    if not is_object(source) or "type" not in source:
        raise Refusal(f"{path}: Unable to extract tag using discriminator 'type'")
    match source["type"]:
        case "base64":
            _base64(path, kind, source)
        case "text" if kind == "document":
            pass
        case "url" | "file" | "content":
            raise Refusal(f"{path}: this server reaches nothing outside and keeps no files")
        case tag:
            raise Refusal(f"{path}: Input tag '{tag}' found using 'type' does not match any of the expected tags")


def _base64(path: str, kind: str, source: Mapping[str, Any]) -> None:
    path = f"{path}.base64"
    for name in ("media_type", "data"):
        if name not in source:
            raise required(f"{path}.{name}")
    for name in source:
        if name not in ("type", "media_type", "data"):
            raise extra(f"{path}.{name}")
    media_type = source["media_type"]
    known = tuple(IMAGES) if kind == "image" else ("application/pdf",)
    if media_type not in known:
        raise Refusal(f"{path}.media_type: Input should be {' or '.join(map(repr, known))}")
    try:
        data = base64.b64decode(source["data"], validate=True)
    except (TypeError, ValueError):
        raise Refusal(f"{path}.data: Invalid base64 data") from None
    if kind == "document":
        if not data.startswith(b"%PDF-"):
            raise Refusal(f"{path}.data: The PDF specified was not valid.")
    elif len(source["data"]) > MOST_IMAGE_BASE64:
        raise Refusal(f"{path}: image exceeds 5 MB maximum: {len(source['data'])} bytes > {MOST_IMAGE_BASE64} bytes")
    elif not data.startswith(IMAGES[media_type]):
        raise Refusal(f"{path}.data: Image does not match the provided media type {media_type}")
    elif media_type == "image/png" and not _is_drawn(data):
        raise Refusal("Could not process image")


def _is_drawn(png: bytes) -> bool:
    """Return whether what a PNG shows can be unpacked: of all formats the one whose rules are short."""
    at = png.find(b"IDAT")
    try:
        return at > 0 and bool(zlib.decompressobj().decompress(png[at + 4 :], 1))
    except zlib.error:
        return False


def without_data(value: Any) -> Any:
    """Return a request's part as far as its characters say how many tokens it has: files weigh by what they show, not by their
    bytes."""
    if isinstance(value, list):
        return [without_data(part) for part in value]  # pyright: ignore[reportUnknownVariableType] JSON
    if not is_object(value):
        return value
    if value.get("type") == "base64" and "data" in value:
        return {**value, "data": ""}
    return {name: without_data(part) for name, part in value.items()}


def tokens_of_files(value: Any) -> int:
    """Return about how many tokens the images and PDFs in a part of a request take."""
    if isinstance(value, list):
        return sum(tokens_of_files(part) for part in value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] JSON
    if not is_object(value):
        return 0
    if value.get("type") == "base64" and "data" in value:
        return IMAGE_TOKENS if value.get("media_type") in IMAGES else PAGE_TOKENS
    return sum(tokens_of_files(part) for part in value.values())
