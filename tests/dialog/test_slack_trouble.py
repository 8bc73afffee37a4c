"""Slack in trouble: answers that are lost, limits, errors, a connection that goes. Nothing is posted twice, nothing is lost."""

import asyncio
from itertools import pairwise

import pytest

from agent.run import status
from bot.sandbox.model import Lines, Reply, Request, call, say
from tests.dialog.conftest import World, mention
from tests.patience import PATIENCE_SECONDS
from tests.stores.core import until

ORDER = call("create_order", customer="ada@example.com", sku="WGT-001", quantity=2)


@pytest.mark.parametrize("lost", ["a 5xx after it was done", "a connection cut after it was done", "a 5xx before it was done"])
async def test_a_post_whose_answer_was_lost_is_looked_up_before_it_is_repeated(shop: World, lost: str) -> None:
    shop.model.script = Lines(ORDER, "Ordered.")
    faults = shop.slack.faults

    def lose() -> None:
        match lost:
            case "a 5xx after it was done":
                faults.fail_after("chat.postMessage", 503)
            case "a connection cut after it was done":
                faults.drop_after("chat.postMessage")
            case _:
                faults.fail("chat.postMessage", 503)

    lose()
    talk = await mention(shop, "ann", "order two")
    card = await talk.card()
    await talk.rests("suspended")
    lose()
    await talk.clicks("ann", card)
    await talk.sees("Ordered.")
    await talk.rests()
    assert len(talk.posts()) == 2
    looked_up = [call for call in shop.slack.calls if call.method == "conversations.replies"]
    assert len(looked_up) == 2


async def test_a_session_is_held_until_its_status_is_shown(bot: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "SETTLE_SECONDS", PATIENCE_SECONDS)
    bot.model.script = Lines("Here I am.")
    bot.slack.faults.hold("agents.sessions.setStatus")
    talk = await mention(bot, "ann", "hello")
    await talk.sees("Here I am.")

    async def released() -> bool:
        return await bot.rows("SELECT lease_until FROM session") == [(None,)]

    with pytest.raises(TimeoutError):  # who dies now is followed by somebody who shows it
        async with asyncio.timeout(1):
            await until(released)
    bot.slack.faults.release("agents.sessions.setStatus")
    await until(released)


async def test_slack_says_wait_and_is_waited_for(bot: World) -> None:
    bot.model.script = Lines("Here I am.")
    bot.slack.faults.rate_limit("chat.postMessage", retry_after=1, times=2)
    talk = await mention(bot, "ann", "hello")
    await talk.sees("Here I am.")
    posts = [call.at for call in bot.slack.calls if call.method == "chat.postMessage"]
    assert len(posts) == 3
    assert all(later - earlier >= 1 for earlier, later in pairwise(posts))


async def test_a_card_that_cannot_be_updated_at_first_is_closed_all_the_same(bot: World) -> None:
    bot.model.script = Lines(ORDER, "Ordered.")
    talk = await mention(bot, "ann", "order two")
    bot.slack.faults.fail("chat.update", 500, times=2)
    await talk.clicks("ann", await talk.card())
    await talk.sees("Approved by", "Done.")
    assert talk.open_cards() == []


@pytest.mark.parametrize("abrupt", [False, True])
async def test_the_socket_is_opened_again_and_the_next_mention_heard(bot: World, abrupt: bool) -> None:
    bot.model.script = Lines("First.", "Second.")
    talk = await mention(bot, "ann", "one")
    await talk.sees("First.")
    await bot.slack.faults.disconnect(abrupt=abrupt)
    opened = "apps.connections.open"
    await bot.slack.until(lambda: sum(call.method == opened for call in bot.slack.calls) == 2)
    await bot.slack.until(lambda: bot.slack.connections > 0)
    await talk.says("ann", "two")
    await talk.sees("Second.")


async def test_without_agent_sessions_the_bot_works_and_does_not_ask_again(bot: World) -> None:
    bot.model.script = Lines("First.", "Second.")
    bot.slack.faults.error("agents.sessions.setStatus", "not_authorized", times=50)
    bot.slack.faults.error("assistant.threads.setStatus", "not_allowed", times=50)
    talk = await mention(bot, "ann", "one")
    await talk.sees("First.")
    await talk.says("ann", "two")
    await talk.sees("Second.")
    asked = [call.method for call in bot.slack.calls if call.method.endswith("setStatus")]
    assert sorted(set(asked)) == sorted(asked)  # each once


async def test_a_status_whose_call_is_lost_is_shown_all_the_same(bot: World) -> None:
    answers = asyncio.Event()

    async def in_time(_: Request) -> Reply:
        await answers.wait()
        return say("First.")

    bot.model.script = in_time
    talk = await mention(bot, "ann", "one")
    await talk.rests("processing")
    bot.slack.faults.fail("agents.sessions.setStatus", 503)
    answers.set()
    await talk.rests()


async def test_the_reject_dialog_that_slack_does_not_open_is_explained(bot: World) -> None:
    bot.model.script = Lines(ORDER, "Ordered.")
    talk = await mention(bot, "ann", "order two")
    bot.slack.faults.error("views.open", "expired_trigger_id")
    await talk.clicks("ann", await talk.card(), "reject")
    await talk.is_told("ann", "please click once more")


async def test_an_answer_that_slack_refuses_ends_the_turn_and_the_thread_goes_on(bot: World) -> None:
    bot.model.script = Lines("First.", "Second.")
    bot.slack.faults.error("chat.postMessage", "restricted_action")
    talk = await mention(bot, "ann", "one")
    await talk.rests("processing")
    await talk.rests()
    await talk.says("ann", "two")
    await talk.sees("Second.")
