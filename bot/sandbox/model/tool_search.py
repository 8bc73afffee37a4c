"""The API's own search over tools: which are loaded, what a search finds, and what of it in a history must fit together.

After the documentation of the tool search tool. What a model cannot know it cannot call: a script that calls a tool which is
neither loaded nor found fails.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from .json_shapes import content_blocks, is_list, is_object
from .models import ModelCard
from .refusal import Refusal, extra
from .reply import Call, Reply, Search

TYPES = {
    "tool_search_tool_bm25_20251119": "tool_search_tool_bm25",
    "tool_search_tool_bm25": "tool_search_tool_bm25",
    "tool_search_tool_regex_20251119": "tool_search_tool_regex",
    "tool_search_tool_regex": "tool_search_tool_regex",
}
FIELDS = {"type", "name", "allowed_callers", "cache_control", "defer_loading", "strict"}
MOST_FOUND = 5
MOST_TOOLS = 10_000
ERRORS = ("invalid_tool_input", "unavailable", "too_many_requests", "execution_time_exceeded")


def check_search_tool(path: str, tool: Mapping[str, Any], card: ModelCard) -> None:
    """Check a definition of the search itself."""
    for name in tool:
        if name not in FIELDS:
            raise extra(f"{path}.{tool['type']}.{name}")
    if tool.get("name") != TYPES[tool["type"]]:
        raise Refusal(f"{path}.{tool['type']}.name: Input should be '{TYPES[tool['type']]}'")
    if not card.searches_tools:
        raise Refusal(f"{path}: '{tool['type']}' is not supported for this model.")


def check_deferral(tools: Sequence[Mapping[str, Any]]) -> None:
    """Check what goes together with tools that are not loaded."""
    if len(tools) > MOST_TOOLS:
        raise Refusal(f"tools: List should have at most {MOST_TOOLS} items")
    for at, tool in enumerate(tools):
        if tool.get("defer_loading") and tool.get("cache_control"):
            raise Refusal(
                f"tools.{at}: tool cannot have both defer_loading=true and cache_control set. "
                "Tools with defer_loading cannot use prompt caching."
            )
    if tools and all(tool.get("defer_loading") for tool in tools):
        raise Refusal("All tools have defer_loading set. At least one tool must be non-deferred.")


def check_searches(messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]]) -> None:
    """Check that every search is answered in its own message, and that what was found is defined."""
    defined = {tool.get("name") for tool in tools}
    for at, message in enumerate(messages):
        blocks = content_blocks(message)
        asked = [block["id"] for block in blocks if block["type"] == "server_tool_use"]
        answered = [block["tool_use_id"] for block in blocks if block["type"] == "tool_search_tool_result"]
        for id in asked:
            if id not in answered:
                raise Refusal(
                    f"messages.{at}: `tool_search` tool use with id `{id}` was found without a corresponding "
                    "`tool_search_tool_result` block"
                )
        for id in answered:
            if id not in asked or answered.count(id) > 1:
                raise Refusal(f"messages.{at}: unexpected `tool_use_id` found in `tool_search_tool_result` blocks: {id}.")
        for name in _references(blocks):
            if name not in defined:
                raise Refusal(f"Tool reference '{name}' has no corresponding tool definition")


def check_search_block(path: str, block: Mapping[str, Any]) -> None:
    """Check the shapes of a search and of its result, as they are replayed."""
    if block["type"] == "server_tool_use":
        if not isinstance(block["id"], str) or not re.fullmatch(r"srvtoolu_[a-zA-Z0-9_]+", block["id"]):
            raise Refusal(f"{path}.id: String should match pattern '^srvtoolu_[a-zA-Z0-9_]+$'")
        if block["name"] not in TYPES.values():
            raise Refusal(f"{path}.name: Input should be 'tool_search_tool_regex' or 'tool_search_tool_bm25'")
        if not is_object(block["input"]):
            raise Refusal(f"{path}.input: Input should be a valid dictionary")
        return
    content: object = block["content"]
    if not is_object(content):
        raise Refusal(f"{path}.content: Input should be a valid dictionary or object to extract fields from")
    match content.get("type"):
        case "tool_search_tool_search_result":
            references: object = content.get("tool_references")
            if not is_list(references) or not all(_is_reference(each) for each in references):
                raise Refusal(f"{path}.content.tool_references: Input should be a valid list of tool_reference blocks")
        case "tool_search_tool_result_error":
            if content.get("error_code") not in ERRORS:
                raise Refusal(f"{path}.content.error_code: Input should be one of {', '.join(ERRORS)}")
        case _:
            raise Refusal(f"{path}.content: Unable to extract tag using discriminator 'type'")


def _is_reference(value: object) -> bool:
    return is_object(value) and value.get("type") == "tool_reference" and isinstance(value.get("tool_name"), str)


# ---------------------------------------------------------------------------------------------- what is loaded


def loaded_tools(body: Mapping[str, Any]) -> list[Any]:
    """Return the definitions that the model reads: those that are not deferred, and those that were found."""
    known = set(_found_before(body))
    return [tool for tool in _tools(body) if not _deferred(tool) or tool.get("name") in known]


def results(reply: Reply, body: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return what each search of a reply finds, by its id. Raises ValueError where a call of it is one that no model could
    make."""
    deferred = {str(tool["name"]): tool for tool in _tools(body) if _deferred(tool)}
    known = set(_found_before(body))
    found: dict[str, list[str]] = {}
    for block in reply.blocks:
        if isinstance(block, Search):
            if not any(tool.get("type") in TYPES for tool in _tools(body)):
                raise ValueError("there is no tool search in this request")
            found[block.id] = _search(block.query, deferred)
            known |= set(found[block.id])
        elif isinstance(block, Call) and block.tool in deferred and block.tool not in known:
            raise ValueError(f"{block.tool} is not loaded, and no search has found it: the model does not know of it")
    return found


def _tools(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    tools: object = body.get("tools")
    return tools if is_list(tools) else []


def _deferred(tool: Mapping[str, Any]) -> bool:
    return bool(tool.get("defer_loading"))


def _found_before(body: Mapping[str, Any]) -> Iterator[str]:
    for message in body["messages"]:
        yield from _references(content_blocks(message))


def _references(blocks: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for block in blocks:
        content: object = block.get("content")
        if block["type"] == "tool_search_tool_result" and is_object(content):
            references: list[dict[str, Any]] = content.get("tool_references") or []
            yield from (str(each["tool_name"]) for each in references)


def _search(query: str, tools: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the tool of that very name, then those that share most words with the query: a plain stand-in for BM25."""
    wanted = set(_search_words(query))
    scores = {name: sum(Counter(_search_words(json.dumps(tool)))[word] for word in wanted) for name, tool in tools.items()}
    best = sorted((name for name in tools if scores[name]), key=lambda name: (name != query, -scores[name], name))
    return best[:MOST_FOUND]


def _search_words(text: str) -> list[str]:
    return re.findall(r"[a-z]+|\d+", text.lower())
