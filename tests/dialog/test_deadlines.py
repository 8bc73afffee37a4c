"""Reminders, escalation, expiry, and a second place for the card: all by the clock, all across restarts, never a yes."""

from pathlib import Path

from bot.config.file import load_config
from bot.sandbox.model import Lines, call
from bot.sandbox.slack.types import Message
from tests.dialog.conftest import Talk, World, mention

ORDER = call("create_order", customer="ada@example.com", sku="WGT-001", quantity=2)


async def asked(world: World, folder: Path, **rule: str) -> tuple[Talk, Message]:
    """The bot runs with one rule for create_order, Ann asks, and a card stands in the thread."""
    configure(world, folder, **rule)
    await world.start_bot()
    world.model.script = Lines(ORDER, "Then not.")
    talk = await mention(world, "ann", "order two")
    return talk, await talk.card()


def configure(world: World, folder: Path, **rule: str) -> None:
    path = folder / "signoff.yaml"
    path.write_text("policy:\n  - tool: create_order\n" + "".join(f"    {key}: {value}\n" for key, value in rule.items()))
    world.config = load_config(path)


async def orders(world: World) -> int:
    return len(await world.rows("SELECT FROM shop.orders WHERE idempotency_key IS NOT NULL"))


def posted_in(world: World, channel: str) -> list[Message]:
    """What the bot has posted in a channel, outside of threads."""
    place = world.slack.workspace.channel_id(channel)
    return [m for m in world.slack.workspace.messages[place].values() if m.bot_id and m.thread_ts in (None, m.ts)]


async def test_a_reminder_names_what_waits_and_who_decides(world: World, tmp_path: Path) -> None:
    talk, card = await asked(world, tmp_path, remind="1s", approvers=f"{{users: [{world.slack.people['cleo']}]}}")
    reminder = await talk.sees("Still waiting", "Order 2 × Widget Pro", "Cleo")
    assert reminder.ts != card.ts

    def reminded() -> int:
        told = world.slack.workspace.messages[world.slack.dm_channel("cleo")].values()
        return sum("still waits for your decision" in message.seen_text for message in told)

    await talk.slack.until(lambda: reminded() == 2)  # whom the rule names is told directly, and the thread has one notice
    assert len([message for message in talk.posts() if "Still waiting" in message.seen_text]) == 1
    await talk.clicks("cleo", card)
    await talk.sees("Then not.")
    assert await orders(world) == 1


async def test_reminders_and_expiry_outlive_a_restart(world: World, tmp_path: Path) -> None:
    configure(world, tmp_path, remind="3s", expires="8s")
    stop = await world.start_bot()
    world.model.script = Lines(ORDER, "Then not.")
    talk = await mention(world, "ann", "order two")
    card = await talk.card()
    await stop()
    await world.start_bot()
    await talk.sees("Still waiting")
    await talk.sees("Expired", "nothing was run")
    await talk.sees("Then not.")
    [result] = world.last_request().turn_results
    assert "Nobody approved this action in time" in result.detail
    await talk.slack.click("ann", talk.channel, card.ts, "approve", stale=True)
    await talk.is_told("ann", "already settled (expired)")
    assert await orders(world) == 0


async def test_after_an_escalation_further_people_may_decide(world: World, tmp_path: Path) -> None:
    cleo, ben = world.slack.people["cleo"], world.slack.people["ben"]
    talk, card = await asked(world, tmp_path, approvers=f"{{users: [{cleo}]}}", escalate=f"{{after: 3s, to: {{users: [{ben}]}}}}")
    await talk.clicks("ben", card)
    await talk.is_told("ben", "Your click did not count")
    await talk.sees("Nobody decided in time", "Ben Baker")  # he is told, and
    await talk.sees("scalated", "[Place order")  # the card says so
    await talk.clicks("ann", card)
    await talk.is_told("ann", "Your click did not count", "Ben Baker")
    await talk.clicks("ben", card)
    await talk.sees("Approved by @Ben Baker", "Done.")
    assert await orders(world) == 1


async def test_an_escalation_outlives_a_restart(world: World, tmp_path: Path) -> None:
    cleo, ben = world.slack.people["cleo"], world.slack.people["ben"]
    configure(world, tmp_path, approvers=f"{{users: [{cleo}]}}", escalate=f"{{after: 3s, to: {{users: [{ben}]}}}}")
    stop = await world.start_bot()
    world.model.script = Lines(ORDER, "Then not.")
    talk = await mention(world, "ann", "order two")
    card = await talk.card()
    await stop()
    await world.start_bot()
    await talk.sees("Nobody decided in time", "Ben Baker")
    await talk.clicks("ben", card)
    await talk.sees("Done.")


async def test_the_card_stands_in_both_places_and_one_decision_settles_both(world: World, tmp_path: Path) -> None:
    talk, card = await asked(world, tmp_path, post_to=world.slack.channels["support"])
    copy = await world.slack.until(lambda: next(iter(posted_in(world, "support")), None))
    assert "Order 2 × Widget Pro" in copy.seen_text
    assert "Order 2 ×" in copy.seen_text
    await talk.clicks("cleo", copy)
    await talk.sees("Approved by @Cleo", "Done.")
    await world.slack.until(lambda: "Done." in posted_in(world, "support")[0].seen_text)
    assert "[Place order" not in posted_in(world, "support")[0].seen_text
    await talk.slack.click("ann", talk.channel, card.ts, "approve", stale=True)
    await talk.is_told("ann", "already settled")
    assert await orders(world) == 1


async def test_a_click_on_the_copy_that_does_not_count_is_told_where_it_was_made(world: World, tmp_path: Path) -> None:
    slack, cleo = world.slack, world.slack.people["cleo"]
    talk, _ = await asked(world, tmp_path, post_to=slack.channels["support"], approvers=f"{{users: [{cleo}]}}")
    copy = await slack.until(lambda: next(iter(posted_in(world, "support")), None))
    await talk.clicks("ben", copy)
    told = [await talk.is_told("ben", "Your click did not count")]
    await talk.clicks("ann", copy, "edit")
    view = await slack.until(lambda: slack.view("ann"))
    assert (await slack.submit("ann", view.id, {})).closed
    told.append(await talk.is_told("ann", "Your edit changed nothing"))
    await talk.rejects("ben", copy)
    await slack.until(lambda: len(slack.ephemerals("ben")) == 2)
    await talk.clicks("cleo", copy)
    await talk.sees("Done.")
    await slack.click("ben", copy.channel, copy.ts, "approve", stale=True)
    await talk.is_told("ben", "already settled")
    assert {(one.channel, one.thread_ts) for one in (*told, *slack.ephemerals("ben"))} == {(copy.channel, None)}


async def test_replies_below_the_copy_belong_to_its_conversation(world: World, tmp_path: Path) -> None:
    talk, _ = await asked(world, tmp_path, post_to=world.slack.channels["support"])
    world.model.script = Lines("Ordered.", "Dan, it is.")
    copy = await world.slack.until(lambda: next(iter(posted_in(world, "support")), None))
    await world.slack.say("dan", copy.channel, "is this for me?", thread_ts=copy.ts)
    await world.slack.mention("ben", copy.channel, "or for me?", thread_ts=copy.ts)
    await talk.is_told("dan", "I answer in the conversation that this belongs to", "#orders")
    await talk.is_told("ben", "I answer in the conversation")
    await talk.sees("waiting for a decision")
    await talk.clicks("cleo", copy)
    await talk.sees("Dan, it is.")
    asked_last = world.last_request().last_user_text
    assert all(words in asked_last for words in (f"<#{copy.channel}>", "is this for me?", "or for me?"))
    assert await world.rows("SELECT thread_ts FROM session") == [(talk.ts,)]
    assert len(world.slack.ephemerals("ben")) == 1  # its mention came as two events


async def test_a_reply_below_the_copy_waits_for_slack_to_say_so_and_a_mention_does_not(world: World, tmp_path: Path) -> None:
    talk, _ = await asked(world, tmp_path, post_to=world.slack.channels["support"])
    copy = await world.slack.until(lambda: next(iter(posted_in(world, "support")), None))
    world.slack.faults.fail("conversations.replies", 503)
    await world.slack.say("dan", copy.channel, "is this for me?", thread_ts=copy.ts)
    await talk.sees("waiting for a decision")  # Slack delivered it again
    world.slack.faults.fail("conversations.replies", 503, times=2)  # for both events of a mention
    world.model.script = Lines("Here I am.")
    await world.slack.mention("ben", copy.channel, "are you there?", thread_ts=copy.ts)
    await Talk(world, copy.channel, copy.ts).sees("Here I am.")


async def test_a_card_that_cannot_be_posted_elsewhere_says_so_and_can_be_decided(world: World, tmp_path: Path) -> None:
    configure(world, tmp_path, post_to=world.slack.channels["support"])
    await world.start_bot()
    await world.slack.remove("signoff", "support")
    world.model.script = Lines(ORDER, "Then not.")
    talk = await mention(world, "ann", "order two")
    card = await talk.sees("could not be posted", "not_in_channel", "[Place order")
    await talk.clicks("ann", card)
    await talk.sees("Done.")


async def test_a_copy_whose_answer_was_lost_is_not_posted_twice(world: World, tmp_path: Path) -> None:
    configure(world, tmp_path, post_to=world.slack.channels["support"])
    await world.start_bot()
    world.model.script = Lines(ORDER, "Then not.")
    world.slack.faults.drop_after("chat.postMessage", times=2)  # of the card in the thread, and of its copy
    talk = await mention(world, "ann", "order two")
    card = await talk.card()
    await world.slack.until(lambda: posted_in(world, "support") or None)
    await talk.clicks("ann", card)
    await world.slack.until(lambda: "Done." in posted_in(world, "support")[0].seen_text)
    assert len(posted_in(world, "support")) == 1


async def test_two_rejections_settle_it_where_policy_wants_two(world: World, tmp_path: Path) -> None:
    talk, card = await asked(world, tmp_path, quorum="2", rejections="2")
    await talk.rejects("ann", card, "I doubt it")
    await talk.sees("1 of 2", "rejection")
    await talk.clicks("ben", card)
    await talk.rejects("cleo", card, "me too")
    await talk.sees("Rejected by", "Cleo")
    assert await orders(world) == 0
