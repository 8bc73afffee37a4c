"""Requests to the Messages API, by what is wrong with them, and some that are right."""

import base64
from typing import Any

from tests.samples import png

SONNET = "claude-sonnet-5-5"
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"query": {"type": "string"}}}
TOOL: dict[str, Any] = {"name": "search", "input_schema": SCHEMA}
HELLO: dict[str, Any] = {"role": "user", "content": "Hello"}
CACHED: dict[str, Any] = {"type": "ephemeral"}


def body(**changes: Any) -> dict[str, Any]:
    """A request that is taken, with some fields changed."""
    return {"model": SONNET, "max_tokens": 100, "messages": [HELLO], "tools": [TOOL], **changes}


def used(*ids: str) -> dict[str, Any]:
    blocks: list[dict[str, Any]] = [{"type": "tool_use", "id": id, "name": "search", "input": {}} for id in ids]
    return {"role": "assistant", "content": blocks}


def answered(*ids: str) -> dict[str, Any]:
    return {"role": "user", "content": [result(id) for id in ids]}


def result(id: str) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": id, "content": "found"}


def shown(media_type: str, **more: Any) -> dict[str, Any]:
    """A result with an image, as a PNG of this media type."""
    source = {"type": "base64", "media_type": media_type, "data": base64.b64encode(png()).decode()}
    content = [text("found"), {"type": "image", "source": source}]
    return {"role": "user", "content": [{**result("t1"), "content": content, **more}]}


def text(words: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": words, **more}


def tool(**changes: Any) -> list[dict[str, Any]]:
    return [{**TOOL, **changes}]


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    # what answers what
    "unanswered tool_use": (
        body(messages=[HELLO, used("t1", "t2"), answered("t2")]),
        "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: t1. Each",
    ),
    "unanswered at the end": (
        body(model="claude-haiku-4-5", messages=[HELLO, used("t1")]),
        "messages.1: `tool_use` ids were found without",
    ),
    "answered one message too late": (
        body(messages=[HELLO, used("t1"), HELLO, answered("t1")]),
        "messages.1: `tool_use` ids were found without",
    ),
    "result behind text": (
        body(messages=[HELLO, used("t1"), {"role": "user", "content": [text("Here:"), result("t1")]}]),
        "messages.1: `tool_use` ids were found without",
    ),
    "result without tool_use": (
        body(messages=[HELLO, {"role": "assistant", "content": "Hm."}, answered("t1")]),
        "messages.2.content.0: unexpected `tool_use_id` found in `tool_result` blocks: t1.",
    ),
    "result twice": (
        body(messages=[HELLO, used("t1"), answered("t1", "t1")]),
        "messages.2.content.1: each `tool_use` must have a single result.",
    ),
    "an image in an error": (
        body(messages=[HELLO, used("t1"), shown("image/png", is_error=True)]),
        'messages.2.content.0.tool_result: all content must be type "text" if "is_error" is true',
    ),
    "an image in a result of another kind than it says": (
        body(messages=[HELLO, used("t1"), shown("image/jpeg")]),
        "messages.2.content.0.tool_result.content.1.image.source.base64.data: Image does not match the provided media type",
    ),
    "an image in a result of no kind": (
        body(messages=[HELLO, used("t1"), shown("text/html")]),
        "messages.2.content.0.tool_result.content.1.image.source.base64.media_type: Input should be 'image/jpeg' or",
    ),
    "result again, later": (
        body(messages=[HELLO, used("t1"), answered("t1"), answered("t1")]),
        "messages.3.content.0: unexpected `tool_use_id`",
    ),
    "one id for two calls": (
        body(messages=[HELLO, used("t1"), answered("t1"), used("t1"), answered("t1")]),
        "messages.3.content.0: `tool_use` ids must be unique",
    ),
    "calls without tools": (
        {"model": SONNET, "max_tokens": 100, "messages": [HELLO, used("t1"), answered("t1")]},
        "must define tools",
    ),
    # messages and blocks
    "no messages": (body(messages=[]), "messages: at least one message is required"),
    "assistant first": (
        body(messages=[{"role": "assistant", "content": "Hello"}, HELLO]),
        'messages: first message must use the "user" role',
    ),
    "prefill": (
        body(messages=[HELLO, {"role": "assistant", "content": "The answer is"}]),
        "This model does not support assistant message prefill.",
    ),
    "empty content": (body(messages=[{"role": "user", "content": []}]), "messages.0: all messages must have non-empty"),
    "empty string": (body(messages=[{"role": "user", "content": ""}]), "messages.0: all messages must have non-empty"),
    "empty text": (
        body(messages=[{"role": "user", "content": [text("Hello"), text("")]}]),
        "messages: text content blocks must be non-empty",
    ),
    "blank text": (
        body(messages=[{"role": "user", "content": " \n"}]),
        "messages: text content blocks must contain non-whitespace text",
    ),
    "empty text in a result": (
        body(messages=[HELLO, used("t1"), {"role": "user", "content": [{**result("t1"), "content": [text("")]}]}]),
        "text content blocks must be non-empty",
    ),
    "empty system block": (body(system=[text("")]), "system: text content blocks must be non-empty"),
    "unknown role": (body(messages=[{"role": "tool", "content": "Hello"}]), "messages.0.role: Input should be"),
    "unknown block": (
        body(messages=[{"role": "user", "content": [{"type": "button"}]}]),
        "messages.0.content.0: Input tag 'button' found using 'type'",
    ),
    "unknown field of a block": (
        body(messages=[{"role": "user", "content": [text("Hello", parsed_output=None)]}]),
        "messages.0.content.0.text.parsed_output: Extra inputs are not permitted",
    ),
    "null that is no value": (
        body(
            messages=[
                HELLO,
                {"role": "assistant", "content": [{**used("t1")["content"][0], "caller": None}]},
                answered("t1"),
            ]
        ),
        "messages.1.content.0.tool_use.caller: Input should be a valid dictionary",
    ),
    "call by the user": (
        body(messages=[{**used("t1"), "role": "user"}]),
        "`tool_use` blocks can only be in `assistant` messages",
    ),
    "citations of the user": (
        body(messages=[{"role": "user", "content": [text("Hello", citations=[{"type": "x"}])]}]),
        "messages.0.content.0.text.citations: Extra inputs are not permitted",
    ),
    # fields of the request
    "no max_tokens": ({"model": SONNET, "messages": [HELLO]}, "max_tokens: Field required"),
    "max_tokens of 0": (body(max_tokens=0), "max_tokens: Input should be greater than or equal to 1"),
    "max_tokens beyond the model": (body(max_tokens=128_001), "max_tokens: 128001 > 128000, which is the maximum"),
    "temperature": (body(temperature=1.0), "temperature: Extra inputs are not permitted"),
    "top_p": (body(top_p=0.9), "top_p: Extra inputs are not permitted"),
    "top_k": (body(top_k=5), "top_k: Extra inputs are not permitted"),
    "unknown field": (body(agent="me"), "agent: Extra inputs are not permitted"),
    "personal metadata": (body(metadata={"email": "a@b.c"}), "metadata.email: Extra inputs are not permitted"),
    "thinking disabled": (
        body(thinking={"type": "disabled"}),
        '"thinking.type.disabled" is not supported for this model. To turn thinking off',
    ),
    "thinking disabled on opus": (
        body(model="claude-opus-5-5", thinking={"type": "disabled"}),
        '"thinking.type.disabled" is not supported for this model. Use "thinking.type.adaptive"',
    ),
    "thinking budget": (
        body(thinking={"type": "enabled", "budget_tokens": 2048}),
        '"thinking.type.enabled" is not supported for this model.',
    ),
    "prompt beyond the window": (
        body(model="claude-haiku-4-5", messages=[{"role": "user", "content": "lamp " * 170_000}]),
        "prompt is too long: ",
    ),
    # tools
    "forced to any tool": (body(tool_choice={"type": "any"}), 'tool_choice: type "tool" and "any" are not supported'),
    "forced to one tool": (
        body(tool_choice={"type": "tool", "name": "search"}),
        'tool_choice: type "tool" and "any" are not supported',
    ),
    "choice without tools": (body(tools=[], tool_choice={"type": "auto"}), "tool_choice may only be specified while"),
    "tool name with a dot": (body(tools=tool(name="shop.search")), "tools.0.custom.name: String should match pattern"),
    "tool name of 129": (body(tools=tool(name="s" * 129)), "tools.0.custom.name: String should match pattern"),
    "two tools of one name": (body(tools=[TOOL, TOOL]), "tools: Tool names must be unique."),
    "tool without schema": (body(tools=[{"name": "search"}]), "tools.0.custom.input_schema: Field required"),
    "schema of no type": (body(tools=tool(input_schema={})), "tools.0.custom.input_schema.type: Field required"),
    "schema of a list": (body(tools=tool(input_schema={"type": "array"})), "Input should be 'object'"),
    "schema of alternatives": (
        body(tools=tool(input_schema={**SCHEMA, "anyOf": [{}]})),
        "input_schema does not support oneOf, allOf, or anyOf at the top level",
    ),
    "schema with an unknown type": (
        body(tools=tool(input_schema={"type": "object", "properties": {"n": {"type": "int"}}})),
        "JSON schema is invalid",
    ),
    "schema with a lost reference": (
        body(tools=tool(input_schema={"type": "object", "properties": {"n": {"$ref": "#/$defs/N"}}})),
        "JSON schema is invalid",
    ),
    "schema with a strange key": (
        body(tools=tool(input_schema={"type": "object", "properties": {"a b": {"type": "string"}}})),
        "Property keys should match pattern",
    ),
    "unknown field of a tool": (body(tools=tool(effect="read")), "tools.0.custom.effect: Extra inputs"),
    # caching
    "five breakpoints": (
        body(messages=[{"role": "user", "content": [text(f"Part {n}", cache_control=CACHED) for n in range(5)]}]),
        "A maximum of 4 blocks with cache_control may be provided. Found 5.",
    ),
    "an hour behind five minutes": (
        body(
            system=[text("Be kind.", cache_control=CACHED)],
            messages=[{"role": "user", "content": [text("Hello", cache_control={**CACHED, "ttl": "1h"})]}],
        ),
        "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block",
    ),
    "marker of another kind": (body(system=[text("Hi", cache_control={"type": "kept"})]), "cache_control.type: Input"),
}

TAKEN: dict[str, dict[str, Any]] = {
    "several messages of the user in a row": body(messages=[HELLO, HELLO, HELLO]),
    "words behind results": body(
        messages=[HELLO, used("t1", "t2"), {"role": "user", "content": [result("t2"), result("t1"), text("And?")]}]
    ),
    "a result without words": body(
        messages=[HELLO, used("t1"), {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1"}]}]
    ),
    "an image in a result": body(messages=[HELLO, used("t1"), shown("image/png")]),
    "thinking between tools": body(thinking={"type": "between_tools"}),
    "effort": body(thinking={"type": "adaptive"}, output_config={"effort": "low"}),
    "four breakpoints": body(
        tools=tool(cache_control={**CACHED, "ttl": "1h"}),
        system=[text("Be kind.", cache_control={**CACHED, "ttl": "1h"})],
        messages=[{"role": "user", "content": [text("One", cache_control=CACHED), text("Two", cache_control=CACHED)]}],
    ),
    "a choice that forces nothing": body(tool_choice={"type": "auto", "disable_parallel_tool_use": True}),
    "a name of 128": body(tools=tool(name="s" * 128)),
    "thinking off where it may be": body(model="claude-haiku-5-5", thinking={"type": "disabled"}),
    "prefill where it may be": body(
        model="claude-haiku-4-5", messages=[HELLO, {"role": "assistant", "content": "The answer is"}]
    ),
}
