"""Always allow: for this thread and tool, within a pattern that the approver saw, with an end, a count, and a way back."""

from dataclasses import replace
from typing import Any

from bot.sandbox.model import Lines, call, calls
from bot.sandbox.slack.types import Message, SubmitAnswer, View
from tests.dialog.conftest import Talk, World, input_of, mention, rows

PLACED = "SELECT sku, quantity FROM shop.orders WHERE idempotency_key IS NOT NULL ORDER BY created_at, quantity"


def order(quantity: int, sku: str = "WGT-001") -> Any:
    return call("create_order", customer="ada@example.com", sku=sku, quantity=quantity)


async def allows(talk: Talk, user: str, card: Message, *, row: int | None = None, **choices: str) -> SubmitAnswer:
    """Always allow, with these choices by argument; what is not named is exactly as it is now."""
    await talk.clicks(user, card, "always", row=row)
    view = await talk.slack.until(lambda: talk.slack.view(user))
    return await talk.slack.submit(user, view.id, {input_of(view, name): choice for name, choice in choices.items()})


async def granted(world: World, *lines: Any, quantity: str = "exactly") -> Talk:
    """Ann asks, Ben approves and allows more such calls."""
    world.model.script = Lines(*lines)
    talk = await mention(world, "ann", "order two")
    assert (await allows(talk, "ben", await talk.card(), quantity=quantity)).closed
    await talk.sees("Approved by @Ben Baker", "Done.")
    return talk


def shown(world: World, *, revocable: bool) -> View | None:
    """Ben's Home tab, once it has a grant to revoke, or none."""
    home = world.slack.home("ben")
    return home if home is not None and ("[Revoke]" in home.seen_text) is revocable else None


async def test_a_grant_approves_the_present_call_and_lets_later_ones_run_within_its_pattern(bot: World) -> None:
    talk = await granted(bot, order(2), "First.", order(1), "Second.", order(3), "Third.", quantity="at_most")
    await talk.sees("First.")
    await talk.says("ann", "one more")
    await talk.sees(
        "Second.", "Ran without a card: Order 1 × Widget Pro", "@Ben Baker always allows this", "use 1 of 5", "[Revoke]"
    )
    assert await bot.rows(PLACED) == [("WGT-001", 2), ("WGT-001", 1)]
    await talk.says("ann", "and three")  # more than was allowed: asked
    card = await talk.card()
    assert "Order 3 ×" in card.seen_text
    await talk.rejects("ben", card)
    await talk.sees("Third.")
    assert len(await bot.rows(PLACED)) == 2


async def test_exactly_means_exactly_and_another_thread_asks(bot: World) -> None:
    talk = await granted(bot, order(2), "First.", order(2, "LGT-001"), "Second.", order(2), "Third.")
    await talk.sees("First.")
    await talk.says("ann", "another")
    await talk.rejects("ann", await talk.card())
    await talk.sees("Second.")
    elsewhere = await mention(bot, "ann", "the same again, please")
    await elsewhere.card()
    assert len(await bot.rows(PLACED)) == 1


async def test_a_grant_releases_no_sibling_that_waits(bot: World) -> None:
    bot.model.script = Lines(calls(order(1), order(2)), "Done with it.")
    talk = await mention(bot, "ann", "order one and two")
    card = await talk.card()
    await allows(talk, "ben", card, row=1, quantity="anything")
    await talk.sees("Approved by @Ben Baker", "Done.", "[One by one…]")
    assert len(rows(await talk.card())) == 1
    await talk.edits("ann", await talk.card(), quantity="4")  # nor when it is edited
    await talk.sees("Edited by @Ann Archer", "[Reject]")
    assert await bot.rows(PLACED) == [("WGT-001", 1)]
    await talk.clicks("ann", (await talk.card()))
    await talk.sees("Done with it.")


async def test_one_message_tells_of_all_that_ran_without_a_card_and_whose_permission_it_was_can_revoke_it(bot: World) -> None:
    both = calls(order(1), order(2))
    talk = await granted(bot, order(2), "First.", both, "Second.", order(1), "Third.", quantity="at_most")
    await talk.sees("First.")
    await talk.says("ann", "two more")
    answer = await talk.sees("Second.", "Order 1 × Widget Pro", "Order 2 × Widget Pro", "uses 1 to 2 of 5", "[Revoke]")
    assert [one for one in talk.posts() if "without a card" in one.seen_text] == [answer]
    await talk.clicks("ann", answer, "revoke")
    await talk.is_told("ann", "Nothing was changed", "only they can revoke it")
    await talk.clicks("ben", answer, "revoke")
    assert (await talk.is_told("ben", "Revoked", "asked about again")).thread_ts == talk.ts
    await talk.clicks("ben", answer, "revoke")
    await talk.is_told("ben", "Nothing was changed: this permission is over already")
    await talk.says("ann", "and one")
    await talk.rejects("ann", await talk.card())
    await talk.sees("Third.")
    assert len(await bot.rows(PLACED)) == 3


async def test_a_grant_is_used_up(bot: World) -> None:
    bot.model.script = Lines(order(2), "First.", order(2), "Second.", order(2), "Third.")
    talk = await mention(bot, "ann", "order two")
    await talk.clicks("ben", await talk.card(), "always")
    view = await talk.slack.until(lambda: talk.slack.view("ben"))
    await talk.slack.submit("ben", view.id, {"uses": "1"})
    await talk.sees("First.")
    await talk.says("ann", "again")
    await talk.sees("Second.")
    await talk.says("ann", "and again")
    await talk.card()
    assert len(await bot.rows(PLACED)) == 2


async def test_a_revoked_grant_does_not_hold_and_every_use_is_in_the_audit_log(bot: World) -> None:
    talk = await granted(bot, order(2), "First.", order(2), "Second.", order(2), "Third.")
    await talk.sees("First.")
    await talk.says("ann", "again")
    await talk.sees("Second.")
    await bot.slack.open_home("ben")
    home = await bot.slack.until(lambda: shown(bot, revocable=True))
    await bot.slack.click_in_view("ben", home.id, "revoke")
    await bot.slack.until(lambda: shown(bot, revocable=False))
    await talk.says("ann", "and again")
    card = await talk.card()
    await talk.rejects("ann", card)
    await talk.sees("Third.")
    kinds = [kind for (kind,) in await bot.rows("SELECT kind FROM audit WHERE tool = 'create_order' ORDER BY seq")]
    assert kinds == [
        *("ask", "view", "decision", "grant", "claim", "outcome"),  # the one that was approved
        *("claim", "outcome"),  # the one that the grant let run
        *("revoke", "ask", "decision"),
    ]
    [(uses,)] = await bot.rows('SELECT uses FROM "grant"')
    assert uses == 1


async def test_the_grant_of_somebody_who_may_not_decide_any_more_does_not_hold(bot: World) -> None:
    talk = await granted(bot, order(2), "First.", order(2), "Second.")
    await talk.sees("First.")
    channel = bot.slack.workspace.channels[talk.channel]
    bot.slack.workspace.channels[talk.channel] = replace(channel, members=channel.members - {bot.slack.people["ben"]})
    await talk.says("ann", "the same again")
    await talk.clicks("ann", await talk.card())
    await talk.sees("Second.")
    assert await bot.rows('SELECT uses FROM "grant"') == [(0,)]
    assert len(await bot.rows(PLACED)) == 2


async def test_whose_click_does_not_count_gives_no_grant(bot: World) -> None:
    bot.model.script = Lines(order(2), "First.")
    talk = await mention(bot, "ann", "order two")
    card = await talk.card()
    await bot.slack.remove("ben", "orders")
    await talk.clicks("ben", card, "always")
    await talk.is_told_directly("ben", "only for those who may decide")
    assert bot.slack.view("ben") is None
    assert await bot.rows('SELECT FROM "grant"') == []
