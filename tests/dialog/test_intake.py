"""What is for the bot and what is not; persist, then ack; a retried delivery changes nothing."""

import json
import time

import aiohttp
import pytest
from slack_sdk.signature import SignatureVerifier

from bot.cards.messages import LONGEST_MESSAGE_CHARACTERS
from bot.config.file import Config
from bot.config.sections import AgentSection
from bot.sandbox.model import Lines
from tests.dialog.conftest import Talk, World, dm, mention


async def test_a_bare_mention_is_answered_with_what_it_can_do(bot: World) -> None:
    talk = await mention(bot, "ann", "")
    told = await talk.sees("Here is what I can do", "asks for approval first")
    assert "catalogue" in told.seen_text
    assert bot.model.requests == []


async def test_a_bare_mention_is_answered_with_what_the_agent_of_that_channel_can_do(world: World) -> None:
    agents = {"shop": AgentSection(tools=("catalog",)), "reader": AgentSection(tools=("web",))}
    world.config = Config(agents=agents, channels={world.slack.channels["support"]: "reader"})
    await world.start_bot()
    shop = await (await mention(world, "ann", "")).sees("Here is what I can do")
    reader = await (await mention(world, "ann", "", channel="support")).sees("Here is what I can do")
    assert ["Place an order" in told.seen_text for told in (shop, reader)] == [True, False]
    assert ["Read a web page" in told.seen_text for told in (shop, reader)] == [False, True]


async def test_a_message_with_only_a_file_is_answered(bot: World) -> None:
    bot.model.script = Lines("It is empty.")
    channel = bot.slack.dm_channel("ann")
    ts = await bot.slack.say("ann", channel, "", files=["order.pdf"])
    await Talk(bot, channel, ts).sees("It is empty.")
    assert "The attached file order.pdf was not read: it is empty." in str(bot.model.requests[0]["messages"])


async def test_an_over_long_message_is_refused_in_a_sentence(bot: World) -> None:
    talk = await dm(bot, "ann", "word " * LONGEST_MESSAGE_CHARACTERS)
    await talk.sees("60,000 characters", "I read at most 12,000", "have not read it")
    assert bot.model.requests == []


async def test_a_group_dm_is_answered_when_the_bot_is_named(bot: World) -> None:
    bot.model.script = Lines("Hello, all of you.")
    talk = await mention(bot, "ann", "hello", channel="mpim")
    await talk.sees("Hello, all of you.")


async def test_follow_ups_in_the_bots_thread_need_no_mention(bot: World) -> None:
    bot.model.script = Lines("First.", "Second.")
    talk = await mention(bot, "ann", "one")
    await talk.sees("First.")
    await talk.says("ben", "two")
    await talk.sees("Second.")


@pytest.mark.parametrize(
    "what", ["a word to somebody else", "talk in the channel", "another thread", "an edit", "a deletion", "another bot"]
)
async def test_what_is_not_for_the_bot_is_left_alone(bot: World, what: str) -> None:
    bot.model.script = Lines("First.", "Last.")
    talk = await mention(bot, "ann", "one")
    await talk.sees("First.")
    slack, channel = bot.slack, talk.channel
    match what:
        case "a word to somebody else":
            await talk.says("ann", f"<@{slack.people['ben']}> what do you think?")
        case "talk in the channel":
            await slack.say("ann", channel, "lunch?")
        case "another thread":
            top = await slack.say("ann", channel, "lunch?")
            await slack.say("ben", channel, "yes", thread_ts=top)
        case "an edit":
            await slack.edit("ann", channel, talk.ts, f"<@{slack.bot_user_id}> one, I mean two")
        case "a deletion":
            await slack.delete("ann", channel, await slack.say("ann", channel, "never mind"))
        case _:
            await slack.post_from_other_app(channel, f"<@{slack.bot_user_id}> build failed", thread_ts=talk.ts)
    await talk.says("ann", "and the last one")
    await talk.sees("Last.")
    spoken = [block["text"] for message in bot.model.requests[-1]["messages"] for block in message["content"]]
    assert len(spoken) == 3  # one, First., and the last one
    assert len(bot.model.requests) == 2


async def test_one_mention_as_two_events_each_delivered_three_times_is_answered_once(shop: World) -> None:
    shop.model.script = Lines("Once.", "The end.")
    shop.slack.faults.duplicate(3)
    talk = await mention(shop, "ann", "say it once")
    await talk.sees("Once.")
    await shop.slack.until(lambda: sum(1 for d in shop.slack.deliveries if d.acked_after_seconds is not None) >= 6)
    await talk.says("ann", "and then?")
    await talk.sees("The end.")
    assert [message.text for message in talk.posts()] == ["Once.", "The end."]
    assert len(shop.model.requests[0]["messages"][0]["content"]) == 1  # the model reads it once, too
    assert await shop.rows("SELECT count(*) FROM inbox") == [(2,)]


async def test_a_late_ack_makes_slack_deliver_again_and_changes_nothing(shop: World) -> None:
    shop.model.script = Lines("Once.", "The end.")
    shop.slack.faults.late_ack(5)
    talk = await mention(shop, "ann", "say it once")
    await talk.sees("Once.")
    await shop.slack.until(lambda: any(delivery.try_number > 1 for delivery in shop.slack.deliveries))
    await talk.says("ann", "and then?")
    await talk.sees("The end.")
    assert len(talk.posts()) == 2


async def test_an_event_is_in_postgres_before_slack_hears_received(shop: World) -> None:
    async with shop.pool.connection() as blocker, blocker.transaction():
        await blocker.execute("LOCK TABLE inbox IN ACCESS EXCLUSIVE MODE")  # nothing can be written
        talk = await mention(shop, "ann", "hello")
        await shop.slack.until(lambda: sum(delivery.failure == "timeout" for delivery in shop.slack.deliveries) >= 2)
        assert all(delivery.acked_after_seconds is None for delivery in shop.slack.deliveries)
    await talk.sees("Hello!")
    assert len(talk.posts()) == 1  # delivered anew, and written twice by those who had waited: answered once


async def test_an_event_that_cannot_be_written_is_not_acked_and_comes_again(shop: World) -> None:
    async with shop.pool.connection() as connection:
        await connection.execute("ALTER TABLE inbox RENAME TO lost")
    talk = await mention(shop, "ann", "hello")
    await shop.slack.until(lambda: sum(delivery.failure is not None for delivery in shop.slack.deliveries) >= 2)
    async with shop.pool.connection() as connection:
        await connection.execute("ALTER TABLE lost RENAME TO inbox")
    await talk.sees("Hello!")


async def test_two_messages_while_the_agent_works_are_answered_together(bot: World) -> None:
    bot.model.script = Lines("First.", "Second.")
    bot.model.faults.slow(0.2)
    talk = await mention(bot, "ann", "one")
    await talk.rests("processing")
    await talk.says("ann", "two")
    await talk.says("ben", "three")
    await talk.sees("Second.")
    await talk.rests()
    last = bot.model.requests[-1]["messages"][-1]["content"]
    assert [block["text"].partition(": ")[2] for block in last] == ["two", "three"]


async def test_stop_withdraws_what_waits_and_the_thread_can_be_used_again(bot: World) -> None:
    talk = await mention(bot, "ann", "please order 2 Widget Pro for ada@example.com")
    await talk.card()
    await bot.slack.stop_session("ann", talk.channel, talk.ts)
    await talk.sees("Withdrawn by")
    await talk.sees("Stopped by")
    assert talk.open_cards() == []
    await talk.says("ann", "what is the status of order ORD-1042?")
    await talk.sees("ORD-1042", "delivered")


async def test_a_request_without_slacks_signature_is_refused(world: World) -> None:
    await world.start_bot(http=True)
    url = f"http://127.0.0.1:{world.port}/slack/events"
    body = json.dumps({"type": "event_callback", "team_id": "T1", "event": {"type": "app_mention"}})
    async with aiohttp.ClientSession() as session:
        async with session.post(url, data=body, headers={"Content-Type": "application/json"}) as answer:
            assert answer.status == 401
        async with session.post(url, data=body, headers=signed(world, body) | {"X-Slack-Signature": "v0=00"}) as answer:
            assert answer.status == 401
    assert await world.rows("SELECT FROM inbox") == []


async def test_slack_checks_the_address_before_it_sends_events(world: World) -> None:
    await world.start_bot(http=True)
    body = json.dumps({"type": "url_verification", "challenge": "a-challenge", "token": "t"})
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"http://127.0.0.1:{world.port}/slack/events", data=body, headers=signed(world, body)) as answer,
    ):
        assert answer.status == 200
        assert "a-challenge" in await answer.text()


def signed(world: World, body: str) -> dict[str, str]:
    """Slack's headers for this body."""
    headers = SignatureVerifier(world.slack.signing_secret)
    now = str(int(time.time()))
    signature = headers.generate_signature(timestamp=now, body=body)
    return {"Content-Type": "application/json", "X-Slack-Request-Timestamp": now, "X-Slack-Signature": str(signature)}


async def test_healthz_and_readyz_tell_how_it_stands(shop: World) -> None:
    async with aiohttp.ClientSession() as session:
        for path in ("healthz", "readyz"):
            async with session.get(f"http://127.0.0.1:{shop.port}/{path}") as answer:
                assert (answer.status, await answer.text()) == (200, "ok\n")
