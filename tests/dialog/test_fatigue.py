"""Guards against approval fatigue: no card for what was rejected before, and no more cards an hour than policy wants."""

from pathlib import Path
from typing import Any

from bot.config.file import load_config
from bot.sandbox.model import Lines, call
from tests.dialog.conftest import World, mention


def order(quantity: int) -> Any:
    return call("create_order", customer="ada@example.com", sku="WGT-001", quantity=quantity)


async def test_what_was_rejected_is_not_asked_again_in_this_conversation(bot: World) -> None:
    bot.model.script = Lines(order(2), order(2), "I see.", order(2), "Still no.", order(3), "Three then.")
    talk = await mention(bot, "ann", "order two")
    await talk.rejects("ann", await talk.card())
    await talk.sees("I see.")  # though it tried once more
    await talk.says("ann", "really not?")
    await talk.sees("Still no.")
    refused = bot.last_request().turn_results[-1]
    assert (refused.ok, refused.error) == (False, "permission_denied")
    assert "rejected this very call" in refused.detail
    assert talk.open_cards() == []
    await talk.says("ann", "three?")
    await talk.clicks("ann", await talk.card())  # other arguments are another question
    await talk.sees("Three then.")


async def test_a_conversation_asks_for_no_more_approvals_than_it_may(world: World, tmp_path: Path) -> None:
    path = tmp_path / "signoff.yaml"
    path.write_text("agents: {assistant: {cards_per_hour: 2}}\n")
    world.config = load_config(path)
    await world.start_bot()
    world.model.script = Lines(order(1), order(2), order(3), "That is all for now.")
    talk = await mention(world, "ann", "order a lot")
    await talk.clicks("ann", await talk.card())
    await talk.sees("Order 2 ×")
    await talk.clicks("ann", await talk.card())
    await talk.sees("That is all for now.")
    refused = world.last_request().turn_results[-1]
    assert "within an hour" in refused.detail
    assert len(await world.rows("SELECT FROM action")) == 2
