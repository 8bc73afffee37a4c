"""Whom a message is for, and who wrote it: others, apps, Slackbot, what an edit adds, and a mention without words."""

import logging
from pathlib import Path

import pytest

from bot.config.file import load_config
from bot.sandbox.model import Lines, call
from bot.sandbox.slack.people import OTHER_APP_ID
from tests.dialog.conftest import Talk, World, mention

ORDER = call("create_order", customer="ada@example.com", sku="WGT-001", quantity=2)


async def talking(world: World, answer: str, *further: str) -> Talk:
    """The bot has answered this in a thread of Ann's, which is over."""
    world.model.script = Lines(answer, *further)
    talk = await mention(world, "ann", "send one out")
    await talk.sees(answer)
    await talk.rests()
    return talk


def to(world: World, *names: str) -> str:
    return " ".join(f"<@{world.slack.people[name]}>" for name in names)


# ---------------------------------------------------------------------------------------------- for whom


@pytest.mark.parametrize("others", ["person", "group", "here", "channel", "everyone", "two people"])
async def test_what_begins_with_a_mention_of_others_is_for_them(bot: World, others: str) -> None:
    named = {"person": to(bot, "ben"), "group": "<!subteam^S1>", "two people": to(bot, "ben", "cleo")}
    talk = await talking(bot, "It is on its way.", "Last.")
    await talk.says("ann", f"{named.get(others, f'<!{others}>')} who is in?")
    await talk.says("ann", "and the last one")
    await talk.sees("Last.")
    assert "who is in?" not in str(bot.model.requests[-1])
    assert await bot.rows("SELECT count(*) FROM inbox") == [(2,)]  # what was not for us is not kept


async def test_an_answer_to_a_question_of_ours_counts_whomever_it_names(bot: World) -> None:
    talk = await talking(bot, "Who should get it?", "Cleo gets it.", "Last.")
    await talk.says("ben", f"{to(bot, 'cleo')}, please")
    await talk.sees("Cleo gets it.")
    await talk.rests()
    await talk.says("ben", f"{to(bot, 'cleo')} there you are")  # the question is answered
    await talk.says("ann", "and the last one")
    await talk.sees("Last.")
    assert "there you are" not in str(bot.model.requests[-1])


async def test_a_mention_of_others_further_on_takes_nothing_away(bot: World) -> None:
    talk = await talking(bot, "It is on its way.", "To Cleo, then.", "Ben, too.")
    await talk.says("ann", f"make that one for {to(bot, 'cleo')}")
    await talk.sees("To Cleo, then.")
    await talk.rests()
    await talk.says("ann", f"{to(bot, 'ben')} and <@{bot.slack.bot_user_id}>: one for Ben")
    await talk.sees("Ben, too.")


# ---------------------------------------------------------------------------------------------- edits, and no words


async def test_a_mention_that_an_edit_adds_counts_once(bot: World) -> None:
    bot.model.script = Lines("Here I am.", "Last.")
    slack, place = bot.slack, bot.slack.channels["orders"]
    ts = await slack.say("ann", place, "where is order 17?")
    await slack.edit("ann", place, ts, f"<@{slack.bot_user_id}> where is order 17?")
    talk = Talk(bot, place, ts)
    await talk.sees("Here I am.")
    await slack.edit("ann", place, ts, f"<@{slack.bot_user_id}> where is order 18?")
    await slack.edit("ann", place, ts, "never mind")
    await slack.edit("ann", place, ts, f"<@{slack.bot_user_id}> where is order 19?")
    await talk.says("ann", "and the last one")
    await talk.sees("Last.")
    assert len(bot.model.requests) == 2
    assert "order 17" in str(bot.model.requests[0])


async def test_an_edit_of_what_was_taken_in_changes_nothing_and_one_of_what_was_for_others_may(bot: World) -> None:
    talk = await talking(bot, "It is on its way.", "Second.", "Third.", "Last.")
    reply = await talk.says("ben", "two more")
    await talk.sees("Second.")
    await talk.rests()
    await bot.slack.edit("ben", talk.channel, reply, f"<@{bot.slack.bot_user_id}> two more")
    aside = await talk.says("ben", f"{to(bot, 'cleo')} do you want one?")
    await bot.slack.edit("ben", talk.channel, aside, f"{to(bot, 'cleo')} <@{bot.slack.bot_user_id}> and one for her")
    await talk.sees("Third.")
    await talk.rests()
    await talk.says("ann", "and the last one")
    await talk.sees("Last.")
    assert str(bot.model.requests[-1]).count("two more") == 1


async def test_an_edit_of_what_mentioned_the_bot_before_adds_no_mention(bot: World) -> None:
    bot.model.script = Lines("Last.")
    slack, place, text = bot.slack, bot.slack.channels["orders"], f"<@{bot.slack.bot_user_id}> where is order 17?"
    await slack.remove(slack.bot_user_id, place)
    ts = await slack.say("ann", place, text)
    await slack.invite(slack.bot_user_id, place)
    await slack.edit("ann", place, ts, f"{text} And 18?")
    talk = await mention(bot, "ann", "the last one")
    await talk.sees("Last.")
    assert await bot.rows("SELECT thread_ts FROM session") == [(talk.ts,)]


async def test_a_mention_without_words_in_a_running_thread_has_the_thread_read(bot: World) -> None:
    bot.model.script = Lines(call("slack_read_thread"), "The printer is on fire.")
    place = bot.slack.channels["orders"]
    top = await bot.slack.say("ann", place, "the printer is on fire")
    await bot.slack.mention("ben", place, "", thread_ts=top)
    await Talk(bot, place, top).sees("The printer is on fire.")
    assert "read it with slack_read_thread" in str(bot.model.requests[0]["messages"])
    assert "the printer is on fire" in str(bot.model.requests[1]["messages"])


# ---------------------------------------------------------------------------------------------- apps


async def listening(world: World, folder: Path, text: str = "") -> None:
    path = folder / "signoff.yaml"
    path.write_text(text)
    world.config = load_config(path)
    await world.start_bot()


def ignored(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if "was ignored" in record.getMessage()]


@pytest.mark.parametrize("classic", [False, True])
async def test_an_app_is_ignored_with_one_line_in_the_log(bot: World, classic: bool, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    talk = await talking(bot, "It is on its way.", "Last.")
    for text in (f"<@{bot.slack.bot_user_id}> build 17 failed", "build 18 failed"):
        await bot.slack.post_from_other_app(talk.channel, text, thread_ts=talk.ts, classic=classic)
    await bot.slack.post_from_other_app(talk.channel, "build 19 failed", classic=classic)  # to nobody
    await talk.says("ann", "and the last one")
    await talk.sees("Last.")
    line = f"a message of the app {OTHER_APP_ID} was ignored: `apps` in signoff.yaml does not name it"
    assert ignored(caplog) == [line, line]
    assert len(bot.model.requests) == 2


async def test_what_a_person_sends_through_an_app_that_is_named_counts_as_theirs(world: World, tmp_path: Path) -> None:
    await listening(world, tmp_path, f"apps: [{OTHER_APP_ID}]\n")
    world.model.script = Lines(ORDER, "Ordered.")
    place = world.slack.channels["orders"]
    ts = await world.slack.post_from_other_app(place, f"<@{world.slack.bot_user_id}> order two", user="ann")
    talk = Talk(world, place, ts)
    card = await talk.card()
    assert "Asked by @Ann Archer" in card.seen_text
    await talk.clicks("ann", card)
    await talk.sees("Ordered.")


async def test_a_guest_may_not_ask_through_an_app_either(world: World, tmp_path: Path) -> None:
    await listening(world, tmp_path, f"apps: [{OTHER_APP_ID}]\n")
    world.slack.join("gail", "orders", is_restricted=True)
    place = world.slack.channels["orders"]
    ts = await world.slack.post_from_other_app(place, f"<@{world.slack.bot_user_id}> order two", user="gail")
    await Talk(world, place, ts).is_told("gail", "You are a guest of this workspace")
    assert world.model.requests == []


@pytest.mark.parametrize("classic", [False, True])
async def test_an_app_that_is_named_may_ask_and_people_decide(world: World, tmp_path: Path, classic: bool) -> None:
    builder = world.slack.join("builder", "orders", is_bot=True)
    await listening(world, tmp_path, f"apps: [{OTHER_APP_ID}]\n")
    world.model.script = Lines(ORDER, "Ordered.")
    place, text = world.slack.channels["orders"], f"<@{world.slack.bot_user_id}> order two"
    talk = Talk(world, place, await world.slack.post_from_other_app(place, text, classic=classic, user="builder"))
    card = await talk.card()
    await talk.clicks("builder", card)
    await talk.is_told("builder", "Your click did not count")
    await talk.clicks("ben", card)
    await talk.sees("Ordered.")
    asked_by = "BOTHERAPP" if classic else builder
    assert await world.rows("SELECT DISTINCT asker FROM action") == [(asked_by,)]


async def test_slackbot_never_asks(world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    await listening(world, tmp_path, f"apps: [{OTHER_APP_ID}]\n")
    text = f"<@{world.slack.bot_user_id}> order two"
    for place in (world.slack.channels["orders"], world.slack.dm_channel("ann")):
        message = world.slack.workspace.add_message(place, "USLACKBOT", text, app_id=OTHER_APP_ID)
        world.slack.events.posted(message)
    await world.slack.until(lambda: sum(one.acked_after_seconds is not None for one in world.slack.deliveries) == 3)
    assert ignored(caplog) == ["a message of Slackbot was ignored"] * 2
    assert await world.rows("SELECT FROM inbox") == []
