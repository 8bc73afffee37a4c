"""The ends of a turn that are not the model's own: limits, budgets, a model in trouble. The thread can be used after each."""

import logging
from typing import Any, cast

import pytest
from redis.asyncio import Redis

from bot.config.file import AgentSection, BudgetSection, Config
from bot.sandbox.model import Lines, Reply, Request, call, calls, say
from tests.dialog.conftest import World, mention


def looping(request: Request) -> Reply:
    """A model that never comes to an end: each call is a little different, so that none is a repetition."""
    return calls(call("search_product_catalog", query=f"lamp {len(request.messages)}"))


async def test_a_turn_ends_after_ten_model_calls(bot: World, caplog: pytest.LogCaptureFixture) -> None:
    bot.model.script = looping
    talk = await mention(bot, "ann", "look for lamps")
    await talk.sees("I stopped after 10 steps")
    logged = [record.message for record in caplog.records if "AgentMaxIterationsError after" in record.message]
    assert [line.partition(" after ")[2].partition(" (")[0] for line in logged] == [
        "user: tool_result",
        "assistant: tool_use",
        "user: tool_result",
    ]
    assert len(bot.model.requests) == 10
    bot.model.script = lambda _: say("Here again.")
    await talk.says("ann", "one lamp will do")
    await talk.sees("Here again.")
    errors = await bot.rows("SELECT body->>'error' FROM step WHERE body->>'kind' = 'halted'")
    assert errors == [("AgentMaxIterationsError",)]


async def test_at_the_cap_people_read_what_was_done_and_continue(world: World) -> None:
    world.config = Config(agents={"assistant": AgentSection(max_iterations=3)})
    await world.start_bot()
    order = call("create_order", customer="ada@example.com", sku="WGT-001", quantity=1)
    other = call("create_order", customer="ada@example.com", sku="WGT-001", quantity=2)
    look = call("search_product_catalog", query="Widget Pro", limit=1)
    world.model.script = Lines(look, calls(order, call("pay_nobody")), other, "All of it is done.")
    talk = await mention(world, "ann", "order one, then two")
    await talk.clicks("ann", await talk.card())
    await talk.slack.until(lambda: len(world.model.requests) == 3)
    await talk.rejects("ann", await talk.card())  # what the last reply asks for comes before people like any other call
    stopped = await talk.sees("I stopped after 3 steps without finishing", "[Continue]")
    assert "Done: Create order\n" in stopped.seen_text
    assert "Only read: Search product catalog\n" in stopped.seen_text
    assert "Not run: Pay nobody (not allowed), Create order (rejected)\n" in stopped.seen_text
    await talk.clicks("ben", stopped, "continue")
    await talk.sees("All of it is done.")
    assert await world.rows("SELECT body->>'budget_tokens' FROM step WHERE body->>'kind' = 'asked' AND seq > 1") == [("0",)]
    assert await world.rows("SELECT quantity FROM shop.orders WHERE idempotency_key IS NOT NULL") == [(1,)]


async def test_the_budget_stops_before_the_call_that_would_break_it(world: World) -> None:
    world.config = Config(agents={"assistant": AgentSection(budget=BudgetSection(session_tokens=6_000))})
    await world.start_bot()
    world.model.script = looping
    talk = await mention(world, "ann", "look for lamps")
    short = "This conversation's budget of 6,000 tokens has "
    stopped = await talk.sees(short, "left, and the next step needs ", " used)", "Continue adds 6,000 tokens", "[Continue]")
    used = await world.rows(
        "SELECT sum((body#>>'{usage,input_tokens}')::int + (body#>>'{usage,output_tokens}')::int) FROM step "
        "WHERE body->>'kind' = 'model_replied'"
    )
    assert 0 < used[0][0] <= 6_000
    world.model.script = lambda _: say("Done at last.")
    await talk.clicks("ann", stopped, "continue")
    await talk.sees("Done at last.")


async def test_a_budget_below_one_call_says_what_a_step_needs_and_offers_no_way_that_cannot_help(world: World) -> None:
    world.config = Config(agents={"assistant": AgentSection(budget=BudgetSection(session_tokens=300))})
    await world.start_bot()
    talk = await mention(world, "ann", "look for lamps")
    told = await talk.sees("This conversation's budget of 300 tokens is too small for the next step, which needs ")
    assert "(0 used). I stopped before it. A new thread has no more: ask for less at once" in told.seen_text
    assert "[Continue]" not in told.seen_text
    assert world.model.requests == []


async def test_tokens_are_reserved_in_redis_while_the_model_is_asked_and_settled_after(bot: World) -> None:
    redis = cast(Any, Redis).from_url(bot.redis_url, decode_responses=True)
    seen: list[str] = []

    async def asked(_: Request) -> Reply:
        [key] = await redis.keys("signoff:budget:*:session:*")
        seen.append(await redis.hget(key, "open_tokens"))
        return say("Hello.")

    bot.model.script = asked
    talk = await mention(bot, "ann", "hello")
    await talk.sees("Hello.")
    [key] = await redis.keys("signoff:budget:*:session:*")
    assert int(seen[0]) > 0
    await talk.rests()
    assert await redis.hget(key, "open_tokens") == "0"
    [(used,)] = await bot.rows("SELECT tokens FROM usage")
    assert int(await redis.hget(key, "used_tokens")) == used > 0
    await redis.aclose()


TROUBLES = ["429", "429 with a wait", "500", "529", "408", "409", "reset", "cut", "error in the stream", "garbage"]


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_a_model_in_trouble_is_asked_again(bot: World, trouble: str) -> None:
    faults = bot.model.faults
    match trouble:
        case "429":
            faults.rate_limit()
        case "429 with a wait":
            faults.rate_limit(retry_after=1)
        case "reset":
            faults.reset()
        case "garbage":
            faults.garbage()
        case "cut":
            faults.cut_stream()
        case "error in the stream":
            faults.error_in_stream()
        case status:
            faults.status(int(status))
    bot.model.script = Lines("Here I am.")
    talk = await mention(bot, "ann", "hello")
    await talk.sees("Here I am.")
    assert len(talk.posts()) == 1


@pytest.mark.parametrize(
    ("trouble", "sentence"),
    [("spend limit", "our spend limit is reached"), ("an hour", "over its rate limit")],
)
async def test_what_cannot_help_is_not_tried_again(
    bot: World, trouble: str, sentence: str, caplog: pytest.LogCaptureFixture
) -> None:
    if trouble == "spend limit":
        bot.model.faults.spend_limit(times=5)
    else:
        bot.model.faults.rate_limit(retry_after=3600, times=5)
    with caplog.at_level(logging.WARNING, logger="agent"):
        talk = await mention(bot, "ann", "my secret is zebra")
        await talk.sees(sentence)
    assert len(bot.model.requests) == 1
    assert "zebra" not in caplog.text  # kinds and lengths, not words
    assert "text (" in caplog.text
    bot.model.faults.clear()
    bot.model.script = Lines("Here I am.")
    await talk.says("ann", "and now?")
    await talk.sees("Here I am.")


async def test_an_unknown_tool_is_answered_with_the_ones_there_are(bot: World, caplog: pytest.LogCaptureFixture) -> None:
    bot.model.script = Lines(call("get_order_state", order_id="ORD-1042"), "Sorry.")
    talk = await mention(bot, "ann", "where is my order?")
    await talk.sees("Sorry.")
    told = str(bot.model.requests[1]["messages"][-1])
    assert "not_found" in told
    assert "create_order, get_order_status, read_output, search_product_catalog" in told
    assert "waits" not in caplog.text  # the first call is settled when the second is reserved, though nothing ran in between


async def test_wrong_arguments_are_answered_with_the_field(bot: World) -> None:
    bot.model.script = Lines(call("create_order", customer="ada@example.com", sku="WGT-001", quantity=0), "Sorry.")
    talk = await mention(bot, "ann", "order none")
    await talk.sees("Sorry.")
    told = str(bot.model.requests[1]["messages"][-1])
    assert "invalid_input" in told
    assert "quantity" in told


async def test_the_third_same_call_in_a_turn_is_answered_with_a_note(bot: World) -> None:
    bot.model.script = Lines(*(call("get_order_status", order_id="ORD-1042") for _ in range(3)), "Delivered.")
    talk = await mention(bot, "ann", "where is my order?")
    await talk.sees("Delivered.")
    results = [request["messages"][-1]["content"][0]["content"] for request in bot.model.requests[1:]]
    assert ["already called with these arguments" in result for result in results] == [False, False, True]
    ran = await bot.rows("SELECT count(*) FROM step WHERE body->>'kind' = 'tool_started'")
    assert ran == [(2,)]


async def test_a_calm_queue_after_a_message_while_a_card_waits(bot: World) -> None:
    talk = await mention(bot, "ann", "please order 2 Widget Pro for ada@example.com")
    card = await talk.card()
    await talk.says("ben", "what is the status of order ORD-1042?")
    await talk.sees("I am waiting for a decision", "approves nothing")
    assert len(talk.open_cards()) == 1
    await talk.clicks("ann", card)
    await talk.sees("Done.")
    await talk.sees("ORD-1042", "delivered")
