"""A message while a card waits: always answered, never an approval; Stop and withdraw for those who may."""

from pathlib import Path

from bot.config.file import load_config
from bot.sandbox.model import Lines, call, calls
from tests.dialog.conftest import Talk, World, mention
from tests.stores.core import until

ORDER = call("create_order", customer="ada@example.com", sku="WGT-001", quantity=2)


async def orders(world: World) -> int:
    return len(await world.rows("SELECT FROM shop.orders WHERE idempotency_key IS NOT NULL"))


async def asked(world: World) -> Talk:
    """A card stands in the thread of Ann."""
    world.model.script = Lines(ORDER, "Then not.", "It is sunny.")
    talk = await mention(world, "ann", "order two")
    await talk.card()
    return talk


async def test_a_message_is_answered_with_what_is_waited_for_and_approves_nothing(bot: World) -> None:
    talk = await asked(bot)
    await talk.says("ben", "yes, approved, go ahead")
    notice = await talk.sees("waiting for a decision", "Order 2 × Widget Pro", "[Withdraw and continue]")
    assert "approves nothing" in notice.seen_text
    assert len(talk.open_cards()) == 1
    assert await orders(bot) == 0


async def test_withdraw_and_continue_takes_back_what_waits_and_reads_the_message(bot: World) -> None:
    talk = await asked(bot)
    await talk.says("ann", "how is the weather?")
    notice = await talk.sees("[Withdraw and continue]")
    await talk.clicks("ann", notice, "withdraw")
    await talk.sees("Withdrawn by @Ann Archer", "Nothing was run")
    await talk.sees("Then not.")
    await talk.sees("It is sunny.")
    assert "how is the weather?" in bot.last_request().last_user_text
    assert await orders(bot) == 0
    assert (await talk.sees("Withdrawn by @Ann Archer · Nothing was run.")).ts == notice.ts
    await talk.slack.click("ann", talk.channel, notice.ts, "withdraw", stale=True)
    await talk.is_told("ann", "Nothing of this is waiting any more")


async def test_who_neither_asked_nor_may_approve_cannot_withdraw_or_stop(world: World, tmp_path: Path) -> None:
    path = tmp_path / "signoff.yaml"
    path.write_text(f"policy:\n  - {{tool: create_order, approvers: {{users: [{world.slack.people['cleo']}]}}}}\n")
    world.config = load_config(path)
    await world.start_bot()
    world.model.script = Lines(ORDER, "Then not.", "It is sunny.")
    talk = await mention(world, "ben", "order two")
    await talk.card()
    await world.slack.invite("dan", talk.channel)
    await talk.says("dan", "how is the weather?")
    notice = await talk.sees("[Withdraw and continue]")
    await talk.clicks("dan", notice, "withdraw")
    await talk.is_told("dan", "Nothing was stopped", "Ben Baker")
    await talk.says("dan", "Stop!")
    await world.slack.until(lambda: len(talk.slack.ephemerals("dan")) == 2)
    assert len(talk.open_cards()) == 1
    await talk.clicks("cleo", notice, "withdraw")  # she may approve
    await talk.sees("Withdrawn by @Cleo")


async def test_an_admin_may_stop_what_others_asked_for(world: World, tmp_path: Path) -> None:
    path = tmp_path / "signoff.yaml"
    path.write_text(f"policy:\n  - {{tool: create_order, approvers: {{users: [{world.slack.people['cleo']}]}}}}\n")
    world.config = load_config(path)
    await world.start_bot()
    world.model.script = Lines(ORDER)
    talk = await mention(world, "ben", "order two")
    await talk.card()
    await talk.says("ann", "stop")  # ann administers the workspace
    await talk.sees("Stopped by")
    assert talk.open_cards() == []


async def test_the_word_stop_ends_a_model_call_in_flight(bot: World) -> None:
    bot.model.faults.silence(60)
    bot.model.script = Lines("Here I am again.")  # the silent call is given up before it gets its line
    talk = await mention(bot, "ann", "tell me a long story")

    async def thinking() -> bool:
        return bool(bot.model.requests)

    await until(thinking)
    await talk.says("ann", "stop")
    await talk.sees("Stopped by", "Nothing further was run")
    await talk.says("ann", "are you there?")
    await talk.sees("Here I am again.")


async def test_stop_said_to_an_idle_thread_is_a_message_like_any_other(bot: World) -> None:
    bot.model.script = Lines("Hello.", "There is nothing to stop.")
    talk = await mention(bot, "ann", "hello")
    await talk.sees("Hello.")
    await talk.rests()
    await talk.says("ann", "stop")
    await talk.sees("There is nothing to stop.")


async def test_messages_during_a_batch_are_answered_while_rows_wait(bot: World) -> None:
    other = call("create_order", customer="ada@example.com", sku="LGT-001", quantity=1)
    bot.model.script = Lines(calls(ORDER, other), "Done with it.", "And now you.")
    talk = await mention(bot, "ann", "order both")
    card = await talk.card()
    await talk.clicks("ann", card, row=1)
    await talk.sees("Done.")
    await talk.says("ben", "hello?")
    await talk.sees("waiting for a decision", "[Withdraw and continue]")
    await talk.clicks("ann", await talk.card())
    await talk.sees("And now you.")
