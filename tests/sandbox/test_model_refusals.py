"""What the real API refuses, the scripted model refuses: one bad request each, sent with the SDK."""

from collections.abc import AsyncIterator
from typing import Any

import anthropic
import httpx2
import pytest

from bot.sandbox.model import Reply, Request, ScriptedModel, call, say, think
from tests.sandbox.model_bodies import CACHED, HELLO, REFUSED, SONNET, TAKEN, TOOL, answered, body, text


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
