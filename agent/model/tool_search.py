"""Many tools: the model gets the API's own search over them, and only a few whole; what it finds, the API loads.

The search runs at the provider: its `server_tool_use` and result blocks are part of a reply, and are replayed with it like
everything else. No call of ours comes of them, and what a search finds is judged, shown and run like any other tool.
"""

import json
import re
from collections.abc import Collection, Iterable, Sequence
from typing import Any, cast

from pydantic import JsonValue

from agent.foreign_json import members
from agent.tool.definition import Tool
from agent.types import Block, Pinned

MOST_TOOLS = 20  # in one agent: beyond that a model takes the wrong one more often, and every call pays for all of them
MOST_LOADED = 5  # of those that are whole from the start (documentation, tool search: the three to five that are used most)
MOST_SIZES = 64
MOST_FOUND = 5  # by one search (documentation, tool search)
SEARCH: dict[str, JsonValue] = {"type": "tool_search_tool_bm25_20251119", "name": "tool_search_tool_bm25"}
# Documented for Sonnet and Opus since 4.0, and for no Haiku. What nothing is said of gets all tools.
_SEARCHING = re.compile(r"claude-(?:sonnet|opus)-(?:[4-9]|\d\d)(?:-|$)")
_SEARCH_ID = re.compile(r"srvtoolu_[a-zA-Z0-9_]+")  # of a search


def searches(model: str) -> bool:
    """Return whether the API searches tools for this model."""
    return _SEARCHING.match(model) is not None


def rendered(model: str, packs: Sequence[Sequence[Tool]]) -> tuple[dict[str, JsonValue], ...]:
    """Return the tools of an agent as the API takes them, by name. Of too many, the first packs that fit are loaded whole."""
    tools = sorted((tool for pack in packs for tool in pack), key=lambda tool: tool.name)
    if len(tools) <= MOST_TOOLS or not searches(model):
        return tuple(tool.schema() for tool in tools)
    loaded = _loaded(packs)
    return (SEARCH, *(tool.schema() if tool.name in loaded else {**tool.schema(), "defer_loading": True} for tool in tools))


def _loaded(packs: Iterable[Sequence[Tool]]) -> Collection[str]:
    """Return the tools of whole packs, in their order, as far as they are few."""
    names: list[str] = []
    for pack in packs:
        if len(names) + len(pack) <= MOST_LOADED:
            names += [tool.name for tool in pack]
    return names


def tools_found(content: Iterable[Block]) -> Iterable[str]:
    """Return the tools that searches in a reply have loaded."""
    for block in content:
        if block.get("type") == "tool_search_tool_result":
            result = cast(dict[str, Any], block["content"])
            yield from (str(each["tool_name"]) for each in result.get("tool_references", ()))


def is_whole(block: Block) -> bool:
    """Return whether a search, or its result, has what the API wants to see of it when it is replayed. Whatever else the provider
    may run is not judged here."""
    if block.get("type") == "server_tool_use":
        ours = block.get("name") == SEARCH["name"]
        return not ours or (_SEARCH_ID.fullmatch(str(block.get("id"))) is not None and isinstance(block.get("input"), dict))
    result, id = members(block.get("content")), block.get("tool_use_id")
    found: Any = result.get("tool_references")
    named = isinstance(found, list) and all(
        members(each).get("type") == "tool_reference" and isinstance(members(each).get("tool_name"), str)
        for each in cast(list[Any], found)
    )
    told = {"tool_search_tool_search_result": named, "tool_search_tool_result_error": isinstance(result.get("error_code"), str)}
    return isinstance(id, str) and told.get(str(result.get("type")), False)


def answered(content: Sequence[Block]) -> list[Block]:
    """Return the blocks of a reply that can be replayed: the API refuses a search without its result, and a result without its
    search."""
    results = [block.get("tool_use_id") for block in content]
    searches = [block.get("id") for block in content if block.get("type") == "server_tool_use"]
    alone = {"server_tool_use": ("id", results), "tool_search_tool_result": ("tool_use_id", searches)}

    def paired(block: Block) -> bool:
        name, others = alone.get(str(block.get("type")), ("", [None]))
        return block.get(name) in others

    return list(filter(paired, content))


def fixed_characters(pinned: Pinned, found: Collection[str]) -> int:
    """Return the size of a request without its messages, on the careful side: the tools found, and the longest that might be."""
    waiting = [len(json.dumps(tool)) for tool in pinned.tools if tool.get("defer_loading") and tool["name"] not in found]
    return _pinned_size(pinned) - sum(waiting) + sum(sorted(waiting)[-MOST_FOUND:])


_sizes: dict[int, tuple[Pinned, int]] = {}  # by identity: a process has few of them, and each is asked for with every call


def _pinned_size(pinned: Pinned) -> int:
    """Return the size of a pin as JSON, in characters."""
    if id(pinned) not in _sizes:
        if len(_sizes) >= MOST_SIZES:
            _sizes.clear()
        _sizes[id(pinned)] = (pinned, len(pinned.model_dump_json()))  # kept with it, so that its id is not another's
    return _sizes[id(pinned)][1]
