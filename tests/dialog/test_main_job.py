"""The main job, end to end: asked, proposed, approved by a click, done once."""

from bot.sandbox.model import Lines, call, calls
from tests.dialog.conftest import World, dm, mention

ORDER = call("create_order", customer="ada@example.com", sku="WGT-001", quantity=2)


async def orders(world: World) -> int:
    return (await world.rows("SELECT count(*) FROM shop.orders"))[0][0]


async def test_a_mention_becomes_a_card_and_a_click_an_order(shop: World) -> None:
    before = await orders(shop)
    talk = await mention(shop, "ann", "please order 2 Widget Pro for ada@example.com")
    card = await talk.card()
    assert "Order 2 × Widget Pro for Ada Byron" in card.seen_text
    assert "Asked by @ann" in card.seen_text.replace("Ann", "ann")
    await talk.rests("suspended")
    assert await orders(shop) == before  # nothing has run yet
    await talk.clicks("ann", card)
    closed = await talk.sees("Approved by", "Done.", "ORD-1201")
    assert closed.ts == card.ts
    assert talk.open_cards() == []
    await talk.rests("active")
    assert await orders(shop) == before + 1
    grown = [message for message in talk.posts() if message.blocks and message.blocks[0]["type"] == "plan"]
    assert len(talk.posts()) - len(grown) == 2  # the card, and one answer; where it takes long, people see what is done


async def test_reject_with_a_reason_then_a_second_proposal(shop: World) -> None:
    before = await orders(shop)
    talk = await mention(shop, "ann", "please order 3 Widget Pro for ada@example.com")
    await talk.rejects("ben", await talk.card(), "only 2")
    await talk.sees("Rejected by", "only 2", "Nothing was run.")
    second = await talk.card()
    assert "Order 2 × Widget Pro" in second.seen_text
    await talk.clicks("ben", second)
    await talk.sees("Done.", "ORD-1201")
    assert await orders(shop) == before + 1


async def test_a_dm_is_answered_in_its_thread(shop: World) -> None:
    talk = await dm(shop, "ann", "what is the status of order ORD-1042?")
    answer = await talk.sees("ORD-1042", "delivered")
    assert answer.thread_ts == talk.ts


async def test_several_calls_in_one_turn_are_decided_one_by_one(bot: World) -> None:
    one = call("create_order", "toolu_one", customer="ada@example.com", sku="WGT-001", quantity=1)
    two = call("create_order", "toolu_two", customer="ada@example.com", sku="WGT-001", quantity=2)
    read = call("get_order_status", "toolu_read", order_id="ORD-1042")
    bot.model.script = Lines(calls(one, two, read), "All is settled.")
    talk = await mention(bot, "ann", "two orders please")
    card = await talk.card()
    await talk.clicks("ann", card, row=2)
    await talk.sees("Done.", "ORD-1201", "[One by one…]")  # it runs at once; its sibling keeps waiting
    assert len(bot.model.requests) == 1
    await talk.rejects("ann", await talk.card())
    await talk.sees("All is settled.")
    results = bot.model.requests[1]["messages"][-1]["content"]
    assert [block["tool_use_id"] for block in results] == ["toolu_one", "toolu_two", "toolu_read"]
    assert ["rejected" in block["content"] for block in results] == [True, False, False]


async def test_a_thread_goes_on_over_several_turns(bot: World) -> None:
    talk = await mention(bot, "ann", "what is the status of order ORD-1042?")
    await talk.sees("ORD-1042")
    await talk.says("ben", "do you have the Widget Pro in stock?")
    await talk.sees("Widget Pro")
    assert len(bot.model.requests[-1]["messages"]) > len(bot.model.requests[0]["messages"])


async def test_the_bot_restarted_between_card_and_click(world: World) -> None:
    stop = await world.start_bot()
    world.model.script = Lines(ORDER, "Ordered.")
    talk = await mention(world, "ann", "order two")
    card = await talk.card()
    await stop()
    await world.start_bot()
    await talk.clicks("ann", card)
    await talk.sees("Done.")
    await talk.sees("Ordered.")
