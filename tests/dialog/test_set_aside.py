"""A conversation that ends whatever works on it: its people and the ops channel hear of it once, and it can be released."""

import logging

import pytest

from agent.run import runner
from agent.store.aside import release_aside
from bot.app import set_aside
from bot.commands.doctor_stores import stores
from bot.config.file import Config
from bot.sandbox.model import Lines
from tests.dialog.conftest import World, mention

INSERT = "INSERT INTO step (session_id, seq, epoch, body) SELECT session_id, max(seq) + 1, max(epoch), %s FROM step GROUP BY 1"
POISON = '{"kind": "tool_returned", "call_id": "nobodys", "outcome": "failed", "text": "{}"}'


async def test_people_and_ops_are_told_once_and_a_release_has_it_tried_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(set_aside, "LOOK_SECONDS", 0.2)
    monkeypatch.setattr(runner, "TROUBLE_SECONDS", 0.1)
    ops = world.slack.channels["support"]
    world.config = Config(ops_channel=ops)
    world.model.script = Lines("Hello.", "Here I am.")
    await world.start_bot()
    talk = await mention(world, "ann", "hello")
    await talk.sees("Hello.")
    await talk.rests()
    await world.rows(f"{INSERT} RETURNING 1", POISON)  # a log that nobody can read any more
    await talk.says("ann", "are you there?")
    await talk.sees("It is set aside, and nothing of it runs.")
    await world.slack.until(lambda: "signoff release" in str([m.text for m in world.slack.workspace.messages[ops].values()]))
    await talk.says("ann", "hello?")
    await world.rows("DELETE FROM step WHERE body->>'call_id' = 'nobodys' RETURNING 1")
    [(id,)] = await world.rows("SELECT id FROM session WHERE aside_at IS NOT NULL")
    [found] = [each for each in await stores(world.settings()) if each.what.startswith("Conversations:")]
    assert (found.level, id in found.what, f"signoff release {id}" in found.mend) == ("fail", True, True)
    async with world.pool.connection() as connection:
        assert await release_aside(connection, id)
    await talk.sees("Here I am.")
    assert sum("set aside" in message.seen_text for message in talk.posts()) == 1


async def test_where_the_thread_takes_no_word_the_ops_channel_hears_of_it_all_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(set_aside, "LOOK_SECONDS", 0.2)
    monkeypatch.setattr(runner, "TROUBLE_SECONDS", 0.1)
    caplog.set_level(logging.WARNING)
    ops = world.slack.channels["support"]
    world.config = Config(ops_channel=ops)
    world.model.script = Lines("Hello.")
    await world.start_bot()
    talk = await mention(world, "ann", "hello")
    await talk.sees("Hello.")
    await talk.rests()
    await world.rows(f"{INSERT} RETURNING 1", POISON)
    world.slack.faults.error("chat.postMessage", "restricted_action_thread_locked")
    await talk.says("ann", "are you there?")
    await world.slack.until(lambda: "signoff release" in str([m.text for m in world.slack.workspace.messages[ops].values()]))
    assert (
        f"nobody can be told in {talk.channel} that a conversation is set aside: restricted_action_thread_locked"
        in caplog.messages
    )
    assert [message.seen_text for message in talk.posts() if "set aside" in message.seen_text] == []
