"""What the real API refuses, the scripted model refuses: one bad request each, sent with the SDK.

Long because it is one table: a bad request each, with what the API answers.
"""

import base64
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import httpx2
import pytest

from bot.sandbox.model import Reply, Request, ScriptedModel, call, say, think
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


@pytest.fixture
async def model() -> AsyncIterator[ScriptedModel]:
    async with ScriptedModel(lambda request: say("Hello!")) as model:
        yield model


@pytest.fixture
async def client(model: ScriptedModel) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(base_url=model.base_url, api_key=model.api_key, max_retries=0) as client:
        yield client


async def send(client: anthropic.AsyncAnthropic, wanted: dict[str, Any]) -> anthropic.types.Message:
    """The request as it is: the SDK's own checks of fields stay out of it."""
    return await client.post("/v1/messages", body=wanted, cast_to=anthropic.types.Message)


@pytest.mark.parametrize("name", REFUSED)
async def test_refused(name: str, model: ScriptedModel, client: anthropic.AsyncAnthropic) -> None:
    wanted, message = REFUSED[name]
    with pytest.raises(anthropic.BadRequestError) as refused:
        await send(client, wanted)
    assert refused.value.type == "invalid_request_error"
    assert refused.value.request_id
    assert message in str(refused.value.api_message)
    assert [(one.status, one.body) for one in model.refusals] == [(400, wanted)]


@pytest.mark.parametrize("name", TAKEN)
async def test_taken(name: str, model: ScriptedModel, client: anthropic.AsyncAnthropic) -> None:
    answer = await send(client, TAKEN[name])
    assert answer.stop_reason == "end_turn"
    assert model.refusals == []


@pytest.mark.parametrize("name", ["claude-imaginary-9", "claude-opus-4-20250514", "claude-opus-4-0"])
async def test_unknown_and_retired_models_are_not_found(name: str, client: anthropic.AsyncAnthropic) -> None:
    with pytest.raises(anthropic.NotFoundError, match=f"model: {name}") as refused:
        await send(client, body(model=name))
    assert refused.value.type == "not_found_error"


async def test_another_key_is_refused(model: ScriptedModel) -> None:
    async with anthropic.AsyncAnthropic(base_url=model.base_url, api_key="sk-ant-other", max_retries=0) as stranger:
        for attempt in (send(stranger, body()), stranger.models.retrieve(SONNET)):
            with pytest.raises(anthropic.AuthenticationError) as refused:
                await attempt
            assert refused.value.type == "authentication_error"


@pytest.mark.parametrize(
    ("headers", "status", "message"),
    [
        ({"x-api-key": "KEY"}, 400, "anthropic-version: header is required"),
        ({"x-api-key": "KEY", "anthropic-version": "2020-01-01"}, 400, "is not a valid version"),
        ({"anthropic-version": "2026-10-21"}, 401, "x-api-key header is required"),
        ({"x-api-key": "other", "authorization": "Bearer KEY", "anthropic-version": "2026-10-21"}, 401, "invalid x-api-key"),
        ({"x-api-key": "KEY", "anthropic-version": "2023-06-01"}, 200, ""),
    ],
)
async def test_headers(model: ScriptedModel, headers: dict[str, str], status: int, message: str) -> None:
    sent = {name: value.replace("KEY", model.api_key) for name, value in headers.items()}
    async with httpx2.AsyncClient() as http:
        answer = await http.post(f"{model.base_url}/v1/messages", json=body(), headers=sent)
    assert answer.status_code == status
    assert message in answer.text


@pytest.mark.parametrize(("name", "status"), [("claude-sonnet-5-5", 400), ("claude-sonnet-4-6", 200)])
async def test_sampling_on_the_old_version_depends_on_the_model(model: ScriptedModel, name: str, status: int) -> None:
    headers = {"x-api-key": model.api_key, "anthropic-version": "2023-06-01"}
    async with httpx2.AsyncClient() as http:
        wanted = body(model=name, temperature=0.5)
        answer = await http.post(f"{model.base_url}/v1/messages", json=wanted, headers=headers)
    assert answer.status_code == status


async def test_a_body_that_is_no_json_is_refused(model: ScriptedModel) -> None:
    headers = {"x-api-key": model.api_key, "anthropic-version": "2026-10-21"}
    async with httpx2.AsyncClient() as http:
        answer = await http.post(f"{model.base_url}/v1/messages", content=b"{", headers=headers)
        elsewhere = await http.get(f"{model.base_url}/v1/elsewhere", headers=headers)
    assert (answer.status_code, elsewhere.status_code) == (400, 404)
    assert answer.json()["error"]["type"] == "invalid_request_error"


async def test_counting_is_as_strict(client: anthropic.AsyncAnthropic) -> None:
    with pytest.raises(anthropic.BadRequestError, match="first message must use"):
        await client.messages.count_tokens(model=SONNET, messages=[{"role": "assistant", "content": "Hello"}])


# ---------------------------------------------------------------------------------------------- preserved thinking


def search_then_done(request: Request) -> Reply:
    return say("Done.") if request.turn_results else Reply((think("Search first."), call("search", "t1")))


@pytest.fixture
async def replayed(client: anthropic.AsyncAnthropic, model: ScriptedModel) -> dict[str, Any]:
    """The second request of a conversation whose first answer had a thinking block."""
    model.script = search_then_done
    first = await send(client, body(system="Be kind."))
    told: dict[str, Any] = {"role": "assistant", "content": [block.to_dict(mode="json") for block in first.content]}
    assert [block["type"] for block in told["content"]] == ["thinking", "tool_use"]
    return body(system="Be kind.", messages=[HELLO, told, answered("t1")])


async def test_thinking_replayed_as_it_came_is_taken(replayed: dict[str, Any], client: anthropic.AsyncAnthropic) -> None:
    assert (await send(client, replayed)).stop_reason == "end_turn"


async def test_cache_markers_change_nothing(replayed: dict[str, Any], client: anthropic.AsyncAnthropic) -> None:
    hello = {"role": "user", "content": [text("Hello", cache_control=CACHED)]}
    marked = {**replayed, "messages": [hello, *replayed["messages"][1:]], "system": [text("Be kind.", cache_control=CACHED)]}
    assert (await send(client, marked)).stop_reason == "end_turn"


@pytest.mark.parametrize(
    "changes",
    [
        {"system": "Be brief."},
        {"tools": [{**TOOL, "description": "Find things."}]},
        {"tools": [TOOL, {**TOOL, "name": "order"}]},
        {"messages": [{"role": "user", "content": "Hello there"}]},
        {"messages": [HELLO, HELLO]},
    ],
    ids=str,
)
async def test_thinking_behind_a_changed_past_is_refused(
    changes: dict[str, Any], replayed: dict[str, Any], client: anthropic.AsyncAnthropic
) -> None:
    changed = {**replayed, **changes}
    if "messages" in changes:
        changed["messages"] = [*changes["messages"], *replayed["messages"][1:]]
    with pytest.raises(anthropic.BadRequestError, match="bound to a different conversation"):
        await send(client, changed)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"thinking": "Something else."}, "cannot be modified"), ({"signature": "c2lnbmVk"}, "Invalid `signature`")],
)
async def test_changed_thinking_is_refused(
    change: dict[str, str], message: str, replayed: dict[str, Any], client: anthropic.AsyncAnthropic
) -> None:
    replayed["messages"][1]["content"][0] |= change
    with pytest.raises(anthropic.BadRequestError, match=message):
        await send(client, replayed)


async def test_thinking_of_another_model_is_left_out(replayed: dict[str, Any], client: anthropic.AsyncAnthropic) -> None:
    assert (await send(client, {**replayed, "model": "claude-opus-5-5", "system": "Be brief."})).stop_reason
