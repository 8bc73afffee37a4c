"""Faults of the API on demand, as the SDK meets them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import httpx2
import pytest

from bot.sandbox.model import Conversations, Lines, Reply, Request, ScriptedModel, say

HELLO: dict[str, Any] = {
    "model": "claude-sonnet-5-5",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "Hello"}],
}
WORDS = "Hello! What can I do for you today? Lamps are on the second floor."


@pytest.fixture
async def model() -> AsyncIterator[ScriptedModel]:
    async with ScriptedModel(lambda request: say(WORDS)) as model:
        yield model


@pytest.fixture
async def client(model: ScriptedModel) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(base_url=model.base_url, api_key=model.api_key, max_retries=0, timeout=5) as client:
        yield client


async def whole(client: anthropic.AsyncAnthropic, **changes: Any) -> anthropic.types.Message:
    return await client.messages.create(**{**HELLO, **changes}, stream=False)


async def streamed(client: anthropic.AsyncAnthropic) -> anthropic.types.Message:
    async with client.messages.stream(**HELLO) as stream:
        return await stream.get_final_message()


async def test_rate_limit_with_and_without_retry_after(model: ScriptedModel, client: anthropic.AsyncAnthropic) -> None:
    model.faults.rate_limit(retry_after=7)
    model.faults.rate_limit(retry_after="Wed, 21 Oct 2026 07:28:00 GMT")
    model.faults.rate_limit(times=2)
    seen: list[str | None] = []
    for _ in range(4):
        with pytest.raises(anthropic.RateLimitError) as limited:
            await whole(client)
        assert limited.value.type == "rate_limit_error"
        assert limited.value.error_code is None
        seen.append(limited.value.response.headers.get("retry-after"))
    assert seen == ["7", "Wed, 21 Oct 2026 07:28:00 GMT", None, None]
    assert (await whole(client)).stop_reason == "end_turn"
    assert len(model.requests) == 5
    assert model.refusals == []


async def test_spend_limits_have_classes_of_their_own(model: ScriptedModel, client: anthropic.AsyncAnthropic) -> None:
    model.faults.spend_limit()
    model.faults.spend_limit("contract")
    for code in ("enforced_spend_limit_reached", "contract_spend_limit_reached"):
        with pytest.raises(anthropic.RateLimitError) as limited:
            await whole(client)
        assert type(limited.value) is not anthropic.RateLimitError
        assert limited.value.error_code == code
        assert "retry-after" not in limited.value.response.headers


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (408, anthropic.APIStatusError, "api_error"),
        (409, anthropic.ConflictError, "invalid_request_error"),
        (500, anthropic.InternalServerError, "api_error"),
        (503, anthropic.InternalServerError, "api_error"),
        (529, anthropic.InternalServerError, "overloaded_error"),
    ],
)
async def test_statuses(
    status: int, error: type[anthropic.APIStatusError], kind: str, model: ScriptedModel, client: anthropic.AsyncAnthropic
) -> None:
    model.faults.status(status)
    with pytest.raises(error) as failed:
        await streamed(client)
    assert (failed.value.status_code, failed.value.type) == (status, kind)
    assert (await streamed(client)).stop_reason == "end_turn"


async def test_a_reset_before_the_answer(model: ScriptedModel, client: anthropic.AsyncAnthropic) -> None:
    model.faults.reset(times=2)
    for attempt in (whole(client), streamed(client)):
        with pytest.raises(anthropic.APIConnectionError):
            await attempt


async def test_a_stream_cut_cleanly_raises_nothing_and_has_no_stop_reason(
    model: ScriptedModel, client: anthropic.AsyncAnthropic
) -> None:
    model.faults.cut_stream(after_events=4)
    message = await streamed(client)
    assert message.stop_reason is None
    block = message.content[0]
    assert block.type == "text"
    assert block.text
    assert WORDS.startswith(block.text)
    assert block.text != WORDS


async def test_a_stream_cut_by_a_reset_raises(model: ScriptedModel, client: anthropic.AsyncAnthropic) -> None:
    model.faults.cut_stream(after_events=4, clean=False)
    model.faults.cut_stream(after_events=4)
    with pytest.raises(httpx2.TransportError):
        await streamed(client)
    with pytest.raises(anthropic.APIConnectionError):
        await whole(client)  # the whole answer, cut half way


async def test_an_error_inside_a_stream_has_status_200(model: ScriptedModel, client: anthropic.AsyncAnthropic) -> None:
    model.faults.error_in_stream()
    model.faults.error_in_stream()
    with pytest.raises(anthropic.APIStatusError) as failed:
        await streamed(client)
    assert (failed.value.status_code, failed.value.type) == (200, "overloaded_error")
    with pytest.raises(anthropic.OverloadedError):
        await whole(client)


async def test_garbage(model: ScriptedModel, client: anthropic.AsyncAnthropic) -> None:
    model.faults.garbage(times=2)
    with pytest.raises(ValueError, match=r"JSON|property name"):
        await streamed(client)
    with pytest.raises((ValueError, anthropic.APIError)):
        await whole(client)
    assert (await streamed(client)).stop_reason == "end_turn"


async def test_silence_outlasts_a_timeout_and_ends_with_the_server(model: ScriptedModel) -> None:
    model.faults.silence(3600)
    async with anthropic.AsyncAnthropic(base_url=model.base_url, api_key=model.api_key, max_retries=0, timeout=0.2) as impatient:
        with pytest.raises(anthropic.APITimeoutError):
            await whole(impatient)


async def test_a_slow_stream_arrives_whole_or_outlasts_a_timeout(model: ScriptedModel) -> None:
    async with anthropic.AsyncAnthropic(base_url=model.base_url, api_key=model.api_key, max_retries=0, timeout=0.5) as impatient:
        model.faults.slow(0.01)
        assert (await streamed(impatient)).stop_reason == "end_turn"
        model.faults.slow(3600)
        with pytest.raises((httpx2.TimeoutException, anthropic.APITimeoutError)):
            await streamed(impatient)


async def test_a_refused_request_uses_no_fault_up(model: ScriptedModel, client: anthropic.AsyncAnthropic) -> None:
    model.faults.status(500)
    with pytest.raises(anthropic.BadRequestError):
        await whole(client, messages=[])
    assert model.faults.waiting == 1
    model.faults.clear()
    assert (await whole(client)).stop_reason == "end_turn"


async def test_a_line_is_not_lost_with_a_cut_stream(client: anthropic.AsyncAnthropic, model: ScriptedModel) -> None:
    model.script = Lines("one line to be said whole, in the end", "two")
    model.faults.cut_stream(after_events=4)
    assert (await streamed(client)).stop_reason is None
    block = (await streamed(client)).content[0]
    assert block.type == "text"
    assert block.text.startswith("one line")


async def test_conversations_do_not_wait_for_each_other(model: ScriptedModel, client: anthropic.AsyncAnthropic) -> None:
    asked, released = asyncio.Event(), asyncio.Event()

    async def slow(request: Request) -> Reply:
        asked.set()
        await released.wait()
        return say("At last.")

    model.script = Conversations({"Hello": slow}, otherwise=Lines("At once."))
    waiting = asyncio.ensure_future(streamed(client))
    await asked.wait()
    assert (await whole(client, messages=[{"role": "user", "content": "Good morning"}])).stop_reason == "end_turn"
    released.set()
    assert (await waiting).stop_reason == "end_turn"
