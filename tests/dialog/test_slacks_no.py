"""Slack says no: in another form, in another place, or later, what people are to read reaches them."""

import aiohttp
import pytest

from bot.config.file import Config
from bot.config.sections import PeopleSection
from bot.sandbox.model import Lines, call
from tests.dialog.conftest import World, mention
from tests.dialog.test_stream import ANSWER, SENTENCES, SLOW, made

ORDER = call("create_order", customer="ada@example.com", sku="WGT-001", quantity=2)


@pytest.mark.parametrize("code", ["invalid_blocks", "msg_blocks_too_long", "msg_too_long", "a_code_of_next_year"])
async def test_an_answer_whose_form_is_refused_is_read_as_plain_text(bot: World, code: str) -> None:
    bot.model.script = Lines("It is *49 dollars*.")
    bot.slack.faults.error("chat.postMessage", code)
    talk = await mention(bot, "ann", "what does it cost?")
    await talk.sees("It is *49 dollars*.")
    assert made(bot, "chat.postMessage") == 2


@pytest.mark.parametrize(
    "code", ["restricted_action_read_only_channel", "restricted_action_thread_locked", "not_in_channel", "is_archived"]
)
async def test_an_answer_that_may_not_stand_in_its_place_comes_as_a_direct_message(bot: World, code: str) -> None:
    bot.model.script = Lines("It is 49 dollars.", "Still 49.")
    bot.slack.faults.error("chat.postMessage", code)
    talk = await mention(bot, "ann", "what does it cost?")
    told = await talk.is_told_directly("ann", "It is 49 dollars.")
    assert code in told.text
    assert talk.channel in told.text
    assert f"{bot.slack.page_url}archives/{talk.channel}/p{talk.ts.replace('.', '')}" in told.text
    await talk.rests()
    await talk.says("ann", "and now?")  # the thread can still be used
    await talk.sees("Still 49.")


@pytest.mark.parametrize("code", ["channel_not_found", "ratelimited", "internal_error", "missing_scope"])
async def test_a_direct_message_leads_to_the_thread_whether_slack_says_its_address_or_not(bot: World, code: str) -> None:
    bot.model.script = Lines("It is 49 dollars.")
    bot.slack.faults.error("chat.postMessage", "is_archived")
    bot.slack.faults.error("chat.getPermalink", code)
    talk = await mention(bot, "ann", "what does it cost?")
    told = await talk.is_told_directly("ann", "It is 49 dollars.", "is_archived")
    assert f"<{bot.slack.page_url}archives/{talk.channel}/p{talk.ts.replace('.', '')}|this place>" in told.text


async def test_the_word_on_a_write_that_ran_reaches_who_asked(bot: World) -> None:
    bot.model.script = Lines(ORDER, "It is ordered.")
    talk = await mention(bot, "ann", "order two")
    card = await talk.card()
    await talk.rests("suspended")
    bot.slack.faults.error("chat.postMessage", "restricted_action_thread_locked")
    await talk.clicks("ben", card)
    await talk.is_told_directly("ann", "It is ordered.")


@pytest.mark.parametrize("code", ["ratelimited", "message_limit_exceeded"])
async def test_an_answer_that_is_to_wait_waits(bot: World, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.slack.web_api.WAIT_SECONDS", 0.2)
    bot.model.script = Lines("It is 49 dollars.")
    bot.slack.faults.error("chat.postMessage", code, times=2)
    talk = await mention(bot, "ann", "what does it cost?")
    await talk.sees("It is 49 dollars.")


async def test_with_credentials_that_are_not_accepted_everything_waits_and_is_not_ready(
    bot: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.slack.web_api.CREDENTIALS_SECONDS", 0.2)
    bot.model.script = Lines("It is 49 dollars.")
    bot.slack.faults.error("chat.postMessage", "token_revoked", times=5)
    talk = await mention(bot, "ann", "what does it cost?")
    async with aiohttp.ClientSession() as client:
        await bot.slack.until(lambda: made(bot, "chat.postMessage") >= 2)
        async with client.get(f"http://127.0.0.1:{bot.port}/readyz") as answer:
            assert (answer.status, "token_revoked" in await answer.text()) == (503, True)
        await talk.sees("It is 49 dollars.")
        await talk.rests()
        async with client.get(f"http://127.0.0.1:{bot.port}/readyz") as answer:
            assert answer.status == 200


async def test_what_grew_is_not_gone_before_it_stands_elsewhere(bot: World) -> None:
    bot.model.script = Lines(ANSWER)
    bot.model.faults.slow(SLOW)
    bot.slack.faults.error("chat.update", "cant_update_message")
    bot.slack.faults.hold("chat.delete")
    talk = await mention(bot, "ann", "tell me")
    await talk.slack.until(lambda: any(m.streaming and SENTENCES[5] in m.seen_text for m in talk.posts()))
    bot.slack.workspace.end_streams()
    await talk.slack.until(lambda: bot.slack.faults.holding("chat.delete"))
    assert len([m for m in talk.posts() if SENTENCES[5] in m.seen_text]) == 2  # for a moment it stands there twice
    bot.slack.faults.release("chat.delete")
    await talk.slack.until(lambda: len(talk.posts()) == 1)
    await talk.sees(SENTENCES[-1])


async def test_one_channel_without_streams_leaves_them_to_the_others(bot: World) -> None:
    bot.slack.faults.error("chat.startStream", "team_not_found")
    bot.model.script = Lines(ANSWER, ANSWER)
    bot.model.faults.slow(SLOW, times=2)
    here = await mention(bot, "ann", "tell me")
    await here.sees(SENTENCES[-1])
    there = await mention(bot, "ann", "tell me", "support")
    await there.slack.until(lambda: any(m.streaming for m in there.posts()))
    await there.sees(SENTENCES[-1])


async def test_an_answer_grows_for_a_reader_of_another_company_under_their_workspace(world: World) -> None:
    world.config = Config(people=PeopleSection(external="ask"))
    world.slack.share("orders", "TTHEIRS")
    eve = world.slack.join("eve", "orders", team_id="TTHEIRS")
    await world.start_bot()
    world.model.script = Lines(ANSWER)
    world.model.faults.slow(SLOW)
    talk = await mention(world, "eve", "tell me")
    await talk.slack.until(lambda: any(m.streaming for m in talk.posts()))
    await talk.sees(SENTENCES[-1])
    [begun] = [call for call in world.slack.calls if call.method == "chat.startStream"]
    assert (begun.arguments["recipient_user_id"], begun.arguments["recipient_team_id"]) == (eve, "TTHEIRS")
