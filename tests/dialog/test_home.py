"""The Home tab as people use it: what waits, what came of it, and what they have allowed."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.config.file import load_config
from bot.sandbox.model import Lines, call
from bot.sandbox.slack.types import View
from tests.dialog.conftest import Talk, World, dm, mention, told

ORDER = call("create_order", customer="ada@example.com", sku="WGT-001", quantity=2)
HEADLINE = "Order 2 × Widget Pro for Ada Byron · $98.00"


async def home(world: World, user: str) -> View:
    """The person opens the tab."""
    before = world.slack.home(user)
    await world.slack.open_home(user)
    return await world.slack.until(lambda: newer(world.slack.home(user), before))


def newer(view: View | None, before: View | None) -> View | None:
    """The tab, once it was published again."""
    return view if view is not None and (before is None or view.hash != before.hash) else None


async def reads(world: World, user: str, *words: str) -> View:
    """The tab that this person looks at, once it holds all these words."""
    return await world.slack.until(lambda: holding(world.slack.home(user), *words))


def holding(view: View | None, *words: str) -> View | None:
    """The view if all these words stand in it."""
    return view if view is not None and all(word in view.seen_text for word in words) else None


async def ordered(world: World, user: str = "ann") -> Talk:
    """Somebody asks for an order, and its card is there."""
    world.model.script = Lines(ORDER, "All is settled.")
    talk = await mention(world, user, "order two")
    await talk.card()
    return talk


def parts(view: View) -> tuple[str, str, str]:
    """What waits for this person's decision, what they asked for, and the rest."""
    decide, _, rest = view.seen_text.partition("You asked for")
    asked, _, rest = rest.partition("Recent outcomes")
    return decide, asked, rest


async def test_what_waits_is_there_for_those_who_may_decide_and_the_requester(shop: World) -> None:
    await ordered(shop)
    decide, asked, rest = parts(await home(shop, "ann"))
    assert HEADLINE in decide  # a member of the conversation, too
    assert "Asked by @Ann Archer in #orders" in decide
    assert "stands above: you may decide it yourself" in asked
    assert "No budget of yours is half used." in rest
    decide, asked, rest = parts(await home(shop, "ben"))
    assert HEADLINE in decide
    assert HEADLINE not in asked + rest


async def test_who_may_not_decide_and_did_not_ask_sees_nothing_of_it(bot: World) -> None:
    bot.model.script = Lines(ORDER, "All is settled.")
    talk = await dm(bot, "ann", "order two")
    await talk.card()
    view = await home(bot, "ben")
    assert "ada@example.com" not in view.seen_text
    assert "Asked by @Ann Archer in a direct message" in (await home(bot, "ann")).seen_text


async def test_a_decided_action_moves_to_the_outcomes(bot: World) -> None:
    talk = await ordered(bot)
    await talk.clicks("ben", await talk.card())
    await talk.sees("Done.")
    for user in ("ann", "ben", "cleo"):  # Cleo has read it in #orders
        decide, asked, rest = parts(await home(bot, user))
        assert HEADLINE not in decide + asked
        assert f"{HEADLINE}\nDone  ·  decided by @Ben Baker" in rest


async def test_what_was_decided_where_somebody_cannot_read_is_not_told_them(bot: World) -> None:
    bot.model.script = Lines(ORDER, "All is settled.")
    talk = await mention(bot, "ann", "order two", channel="finance")
    await talk.clicks("cleo", await talk.card())
    await talk.sees("Done.")
    assert HEADLINE in (await home(bot, "cleo")).seen_text
    assert HEADLINE not in (await home(bot, "ben")).seen_text


async def test_a_link_leads_to_the_card(bot: World) -> None:
    talk = await ordered(bot)
    card = await talk.card()
    view = await home(bot, "ben")
    link = f"{bot.slack.page_url}archives/{talk.channel}/p{card.ts.replace('.', '')}?thread_ts={talk.ts}&cid={talk.channel}"
    assert f"<{link}|Open the card>" in json.dumps(view.blocks)


async def test_review_shows_all_of_it_and_its_submit_decides_and_takes_it_off_the_tab(bot: World) -> None:
    talk = await ordered(bot)
    view = await home(bot, "ben")
    await bot.slack.click_in_view("ben", view.id, "review")
    modal = await bot.slack.until(lambda: bot.slack.view("ben"))
    assert "ada@example.com" in modal.seen_text
    submitted = await bot.slack.submit("ben", modal.id, {})
    assert submitted.closed
    await talk.sees("All is settled.")
    await reads(bot, "ben", "Nothing waits for you.", f"{HEADLINE}\nDone  ·  decided by @Ben Baker")
    assert len(await bot.rows("SELECT 1 FROM shop.orders WHERE idempotency_key IS NOT NULL")) == 1


async def test_review_of_what_is_decided_by_now_says_so_and_takes_it_off_the_tab(bot: World) -> None:
    talk = await ordered(bot)
    view = await home(bot, "ben")
    await talk.clicks("ann", await talk.card())
    await talk.sees("All is settled.")
    await bot.slack.click_in_view("ben", view.id, "review")
    modal = await bot.slack.until(lambda: bot.slack.view("ben"))
    assert "This was already settled (succeeded) by @Ann Archer; your click changed nothing." in modal.seen_text
    await reads(bot, "ben", "Nothing waits for you.")


async def test_who_asked_nudges_from_the_tab_and_is_told_directly(world: World, tmp_path: Path) -> None:
    path = tmp_path / "signoff.yaml"
    path.write_text(f"policy: [{{tool: create_order, approvers: {{users: [{world.slack.people['cleo']}]}}}}]")
    world.config = load_config(path)
    await world.start_bot()
    await ordered(world)
    view = await home(world, "ann")
    assert f"{HEADLINE}\n[Nudge]" in parts(view)[1]
    await world.slack.until(lambda: len(told(world, "cleo")) == 1)
    await world.slack.click_in_view("ann", view.id, "nudge")
    await world.slack.until(lambda: any("once more" in one.seen_text for one in told(world, "ann")))
    assert "chat.postEphemeral" not in [call.method for call in world.slack.calls]  # there is no place where she would see it
    await world.slack.until(lambda: any("asks again for your decision" in one.seen_text for one in told(world, "cleo")))


@pytest.fixture
async def apart(world: World, tmp_path: Path) -> World:
    """A running bot whose policy keeps the requester from deciding."""
    path = tmp_path / "signoff.yaml"
    path.write_text("policy:\n  - {tool: create_order, approvers: {channel_members: true, requester: false}}\n")
    world.config = load_config(path)
    await world.start_bot()
    return world


async def test_a_rule_keeps_those_who_asked_out_of_the_tab_as_well(apart: World) -> None:
    await ordered(apart)
    decide, asked, _ = parts(await home(apart, "ann"))
    assert HEADLINE not in decide
    assert HEADLINE in asked
    assert HEADLINE in parts(await home(apart, "ben"))[0]


async def test_pages_are_turned_each_for_itself(apart: World) -> None:
    talk = await ordered(apart)
    await ordered(apart, "ben")
    # 24 more of each, written beside the bot: it is the tab that is looked at.
    await multiply(apart, 24)
    view = await home(apart, "ann")
    assert "1 to 10 of 25" in view.seen_text
    assert "1 to 5 of 25" in view.seen_text
    await apart.slack.click_in_view("ann", view.id, "home_page_next", block_id="pages:decide")
    view = await reads(apart, "ann", "11 to 20 of 25", "1 to 5 of 25")
    await apart.slack.click_in_view("ann", view.id, "home_page_next", block_id="pages:asked")
    view = await reads(apart, "ann", "11 to 20 of 25", "6 to 10 of 25")
    await apart.slack.click_in_view("ann", view.id, "home_page_next", block_id="pages:decide")
    view = await reads(apart, "ann", "21 to 25 of 25", "6 to 10 of 25")
    await apart.slack.click_in_view("ann", view.id, "home_page_previous", block_id="pages:asked")
    await reads(apart, "ann", "21 to 25 of 25", "1 to 5 of 25")
    assert apart.slack.failures("ann") == []
    assert len(talk.open_cards()) == 1


async def multiply(world: World, count: int) -> None:
    """So many further actions like the one that waits."""
    async with world.pool.connection() as connection:
        await connection.execute(
            "INSERT INTO action (id, session_id, digest, body, expires_at)"
            " SELECT id || n, session_id, digest, body, expires_at FROM action, generate_series(1, %s) AS n",
            [count],
        )


async def test_a_permission_is_listed_for_its_giver_and_can_be_revoked(shop: World) -> None:
    await ordered(shop)
    await grant(shop, "ben")
    assert "quantity at most 5" not in (await home(shop, "ann")).seen_text
    view = await home(shop, "ben")
    assert "Place order (create_order): quantity at most 5, any customer" in view.seen_text
    assert "2 of 3 uses left" in view.seen_text
    await asyncio.wait_for(await shop.slack.click_in_view("ben", view.id, "revoke"), 10)
    await reads(shop, "ben", "You have given none.")
    ben = shop.slack.people["ben"]
    assert await shop.rows('SELECT revoked_by FROM "grant"') == [(ben,)]
    assert await shop.rows("SELECT actor, rule FROM audit WHERE kind = 'revoke'") == [(ben, "grant G1")]


async def grant(world: World, by: str) -> None:
    """A standing permission, as if it had been given with an earlier approval."""
    [(action_id, session_id, verdict)] = await world.rows("SELECT id, session_id, body -> 'verdict' FROM action")
    ends = datetime.now(UTC) + timedelta(hours=1)
    pattern = [{"argument": "quantity", "to_be": "at_most", "value": 5}, {"argument": "customer", "to_be": "anything"}]
    person = world.slack.people[by]
    body = {
        **{"kind": "granted", "grant_id": "G1", "action_id": action_id, "tool": "create_order", "pattern": pattern},
        **{"verdict": verdict, "by": person, "expires_at": ends.isoformat(), "most_uses": 3},
    }
    async with world.pool.connection() as connection:
        await connection.execute(
            'INSERT INTO "grant" (id, session_id, team, tool, granted_by, body, most_uses, uses, expires_at)'
            " VALUES ('G1', %s, %s, 'create_order', %s, %s, 3, 1, %s)",
            [session_id, world.slack.team_id, person, json.dumps(body), ends],
        )


async def test_a_group_that_slack_does_not_tell_is_said_to_be_unclear(world: World, tmp_path: Path) -> None:
    group = world.slack.add_usergroup(["ben"])
    path = tmp_path / "signoff.yaml"
    path.write_text(f"policy:\n  - {{tool: create_order, approvers: {{groups: [{group}]}}}}\n")
    world.config = load_config(path)
    await world.start_bot()
    await ordered(world)
    world.slack.faults.error("usergroups.users.list", "missing_scope")
    view = await home(world, "ben")
    assert "1 action could not be checked right now" in view.seen_text
    assert HEADLINE not in view.seen_text
    assert HEADLINE in parts(await home(world, "ben"))[0]
