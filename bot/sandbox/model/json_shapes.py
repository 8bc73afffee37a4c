"""Type guards that let strict typing follow what came over the wire, and the blocks of a message."""

from collections.abc import Mapping
from typing import Any, TypeGuard


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Return whether this is a JSON object."""
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[Any]]:
    """Return whether this is a JSON array."""
    return isinstance(value, list)


def content_blocks(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the blocks of a message; none where its content is a text."""
    content: object = message["content"]
    return content if is_list(content) else []
