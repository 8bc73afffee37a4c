"""What the API checks of `messages`, one message and one block at a time."""

import hashlib
import json
import re
from collections.abc import Container, Mapping
from typing import Any

from .file_rules import check_file
from .json_shapes import is_list, is_object
from .models import ModelCard
from .refusal import Refusal, extra, required
from .tool_search import check_search_block

_CACHED = "cache_control"
FIELDS: Mapping[str, frozenset[str]] = {
    "text": frozenset({"type", "text", "citations", _CACHED}),
    "thinking": frozenset({"type", "thinking", "signature"}),
    "redacted_thinking": frozenset({"type", "data"}),
    "tool_use": frozenset({"type", "id", "name", "input", "caller", "toolset_name", _CACHED}),
    "tool_result": frozenset({"type", "tool_use_id", "content", "is_error", "toolset_name", _CACHED}),
    "server_tool_use": frozenset({"type", "id", "name", "input", "caller", _CACHED}),
    "tool_search_tool_result": frozenset({"type", "tool_use_id", "content", _CACHED}),
    "image": frozenset({"type", "source", "transformations", _CACHED}),
    "document": frozenset({"type", "source", "title", "context", "citations", _CACHED}),
    "search_result": frozenset({"type", "source", "title", "content", "citations", _CACHED}),
}
NEEDED: Mapping[str, tuple[str, ...]] = {
    "text": ("text",),
    "thinking": ("thinking", "signature"),
    "redacted_thinking": ("data",),
    "tool_use": ("id", "name", "input"),
    "tool_result": ("tool_use_id",),
    "server_tool_use": ("id", "name", "input"),
    "tool_search_tool_result": ("tool_use_id", "content"),
    "image": ("source",),
    "document": ("source",),
    "search_result": ("source", "title", "content"),
}
ONLY_BY = {
    "tool_use": "assistant",
    "server_tool_use": "assistant",
    "tool_search_tool_result": "assistant",
    "thinking": "assistant",
    "redacted_thinking": "assistant",
    "tool_result": "user",
    "image": "user",
    "document": "user",
    "search_result": "user",
}
IN_RESULT = ("text", "image", "search_result", "document")
ID = re.compile(r"^[a-zA-Z0-9_-]+$")
MOST_MESSAGES = 100_000


def check_messages(messages: object, card: ModelCard, *, paused: Container[str] = ()) -> None:
    """Check shapes, roles, empty blocks and the last message. What answers what is in `pairing`.

    `paused`: marks of replies that stopped for a pause: these are sent back as they are, to go on (documentation, stop reasons).
    """
    if not is_list(messages):
        raise Refusal("messages: Input should be a valid list")
    if not messages:
        raise Refusal("messages: at least one message is required")
    if len(messages) > MOST_MESSAGES:
        raise Refusal(f"messages: List should have at most {MOST_MESSAGES} items")
    for at, message in enumerate(messages):
        _check_message(f"messages.{at}", message)
    if messages[0]["role"] != "user":
        raise Refusal('messages: first message must use the "user" role')
    for at, message in enumerate(messages[:-1]):
        if message["role"] == "assistant" and messages[at + 1]["role"] == "user" and _ends_in_thinking(message["content"]):
            raise Refusal(f"messages.{at}: The final block in an assistant message cannot be `thinking`.")
    goes_on = mark_of(messages[-1]["content"]) in paused
    if messages[-1]["role"] == "assistant" and not card.prefill and not goes_on:
        raise Refusal("This model does not support assistant message prefill. The conversation must end with a user message.")


def _ends_in_thinking(content: object) -> bool:
    return is_list(content) and content[-1]["type"] in ("thinking", "redacted_thinking")


def mark_of(content: object) -> str:
    """Return a mark that is the same for the same content, whatever the order of its fields, and with or without null fields."""
    blocks = content if is_list(content) else []
    shown = [{name: part for name, part in block.items() if part is not None} for block in blocks if is_object(block)]
    return hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()


def _check_message(path: str, message: object) -> None:
    if not is_object(message):
        raise Refusal(f"{path}: Input should be a valid dictionary")
    for name in ("role", "content"):
        if name not in message:
            raise required(f"{path}.{name}")
    for name in message:
        if name not in ("role", "content"):
            raise extra(f"{path}.{name}")
    role, content = message["role"], message["content"]
    if role not in ("user", "assistant", "system"):
        raise Refusal(f"{path}.role: Input should be 'user', 'assistant' or 'system'")
    if not isinstance(content, str) and not is_list(content):
        raise Refusal(f"{path}.content: Input should be a valid string or a valid list")
    if not content:
        raise Refusal(f"{path}: all messages must have non-empty content except for the optional final assistant message")
    if isinstance(content, str):
        _check_text(content)
        return
    for at, block in enumerate(content):
        _block(f"{path}.content.{at}", block, role)


def _block(path: str, block: object, role: str) -> None:
    if not is_object(block) or "type" not in block:
        raise Refusal(f"{path}: Unable to extract tag using discriminator 'type'")
    kind = block["type"]
    if kind not in FIELDS:
        tags = ", ".join(f"'{tag}'" for tag in sorted(FIELDS))
        raise Refusal(f"{path}: Input tag '{kind}' found using 'type' does not match any of the expected tags: {tags}")
    for name in NEEDED[kind]:
        if name not in block:
            raise required(f"{path}.{kind}.{name}")
    for name in block:
        if name not in FIELDS[kind]:
            raise extra(f"{path}.{kind}.{name}")
    if ONLY_BY.get(kind, role) != role:
        raise Refusal(f"{path}: `{kind}` blocks can only be in `{ONLY_BY[kind]}` messages")
    _fields(f"{path}.{kind}", kind, block, role)


def _fields(path: str, kind: str, block: Mapping[str, Any], role: str) -> None:
    if kind == "text":
        if not isinstance(block["text"], str):
            raise Refusal(f"{path}.text: Input should be a valid string")
        if block.get("citations") and role == "user":  # since API version 2026-10-21
            raise extra(f"{path}.citations")
        _check_text(block["text"])
    elif kind == "tool_use":
        _tool_use(path, block)
    elif kind == "tool_result":
        _tool_result(path, block)
    elif kind in ("server_tool_use", "tool_search_tool_result"):
        check_search_block(path, block)
    elif kind in ("image", "document"):
        check_file(path, kind, block["source"])
    elif kind == "thinking" and not (isinstance(block["thinking"], str) and isinstance(block["signature"], str)):
        raise Refusal(f"{path}: Input should be a valid string")


def _check_text(text: str) -> None:
    if not text:
        raise Refusal("messages: text content blocks must be non-empty")
    if not text.strip():
        raise Refusal("messages: text content blocks must contain non-whitespace text")


def _tool_use(path: str, block: Mapping[str, Any]) -> None:
    if not isinstance(block["id"], str) or not ID.match(block["id"]):
        raise Refusal(f"{path}.id: String should match pattern '^[a-zA-Z0-9_-]+$'")
    if not isinstance(block["name"], str) or not 1 <= len(block["name"]) <= 200:
        raise Refusal(f"{path}.name: String should have at least 1 and at most 200 characters")
    if not is_object(block["input"]):
        raise Refusal(f"{path}.input: Input should be a valid dictionary")
    if "caller" in block and not is_object(block["caller"]):
        raise Refusal(f"{path}.caller: Input should be a valid dictionary or object to extract fields from")


def _tool_result(path: str, block: Mapping[str, Any]) -> None:
    if not isinstance(block["tool_use_id"], str):
        raise Refusal(f"{path}.tool_use_id: Input should be a valid string")
    if "is_error" in block and not isinstance(block["is_error"], bool):
        raise Refusal(f"{path}.is_error: Input should be a valid boolean")
    content = block.get("content", "")
    if isinstance(content, str):
        return
    if not is_list(content):
        raise Refusal(f"{path}.content: Input should be a valid string or a valid list")
    for at, part in enumerate(content):
        if not is_object(part) or part.get("type") not in IN_RESULT:
            raise Refusal(f"{path}.content.{at}: Input should be a text, image, search_result or document block")
        if block.get("is_error") and part["type"] != "text":
            raise Refusal(f'{path}: all content must be type "text" if "is_error" is true')
        _block(f"{path}.content.{at}", part, "user")
