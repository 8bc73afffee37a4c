"""What a card has no room for, in dialogs: its details for everybody who sees it, and several actions one by one."""

from pathlib import Path

import pytest

from bot.config.file import load_config
from bot.sandbox.model import Lines, call, calls
from bot.sandbox.slack.pressing import pressed
from bot.sandbox.slack.types import View
from tests.dialog.conftest import Talk, World, dm, mention, rows
from tests.dialog.test_batch import asked, placed
from tests.dialog.test_seen import masked

ORDER = call("create_order", customer="ada@example.com", sku="WGT-001", quantity=2)


@pytest.fixture
async def masking(world: World, tmp_path: Path) -> World:
    """A bot that masks addresses in channels, and posts the card of an order in #support too."""
    world.mask = masked
    path = tmp_path / "signoff.yaml"
    path.write_text(f"policy: [{{tool: create_order, post_to: {world.slack.channels['support']}}}]")
    world.config = load_config(path)
    await world.start_bot()
    return world


async def test_whoever_sees_a_card_may_open_its_details_and_sees_no_more_than_there(masking: World) -> None:
    masking.model.script = Lines(ORDER, "Done with it.")
    talk = await mention(masking, "ann", "order two")
    text = await talk.details("cleo", await talk.card())
    assert "EMAIL" in text
    assert "ada@example.com" not in text
    assert "Personal data is hidden here." in text
    assert await masking.rows("SELECT FROM audit WHERE kind = 'view'") == []  # nobody saw it whole


async def test_the_details_of_a_copy_are_masked_as_the_copy_is(masking: World) -> None:
    masking.model.script = Lines(ORDER, "Done with it.")
    talk = await dm(masking, "ann", "order two")
    assert "ada@example.com" in await talk.details("ann", await talk.card())  # nobody else reads it there
    there = masking.slack.workspace.messages[masking.slack.channels["support"]]
    copy = await masking.slack.until(lambda: next((one for one in there.values() if rows(one)), None))
    assert "ada@example.com" not in await talk.details("dan", copy)


async def test_the_details_of_a_decided_card_have_its_arguments_and_its_result(bot: World) -> None:
    bot.model.script = Lines(ORDER, "Done with it.")
    talk = await mention(bot, "ann", "order two")
    await talk.clicks("ben", await talk.card())
    closed = await talk.sees("✅ Order 2 × Widget Pro for Ada Byron · $98.00 · ORD-1201", "Done.")
    text = await talk.details("cleo", closed)
    for words in ("quantity\n2", '"unit_price_usd": "49.00"', "create_order (write)", "Approved by @Ben Baker"):
        assert words in text
    bot.model.script = Lines(ORDER, "Then not.")
    other = await mention(bot, "ann", "order two")
    await other.rejects("ben", await other.card(), "we have " + "very " * 40 + "many")
    text = await other.details("cleo", await other.sees("Rejected by @Ben Baker", "we have very"))
    assert "very many" in text


async def one_by_one(talk: Talk, user: str) -> View:
    """Open the dialog of the thread's card."""
    await talk.clicks(user, await talk.card(), "one_by_one")
    return await talk.slack.until(lambda: talk.slack.view(user))


async def presses(talk: Talk, user: str, view: View, name: str, of: str) -> None:
    """Press something in a dialog, of one action."""
    found = pressed(view.blocks, name, of)
    assert found is not None
    await (await talk.slack.click_in_view(user, view.id, **found))


async def test_one_by_one_is_drawn_anew_as_its_actions_are_decided(bot: World) -> None:
    talk, card = await asked(bot)
    first, second, third = rows(card)
    view = await one_by_one(talk, "ann")
    assert view.seen_text.count("[Reject]") == 3
    await presses(talk, "ann", view, "approve", first)
    await talk.slack.until(lambda: (now := talk.slack.view("ann")) and "Approved by @Ann Archer" in now.seen_text)
    assert await placed(bot) == ["WGT-001"]

    await presses(talk, "ann", view, "reject", second)
    above = talk.slack.view("ann")
    assert above is not None
    assert (await talk.slack.submit("ann", above.id, {"reason": "too many"})).closed
    await talk.slack.until(lambda: (now := talk.slack.view("ann")) and "too many" in now.seen_text)
    now = talk.slack.view("ann")
    assert now is not None
    assert now.id == view.id
    assert now.seen_text.count("[Reject]") == 1
    await presses(talk, "ann", now, "approve", third)
    await talk.sees("All is settled.")
    assert await placed(bot) == ["LGT-003", "WGT-001"]


async def test_a_click_in_a_dialog_that_is_stale_is_told_so_and_it_is_drawn_anew(bot: World) -> None:
    talk, card = await asked(bot)
    first = rows(card)[0]
    view = await one_by_one(talk, "ann")
    await talk.clicks("ben", card, row=1)
    await talk.sees("Approved by @Ben Baker", "[One by one…]")
    await presses(talk, "ann", view, "approve", first)
    await talk.is_told("ann", "already settled", "Ben Baker")
    await talk.slack.until(lambda: (now := talk.slack.view("ann")) and "Approved by @Ben Baker" in now.seen_text)


async def test_what_may_be_decided_by_others_is_not_decided_one_by_one_either(bot: World) -> None:
    talk, card = await asked(bot)
    view = await one_by_one(talk, "ann")
    await bot.slack.remove("ann", "orders")
    await presses(talk, "ann", view, "approve", rows(card)[0])
    await talk.is_told_directly("ann", "Your click did not count")
    assert await placed(bot) == []


async def test_one_by_one_is_masked_as_the_place_is_where_it_was_opened(masking: World) -> None:
    masking.model.script = Lines(calls(ORDER, ORDER), "Done with it.")
    talk = await dm(masking, "ann", "order two")
    assert "ada@example.com" in (await one_by_one(talk, "ann")).seen_text
    support = masking.slack.channels["support"]
    copy = await masking.slack.until(
        lambda: next((one for one in masking.slack.workspace.messages[support].values() if rows(one)), None)
    )
    await masking.slack.click("dan", support, copy.ts, "one_by_one")
    view = await masking.slack.until(lambda: masking.slack.view("dan"))
    assert "EMAIL" in view.seen_text
    assert "ada@example.com" not in view.seen_text


async def test_who_clicks_on_what_is_settled_is_told_so_where_they_clicked(world: World, tmp_path: Path) -> None:
    path = tmp_path / "signoff.yaml"
    path.write_text(f"policy: [{{tool: create_order, post_to: {world.slack.channels['support']}}}]")
    world.config = load_config(path)
    await world.start_bot()
    world.model.script = Lines(ORDER, "Done with it.")
    talk = await mention(world, "ann", "order two")
    there = world.slack.workspace.messages[world.slack.channels["support"]]
    copy = await world.slack.until(lambda: next((one for one in there.values() if rows(one)), None))
    await talk.clicks("ben", await talk.card())
    await talk.sees("Done with it.")
    await world.slack.click("dan", copy.channel, copy.ts, "approve", stale=True)
    told = await talk.is_told("dan", "already settled")
    assert told.channel == copy.channel
