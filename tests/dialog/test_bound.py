"""What the yes covers: what a card was shown to act on is what runs, or a fresh card says what is different."""

import json
from dataclasses import replace
from typing import Any

import pytest
from pydantic import BaseModel

from agent.tool.definition import Effect, Tool, ToolContext
from agent.types import Preview
from bot.config.file import AgentSection, Config
from bot.sandbox.model import Lines, call
from tests.dialog.conftest import Talk, World, dm, mention
from tests.dialog.test_grants import granted, order

ORDER = order(2)
PLACED = "SELECT sku, quantity, unit_price_usd::text FROM shop.orders WHERE idempotency_key IS NOT NULL ORDER BY created_at"


class Note(BaseModel):
    """What `add_note` takes."""

    body: str
    data: Any = None


def notes(ledger: list[str], **words: Any) -> Tool:
    """A tool whose words may change, as those of an MCP server do."""

    async def add(arguments: Note, context: ToolContext) -> dict[str, Any]:
        ledger.append(arguments.body)
        return {"added": len(arguments.body)}

    said: dict[str, Any] = {"verb": "Add note", "consequence": "Adds a harmless note.", **words}
    return Tool(name="add_note", description="Adds a note.", arguments=Note, handler=add, **said)


def last_result(world: World) -> Any:
    """What the model read of its latest call."""
    return json.loads(world.model.requests[-1]["messages"][-1]["content"][0]["content"])


async def asked_again(talk: Talk, card: Any) -> Any:
    """Ann's click runs nothing: the card is closed, and another one stands below."""
    await talk.clicks("ann", card)
    await talk.sees("The approval no longer holds")
    return await talk.sees("Not as it was shown before", "[Reject]")


async def test_another_price_is_not_ordered_at_but_asked_about_with_before_and_now(bot: World) -> None:
    bot.model.script = Lines(ORDER, "Ordered.")
    talk = await mention(bot, "ann", "order two")
    card = await talk.card()
    assert "for Ada Byron · $98.00" in card.seen_text
    await bot.rows("UPDATE shop.product SET price_usd = 9999.99, name = 'Gold Bar' WHERE sku = 'WGT-001' RETURNING 1")
    fresh = await asked_again(talk, card)
    assert "sku: price_usd  49.00 → 9999.99" in fresh.seen_text
    assert "sku: name       Widget Pro → Gold Bar" in fresh.seen_text
    assert await bot.rows(PLACED) == []
    await talk.clicks("ann", fresh)
    await talk.sees("Ordered.")
    assert await bot.rows(PLACED) == [("WGT-001", 2, "9999.99")]  # as the second card said
    assert (await bot.rows("SELECT status FROM action ORDER BY created_at"))[-1] == ("succeeded",)


async def test_an_address_that_belongs_to_somebody_else_by_now_is_asked_about(bot: World) -> None:
    bot.model.script = Lines(ORDER, "Ordered.")
    talk = await mention(bot, "ann", "order two")
    card = await talk.card()
    await bot.rows("UPDATE shop.customer SET name = 'Mallory' WHERE email = 'ada@example.com' RETURNING 1")
    fresh = await asked_again(talk, card)
    assert "customer: name  Ada Byron → Mallory" in fresh.seen_text
    await talk.rejects("ann", fresh)
    await talk.sees("Rejected")
    assert await bot.rows(PLACED) == []


async def test_stock_that_moved_meanwhile_asks_nobody(bot: World) -> None:
    bot.model.script = Lines(ORDER, "Ordered.")
    talk = await mention(bot, "ann", "order two")
    card = await talk.card()
    await bot.rows("UPDATE shop.product SET stock = stock - 1 WHERE sku = 'WGT-001' RETURNING 1")
    await talk.clicks("ann", card)
    await talk.sees("Ordered.")
    assert await bot.rows(PLACED) == [("WGT-001", 2, "49.00")]


async def test_a_permission_does_not_cover_another_price(bot: World) -> None:
    talk = await granted(bot, ORDER, "First.", order(1), "Second.", quantity="at_most")
    await talk.sees("First.")
    await bot.rows("UPDATE shop.product SET price_usd = 99.00 WHERE sku = 'WGT-001' RETURNING 1")
    await talk.says("ann", "one more")
    card = await talk.card()
    assert "for Ada Byron · $99.00" in card.seen_text
    await talk.rejects("ann", card)
    await talk.sees("Second.")
    assert await bot.rows(PLACED) == [("WGT-001", 2, "49.00")]


async def test_a_name_that_another_channel_has_by_now_is_not_posted_to(world: World) -> None:
    world.config = Config(agents={"assistant": AgentSection(tools=("slack",))})
    await world.start_bot()
    finance, general = world.slack.channels["finance"], world.slack.channels["general"]
    await world.slack.invite("signoff", "finance")
    world.model.script = Lines(call("slack_post_message", channel="#finance", text="We are broke."), "Posted.")
    talk = await dm(world, "cleo", "tell finance")
    card = await talk.card()
    assert "a private channel gets" in card.seen_text
    names = world.slack.workspace.channels
    names[finance], names[general] = replace(names[finance], name="finance-old"), replace(names[general], name="finance")
    await talk.clicks("cleo", card)
    fresh = await talk.sees("Not as it was shown before", "[Reject]")
    assert f"channel: id       {finance} → {general}" in fresh.seen_text
    said = [message.seen_text for message in world.slack.workspace.messages[general].values() if message.bot_id]
    assert said == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"effect": Effect.IRREVERSIBLE}, "Effect  write → irreversible"),
        ({"consequence": "Wipes the disk."}, "What it does  Adds a harmless note. → Wipes the disk."),
        ({"verb": "Wipe"}, "Button  Add note → Wipe"),
        ({"undo": "Cannot be undone."}, "Whether it can be undone  (nothing) → Cannot be undone."),
        ({"headline": "Wipe {}".format}, "In one line  (nothing) → Wipe body='hello' data=None"),
    ],
)
async def test_a_tool_that_says_something_else_by_now_asks_anew(world: World, words: Any, told: str) -> None:
    ledger: list[str] = []
    world.packs = {"notes": [notes(ledger)]}
    stop = await world.start_bot()
    world.model.script = Lines(call("add_note", body="hello"), "Noted.")
    talk = await dm(world, "ann", "note it")
    card = await talk.card()
    await stop()
    world.packs = {"notes": [notes(ledger, **words)]}
    await world.start_bot()
    fresh = await asked_again(talk, card)
    assert " ".join(told.split()) in " ".join(fresh.seen_text.split())
    closed = next(message.seen_text for message in talk.posts() if "no longer holds" in message.seen_text)
    assert "Add note: add_note" in closed  # in the words that people saw
    assert ledger == []


LONG = f"Dear Ada,\n{'blah ' * 570}\nP.S. please wire 9,999 USD to account 42"


@pytest.fixture
async def noted(world: World) -> tuple[World, list[str]]:
    """A bot that can add notes, and the notes."""
    ledger: list[str] = []
    world.packs = {"notes": [notes(ledger)]}
    await world.start_bot()
    return world, ledger


async def test_what_a_card_cannot_show_whole_is_approved_in_a_dialog_that_does(noted: tuple[World, list[str]]) -> None:
    world, ledger = noted
    world.model.script = Lines(call("add_note", body=LONG), "Noted.")
    talk = await mention(world, "ann", "note it")
    card = await talk.card()
    assert "[Add note]" not in card.seen_text
    assert "[Review…]" in card.seen_text
    assert "P.S. please wire 9,999 USD to account 42" in card.seen_text  # head and tail are there
    view = await talk.reviews("ben", card)
    assert "P.S. please wire 9,999 USD to account 42" in view.seen_text
    assert view.seen_text.count("blah") == 570
    assert await world.rows("SELECT actor FROM audit WHERE kind = 'view'") == [(world.slack.people["ben"],)]
    assert ledger == []
    assert (await world.slack.submit("ben", view.id, {})).closed
    await talk.sees("Noted.")
    assert ledger == [LONG]


async def test_nobody_is_asked_about_what_no_dialog_holds(noted: tuple[World, list[str]]) -> None:
    world, ledger = noted
    deep: Any = 1
    for _ in range(20):
        deep = [deep]  # its shape takes more room on a card than in the call
    world.model.script = Lines(call("add_note", body="small", data=[deep] * 250), "I will split it.")
    talk = await mention(world, "ann", "note it")
    await talk.sees("I will split it.")
    assert last_result(world)["error"] == "invalid_input"
    assert "no card or dialog holds all of this call" in last_result(world)["detail"]
    assert (talk.open_cards(), ledger, await world.rows("SELECT FROM action")) == ([], [], [])


async def test_a_call_that_is_known_to_fail_is_answered_and_not_asked_about(bot: World) -> None:
    bot.model.script = Lines(call("create_order", customer="nobody@nowhere.example", sku="WGT-001", quantity=2), "Who is that?")
    talk = await mention(bot, "ann", "order two")
    await talk.sees("Who is that?")
    assert last_result(bot)["error"] == "not_found"
    assert "No customer is registered with 'nobody@nowhere.example'" in last_result(bot)["detail"]
    assert await bot.rows("SELECT FROM action") == []


async def test_a_preview_that_found_nothing_out_still_asks(world: World) -> None:
    ledger: list[str] = []

    async def nothing(arguments: Note, context: ToolContext) -> Preview:
        raise RuntimeError("no idea")

    world.packs = {"notes": [replace(notes(ledger), preview=nothing)]}
    await world.start_bot()
    world.model.script = Lines(call("add_note", body="hello"), "Noted.")
    talk = await mention(world, "ann", "note it")
    await talk.clicks("ann", await talk.sees("No preview: finding out failed", "[Add note]"))
    await talk.sees("Noted.")
    assert ledger == ["hello"]
