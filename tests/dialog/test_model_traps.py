"""Traps of this SDK and API version (reference: model API) that no other dialog steps on, against the server that sets them."""

import json
from typing import Any

from bot.sandbox.model import Call, Lines, Reply, Request, Text, call, calls, think
from tests.dialog.conftest import World, mention

SETTLED = ("temperature", "top_p", "top_k", "tool_choice", "stop_sequences")


def look(order: str = "ORD-1042") -> Call:
    """A call of a read, with a separate id."""
    return call("get_order_status", order_id=order)


async def test_a_request_has_no_sampling_and_forces_no_tool(bot: World) -> None:
    """Traps 2 and 12: 400 on the current families; at the cap of steps a turn is ended by us, not by a forced tool choice."""
    bot.model.script = lambda request: calls(look(f"ORD-{len(request.messages)}"))
    talk = await mention(bot, "ann", "look")
    await talk.sees("I stopped after 10 steps")
    assert [name for request in bot.model.requests for name in SETTLED if name in request] == []
    assert all(request["thinking"] == {"type": "adaptive", "display": "summarized"} for request in bot.model.requests)


async def test_what_the_model_sent_goes_back_as_it_was_sent(bot: World) -> None:
    """Trap 9: with its nulls where it had some, none where it had none, in its own order, and with every character."""
    odd = {"b": 1.0, "a": [1e3, "ä\u2028</tag>\\"], "": None}
    sent: list[dict[str, Any]] = []

    def script(request: Request) -> Reply:
        if not request.turn_results:
            return Reply((think("Let me\tsee."), Text("I look."), Call("search_product_catalog", odd)))
        sent.append(request.messages[1])
        return Reply((Text("Done."),))

    bot.model.script = script
    talk = await mention(bot, "ann", "look")
    await talk.sees("Done.")
    thinking, text, tool_use = sent[0]["content"]
    assert set(thinking) == {"type", "thinking", "signature"}
    assert text == {"type": "text", "text": "I look.", "citations": None}
    assert json.dumps(tool_use["input"]) == json.dumps(odd)
    [(kept,)] = await bot.rows("SELECT body->>'content' FROM step WHERE body->>'kind' = 'model_replied' ORDER BY seq LIMIT 1")
    assert json.loads(kept)[2]["input"] == odd


async def test_all_results_wait_until_the_set_is_complete(bot: World) -> None:
    """Trap 7: with one call waiting for people, nothing is sent; then all results come, in the order of the calls, and first."""
    order = call("create_order", customer="ada@example.com", sku="WGT-001", quantity=2)
    first, last = look(), look("ORD-1043")
    bot.model.script = Lines(calls(first, order, last), "All of it.")
    talk = await mention(bot, "ann", "order and look")
    card = await talk.card()
    await talk.rests("suspended")
    assert len(bot.model.requests) == 1
    await talk.clicks("ann", card)
    await talk.sees("All of it.")
    answer = bot.model.requests[1]["messages"][-1]["content"]
    assert [part["tool_use_id"] for part in answer] == [first.id, order.id, last.id]


async def test_cached_input_is_counted_in_the_budget(bot: World) -> None:
    """Trap 10: `input_tokens` alone leaves out what was written to the cache, and what was read from it."""
    usage = {"input_tokens": 10, "output_tokens": 5, "cache_creation_input_tokens": 1_000, "cache_read_input_tokens": 20_000}
    bot.model.script = Lines(Reply((Text("Hello."),), usage=usage))
    talk = await mention(bot, "ann", "hello")
    await talk.sees("Hello.")
    [(charged,)] = await bot.rows("""
        SELECT (usage->>'input_tokens')::int + (usage->>'output_tokens')::int + (usage->>'cache_creation_input_tokens')::int
             + (usage->>'cache_read_input_tokens')::int / 10
        FROM step, json_extract_path(body, 'usage') AS usage WHERE body->>'kind' = 'model_replied'
    """)
    assert charged == 10 + 5 + 1_000 + 2_000
