"""What an MCP tool answers, as the model reads it: structured content where there is some, else its text."""

from collections.abc import Iterator
from typing import Any

from mcp_types import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
    TextResourceContents,
)

Described = dict[str, Any]


def content(result: CallToolResult) -> Described:
    """`structured`, or `text`; and `attachments`, each described: what is not text does not reach the model."""
    found: Described = {}
    if result.structured_content is not None:
        found["structured"] = result.structured_content
    elif text := joined_text(result):
        found["text"] = text
    if attachments := list(_attachments(result)):
        found["attachments"] = attachments
    return found or {"text": ""}


def how_far(done: float, total: float | None, message: str | None) -> str:
    """What a server says of its progress, in a line."""
    figures = f"{done:g} of {total:g}" if total is not None else f"{done:g}"
    return ", ".join([figures, *([" ".join(message.split())] if message and message.strip() else [])])


def joined_text(result: CallToolResult) -> str:
    """All of its plain text."""
    return "\n".join(part.text for part in result.content if isinstance(part, TextContent))


def _attachments(result: CallToolResult) -> Iterator[Described]:
    for part in result.content:
        match part:
            case ImageContent() | AudioContent():
                yield {"kind": part.type, "mime_type": part.mime_type, "bytes": _size(part.data)}
            case ResourceLink():
                link = {"kind": "link", "uri": part.uri, "name": part.name, "description": part.description}
                yield _filled(link | {"mime_type": part.mime_type, "bytes": part.size})
            case EmbeddedResource(resource=TextResourceContents() as resource):
                yield _filled({"kind": "resource", "uri": resource.uri, "mime_type": resource.mime_type, "text": resource.text})
            case EmbeddedResource(resource=BlobResourceContents() as resource):
                known = {"kind": "resource", "uri": resource.uri, "mime_type": resource.mime_type}
                yield _filled(known | {"bytes": _size(resource.blob)})
            case _:
                pass


def _filled(described: Described) -> Described:
    return {name: value for name, value in described.items() if value is not None}


def _size(base64: str) -> int:
    """Of the bytes that a base64 text stands for."""
    return len(base64) * 3 // 4 - base64[-2:].count("=")
