"""Being told: named approvers hear of a card directly, groups by a mention, and everybody of how it ended."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bot.config.file import load_config
from bot.sandbox.model import Lines, call
from bot.sandbox.slack.types import Message
from tests.dialog.conftest import Talk, World, dm, mention, told

ORDER = call("create_order", customer="ada@example.com", sku="WGT-001", quantity=2)


async def asked(world: World, folder: Path, **rule: Any) -> tuple[Talk, Message]:
    """The bot runs with one rule for create_order, Ann asks, and a card stands in the thread."""
    configured(world, folder, **rule)
    await world.start_bot()
    world.model.script = Lines(ORDER, "Then not.")
    talk = await mention(world, "ann", "order two")
    return talk, await talk.card()


def configured(world: World, folder: Path, more: str = "", **rule: Any) -> None:
    path = folder / "signoff.yaml"
    path.write_text(f"{more}policy:\n  - tool: create_order\n" + "".join(f"    {key}: {value}\n" for key, value in rule.items()))
    world.config = load_config(path)


def users(world: World, *names: str) -> str:
    return f"{{users: [{', '.join(world.slack.people[name] for name in names)}]}}"


async def is_told(world: World, user: str, *words: str, count: int = 1) -> Message:
    """The last thing that somebody was told directly, once it holds all these words and there are so many."""

    def found() -> Message | None:
        here = told(world, user)
        return here[-1] if len(here) == count and all(word in here[-1].seen_text for word in words) else None

    return await world.slack.until(found)


async def test_named_approvers_are_told_directly_and_how_it_ended(world: World, tmp_path: Path) -> None:
    talk, card = await asked(world, tmp_path, approvers=users(world, "ben", "cleo"))
    what = ("Order 2 × Widget Pro", "$98.00", "[Open the card]")
    message = await is_told(world, "ben", "Ann Archer", "asks for your decision", *what)
    [link] = [element["url"] for block in message.blocks for element in block.get("elements", ()) if "url" in element]
    assert link.endswith(f"archives/{talk.channel}/p{card.ts.replace('.', '')}?thread_ts={talk.ts}&cid={talk.channel}")
    await is_told(world, "cleo", "asks for your decision")
    assert told(world, "ann") == []
    await talk.clicks("cleo", card)
    for user in ("ben", "cleo"):
        ended = await is_told(world, user, "Approved by", "Cleo")
        assert "[" not in ended.seen_text.replace("[EMAIL_1]", "")  # no button
    await talk.sees("Then not.")


async def test_a_direct_message_hides_what_the_card_hides(world: World, tmp_path: Path) -> None:
    world.mask = lambda text: text.replace("Ada Byron", "[PERSON]")
    await asked(world, tmp_path, approvers=users(world, "cleo"))
    message = await is_told(world, "cleo", "Order 2 × Widget Pro for [PERSON]")
    assert "Ada" not in f"{message.text} {message.blocks}"


async def test_who_has_said_yes_and_who_asked_and_may_not_decide_are_not_told(world: World, tmp_path: Path) -> None:
    approvers = users(world, "ann", "ben", "cleo").replace("}", ", requester: false}")
    talk, card = await asked(world, tmp_path, approvers=approvers, quorum=2)
    await is_told(world, "ben", "0 of 2 approvals")
    await talk.clicks("cleo", card)
    await talk.sees("1 of 2")
    await talk.says("ann", "what about it?")
    await talk.clicks("ann", await talk.sees("[Nudge]"), "nudge")
    await is_told(world, "ben", "asks again for your decision", "1 of 2", count=2)
    assert told(world, "ann") == []
    assert len(told(world, "cleo")) == 1


async def test_after_an_escalation_further_people_are_told(world: World, tmp_path: Path) -> None:
    to = f"{{after: 2s, to: {users(world, 'ben')}}}"
    talk, card = await asked(world, tmp_path, approvers=users(world, "cleo"), escalate=to)
    await is_told(world, "cleo", "asks for your decision")
    await is_told(world, "ben", "asks for your decision", "Order 2 × Widget Pro")
    await talk.rejects("ben", card, "no")
    await is_told(world, "cleo", "Rejected by", "Ben", "Nothing was run")


async def test_a_group_and_people_of_a_rule_that_says_so_are_mentioned_in_the_text_of_the_card(
    world: World, tmp_path: Path
) -> None:
    group = world.slack.add_usergroup(["cleo"])
    _, card = await asked(world, tmp_path, approvers=users(world, "ben").replace("}", f", groups: [{group}]}}"), notify="mention")
    assert f"For <@{world.slack.people['ben']}>, <!subteam^{group}>." in card.text
    assert told(world, "ben") == []


async def test_a_rule_may_want_nobody_notified(world: World, tmp_path: Path) -> None:
    talk, card = await asked(world, tmp_path, approvers=users(world, "ben"), notify="none", remind="1s")
    reminder = await talk.sees("Still waiting", "Ben Baker")
    for message in (card, reminder):
        assert world.slack.people["ben"] not in f"{message.text} {message.blocks}"
    assert "Ben Baker" in card.seen_text
    assert told(world, "ben") == []
    await talk.clicks("ben", card)
    await talk.sees("Approved by Ben Baker", "Done.")


async def test_a_card_in_a_direct_message_can_be_decided_from_the_message_about_it(world: World, tmp_path: Path) -> None:
    configured(world, tmp_path, approvers=users(world, "ann", "cleo"))
    await world.start_bot()
    world.model.script = Lines(ORDER, "Done with it.")
    talk = await dm(world, "ann", "order two")
    await talk.card()
    message = await is_told(world, "cleo", "asks for your decision", "in a direct message", "[Review…]")
    assert len(told(world, "ann")) == 1  # the card itself
    await world.slack.click("cleo", message.channel, message.ts, "review")
    view = await world.slack.until(lambda: world.slack.view("cleo"))
    assert (await world.slack.submit("cleo", view.id, {})).closed
    await talk.sees("Approved by", "Cleo")
    await is_told(world, "cleo", "Approved by", "Cleo")


async def test_who_cannot_open_the_channel_decides_from_the_message(world: World, tmp_path: Path) -> None:
    configured(world, tmp_path, approvers=users(world, "ben", "cleo"), quorum=2)
    await world.slack.invite("signoff", "finance")  # Ann and Cleo are in it
    await world.start_bot()
    world.model.script = Lines(ORDER, "Done with it.")
    talk = await mention(world, "ann", "order two", "finance")
    await talk.clicks("cleo", await talk.card())
    await is_told(world, "cleo", "[Open the card]")
    message = await is_told(world, "ben", "asks for your decision", "[Review…]")
    assert "Open the card" not in message.seen_text
    await world.slack.click("ben", message.channel, message.ts, "review")
    view = await world.slack.until(lambda: world.slack.view("ben"))
    assert (await world.slack.submit("ben", view.id, {})).closed
    await talk.sees("Done with it.")
    assert "Open the card" not in (await is_told(world, "ben", "Approved by")).seen_text


async def test_a_question_goes_to_the_thread_and_decides_nothing(world: World, tmp_path: Path) -> None:
    talk, card = await asked(world, tmp_path, approvers=users(world, "cleo"))
    message = await is_told(world, "cleo", "[Ask a question]")
    await world.slack.click("cleo", message.channel, message.ts, "ask")
    view = await world.slack.until(lambda: world.slack.view("cleo"))
    assert (await world.slack.submit("cleo", view.id, {"question": "For whom is it, <!channel>?"})).closed
    question = await talk.sees("Cleo", "has a question for", "Ann Archer", "Order 2 × Widget Pro", "For whom is it")
    assert f"<@{world.slack.people['ann']}>" in question.text
    assert "<!channel>" not in question.text
    requests = len(world.model.requests)
    assert len(talk.open_cards()) == 1
    await talk.clicks("cleo", card)
    await talk.sees("Then not.")
    assert "For whom" not in str(world.last_request().body)
    assert len(world.model.requests) == requests + 1


async def test_a_question_can_be_asked_from_the_menu_of_a_card(world: World, tmp_path: Path) -> None:
    talk, card = await asked(world, tmp_path, notify="none")
    await talk.clicks("cleo", card, "ask")
    view = await world.slack.until(lambda: world.slack.view("cleo"))
    assert "Please write" in str((await world.slack.submit("cleo", view.id, {"question": " "})).errors)
    assert (await world.slack.submit("cleo", view.id, {"question": "Why two?"})).closed
    await talk.sees("has a question for", "Why two?", "still waits")
    assert len(talk.open_cards()) == 1


async def test_a_question_about_what_was_decided_meanwhile_is_told_so_where_it_was_written(world: World, tmp_path: Path) -> None:
    talk, card = await asked(world, tmp_path, notify="none")
    await talk.clicks("cleo", card, "ask")
    view = await world.slack.until(lambda: world.slack.view("cleo"))
    await talk.clicks("ben", card)
    await talk.sees("Then not.")
    answer = await world.slack.submit("cleo", view.id, {"question": "Why two?"})
    assert "already settled (succeeded)" in str(answer.errors)
    assert not any("Why two?" in one.seen_text for one in talk.posts())


async def test_somebody_who_may_not_decide_asks_no_question(world: World, tmp_path: Path) -> None:
    talk, _ = await asked(world, tmp_path, approvers=users(world, "cleo"))
    message = await is_told(world, "cleo", "[Ask a question]")
    await world.slack.click("cleo", message.channel, message.ts, "ask")
    view = await world.slack.until(lambda: world.slack.view("cleo"))
    world.slack.become("cleo", deleted=True)
    answer = await world.slack.submit("cleo", view.id, {"question": "Why?"})
    assert "Only those who may decide" in str(answer)
    assert not any("Why?" in one.seen_text for one in talk.posts())


async def test_a_nudge_tells_them_again_once_an_hour(world: World, tmp_path: Path) -> None:
    group = world.slack.add_usergroup(["dan"])
    talk, _ = await asked(world, tmp_path, approvers=users(world, "cleo").replace("}", f", groups: [{group}]}}"))
    await is_told(world, "cleo", "asks for your decision")
    await talk.says("ann", "what about it?")
    notice = await talk.sees("waiting for a decision", "[Nudge]")
    await talk.clicks("ben", notice, "nudge")
    await talk.is_told("ben", "Nobody was told again", "Ann Archer")
    await talk.clicks("ann", notice, "nudge")
    await talk.is_told("ann", "once more")
    await is_told(world, "cleo", "Ann Archer", "asks again for your decision", count=2)
    again = await talk.sees("asks again for a decision on the card above")
    assert f"<!subteam^{group}>" in again.text
    await talk.clicks("ann", notice, "nudge")
    await talk.is_told("ann", "you can nudge them again in 60 minutes")
    assert len(told(world, "cleo")) == 2


async def test_who_cannot_be_told_directly_is_mentioned_in_the_thread(world: World, tmp_path: Path) -> None:
    world.slack.faults.error("conversations.open", "cannot_dm_bot")
    talk, card = await asked(world, tmp_path, approvers=users(world, "cleo"))
    await talk.sees("could not write to you directly", "Cleo", "waits for your decision")
    await talk.clicks("cleo", card)
    await talk.sees("Then not.")


async def test_what_somebody_answers_below_the_message_belongs_to_the_conversation(world: World, tmp_path: Path) -> None:
    talk, card = await asked(world, tmp_path, approvers=users(world, "cleo"))
    message = await is_told(world, "cleo", "asks for your decision")
    await world.slack.dm("cleo", "looks good to me", thread_ts=message.ts)
    await talk.is_told("cleo", "I answer in the conversation that this belongs to")
    await talk.sees("waiting for a decision")
    await talk.clicks("cleo", card)
    await talk.sees("Then not.")


async def test_a_message_whose_answer_was_lost_is_found_again(world: World, tmp_path: Path) -> None:
    configured(world, tmp_path, approvers=users(world, "cleo"), remind="1s")
    await world.start_bot()
    world.model.script = Lines(ORDER, "Then not.")
    world.slack.faults.drop_after("chat.postMessage", times=4)
    talk = await mention(world, "ann", "order two")
    card = await talk.card()
    await is_told(world, "cleo", "still waits", count=2)
    await talk.clicks("cleo", card)
    await talk.sees("Then not.")
    assert "Approved by" in told(world, "cleo")[0].seen_text


async def test_a_thread_is_not_reminded_in_the_quiet_hours_of_who_asked_where_a_rule_names_nobody(
    world: World, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    begin, end = (f"{now + timedelta(hours=hours):%H:%M}" for hours in (-2, 2))
    configured(world, tmp_path, f'quiet_hours: {{from: "{begin}", to: "{end}"}}\n', remind="1s")
    world.slack.become("ben", tz="Etc/GMT+12")  # where it is half a day earlier
    await world.start_bot()
    world.model.script = Lines(ORDER, ORDER)
    quiet = await mention(world, "ann", "order two")
    await quiet.card()
    awake = await mention(world, "ben", "order two")
    await awake.sees("Still waiting: Order 2 × Widget Pro")
    assert not any("Still waiting" in one.seen_text for one in quiet.posts())


async def test_nobody_is_reminded_in_the_quiet_hours_of_the_place_where_they_are(world: World, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    begin, end = (f"{now + timedelta(hours=hours):%H:%M}" for hours in (-2, 2))
    quiet = f'quiet_hours: {{from: "{begin}", to: "{end}"}}\n'
    configured(world, tmp_path, quiet, approvers=users(world, "ben", "cleo"), remind="1s")
    world.slack.become("ben", tz="Etc/GMT+12")  # where it is half a day earlier
    await world.start_bot()
    world.model.script = Lines(ORDER, "Then not.")
    talk = await mention(world, "ann", "order two")
    card = await talk.card()
    await is_told(world, "ben", "still waits for your decision", count=3)
    assert len(told(world, "cleo")) == 1
    await talk.says("ann", "what about it?")
    await talk.clicks("ann", await talk.sees("[Nudge]"), "nudge")
    await is_told(world, "cleo", "asks again for your decision", count=2)  # that is wanted by a person
    await talk.clicks("cleo", card)
    await talk.sees("Then not.")
