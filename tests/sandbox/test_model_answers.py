"""The scripted model as the anthropic SDK sees it: answers, streams, usage, models, scripts."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import anthropic
import pytest

from bot.sandbox.model import (
    Conversations,
    Lines,
    Reply,
    Request,
    Script,
    ScriptedModel,
    call,
    calls,
    fast,
    say,
    think,
)

SONNET = "claude-sonnet-5-5"
SEARCH: dict[str, Any] = {
    "name": "search_product_catalog",
    "description": "Find products.",
    "input_schema": {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
}
ORDER: dict[str, Any] = {**SEARCH, "name": "create_order"}


@asynccontextmanager
async def serving(script: Script) -> AsyncGenerator[tuple[ScriptedModel, anthropic.AsyncAnthropic]]:
    async with (
        ScriptedModel(script) as model,
        anthropic.AsyncAnthropic(base_url=model.base_url, api_key=model.api_key, max_retries=0) as client,
    ):
        yield model, client


def asked(text: str = "Hello", **more: Any) -> dict[str, Any]:
    return {"model": SONNET, "max_tokens": 1024, "messages": [{"role": "user", "content": text}], **more}


async def sent(client: anthropic.AsyncAnthropic, body: dict[str, Any]) -> anthropic.types.Message:
    return await client.messages.create(**body, stream=False)


async def test_an_answer_in_words() -> None:
    async with serving(Lines("Hello!")) as (model, client):
        message = await sent(client, asked())
        assert [block.to_dict() for block in message.content] == [{"type": "text", "text": "Hello!", "citations": None}]
        assert (message.stop_reason, message.model, message.role) == ("end_turn", SONNET, "assistant")
        assert message.id.startswith("msg_")
        assert message.usage.input_tokens > 0
        assert message.usage.output_tokens == 2
        assert model.requests[0]["messages"][0]["content"] == "Hello"
        assert model.requests[0].headers["anthropic-version"] == "2026-10-21"
        assert model.refusals == []


async def test_a_stream_carries_text_and_arguments_in_pieces() -> None:
    wanted = {"query": "a lamp with a long neck and a “warm” light"}
    reply = calls(call("search_product_catalog", **wanted), text="I look for a lamp, which may take a moment.")
    async with serving(Lines(reply)) as (_, client):
        kinds: list[str] = []
        async with client.messages.stream(**asked(tools=[SEARCH])) as stream:
            async for event in stream:
                kinds.append(event.type)
            message = await stream.get_final_message()
    text, use = message.content
    assert text.type == "text"
    assert text.text == "I look for a lamp, which may take a moment."
    assert use.type == "tool_use"
    assert use.input == wanted
    assert message.stop_reason == "tool_use"
    assert kinds.count("text") > 1
    assert kinds.count("input_json") > 1
    assert (kinds[0], kinds[-1]) == ("message_start", "message_stop")
    assert message.usage.input_tokens > 0
    assert message.usage.output_tokens > 10


async def test_the_same_answer_streamed_and_whole() -> None:
    def script(request: Request) -> Reply:
        return calls(call("search_product_catalog", "toolu_1", query="lamp"), text="One moment.")

    async with serving(script) as (_, client):
        whole = await sent(client, asked(tools=[SEARCH]))
        async with client.messages.stream(**asked(tools=[SEARCH])) as stream:
            streamed = await stream.get_final_message()
    assert [block.to_dict() for block in whole.content] == [block.to_dict() for block in streamed.content]
    assert whole.usage.to_dict() == streamed.usage.to_dict()


async def test_thinking_is_signed_and_its_text_left_out_unless_asked_for() -> None:
    async with serving(lambda request: Reply((think("A lamp, then."), *say("Hello!").blocks))) as (_, client):
        silent = await sent(client, asked())
        async with client.messages.stream(**asked(thinking={"type": "adaptive", "display": "summarized"})) as stream:
            shown = await stream.get_final_message()
        off = await sent(client, asked(thinking={"type": "between_tools"}))
    assert silent.content[0].type == "thinking"
    assert silent.content[0].thinking == ""
    assert silent.content[0].signature
    assert shown.content[0].type == "thinking"
    assert shown.content[0].thinking == "A lamp, then."
    assert shown.content[0].signature
    assert [block.type for block in off.content] == ["text"]
    details = silent.usage.output_tokens_details
    assert details
    assert details.thinking_tokens > 0


async def test_words_between_calls_arrive_as_thinking_on_sonnet() -> None:
    again = calls(call("create_order", query="lamp"), text="Found it; I order now.")
    async with serving(Lines(call("search_product_catalog", query="lamp"), again)) as (_, client):
        tools = [SEARCH, ORDER]
        first = await sent(client, asked(tools=tools))
        use = first.content[-1]
        assert use.type == "tool_use"
        told = [
            *asked()["messages"],
            {"role": "assistant", "content": [block.to_dict(mode="json") for block in first.content]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": use.id, "content": "{}"}]},
        ]
        second = await sent(client, {**asked(tools=tools), "messages": told})
    assert [block.type for block in second.content] == ["thinking", "tool_use"]


async def test_max_tokens_cuts_the_answer_and_its_arguments() -> None:
    wanted = call("create_order", customer="ada@example.com", sku="LGT-001", note="a long wish " * 9)
    async with serving(lambda request: wanted) as (_, client):
        body: dict[str, Any] = {**asked(tools=[ORDER]), "max_tokens": 20}
        whole = await sent(client, body)
        async with client.messages.stream(**body) as stream:
            streamed = await stream.get_final_message()
    for message in (whole, streamed):
        assert message.stop_reason == "max_tokens"
        assert message.usage.output_tokens == 20
        use = message.content[0]
        assert use.type == "tool_use"
        assert use.input == {"customer": "ada@example.com", "sku": "LGT-001"}  # looks whole, and is not


async def test_usage_tells_cache_writes_from_reads() -> None:
    system = [{"type": "text", "text": "You sell lamps. " * 300, "cache_control": {"type": "ephemeral", "ttl": "1h"}}]
    async with serving(lambda request: say("Hello!")) as (_, client):
        plain = (await sent(client, asked(system=system[0]["text"]))).usage
        first = (await sent(client, asked(system=system))).usage
        second = (await sent(client, asked("Hello again", system=system))).usage
    assert plain.cache_creation_input_tokens == 0
    assert first.cache_creation_input_tokens
    assert first.cache_creation
    assert first.cache_creation.ephemeral_1h_input_tokens == first.cache_creation_input_tokens
    assert first.cache_read_input_tokens == 0
    assert second.cache_read_input_tokens == first.cache_creation_input_tokens
    assert second.cache_creation_input_tokens == 0


async def test_usage_can_be_set_for_tests_of_budgets() -> None:
    async with serving(Lines(replace(say("Hello!"), usage={"input_tokens": 49_000}))) as (_, client):
        assert (await sent(client, asked())).usage.input_tokens == 49_000


async def test_count_tokens_agrees_with_the_usage() -> None:
    async with serving(Lines("Hello!")) as (model, client):
        body = asked(system="You sell lamps.", tools=[SEARCH])
        message = await sent(client, body)
        del body["max_tokens"]
        counted = await client.messages.count_tokens(**body)
        assert counted.input_tokens == message.usage.input_tokens
        assert len(model.requests) == 1  # counting is no request for an answer


async def test_the_models_page_says_what_retires_when() -> None:
    async with serving(Lines()) as (model, client):
        cards = {card.id: card async for card in client.models.list(limit=5)}
        assert cards[SONNET].lifecycle == "active"
        capabilities = cards[SONNET].capabilities
        assert capabilities
        assert not capabilities.thinking.types.disabled.supported
        assert capabilities.thinking.types.between_tools.supported
        assert cards[SONNET].max_input_tokens == 1_000_000
        assert "claude-opus-4-20250514" not in cards  # retired ones only when asked for
        retired = {card.id async for card in client.models.list(lifecycle=["retired"])}
        assert "claude-opus-4-20250514" in retired
        retiring = await client.models.retrieve("claude-sonnet-4-5")
        assert (retiring.id, retiring.lifecycle) == ("claude-sonnet-4-5-20250929", "deprecated")
        assert retiring.retires_at == datetime(2026, 11, 30, tzinfo=UTC)
        with pytest.raises(anthropic.NotFoundError, match="claude-imaginary"):
            await client.models.retrieve("claude-imaginary")

        card = model.models.get(SONNET)
        assert card
        soon = datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)
        model.models.put(replace(card, lifecycle="deprecated", retires_at=soon))
        assert (await client.models.retrieve(SONNET)).retires_at == soon


async def test_lines_play_in_order_and_end_loudly() -> None:
    async with serving(Lines("one", "two")) as (model, client):
        assert await said(client, "a") == "one"
        assert await said(client, "b") == "two"
        with pytest.raises(anthropic.InternalServerError, match="there is no line 3"):
            await said(client, "c")
        assert [(refused.status, refused.type) for refused in model.refusals] == [(500, "api_error")]


async def test_a_request_sent_again_gets_its_line_again() -> None:
    async with serving(Lines("one", "two")) as (_, client):
        assert [await said(client, text) for text in ("a", "a", "b")] == ["one", "one", "two"]


async def test_conversations_have_scripts_of_their_own() -> None:
    scripts = Conversations({"lamp": ["a lamp", "two lamps"], "mug": fast_mug}, otherwise=Lines("what?"))
    async with serving(scripts) as (_, client):
        told = [await said(client, text) for text in ("a mug", "a lamp", "hello", "one more lamp")]
    assert told == ["a mug", "a lamp", "what?", "two lamps"]


async def fast_mug(request: Request) -> Reply:
    return say(request.first_user_text)


async def test_a_script_may_call_a_tool_that_was_not_offered_as_models_do_now_and_then() -> None:
    async with serving(Lines(call("create_order", query="lamp"))) as (_, client):
        reply = await sent(client, asked(tools=[SEARCH]))
    assert [block.name for block in reply.content if block.type == "tool_use"] == ["create_order"]


async def test_a_script_reads_the_conversation_in_order() -> None:
    seen: list[Request] = []

    def script(request: Request) -> Reply:
        seen.append(request)
        return say("Done.")

    messages: list[dict[str, Any]] = [
        {"role": "user", "content": "Find a lamp"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "create_order", "input": {"n": 1}}]},
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "t1", "content": '{"ok": false, "error": "not_found"}'}],
        },
        {"role": "assistant", "content": "There is none."},
        {"role": "user", "content": [{"type": "text", "text": "Then"}, {"type": "text", "text": "a mug"}]},
    ]
    async with serving(script) as (_, client):
        await sent(client, {**asked(tools=[ORDER], system="Be kind."), "messages": messages})
        await sent(client, {**asked(tools=[ORDER]), "messages": messages[:3]})
    whole, waiting = seen
    assert (whole.first_user_text, whole.last_user_text, whole.system) == ("Find a lamp", "Then\na mug", "Be kind.")
    assert whole.last_results == ()
    assert [(result.tool, result.args, result.error) for result in whole.results] == [("create_order", {"n": 1}, "not_found")]
    assert waiting.last_results == waiting.turn_results == waiting.results
    assert not waiting.last_results[0].ok


async def test_fast_searches_orders_and_is_done() -> None:
    async with serving(fast) as (_, client):
        messages: list[Any] = asked()["messages"]
        results = iter(['{"ok": true, "result": {"products": []}}', '{"ok": true, "result": {}}'])
        made: list[str] = []
        while True:
            message = await sent(client, {**asked(tools=[SEARCH, ORDER]), "messages": messages})
            use = message.content[0]
            if use.type != "tool_use":
                break
            made.append(use.name)
            answer = {"type": "tool_result", "tool_use_id": use.id, "content": next(results)}
            messages = [*messages, message.to_param(), {"role": "user", "content": [answer]}]
    assert made == ["search_product_catalog", "create_order"]


async def said(client: anthropic.AsyncAnthropic, text: str) -> str:
    message = await sent(client, asked(text))
    block = message.content[0]
    assert block.type == "text"
    return block.text
