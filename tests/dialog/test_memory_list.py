"""What do you know about me, or about this channel? All of it that everybody who reads along may know, and a word on the rest."""

import json
from typing import Any

from agent.memory.items import NewItem, Source, message_key
from agent.store.memory_items import Items
from bot.config.file import Config
from bot.config.memory_section import MemorySection
from bot.sandbox.model import Lines, call
from tests.dialog.conftest import World, dm, mention
from tests.dialog.test_memory import read, remembers
from tools.memory.listing import MOST_LISTED


async def remembering(world: World) -> World:
    """A bot that remembers."""
    world.config = Config(memory=MemorySection(learn_with=""))
    await world.start_bot()
    return world


async def lists(world: World, about: str, text: str, *, user: str = "ann", channel: str = "") -> dict[str, Any]:
    """What the model is told when somebody asks."""
    world.model.script = Lines(call("list_memory", about=about), "That is all.")
    talk = await (mention(world, user, text, channel) if channel else dm(world, user, text))
    await talk.sees("That is all.")
    told: dict[str, Any] = json.loads(read(world))["result"]
    return told


def texts(told: dict[str, Any]) -> list[str]:
    """What its items say."""
    return [item["text"] for item in told["items"]]


async def test_what_do_you_know_about_me_lists_a_persons_own_words_and_values_as_far_as_all_may_know(world: World) -> None:
    await remembering(world)
    await remembers(world, "I am on holiday in May", user="cleo")
    await remembers(world, "Lunch is at noon", user="ben")
    await remembers(world, "My salary is 90,000", user="cleo", channel="finance")
    world.model.script = Lines(call("set_memory", owner="user", kind="preference", key="language", value="French"), "D'accord.")
    await (await mention(world, "cleo", "always answer me in French")).sees("D'accord.")

    told = await lists(world, "me", "what do you know about me?", user="cleo", channel="support")
    assert texts(told) == ["I am on holiday in May"]
    assert told["values"] == [{"kind": "preference", "key": "language", "value": "French"}]
    assert told["more"] == 0
    assert "Home tab" in told["elsewhere"]
    told = await lists(world, "me", "what do you know about me?", user="cleo")
    assert texts(told) == ["My salary is 90,000", "I am on holiday in May"]


async def test_what_do_you_know_about_this_channel_lists_what_was_learnt_there_and_says_how_much_more_there_is(
    world: World,
) -> None:
    await remembering(world)
    await remembers(world, "Lunch is at noon", user="ben", channel="support")
    place = world.slack.channels["orders"]
    for number in range(MOST_LISTED + 3):
        source = Source(key=message_key(place, f"{number}.0"), quote="late", by="U1")
        item = NewItem(channel=place, kind="fact", text=f"Order {number} is late", source=source)
        await Items(world.pool).learn(world.slack.workspace.team_id, item)
    told = await lists(world, "channel", "what do you know about this channel?", channel="orders")
    assert texts(told) == [f"Order {number} is late" for number in range(MOST_LISTED + 2, 2, -1)]
    assert told["more"] == 3
