"""What people read and say around an outcome that nobody knows: one question, and one answer when they have said so."""

from pathlib import Path

from bot.config.file import load_config
from bot.sandbox.model import Lines, call
from tests.dialog.conftest import Talk, World, mention
from tests.dialog.test_approval import Payments, payments

__all__ = ["payments"]


async def lost(world: World, payments: Payments, *lines: str) -> Talk:
    """Ann asks for a payment and approves it, and its result is lost."""
    payments.fails, payments.time_limit_seconds = ConnectionResetError(), 0.1
    world.packs["payments"] = [payments.tool()]
    await world.start_bot()
    world.model.script = Lines(call("pay", to="ada"), *lines)
    talk = await mention(world, "ann", "pay ada")
    await talk.clicks("ann", await talk.card())
    return talk


async def test_a_question_and_one_answer_stand_around_an_unknown_outcome(world: World, payments: Payments) -> None:
    talk = await lost(world, payments, "I do not know yet.", "Good: it is paid.")
    question = await talk.sees("Outcome unknown: Pay ada", "[It happened]", "I do not know yet.")
    await talk.rests()
    assert [message.ts for message in talk.posts()][1:] == [question.ts]  # below the card, and nothing else
    await talk.clicks("ben", question, "happened")
    await talk.sees("Good: it is paid.", "[Good answer]")
    await talk.rests()
    assert not any("I do not know yet." in message.seen_text for message in talk.posts())
    assert len(talk.posts()) == 3


async def test_one_reminder_of_a_question_stands_and_goes_with_the_answer(
    world: World, payments: Payments, tmp_path: Path
) -> None:
    path = tmp_path / "signoff.yaml"
    path.write_text("policy: [{tool: pay, remind: 1s}]")
    world.config = load_config(path)
    talk = await lost(world, payments, "I do not know yet.", "Good: it is paid.")
    question = await talk.sees("Outcome unknown: Pay ada", "[It happened]", "I do not know yet.")
    first = await talk.sees("It is still unknown what became of: Pay ada")
    again = await talk.slack.until(lambda: next((one for one in talk.posts() if one.ts > first.ts), None))
    assert "It is still unknown" in again.seen_text
    await talk.slack.until(lambda: first.ts not in [one.ts for one in talk.posts()])
    await talk.clicks("ben", question, "happened")
    await talk.sees("Good: it is paid.")
    await talk.rests()
    assert not any("still unknown" in one.seen_text for one in talk.posts())


async def test_what_a_turn_did_beside_an_unknown_call_is_told_in_a_separate_message(world: World, payments: Payments) -> None:
    payments.fails, payments.time_limit_seconds = ConnectionResetError(), 0.1
    world.packs["payments"] = [payments.tool()]
    await world.start_bot()
    world.model.script = Lines(
        call("search_product_catalog", query="Widget Pro"), call("pay", to="ada"), "It costs 49; I do not know of the payment."
    )
    talk = await mention(world, "ann", "price, and pay ada")
    await talk.clicks("ann", await talk.card())
    question = await talk.sees("Outcome unknown: Pay ada")
    told = await talk.sees("It costs 49; I do not know of the payment.")
    assert told.ts != question.ts
    assert "It costs 49" not in (await talk.sees("Outcome unknown: Pay ada")).seen_text


async def test_what_a_question_does_not_take_in_is_a_message(world: World, payments: Payments) -> None:
    world.slack.faults.error("chat.update", "message_not_found", times=9)
    talk = await lost(world, payments, "I do not know yet.")
    question = await talk.sees("Outcome unknown: Pay ada")
    assert (await talk.sees("I do not know yet.")).ts != question.ts


async def test_who_may_decide_says_what_came_back_of_a_call_that_happened(world: World, payments: Payments) -> None:
    talk = await lost(world, payments, "I do not know.", "Good to know.", "It is payment P-17, then.")
    await talk.clicks("ben", await talk.sees("Outcome unknown: Pay ada"), "happened")
    await talk.sees("Good to know.")
    closed = await talk.sees("[Say what came back]")
    world.slack.become("cleo", is_restricted=True)  # a guest by now
    await talk.clicks("cleo", closed, "came_back")
    await talk.is_told("cleo", "only for those who may decide")
    await talk.clicks("ben", closed, "came_back")
    view = await talk.slack.until(lambda: talk.slack.view("ben"))
    assert "Pay ada" in view.seen_text
    assert (await talk.slack.submit("ben", view.id, {"words": "payment P-17 *now*"})).closed
    await talk.sees("It is payment P-17, then.")
    told = world.last_request().last_user_text
    assert f"<@{world.slack.people['ben']}>" in told
    assert "the pay call that did happen (Pay ada), whose result was lost] What came back: payment P-17 *now*" in told
    assert payments.ledger == ["ada"]


async def test_who_may_not_decide_any_more_says_nothing_of_it(world: World, payments: Payments) -> None:
    talk = await lost(world, payments, "I do not know.", "Good to know.")
    await talk.clicks("cleo", await talk.sees("Outcome unknown: Pay ada"), "happened")
    closed = await talk.sees("[Say what came back]")
    await talk.sees("Good to know.")
    await talk.clicks("cleo", closed, "came_back")
    view = await talk.slack.until(lambda: talk.slack.view("cleo"))
    await world.slack.remove("cleo", talk.channel)
    requests = len(world.model.requests)
    answer = await talk.slack.submit("cleo", view.id, {"words": "payment P-17"})
    assert "only for those who may decide" in str(answer.errors)
    assert len(world.model.requests) == requests
