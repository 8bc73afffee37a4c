"""What people say of an answer: kept with what made it."""

from bot.sandbox.model import Lines
from tests.dialog.conftest import World, mention


async def test_what_people_say_of_an_answer_is_kept_with_what_made_it(shop: World) -> None:
    shop.model.script = Lines("It is 49.", "Still 49.")
    talk = await mention(shop, "ann", "what does it cost?")
    answer = await talk.sees("It is 49.")
    await talk.rests()
    await shop.slack.click("ann", talk.channel, answer.ts, "feedback", value="good:1")
    await shop.slack.click("ben", talk.channel, answer.ts, "feedback", value="bad:1")
    view = await shop.slack.until(lambda: shop.slack.view("ben"))
    assert (await shop.slack.submit("ben", view.id, {"reason": "It was 59."})).closed
    said = 'SELECT "user", value, reason FROM feedback ORDER BY value, "user"'
    ann, ben = shop.slack.people["ann"], shop.slack.people["ben"]
    assert await shop.rows(said) == [(ben, "bad", "It was 59."), (ann, "good", "")]
    made_by = """SELECT DISTINCT prompt, prompt_digest = pin.body->>'prompt_digest', prompt_digest <> '', model, turn
                 FROM feedback JOIN session ON session.id = feedback.session_id JOIN pin ON pin.id = session.pin_id"""
    [(prompt, *same)] = await shop.rows(made_by)
    assert prompt.startswith("assistant@")
    assert same == [True, True, "claude-sonnet-5-5", 1]
    await (await shop.slack.click("ben", talk.channel, answer.ts, "feedback", value="good:1"))  # the last word counts
    assert await shop.rows(said) == [(ann, "good", ""), (ben, "good", "")]


async def test_a_reason_is_not_asked_for_after_a_good_word_and_need_not_be_given(bot: World) -> None:
    bot.model.script = Lines("It is 49.")
    talk = await mention(bot, "ann", "what does it cost?")
    answer = await talk.sees("It is 49.")
    await bot.slack.click("ann", talk.channel, answer.ts, "feedback", value="bad:1")
    view = await bot.slack.until(lambda: bot.slack.view("ann"))
    assert (await bot.slack.submit("ann", view.id, {})).closed
    await (await bot.slack.click("ann", talk.channel, answer.ts, "feedback", value="good:1"))
    assert bot.slack.view("ann") is None
    assert await bot.rows("SELECT value, reason FROM feedback") == [("good", "")]
