"""What an MCP tool answers, as the model reads it: its text, its structured content, and what else there is, described.

A result is taken as it comes: what is not as the protocol says is described, and never a reason to doubt that the call ran.
"""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from agent.foreign_json import members
from agent.tool.answer import Answer, WithImages
from agent.tool.definition import ToolError
from tools.mcp.server import Server

Described = dict[str, Any]

MOST_PARTS = 10_000  # of a result, which are read on the event loop: so many take it some 20 ms
COMPARED_CHARACTERS = 256 * 1024  # of a text that may say the same as the structured content
ERRORS_ARE_TEXT = "its images cannot be shown: an error is nothing but text"
LEFT = ("content", "structuredContent", "isError", "_meta", "resultType")  # of a result; anything else is told as it is


@dataclass(frozen=True, slots=True)
class McpContent:
    """What a result holds. `told`: `text`, `structured` and `attachments`, as far as there are any; `images` as their bytes."""

    told: Described
    failed: bool = False
    images: tuple[bytes, ...] = ()


def answer(server: Server, result: Any) -> Answer:
    """Return a result of a call, without secrets. Raises ToolError for one that says that the call failed."""
    read = content(result)
    told = cast(Described, server.discreet(read.told))
    if read.failed:
        unseen = f" ({ERRORS_ARE_TEXT})" if read.images else ""
        raise ToolError("unexpected", f"The MCP server {server.name} reports an error: {_in_a_text(told)}{unseen}")
    return WithImages(told, read.images) if read.images else told


def content(result: Any) -> McpContent:
    """Return what there is in a result, of whatever shape it is."""
    fields = members(result) or {"content": result or ""}
    if fields.get("resultType") == "input_required":
        return McpContent({"text": "it asks for more input before it goes on, which nobody can give it here"}, failed=True)
    parts = list(_parts(fields.get("content")))
    texts = [part["text"] for part in parts if part.get("type") == "text" and isinstance(part.get("text"), str)]
    structured = fields.get("structuredContent")
    more = {name: value for name, value in fields.items() if name not in LEFT}
    if structured is None and more and not parts:
        structured = more
    told = _text_and_structure(texts, structured)
    if attachments := list(_attachments(parts)):
        told["attachments"] = attachments
    return McpContent(told or {"text": ""}, fields.get("isError") is True, tuple(_images(parts)))


def how_far(done: float, total: float | None, message: str | None) -> str:
    """Return what a server says of its progress, in a line."""
    figures = f"{done:g} of {total:g}" if total is not None else f"{done:g}"
    return ", ".join([figures, *([" ".join(message.split())] if message and message.strip() else [])])


# ---------------------------------------------------------------------------------------------- text and structure


def _text_and_structure(texts: list[str], structured: Any) -> Described:
    """Both, but one where they say the same; a structure that is one text is that text."""
    text = "\n".join(texts)
    alone = _one_text(structured)
    if structured is None or (alone is not None and text.strip() == alone.strip()):
        return {"text": text} if text else {}
    if not text.strip() or _same(texts, structured):
        return {"text": alone} if alone is not None else {"structured": structured}
    return {"text": text, "structured": structured}


def _one_text(structured: Any) -> str | None:
    """Return the text that a structure is, or holds as its only field; None where it holds more."""
    if len(members(structured)) == 1:
        [structured] = members(structured).values()
    return structured if isinstance(structured, str) else None


def _same(texts: list[str], structured: Any) -> bool:
    """Return whether the texts are the structure once more, or the items of its only list, as many servers send."""
    if sum(map(len, texts)) > COMPARED_CHARACTERS:
        return False
    values = [_value(text) for text in texts]
    if len(values) == 1 and values[0] == structured:
        return True
    only = next(iter(members(structured).values()), None) if len(members(structured)) == 1 else None
    return only is not None and only in (values, texts, *values, *texts)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _in_a_text(told: Described) -> str:
    """Return a failed call's result as one text."""
    parts = [value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for value in told.values() if value]
    return "\n".join(parts) or "nothing about what went wrong"


# ---------------------------------------------------------------------------------------------- the other parts


def _parts(content: Any) -> Iterator[Mapping[str, Any]]:
    """Return the blocks of a content, and as a text what is none of them. Of too many the rest is counted."""
    parts = cast(list[Any], content) if isinstance(content, list) else [content]
    for part in parts[:MOST_PARTS]:
        if isinstance(part, Mapping):
            yield members(cast(Any, part))
        elif part is not None:
            yield {"type": "text", "text": part if isinstance(part, str) else json.dumps(part, ensure_ascii=False)}
    if len(parts) > MOST_PARTS:
        yield {"type": "text", "text": f"(It has {len(parts):,} parts: these are the first {MOST_PARTS:,}.)"}


def _attachments(parts: list[Mapping[str, Any]]) -> Iterator[Described]:
    """Return what is not text, each described."""
    for part in parts:
        match part.get("type"):
            case "text" if isinstance(part.get("text"), str):
                pass
            case "image" | "audio" as kind:
                yield _without_nulls({"kind": kind, "mime_type": part.get("mimeType"), "bytes": _size(part.get("data"))})
            case "resource_link":
                link = {"kind": "link", "uri": part.get("uri"), "name": part.get("name"), "description": part.get("description")}
                yield _without_nulls(link | {"mime_type": part.get("mimeType"), "bytes": part.get("size")})
            case "resource" if isinstance(part.get("resource"), Mapping):
                resource = members(part["resource"])
                known = {"kind": "resource", "uri": resource.get("uri"), "mime_type": resource.get("mimeType")}
                yield _without_nulls(known | {"text": resource.get("text"), "bytes": _size(resource.get("blob"))})
            case kind:
                yield {"kind": kind} | {name: value for name, value in part.items() if name not in ("type", "_meta")}


def _images(parts: list[Mapping[str, Any]]) -> Iterator[bytes]:
    """Return the bytes of each part that is meant as an image: whether they are one is seen when they are looked at."""
    for part in parts:
        match part:
            case {"type": "image", "data": str() as data}:
                yield _bytes_of(data)
            case {"type": "resource", "resource": {"mimeType": str() as said, "blob": str() as data}}:
                if said.startswith("image/"):
                    yield _bytes_of(data)
            case _:
                pass


def _bytes_of(text: str) -> bytes:
    """Return what a base64 text stands for, also where it is the data of a `data:` URL or its padding is missing."""
    try:
        return base64.b64decode(text.rpartition(",")[2] + "==")
    except ValueError:
        return text.encode(errors="replace")  # it is none; nor is it an image


def _without_nulls(described: Described) -> Described:
    return {name: value for name, value in described.items() if value is not None}


def _size(text: Any) -> int | None:
    """Return how many bytes a base64 text stands for."""
    return len(text) * 3 // 4 - text[-2:].count("=") if isinstance(text, str) else None
