"""Several calls of one turn: one message with a row each, decided alone, run at once, answered in order."""

from bot.sandbox.model import Call, Lines, call, calls
from bot.sandbox.slack.types import Message
from tests.dialog.conftest import Talk, World, mention, rows

SKUS = ("WGT-001", "LGT-001", "LGT-003")
PLACED = "SELECT sku FROM shop.orders WHERE idempotency_key IS NOT NULL ORDER BY sku"


def order(sku: str, quantity: int = 1) -> Call:
    return call("create_order", customer="ada@example.com", sku=sku, quantity=quantity)


async def asked(world: World, *more: Call) -> tuple[Talk, Message]:
    """Three orders in one turn, in one message."""
    world.model.script = Lines(calls(*(order(sku) for sku in SKUS), *more), "All is settled.")
    talk = await mention(world, "ann", "order one of each")
    return talk, await talk.card()


async def placed(world: World) -> list[str]:
    return [sku for (sku,) in await world.rows(PLACED)]


async def test_three_calls_are_one_message_and_each_is_decided_alone(bot: World) -> None:
    talk, card = await asked(bot)
    assert len(rows(card)) == 3
    assert len(talk.open_cards()) == 1
    await talk.clicks("ann", card, row=2)
    await talk.sees("Approved by @Ann Archer", "Done.", "[One by one…]")  # its siblings still wait in the same message
    assert await placed(bot) == ["LGT-001"]
    await talk.rejects("ben", card, "too many", row=1)
    await talk.sees("Rejected by @Ben Baker", "too many", "[One by one…]")
    assert len(bot.model.requests) == 1  # the model goes on when every call has its result
    left = await talk.card()
    assert len(rows(left)) == 1
    await talk.clicks("ann", left)
    await talk.sees("All is settled.")
    assert await placed(bot) == ["LGT-001", "LGT-003"]
    assert [result.ok for result in bot.last_request().turn_results] == [False, True, True]


async def test_approve_all_approves_what_the_message_showed(bot: World) -> None:
    talk, card = await asked(bot)
    await talk.clicks("ann", card, "approve_all")
    await talk.sees("All is settled.")
    assert await placed(bot) == sorted(SKUS)
    assert talk.open_cards() == []


async def test_approve_all_leaves_what_was_edited_meanwhile(bot: World) -> None:
    talk, card = await asked(bot)
    await talk.edits("ben", card, row=1, quantity="7")
    edited = await talk.slack.until(lambda: next((m for m in talk.open_cards() if m.ts != card.ts), None))
    await talk.slack.click("ann", talk.channel, card.ts, "approve_all", stale=True)
    await talk.slack.until(lambda: [m.ts for m in talk.open_cards()] == [edited.ts])
    await talk.clicks("cleo", edited)
    await talk.sees("All is settled.")
    found = await bot.rows("SELECT sku, quantity FROM shop.orders WHERE idempotency_key IS NOT NULL ORDER BY sku")
    assert found == [("LGT-001", 1), ("LGT-003", 1), ("WGT-001", 7)]


async def test_a_restart_keeps_the_rows_that_wait(world: World) -> None:
    stop = await world.start_bot()
    talk, card = await asked(world)
    await talk.clicks("ann", card, row=3)
    await talk.sees("Done.")
    await stop()
    await world.start_bot()
    await talk.clicks("ann", card, row=1)
    await talk.clicks("ann", card, row=2)
    await talk.sees("All is settled.")
    assert await placed(world) == sorted(SKUS)


async def test_more_calls_than_a_message_holds_come_as_two(bot: World) -> None:
    more = [order("WGT-001", quantity) for quantity in (2, 3, 4)]
    talk, _ = await asked(bot, *more)
    second = await talk.card(2)
    assert sorted(len(rows(card)) for card in talk.open_cards()) == [1, 5]
    for card in talk.open_cards():
        await talk.clicks("ann", card, "approve" if card.ts == second.ts else "approve_all")
    await talk.sees("All is settled.")
    assert len(await placed(bot)) == 6


async def test_stop_withdraws_every_row_that_waits(bot: World) -> None:
    talk, card = await asked(bot)
    await talk.clicks("ann", card, row=1)
    await talk.sees("Done.")
    await talk.says("ann", "stop")
    await talk.sees("Withdrawn by @Ann Archer")
    await talk.sees("Stopped by")
    assert await placed(bot) == ["WGT-001"]
    assert talk.open_cards() == []
