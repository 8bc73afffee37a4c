"""One notice a card: it stands from when it is needed, says what has become of it, and nothing that can be pressed is dead."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bot.config.file import load_config
from bot.sandbox.model import Lines, call
from bot.sandbox.slack.blocks import elements_of
from bot.sandbox.slack.types import Message
from tests.dialog.any_thread import SHOWS_ONLY
from tests.dialog.conftest import Talk, World, mention

ORDER = call("create_order", customer="ada@example.com", sku="WGT-001", quantity=2)


def configure(world: World, folder: Path, **rule: str) -> None:
    path = folder / "signoff.yaml"
    path.write_text("policy:\n  - tool: create_order\n" + "".join(f"    {key}: {value}\n" for key, value in rule.items()))
    world.config = load_config(path)


async def asked(world: World, folder: Path, *further: Any, **rule: str) -> tuple[Talk, Message]:
    """The bot runs with one rule for create_order, Ann asks, and a card stands in the thread."""
    configure(world, folder, **rule)
    await world.start_bot()
    world.model.script = Lines(ORDER, "Then not.", *further)
    talk = await mention(world, "ann", "order two")
    return talk, await talk.card()


def notices(messages: Sequence[Message]) -> list[Message]:
    """Those of some messages that are notices of cards."""
    return [one for one in messages if one.bot_id and "notice:" in str(one.metadata)]


def pressed(message: Message) -> Iterator[str]:
    """The buttons of a message."""
    return (str(element["action_id"]) for block in message.blocks for element in elements_of(block))


async def says(talk: Talk, *words: str) -> Message:
    """The one notice, once it says this."""

    def found() -> Message | None:
        standing = notices(talk.posts())
        return standing[0] if len(standing) == 1 and all(word in standing[0].seen_text for word in words) else None

    return await talk.slack.until(found)


async def test_through_messages_a_reminder_an_escalation_and_the_end_one_notice_stands(world: World, tmp_path: Path) -> None:
    cleo, ben = world.slack.people["cleo"], world.slack.people["ben"]
    rule = {
        "notify": "mention",
        "approvers": f"{{users: [{cleo}]}}",
        "remind": "4s",
        "escalate": f"{{after: 7s, to: {{users: [{ben}]}}}}",
    }
    talk, card = await asked(world, tmp_path, "It is sunny.", **rule, expires="14s")
    await talk.slack.invite("dan", talk.channel)
    for number, text in enumerate(("how is the weather?", "hello?", "anybody?"), 1):
        await talk.says("dan" if number == 2 else "ann", text)
        await says(talk, "queued" if number == 1 else f"{number} messages are queued", "[Withdraw and continue]")
    reminded = await says(talk, "Still waiting: Order 2 × Widget Pro", "Cleo", "3 messages are queued")
    escalated = await says(talk, "Nobody decided in time: Order 2 × Widget Pro", "Ben Baker", "3 messages are queued")
    assert float(escalated.ts) > float(reminded.ts)  # people are notified of what is new, and of nothing that is edited
    await talk.clicks("dan", escalated, "withdraw")
    await talk.is_told("dan", "Nothing was stopped")
    ended = await says(talk, "Expired · Nobody decided in time; nothing was run.")
    assert list(pressed(ended)) == []
    await talk.sees("It is sunny.")
    assert [name for one in talk.posts() for name in pressed(one) if name not in SHOWS_ONLY] == []
    await talk.slack.click("cleo", talk.channel, card.ts, "approve", stale=True)
    await talk.is_told("cleo", "already settled (expired)")
    await talk.slack.click("ann", talk.channel, ended.ts, "withdraw", stale=True)
    await talk.is_told("ann", "Nothing of this is waiting any more")
    assert len(notices(talk.posts())) == 1


async def test_a_notice_ends_with_the_decision(world: World, tmp_path: Path) -> None:
    talk, card = await asked(world, tmp_path, "It is sunny.", quorum="2")
    await talk.says("cleo", "how is the weather?")
    await says(talk, "Your message is queued")
    await talk.clicks("ann", card)
    await talk.sees("1 of 2", "Ann Archer")  # else either of the two votes may be the first
    await talk.clicks("ben", card)
    ended = await says(talk, "Approved by @Ann Archer, @Ben Baker.")
    assert list(pressed(ended)) == []
    await talk.sees("It is sunny.")


async def test_below_a_copy_stands_its_own_notice_and_reminders_stand_there_alone(world: World, tmp_path: Path) -> None:
    talk, card = await asked(world, tmp_path, "It is sunny.", post_to=world.slack.channels["support"], remind="3s")
    support = world.slack.channels["support"]
    copy = await talk.slack.until(
        lambda: next((one for one in talk.slack.workspace.messages[support].values() if one.bot_id), None)
    )
    there = Talk(world, support, copy.ts)
    await says(there, "Still waiting")
    assert notices(talk.posts()) == []
    await talk.says("ann", "how is the weather?")
    await says(talk, "I am waiting for a decision", "[Withdraw and continue]")
    await talk.clicks("cleo", card)
    for place in (talk, there):
        assert list(pressed(await says(place, "Approved by @Cleo"))) == []


async def test_a_notice_outlives_a_restart_and_is_not_posted_twice_when_its_answer_is_lost(world: World, tmp_path: Path) -> None:
    configure(world, tmp_path, remind="4s")
    stop = await world.start_bot()
    world.model.script = Lines(ORDER, "Then not.", "It is sunny.")
    talk = await mention(world, "ann", "order two")
    card = await talk.card()
    world.slack.faults.drop_after("chat.postMessage", times=2)  # Slack has posted it, and nobody hears of that
    await talk.says("ann", "how is the weather?")
    await says(talk, "Your message is queued")
    await stop()
    await world.start_bot()
    await talk.says("ann", "anybody?")
    await says(talk, "2 messages are queued")
    world.slack.faults.drop_after("chat.delete")
    await says(talk, "Still waiting")
    await talk.clicks("ann", card)
    await says(talk, "Approved by @Ann Archer.")
    await talk.sees("It is sunny.")
