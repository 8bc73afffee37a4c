"""Slack as tools, in conversations: the thread, other channels, and a message elsewhere that takes a click and is posted once."""

import json
from pathlib import Path
from typing import Any

import pytest

from bot.config.file import AgentSection, Config, load_config
from bot.sandbox.model import Lines, call
from tests.dialog.conftest import Talk, World, dm, mention
from tests.signoff import signoff

POST = call("slack_post_message", channel="#general", text="The shop opens at 9.")


@pytest.fixture
async def slack(world: World) -> World:
    """A bot whose agent names the pack."""
    world.config = Config(agents={"assistant": AgentSection(tools=("slack",))})
    await world.start_bot()
    return world


def result(world: World, number: int = 2) -> Any:
    """What the model read of its call, in its `number`th request."""
    return json.loads(world.model.requests[number - 1]["messages"][-1]["content"][0]["content"])


def posted(world: World, channel: str = "general") -> list[str]:
    """What the bot wrote in another channel."""
    there = world.slack.workspace.messages[world.slack.channels[channel]].values()
    return [message.seen_text for message in there if message.bot_id]


async def test_what_was_said_before_the_mention_is_read_in_the_thread(bot: World) -> None:
    """With the packs that every agent has."""
    bot.model.script = Lines(call("slack_read_thread"), "Ben said nine.")
    channel = bot.slack.channels["orders"]
    talk = Talk(bot, channel, await bot.slack.say("ann", channel, "When do we open?"))
    await talk.says("ben", "At nine, I think.")
    await bot.slack.mention("ann", channel, "what did Ben say?", thread_ts=talk.ts)
    await talk.sees("Ben said nine.")
    lines = result(bot)["result"]["messages"]
    assert [(line["sender"], line["text"]) for line in lines[:2]] == [
        ("Ann Archer", "When do we open?"),
        ("Ben Baker", "At nine, I think."),
    ]
    names = bot.last_request().tool_names
    assert names >= {"slack_read_thread", "slack_find_person"}
    assert not names & {"slack_search_messages", "slack_post_message"}


async def test_who_asks_finds_nothing_of_a_private_channel_that_they_are_not_in(slack: World) -> None:
    await slack.slack.say("cleo", "finance", "The secret budget is 7 million")
    await slack.slack.say("cleo", "support", "What is our budget?")
    search = call("slack_search_messages", words="budget")
    slack.model.script = Lines(search, "Ben, only a question.", search, "Cleo, 7 million.")
    ben = await dm(slack, "ben", "what is the budget?")
    await ben.sees("only a question")
    assert [hit["text"] for hit in result(slack)["result"]["found"]] == ["What is our budget?"]
    assert "million" not in str(slack.model.requests)
    assert "finance" not in str(slack.model.requests[1]["messages"])
    cleo = await dm(slack, "cleo", "what is the budget?")
    await cleo.sees("7 million")
    found = [hit["text"] for hit in result(slack, 4)["result"]["found"]]
    assert set(found) == {"What is our budget?", "The secret budget is 7 million"}


async def test_the_question_itself_is_no_answer_to_it(slack: World) -> None:
    await slack.slack.say("ben", "orders", "The budget is 7 million")
    slack.model.script = Lines(call("slack_search_messages", words="budget"), "It is 7 million.")
    talk = await mention(slack, "ann", "what was said of the budget?")
    await talk.sees("It is 7 million.")
    assert [hit["text"] for hit in result(slack)["result"]["found"]] == ["The budget is 7 million"]


async def test_what_a_private_channel_says_is_not_carried_into_a_public_one(slack: World) -> None:
    await slack.slack.say("cleo", "finance", "The secret budget is 7 million")
    slack.model.script = Lines(call("slack_search_messages", words="budget"), "Ask me in a direct message.")
    talk = await mention(slack, "cleo", "what is the budget?")
    await talk.sees("Ask me in a direct message.")
    assert "million" not in str(slack.model.requests)
    assert "ask for that in a direct message" in result(slack)["result"]["left_out"][0]


async def test_a_message_elsewhere_takes_a_click(slack: World) -> None:
    slack.model.script = Lines(POST, "Announced.")
    talk = await mention(slack, "ann", "tell everybody that the shop opens at 9")
    card = await talk.card()
    for words in (
        "Post in #general · 5 members",
        "a public channel gets a new message",
        "The shop opens at 9.",
        "[Post message · 5 members]",
    ):
        assert words in card.seen_text
    await talk.rests("suspended")
    assert posted(slack) == []
    await talk.clicks("ben", card)
    await talk.sees("Announced.")
    assert posted(slack) == ["The shop opens at 9.\nPosted for Ann Archer"]
    assert result(slack)["result"]["channel"] == "#general"


async def test_replies_below_what_was_posted_belong_to_the_conversation_that_posted_it(slack: World) -> None:
    slack.model.script = Lines(POST, "Posted.", "At nine, Dan.")
    talk = await mention(slack, "ann", "tell everybody when we open")
    await talk.clicks("ben", await talk.card())
    await talk.sees("Posted.")
    general = slack.slack.channels["general"]
    [ts] = [one.ts for one in slack.slack.workspace.messages[general].values() if one.bot_id]
    await slack.slack.say("dan", general, "when was that?", thread_ts=ts)
    await talk.sees("At nine, Dan.")
    await talk.is_told("dan", "I answer in the conversation that this belongs to", "#orders")
    assert f"[written in <#{general}>, below what you posted there] when was that?" in slack.last_request().last_user_text
    assert await slack.rows("SELECT thread_ts FROM session") == [(talk.ts,)]


async def test_a_rejected_message_is_not_posted(slack: World) -> None:
    slack.model.script = Lines(POST, "Not announced.")
    talk = await mention(slack, "ann", "tell everybody")
    await talk.rejects("ben", await talk.card())
    await talk.sees("Not announced.")
    assert posted(slack) == []


async def test_a_post_whose_answer_was_lost_is_found_and_not_posted_again(slack: World) -> None:
    slack.model.script = Lines(POST, "Announced.")
    talk = await mention(slack, "ann", "tell everybody")
    card = await talk.card()
    await talk.rests("suspended")
    slack.slack.faults.drop_after("chat.postMessage")
    await talk.clicks("ann", card)
    await talk.sees("Announced.")
    assert result(slack)["ok"]
    assert len(posted(slack)) == 1


async def test_a_process_that_is_killed_in_the_middle_of_a_post_leaves_one_message(world: World, tmp_path: Path) -> None:
    """Slack posts it, and the process that would have heard so is gone: the next one looks it up by its key."""
    (tmp_path / "signoff.yaml").write_text("agents: {assistant: {tools: [slack]}}\n")
    world.config = load_config(tmp_path / "signoff.yaml")
    world.model.script = Lines(POST, "Announced.")
    async with signoff("run", folder=tmp_path, environment=environment(world)) as process:
        await world.slack.until(lambda: world.slack.connections)
        talk = await mention(world, "ann", "tell everybody")
        card = await talk.card()
        await talk.rests("suspended")
        world.slack.faults.hold("chat.postMessage")
        await talk.clicks("ann", card)
        await world.slack.until(lambda: world.slack.faults.holding("chat.postMessage"))
        process.kill()
        await process.wait()
    world.slack.faults.release("chat.postMessage")  # the request was on its way: Slack does it, caller or no caller
    await world.slack.until(lambda: posted(world))
    await world.start_bot()
    await talk.sees("Announced.")
    assert posted(world) == ["The shop opens at 9.\nPosted for Ann Archer"]
    assert result(world)["result"]["channel"] == "#general"
    [(kinds,)] = await world.rows("SELECT array_agg(body->>'kind' ORDER BY seq) FROM step WHERE body->>'kind' LIKE 'tool_%%'")
    assert kinds == ["tool_started", "tool_returned"]


def environment(world: World) -> dict[str, str]:
    """What a separate process finds in its environment."""
    return {
        "SLACK_BOT_TOKEN": world.slack.bot_token,
        "SLACK_APP_TOKEN": world.slack.app_token,
        "SLACK_API_URL": world.slack.api_url,
        "ANTHROPIC_API_KEY": world.model.api_key,
        "ANTHROPIC_BASE_URL": world.model.base_url,
        "DATABASE_URL": world.database_url,
        "REDIS_URL": world.redis_url,
        "PORT": "0",
    }


@pytest.mark.parametrize("code", ["token_revoked", "accesslimited"])
async def test_credentials_that_are_not_accepted_are_said_to_the_model_and_nothing_is_waited_for(bot: World, code: str) -> None:
    bot.model.script = Lines(call("slack_read_thread"), "I cannot read it now.")
    bot.slack.faults.error("conversations.replies", code)
    talk = await mention(bot, "ann", "what was said?")
    await talk.sees("I cannot read it now.")
    told = result(bot)
    assert "permission_denied" in str(told)
    assert f"Slack does not accept the bot's credentials ({code})." in str(told)
