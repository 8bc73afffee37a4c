"""Whatever workspace a delivery names, it belongs to the installation's: one conversation, one answer, and every button works."""

from collections.abc import Callable
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from bot.sandbox.model import Lines, call
from bot.sandbox.slack.team_naming import Naming, enterprise_grid, slack_connect
from tests.dialog.conftest import Talk, World, mention
from tests.dialog.test_home import home
from tests.profiles import examples

NAMINGS: dict[str, Naming] = {
    "Slack Connect": slack_connect("TTHEIRS", "ETHEIRS"),
    "Enterprise Grid": enterprise_grid("EOURS", "TSISTER"),
}


def order() -> Any:
    """The model orders two."""
    return call("create_order", customer="ada@example.com", sku="WGT-001", quantity=2)


@pytest.fixture(params=NAMINGS)
async def shared(request: pytest.FixtureRequest, bot: World) -> World:
    """A workspace whose deliveries name others too."""
    bot.slack.name_teams(NAMINGS[request.param])
    bot.slack.share("orders", "TTHEIRS")
    return bot


async def orders(world: World) -> int:
    return len(await world.rows("SELECT FROM shop.orders WHERE idempotency_key IS NOT NULL"))


async def is_one_conversation(talk: Talk, world: World) -> None:
    """There is one session, that of the installation's workspace."""
    assert await world.rows("SELECT id FROM session") == [(f"{world.slack.team_id}:{talk.channel}:{talk.ts}",)]


async def test_a_write_is_asked_about_once_and_approved(shared: World) -> None:
    shared.model.script = Lines(order(), "Ordered.", "You are welcome.")
    talk = await mention(shared, "ann", "order two")
    await talk.clicks("ben", await talk.card())
    await talk.sees("Ordered.")
    await talk.says("ann", "thank you")
    answer = await talk.sees("You are welcome.")
    await shared.slack.click("ben", talk.channel, answer.ts, "feedback", value="bad:2")
    view = await shared.slack.until(lambda: shared.slack.view("ben"))
    assert (await shared.slack.submit("ben", view.id, {"reason": "Too kind."})).closed
    assert await shared.rows("SELECT turn, reason FROM feedback") == [(2, "Too kind.")]
    assert [len(shared.model.requests), await orders(shared)] == [3, 1]
    await is_one_conversation(talk, shared)


async def test_what_waits_is_edited_rejected_withdrawn_and_stopped(shared: World) -> None:
    shared.model.script = Lines(order(), "Not so.", order(), "Then not.", "It is sunny.", order())
    talk = await mention(shared, "ann", "order two")
    assert (await talk.edits("ann", await talk.card(), quantity="3")).closed
    await talk.sees("Edited by @Ann Archer")
    await talk.rejects("ben", await talk.card(), "too many")
    await talk.sees("Not so.")
    await talk.says("ann", "order two")
    await talk.card()
    await talk.says("ann", "how is the weather?")
    await talk.clicks("ann", await talk.sees("[Withdraw and continue]"), "withdraw")
    await talk.sees("It is sunny.")
    await talk.says("ann", "order two")
    await talk.card()
    await shared.slack.stop_session("ann", talk.channel, talk.ts)
    await talk.sees("Stopped by")
    assert await orders(shared) == 0
    assert shared.slack.failures("ann") == shared.slack.failures("ben") == []
    await is_one_conversation(talk, shared)


async def test_the_home_tab_shows_what_waits_and_revokes(shared: World) -> None:
    shared.model.script = Lines(order(), "Ordered.")
    talk = await mention(shared, "ann", "order two")
    await talk.clicks("ann", await talk.card(), "always")
    view = await shared.slack.until(lambda: shared.slack.view("ann"))
    assert (await shared.slack.submit("ann", view.id, {})).closed
    await talk.sees("Ordered.")
    tab = await home(shared, "ann")
    assert "[Revoke]" in tab.seen_text
    await (await shared.slack.click_in_view("ann", tab.id, "revoke"))
    assert await shared.rows('SELECT revoked_by FROM "grant"') == [(shared.slack.people["ann"],)]


# ---------------------------------------------------------------------------------------------- any mix of names

LEFT_OUT: Any = object()
EVENT_FIELDS = ("team", "team_id", "user_team", "source_team", "context_team_id", "is_ext_shared_channel")
CLICK_FIELDS = ("app_installed_team_id", "enterprise", "enterprise_id", "context_enterprise_id", "is_enterprise_install")
FIELDS = frozenset((*EVENT_FIELDS, *CLICK_FIELDS))
NAMES = st.sampled_from([LEFT_OUT, None, "TTHEIRS", "ETHEIRS", "", {"id": "TTHEIRS", "domain": "theirs"}, {}])


def renamed(value: Any, name: Callable[[], Any]) -> Any:
    """Return a body with another value, or none, in each field that names a workspace."""
    match value:
        case list():
            return [renamed(one, name) for one in cast(list[Any], value)]
        case dict():
            found = cast(dict[str, Any], value)
            named = {key: name() if key in FIELDS else renamed(one, name) for key, one in found.items()}
            return {key: one for key, one in named.items() if one is not LEFT_OUT}
        case _:
            return value


@examples(0.1, HealthCheck.function_scoped_fixture)
@given(data=st.data())
async def test_any_mix_of_names_in_any_delivery_is_one_conversation_with_one_answer(bot: World, data: st.DataObject) -> None:
    names = data.draw(st.lists(NAMES, min_size=1, max_size=12))
    at = iter(range(10**6))  # Slack delivers in any order, so what is drawn is drawn before
    bot.slack.name_teams(lambda body: renamed(body, lambda: names[next(at) % len(names)]))
    begun, ordered = len(bot.model.requests), await orders(bot)
    bot.model.script = Lines(order(), "Ordered.", "You are welcome.")
    talk = await mention(bot, "ann", "order two")
    await talk.clicks("ben", await talk.card())
    await talk.sees("Ordered.")
    await talk.says("ann", "thank you")
    await talk.sees("You are welcome.")
    await talk.rests()
    assert [len(bot.model.requests) - begun, await orders(bot) - ordered] == [3, 1]
    assert bot.slack.failures("ben") == []
    assert await bot.rows("SELECT DISTINCT team FROM session") == [(bot.slack.team_id,)]
    assert len(await bot.rows("SELECT FROM session WHERE thread_ts = %s", talk.ts)) == 1
