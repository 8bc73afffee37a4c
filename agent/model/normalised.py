"""A reply as it is kept: the API takes it back with any history, and what cannot be run says so.

Models send what the API refuses to hear again: blank texts, one id for two calls, arguments that are no object; and gateways send
blocks without all that belongs to them. Kept as it came, it would end the conversation: each later request would be refused.
"""

import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agent.model import tool_search
from agent.model.port import Reply
from agent.types import Block

NAME_CHARACTERS = 200  # that the API takes of a tool's name
# What a block must hold to be taken back. One of another kind is left to those who judge the reply; calls are mended instead.
_TEXTS: Mapping[str, tuple[str, ...]] = {
    "text": ("text",),
    "thinking": ("thinking", "signature"),
    "redacted_thinking": ("data",),
}
_NOT_OF_AN_ID = re.compile(r"[^a-zA-Z0-9_-]")


@dataclass(frozen=True, slots=True)
class Normalised:
    """A reply's blocks. `unusable`: by call, why it cannot be run."""

    content: tuple[Block, ...]
    unusable: Mapping[str, str]


def normalised(reply: Reply, used: Container[str]) -> Normalised:
    """Return what is kept of a reply. `used`: ids of calls that stand in the conversation already."""
    unusable: dict[str, str] = {}
    taken: set[str] = set()
    content: list[Block] = []
    for place, block in enumerate(reply.content):
        match block.get("type"):
            case kind if not isinstance(kind, str) or not all(isinstance(block.get(name), str) for name in _TEXTS.get(kind, ())):
                pass  # it is less than such a block
            case "text" if not str(block["text"]).strip():
                pass  # nobody reads it, and the API takes no blank text
            case "server_tool_use" | "tool_search_tool_result" if not tool_search.is_whole(block):
                pass
            case "tool_use":
                id = _new_id(block, taken, used)
                taken.add(id)
                why = " and ".join(filter(None, [reply.unusable.get(place, ""), *_wrong(block)]))
                if why:
                    unusable[id] = why
                content.append({**block, "id": id, "name": _tool_name(block), "input": {} if why else block["input"]})
            case _:
                content.append(block)
    return Normalised(tuple(content), unusable)


def _new_id(block: Block, taken: Container[str], used: Container[str]) -> str:
    """Return the call's id, or one like it that no other call has."""
    id = plain = _NOT_OF_AN_ID.sub("_", str(block.get("id") or "")) or "toolu"
    number = 1
    while id in taken or id in used:
        number += 1
        id = f"{plain}_{number}"
    return id


def _tool_name(block: Block) -> str:
    return str(block.get("name") or "unnamed")[:NAME_CHARACTERS]


def _wrong(block: Block) -> Iterator[str]:
    name: Any = block.get("name")
    if not isinstance(name, str) or not 1 <= len(name) <= NAME_CHARACTERS:
        yield "it names no tool"
    if not isinstance(block.get("input"), dict):
        yield "its arguments are no JSON object"
