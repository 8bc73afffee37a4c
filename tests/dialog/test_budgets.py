"""Budgets as people meet them: a note when most is used, a clear end, and an admin who raises it in the Home tab."""

import json
from pathlib import Path

import pytest

from bot.config.file import load_config
from bot.sandbox.model import Reply, Text
from tests.dialog.conftest import Talk, World, mention
from tests.dialog.test_home import home, reads

BUDGETS = """
agents: {assistant: {tools: [catalog], budget: {user_tokens_per_day: 18500, session_tokens: 100000}}}
budget: {workspace_usd_per_month: 50}
prices: {claude-sonnet-5-5: {input: 3, output: 15}}
"""


def answer(input_tokens: int, output_tokens: int) -> Reply:
    """One that takes so much, and nothing of it is cached."""
    usage = {"input_tokens": input_tokens, "output_tokens": output_tokens}
    return Reply((Text("Here you are."),), usage={**usage, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0})


@pytest.fixture
async def limited(world: World, tmp_path: Path) -> World:
    """A running bot with budgets, whose model takes 8,500 tokens a call."""
    path = tmp_path / "signoff.yaml"
    path.write_text(BUDGETS)
    world.config = load_config(path)
    world.model.script = lambda _: answer(8_400, 100)
    await world.start_bot()
    return world


async def answered(world: World, user: str = "ben") -> Talk:
    """A question with its answer."""
    talk = await mention(world, user, "what do you have?")
    await talk.sees("Here you are.")
    await talk.rests()
    return talk


async def used_up(world: World) -> Talk:
    """Ben has nothing left today."""
    await answered(world)
    await answered(world)
    talk = await mention(world, "ben", "and now?")
    await talk.sees("daily budget")
    await talk.rests()
    return talk


async def test_at_eighty_percent_people_are_told_and_at_the_end_who_can_raise_it(limited: World) -> None:
    first = await answered(limited)
    second = await answered(limited)
    assert [len(talk.posts()) for talk in (first, second)] == [1, 1]
    third = await mention(limited, "ben", "and now?")
    ended = await third.sees("Your daily budget of 18,500 tokens, used in all conversations with the agent assistant")
    assert "has 1,500 left, and the next step needs " in ended.seen_text
    assert "(17,000 used)" in ended.seen_text
    assert "starts anew at 00:00 UTC" in ended.seen_text
    assert "An admin of the workspace can raise it in my Home tab." in ended.seen_text
    assert "[Continue]" not in ended.seen_text
    assert len(limited.model.requests) == 2
    await answered(limited, "ann")  # whose day it is not


async def test_the_note_stands_in_the_thread_that_took_the_most(limited: World) -> None:
    limited.model.script = lambda _: answer(7_350, 50)
    await answered(limited)
    await answered(limited)  # 14,800 of 18,500, and room for one more
    limited.model.script = lambda _: answer(10, 5)
    third = await answered(limited)
    note = await third.sees("80 % of @Ben Baker's daily budget of 18,500 tokens")
    assert "can raise it" in note.seen_text
    fourth = await answered(limited)
    assert len(fourth.posts()) == 1


async def test_an_admin_raises_a_persons_day_and_the_next_step_has_it(limited: World) -> None:
    talk = await used_up(limited)
    assert "[Raise a budget…]" not in (await home(limited, "ben")).seen_text
    view = await home(limited, "ann")
    assert "No budget of yours is half used." in view.seen_text
    await limited.slack.click_in_view("ann", view.id, "raise_budget")
    modal = await limited.slack.until(lambda: limited.slack.view("ann"))
    assert "A person's day with assistant: 18,500 tokens each" in modal.seen_text
    assert "The workspace's month: $0.05 of $50" in json.dumps(modal.blocks)
    assert "Used most today with assistant: @Ben Baker 17,000 of 18,500 tokens" in modal.seen_text
    ben = limited.slack.people["ben"]
    submitted = await limited.slack.submit("ann", modal.id, {"amount": "lots", "person": ben})
    assert "as a number such as 100000" in submitted.errors["amount"]
    submitted = await limited.slack.submit("ann", modal.id, {"amount": "10,000"})
    assert submitted.closed, submitted
    await talk.says("ben", "and now?")
    await talk.sees("Here you are.")
    await home(limited, "ben")
    await reads(limited, "ben", "Your day with assistant: 25,500 of 28,500 tokens")
    [entry] = await limited.rows("SELECT actor, rule, body ->> 'tokens' FROM audit WHERE kind = 'raise'")
    assert entry == (limited.slack.people["ann"], "budget user_day", "10000")


async def test_who_is_no_admin_any_more_raises_nothing(limited: World) -> None:
    view = await home(limited, "ann")
    await limited.slack.click_in_view("ann", view.id, "raise_budget")
    modal = await limited.slack.until(lambda: limited.slack.view("ann"))
    limited.slack.faults.error("users.info", "user_not_visible")
    submitted = await limited.slack.submit("ann", modal.id, {"amount": "5", "budget": "1"})
    assert submitted.errors == {"amount": "Only admins of this workspace can raise a budget."}
    assert await limited.rows("SELECT 1 FROM budget_raise") == []
    submitted = await limited.slack.submit("ann", modal.id, {"amount": "$2.50", "budget": "1"})
    assert submitted.closed
    assert await limited.rows("SELECT kind, tokens, nano_usd FROM budget_raise") == [("workspace_month", 0, 2_500_000_000)]


async def test_unusual_spending_is_told_in_the_ops_channel_once(world: World) -> None:
    ops = world.slack.channels["finance"]
    world.config = world.config.model_copy(update={"ops_channel": ops})
    async with world.pool.connection() as connection:
        await connection.execute(
            """
            INSERT INTO usage (session_id, seq, team, payer, agent, model, started_at, reserved_tokens)
            SELECT 'S' || n, 1, 'T1', 'U1', 'assistant', 'm', now() - interval '3 days', 100 FROM generate_series(1, 60) AS n
            UNION ALL SELECT 'T1:C1:1.0', 1, 'T1', 'U1', 'assistant', 'm', now(), 301
            """
        )
        await connection.execute("INSERT INTO session (id, team, channel, thread_ts) VALUES ('T1:C1:1.0', 'T1', 'C1', '1.0')")
    await world.start_bot()
    await world.start_bot()
    told = await world.slack.until(lambda: next((m for m in messages(world, ops) if "Unusual" in m), None))
    assert "Unusual spending of assistant: one conversation in" in told
    assert "took 301 tokens in the hour" in told
    await looked_again(world)
    assert len([text for text in messages(world, ops) if "Unusual" in text]) == 1


def messages(world: World, channel: str) -> list[str]:
    """Return the messages of a channel."""
    return [message.seen_text for message in world.slack.workspace.messages[channel].values()]


async def looked_again(world: World) -> None:
    """Until one of the processes has looked once more."""
    async with world.pool.connection() as connection:
        long_ago = "now() - interval '2 minutes'"
        await connection.execute(f"UPDATE chore SET begun_at = {long_ago}, done_at = {long_ago} WHERE key = 'watch'")
    while await world.rows("SELECT 1 FROM chore WHERE key = 'watch' AND done_at < now() - interval '1 minute'"):
        pass  # until it is done again


async def test_a_try_that_broke_off_after_the_model_had_begun_is_charged_with_the_answer(world: World) -> None:
    world.model.faults.cut_stream(after_events=4)
    await world.start_bot()
    world.model.script = lambda _: answer(1_000, 100)
    await answered(world)
    assert len(world.model.requests) == 2
    [(tokens, counted)] = await world.rows("SELECT tokens, input_tokens + output_tokens FROM usage")
    assert counted == 1_100
    assert 2 * 1_000 + 100 < tokens <= 2 * 1_100


async def test_a_try_that_the_model_refused_costs_nothing(world: World) -> None:
    world.model.faults.status(529)
    await world.start_bot()
    world.model.script = lambda _: answer(1_000, 100)
    await answered(world)
    assert await world.rows("SELECT tokens FROM usage") == [(1_100,)]
