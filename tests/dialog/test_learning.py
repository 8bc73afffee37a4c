"""What people said is learnt once they have rested, and forgotten with the message that said it."""

import json

import pytest

from bot.config.file import Config
from bot.config.memory_section import MemorySection
from bot.sandbox.model import Lines, say
from tests.dialog.conftest import World, mention
from tests.dialog.test_memory import read
from tests.stores.core import until

LESSON = {
    "facts": [
        {"message": 1, "quote": "Maya owns billing", "fact": "Maya owns billing.", "subject": "billing"},
        {"message": 1, "quote": "Maya owns everything", "fact": "Maya owns everything.", "subject": "all"},
        {"message": 7, "quote": "x", "fact": "Nobody said this.", "subject": ""},
        "nonsense",
    ],
    "summary": "They asked who owns billing.",
}


async def test_what_people_said_is_learnt_once_they_have_rested(world: World) -> None:
    world.config = Config(memory=MemorySection.model_validate({"learn_after": "1s"}))
    await world.start_bot()
    world.model.script = Lines("I see.", say(json.dumps(LESSON)))
    talk = await mention(world, "ann", "so you know: Maya owns billing")
    await talk.sees("I see.")

    async def learnt() -> bool:
        return bool(await world.rows("SELECT FROM step WHERE body::text LIKE %s", '{"kind":"learnt"%'))

    await until(learnt)
    asked = world.model.requests[1]
    assert asked["model"] == "claude-haiku-5-5"
    assert not asked.get("tools")
    assert "Maya owns billing" in read(world, 1)
    assert await world.rows("SELECT kind, body, quote FROM memory ORDER BY kind") == [
        ("fact", "Maya owns billing.", "Maya owns billing"),
        ("summary", "They asked who owns billing.", "They asked who owns billing."),
    ]
    [(tokens,)] = await world.rows("SELECT count(*) FROM usage WHERE purpose = 'learn'")
    assert tokens == 1


@pytest.mark.parametrize("how", ["deleted", "changed"])
async def test_what_a_message_said_that_was_taken_back_is_forgotten_and_not_learnt_again(world: World, how: str) -> None:
    world.config = Config(memory=MemorySection.model_validate({"learn_after": "1s"}))
    await world.start_bot()
    lesson = say(json.dumps(LESSON))
    world.model.script = Lines("I see.", lesson, "Well.", lesson)
    talk = await mention(world, "ann", "so you know: Maya owns billing")

    async def kept() -> bool:
        return len(await world.rows("SELECT FROM memory")) == 2

    async def gone() -> bool:
        return await world.rows("SELECT FROM memory") == []

    await until(kept)
    if how == "deleted":
        await world.slack.delete("ann", talk.channel, talk.ts)
    else:
        await world.slack.edit("ann", talk.channel, talk.ts, f"<@{world.slack.bot_user_id}> never mind")
    await until(gone)

    await talk.says("ann", "thanks")  # the thread rests once more, and is read again

    async def read_again() -> bool:
        return len(await world.rows("SELECT FROM step WHERE body::text LIKE %s", '{"kind":"learnt"%')) == 2

    await until(read_again)
    assert await gone()
