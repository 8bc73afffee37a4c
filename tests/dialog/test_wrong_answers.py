"""*Wrong answer?*: what a person says of an answer is filed as a case, with personal data masked, and told to who watches."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from opentelemetry.sdk._logs import ReadableLogRecord

from agent.reports.period.read import period
from agent.trace_ids import spelled, trace_id
from bot.sandbox.model import Lines
from tests.dialog.conftest import Talk, World, mention
from tests.dialog.planted_data import left_in, planted, told
from tests.dialog.test_conversation_log import log, written
from tests.dialog.test_forget_person import everything, forget
from tests.dialog.traced import Trace, traced
from tests.stores.core import until

__all__ = ["traced"]  # fixtures

CASES = "SELECT filed_by, turn, words, state FROM candidate_case ORDER BY filed_by, turn"


async def answered(world: World, question: str = "what does it cost?", answer: str = "It is 49.") -> Talk:
    """A conversation with an answer in it."""
    world.model.script = Lines(answer)
    talk = await mention(world, "ann", question)
    await talk.sees(answer)
    await talk.rests()
    return talk


async def calls_wrong(talk: Talk, user: str, answer: str, **words: str) -> str:
    """Somebody presses the button below an answer and says what is wrong; the sentence that they read then."""
    await talk.clicks(user, await talk.sees(answer), "wrong_answer")
    view = await talk.slack.until(lambda: talk.slack.view(user))
    await talk.slack.submit(user, view.id, words)
    thanks = await talk.slack.until(lambda: talk.slack.view(user))
    await talk.slack.close_view(user, thanks.id)
    return thanks.seen_text


async def all_told(world: World) -> None:
    """Until nothing that was said of answers waits to be filed and told."""

    async def nothing_waits() -> bool:
        return await world.rows("SELECT FROM feedback WHERE told_at IS NULL") == []

    await until(nothing_waits)


def evaluation(event: ReadableLogRecord) -> tuple[Any, ...]:
    """What an event says of an answer."""
    attributes = dict(event.log_record.attributes or {})
    return tuple(attributes.get(f"gen_ai.evaluation.{name}") for name in ("name", "score.value", "score.label", "explanation"))


async def test_a_wrong_answer_is_filed_with_what_made_it_and_tells_who_filed_it(shop: World, traced: Trace) -> None:
    talk = await answered(shop)
    ben, session = shop.slack.people["ben"], f"{shop.slack.team_id}:{talk.channel}:{talk.ts}"
    thanks = await calls_wrong(talk, "ben", "It is 49.", wrong="It was 59 until May.", instead="59, ask ada@example.com")
    assert thanks.startswith("Wrong answer?\nThank you.")
    await all_told(shop)
    assert await shop.rows(CASES) == [
        (ben, 1, {"wrong": "It was 59 until May.", "instead": "59, ask [EMAIL_1]"}, "new"),
    ]
    made_by = """SELECT candidate_case.team, session_id, trace_id, agent, prompt = pin.body->>'prompt',
                        prompt_digest = pin.body->>'prompt_digest' AND prompt_digest <> '', model
                 FROM candidate_case JOIN session ON session.id = session_id JOIN pin ON pin.id = session.pin_id"""
    trace = spelled(trace_id(session, 1))
    assert await shop.rows(made_by) == [(shop.slack.team_id, session, trace, "assistant", True, True, "claude-sonnet-5-5")]
    assert await shop.rows('SELECT "user", value, wrong FROM feedback') == [(ben, "bad", None)]
    [span] = traced.spans("invoke_agent assistant")
    assert [evaluation(event) for event in traced.events()] == [
        ("rating", 0.0, "bad", None),
        ("wrong_answer", 0.0, "wrong", "It was 59 until May.\n59, ask [EMAIL_1]"),
    ]
    context = span.get_span_context()
    assert context is not None
    assert {(each.log_record.trace_id, each.log_record.span_id) for each in traced.events()} == {
        (context.trace_id, context.span_id)
    }


async def test_thumbs_are_told_with_their_reason_masked(bot: World, traced: Trace) -> None:
    talk = await answered(bot)
    answer = await talk.sees("It is 49.")
    await (await bot.slack.click("ann", talk.channel, answer.ts, "feedback", value="good:1"))
    await bot.slack.click("ben", talk.channel, answer.ts, "feedback", value="bad:1")
    view = await bot.slack.until(lambda: bot.slack.view("ben"))
    assert (await bot.slack.submit("ben", view.id, {"reason": "ask ada@example.com"})).closed
    await all_told(bot)
    said = [evaluation(event) for event in traced.events()]
    assert ("rating", 1.0, "good", None) in said
    assert said[-1] == ("rating", 0.0, "bad", "ask [EMAIL_1]")
    assert await bot.rows(CASES) == []


async def test_each_person_has_one_case_an_answer_and_their_last_words_count_until_it_is_dealt_with(bot: World) -> None:
    talk = await answered(bot)
    ann, ben = (bot.slack.people[name] for name in ("ann", "ben"))
    await calls_wrong(talk, "ann", "It is 49.", wrong="too low")
    await all_told(bot)
    await calls_wrong(talk, "ann", "It is 49.", wrong="far too low")
    await calls_wrong(talk, "ben", "It is 49.", wrong="too high")
    await all_told(bot)
    low, high = {"wrong": "far too low", "instead": ""}, {"wrong": "too high", "instead": ""}
    assert sorted(await bot.rows(CASES)) == sorted([(ann, 1, low, "new"), (ben, 1, high, "new")])
    await bot.rows("UPDATE candidate_case SET state = 'finished' WHERE filed_by = %s RETURNING 1", ann)
    await calls_wrong(talk, "ann", "It is 49.", wrong="and once more")
    await all_told(bot)
    assert sorted(await bot.rows(CASES)) == sorted([(ann, 1, low, "finished"), (ben, 1, high, "new")])


async def test_who_only_looks_at_the_form_files_nothing_and_a_forged_turn_neither(bot: World, traced: Trace) -> None:
    talk = await answered(bot)
    await talk.clicks("ben", await talk.sees("It is 49."), "wrong_answer")
    view = await bot.slack.until(lambda: bot.slack.view("ben"))
    await bot.slack.close_view("ben", view.id)
    assert await bot.rows("SELECT FROM feedback") == []
    await (await bot.slack.click("ann", talk.channel, (await talk.sees("It is 49.")).ts, "feedback", value="good:1"))
    await bot.rows('UPDATE feedback SET turn = 7, wrong = \'{"wrong": "x", "instead": ""}\', told_at = NULL RETURNING 1')
    await all_told(bot)
    assert await bot.rows(CASES) == []
    assert all(evaluation(event)[0] == "rating" for event in traced.events())


async def test_an_answer_of_which_nothing_is_kept_is_answered_kindly(bot: World, tmp_path: Path) -> None:
    talk = await answered(bot)
    status, _, err = await forget(bot, tmp_path, bot.slack.people["ann"], "--yes")
    assert (status, err) == (0, "")
    assert "Nothing is kept of this conversation" in await calls_wrong(talk, "ben", "It is 49.", wrong="too low")
    assert await bot.rows("SELECT FROM feedback") == []


async def test_personal_data_in_what_is_said_to_be_wrong_is_nowhere_outside(bot: World, traced: Trace) -> None:
    talk = await answered(bot, told("message"))
    await calls_wrong(talk, "ben", "It is 49.", wrong=told("wrong", "email", "card", "github"), instead=told("instead"))
    await all_told(bot)
    outputs = {"spans": traced.whole(), "cases": str(await bot.rows("SELECT row::text FROM candidate_case AS row"))}
    outputs["feedback"] = str(await bot.rows("SELECT row::text FROM feedback AS row"))
    assert left_in(outputs, ("wrong", "instead", "message")) == []
    [(words,)] = await bot.rows("SELECT words FROM candidate_case")
    assert words["wrong"] == "[EMAIL_2] | [CARD_2] | [GITHUB_TOKEN_2]"  # the first ones are those of the conversation
    assert words["instead"].count("[") == len(planted("instead"))


async def test_a_persons_case_goes_with_them_and_so_do_those_about_what_they_said(bot: World, tmp_path: Path) -> None:
    talk = await answered(bot, "zebra-question")
    await calls_wrong(talk, "ben", "It is 49.", wrong="zebra-wrong")
    other = await answered(bot, "and this?", "It is 12.")
    await calls_wrong(other, "ben", "It is 12.", wrong="lion-wrong")
    await calls_wrong(other, "cleo", "It is 12.", wrong="tiger-wrong")
    await all_told(bot)
    before = await everything(bot)
    assert all(word in before for word in ("zebra-wrong", "lion-wrong", "tiger-wrong"))
    status, out, err = await forget(bot, tmp_path, bot.slack.people["ben"], "--yes")  # he spoke in no conversation
    assert (status, err) == (0, "")
    assert "2 answers that they rated or called wrong" in out
    left = await everything(bot)
    assert [word for word in ("zebra-wrong", "lion-wrong", bot.slack.people["ben"]) if word in left] == []
    assert "tiger-wrong" in left
    status, _, err = await forget(bot, tmp_path, bot.slack.people["ann"], "--yes")
    assert (status, err) == (0, "")
    assert await bot.rows(CASES) == []


async def test_a_wrong_answer_counts_as_a_bad_one_and_its_turn_is_found_in_the_log(world: World, tmp_path: Path) -> None:
    world.log_conversations = True
    await world.start_bot()
    talk = await answered(world)
    world.model.script = Lines("It is 12.")
    await talk.says("ann", "and that one?")
    await talk.sees("It is 12.")
    await talk.rests()
    await calls_wrong(talk, "ben", "It is 12.", wrong="too low")
    await all_told(world)
    await written(world, f"{world.slack.team_id}:{talk.channel}:{talk.ts}")
    status, out, err = await log(world, tmp_path, "--wrong")
    assert (status, err) == (0, "")
    assert [line for line in out.splitlines() if "It is 49." in line] == []
    assert out.count("\n") == 2  # the question and its answer
    assert "It is 12." in out
    async with world.pool.connection() as connection:
        reported = await period(connection, datetime(2026, 1, 1, tzinfo=UTC), datetime.now(UTC))
    assert [(run.turn.number, run.bad) for run in reported.unusual.worst] == [(2, 1)]
