"""Replies that cannot be sent back, requests that the API does not take: no conversation ends by one of them."""

import pytest

from bot.sandbox.model import Call, Lines, Reply, Text, call
from tests.dialog.conftest import World, mention

LOOK = call("get_order_status", order_id="ORD-1042")


@pytest.mark.parametrize(
    "odd",
    [
        Reply((Text("\n\n"), LOOK)),
        Reply((LOOK, Text("\n"))),
        Reply((call("get_order_status", "toolu_1", order_id="ORD-1042"), call("search_product_catalog", "toolu_1", query="x"))),
        Reply((Call("get_order_status", {}, "toolu_2", '{"order_id": "a\nb"}'),)),
        Reply((Call("get_order_status", {}, "toolu_3", '["ORD-1042"]'),)),
        Reply((Call("get_order_status", {}, "toolu_4", '{"order_id": '),)),
        Reply((Call("get_order_status", {}, "toolu 5", '{"order_id": 1e999}'),)),
    ],
    ids=["blank first", "blank last", "one id twice", "a raw line break", "no object", "no JSON", "no number"],
)
async def test_a_reply_that_could_not_be_sent_back_is_answered_and_the_conversation_goes_on(bot: World, odd: Reply) -> None:
    bot.model.script = Lines(odd, "That was odd.", "Of course.")
    talk = await mention(bot, "ann", "where is my order?")
    await talk.sees("That was odd.")
    results = [block for block in bot.model.requests[1]["messages"][-1]["content"] if block["type"] == "tool_result"]
    assert len(results) == len(odd.calls)
    await talk.says("ann", "and now?")
    await talk.sees("Of course.")


async def test_one_id_used_in_two_turns_is_two_calls(bot: World) -> None:
    again = call("get_order_status", "toolu_1", order_id="ORD-1042")
    bot.model.script = Lines(again, "Delivered.", again, "Still delivered.")
    talk = await mention(bot, "ann", "where is my order?")
    await talk.sees("Delivered.")
    await talk.says("ann", "and now?")
    await talk.sees("Still delivered.")


async def test_a_write_whose_arguments_are_no_object_is_brought_before_nobody(bot: World) -> None:
    bot.model.script = Lines(Reply((Call("create_order", {}, "toolu_1", '[{"quantity": 2}]'),)), "I will try again.")
    talk = await mention(bot, "ann", "order two")
    await talk.sees("I will try again.")
    [result] = bot.model.requests[1]["messages"][-1]["content"]
    assert result["is_error"]
    assert "its arguments are no JSON object" in result["content"]
    assert await bot.rows("SELECT FROM action") == []


async def test_a_failed_call_is_marked_as_one_and_a_good_one_is_not(bot: World) -> None:
    bot.model.script = Lines(Reply((LOOK, call("get_order_status", order_id="ORD-9999"))), "One of them is there.")
    talk = await mention(bot, "ann", "where are my orders?")
    await talk.sees("One of them is there.")
    good, bad = bot.model.requests[1]["messages"][-1]["content"]
    assert (good.get("is_error"), bad.get("is_error")) == (None, True)


async def test_a_tool_that_the_api_refuses_costs_no_other(bot: World) -> None:
    bot.model.script = Lines("Hello.", "Hello again.")
    bot.model.faults.not_taken("tools.1.custom.input_schema: JSON schema is invalid. It must match JSON Schema draft 2020-12")
    talk = await mention(bot, "ann", "hello")
    await talk.sees("Hello.")
    refused, taken = ([tool["name"] for tool in request["tools"]] for request in bot.model.requests)
    assert taken == [name for name in refused if name != refused[1]]
    other = await mention(bot, "ben", "hello")
    await other.sees("Hello again.")
    assert [tool["name"] for tool in bot.model.requests[2]["tools"]] == taken


async def test_a_conversation_that_is_not_taken_any_more_goes_on_from_a_summary(bot: World) -> None:
    bot.model.script = Lines(call("get_order_status", "toolu_odd", order_id="ORD-1042"), "Delivered.", "I can go on.", "And on.")
    talk = await mention(bot, "ann", "hello")
    await talk.sees("Delivered.")
    bot.model.faults.not_taken_with("toolu_odd")
    await talk.says("ann", "and now?")
    told = await talk.sees("I can go on.")
    assert "I went on from a summary" in told.seen_text
    await talk.says("ann", "and on?")
    later = await talk.sees("And on.")
    assert "summary" not in later.seen_text


async def test_a_turn_that_is_not_taken_ends_and_the_next_one_is_heard(bot: World) -> None:
    bot.model.script = Lines(call("get_order_status", "toolu_odd", order_id="ORD-1042"), "Of course.")
    bot.model.faults.not_taken_with("toolu_odd")
    talk = await mention(bot, "ann", "where is my order?")
    await talk.sees("The model did not take this conversation", "ask once more in other words")
    await talk.says("ann", "and now?")  # what is not taken is still refused, and left out
    await talk.sees("Of course.", "I went on from a summary")


@pytest.mark.parametrize(
    "message",
    [
        "prompt is too long: 210000 tokens > 200000 maximum",
        "input length and `max_tokens` exceed context limit: 190000 + 16000 > 200000, decrease input length or `max_tokens`",
        "This model's maximum context length is 200000 tokens.",
    ],
)
async def test_whatever_it_is_called_a_full_window_is_compacted(bot: World, message: str) -> None:
    bot.model.script = Lines("First.", "Second.")
    talk = await mention(bot, "ann", "hello")
    await talk.sees("First.")
    bot.model.faults.not_taken(message, times=2)
    await talk.says("ann", "and now?")
    await talk.sees("Second.")
    assert len(await bot.rows("SELECT FROM step WHERE body->>'kind' = 'compacted'")) == 1


async def test_a_cut_call_says_which_one_was_not_made(bot: World) -> None:
    long = call("create_order", customer="ada@example.com", sku="WGT-001", quantity=2, note="x" * 90_000)
    bot.model.script = Lines(long, long, long, long)
    talk = await mention(bot, "ann", "order two")
    told = await talk.sees("cut at its length limit")
    assert "the call of `create_order`: it was not made" in told.seen_text
    assert await bot.rows("SELECT FROM action") == []
