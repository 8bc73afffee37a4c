"""What a session is run with: pinned when it starts, whatever is deployed meanwhile, and moved only when its model is gone."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from agent.session.steps import Repinned
from agent.tool.declare import tool
from bot.config.file import AgentSection, Config
from bot.sandbox.model import Call, Lines, Reply, Text, call, say, think
from tests.dialog.conftest import World, mention

ORDER = call("create_order", customer="ada@example.com", sku="WGT-001", quantity=2)
BEFORE = Config(agents={"assistant": AgentSection(model="claude-haiku-5-5", prompt="assistant@1")})
AFTER = Config(agents={"other": AgentSection(model="claude-opus-5-5", prompt="assistant@2")})


@tool(effect="read")
async def wave(name: str) -> str:
    """Wave to somebody. It comes with a deploy."""
    return f"waved to {name}"


def look() -> Call:
    """A call of a read, with a separate id."""
    return call("get_order_status", order_id="ORD-1042")


async def deploy(world: World, stop: Callable[[], Awaitable[None]], config: Config = AFTER) -> Callable[[], Awaitable[None]]:
    """Another process takes over, with another prompt, other tools and another model."""
    await stop()
    world.config, world.packs = config, {"greetings": [wave]}
    return await world.start_bot()


def bound(request: Any) -> str:
    """What thoughts are bound to, byte for byte."""
    return json.dumps([request[part] for part in ("model", "system", "tools")])


def retire(world: World, model: str) -> None:
    """The provider takes a model away."""
    card = world.model.models.get(model)
    assert card is not None
    world.model.models.put(replace(card, lifecycle="retired"))


def takes_away(world: World, model: str) -> None:
    """Requests for a retired model were refused, as they are in earnest."""
    assert {(refused.status, refused.message) for refused in world.model.refusals} == {(404, f"model: {model}")}
    world.model.refusals.clear()


async def moved(world: World) -> list[Repinned]:
    """The steps that say so."""
    rows = await world.rows("SELECT body::text FROM step WHERE body->>'kind' = 'repinned'")
    return [Repinned.model_validate_json(body) for (body,) in rows]


async def test_a_deploy_while_a_card_waits_changes_nothing_for_that_session(world: World) -> None:
    world.config = BEFORE
    stop = await world.start_bot()
    world.model.script = Lines(
        Reply((think("They want two."), look())), Reply((think("Well."), ORDER)), "Ordered.", "Still here."
    )
    talk = await mention(world, "ann", "order two")
    card = await talk.card()
    await deploy(world, stop)
    await talk.clicks("ann", card)
    await talk.sees("Ordered.")
    await talk.says("ann", "are you there?")
    await talk.sees("Still here.")
    assert len({bound(request) for request in world.model.requests}) == 1
    assert "claude-haiku-5-5" in bound(world.model.requests[-1])
    assert await moved(world) == []

    world.model.script = lambda _: say("I am the new one.")
    other = await mention(world, "ann", "hello")
    await other.sees("I am the new one.")
    assert "claude-opus-5-5" in bound(world.model.requests[-1])
    assert "wave" in bound(world.model.requests[-1])


async def test_a_session_whose_model_was_retired_goes_on_with_the_present_one(world: World) -> None:
    world.config = BEFORE
    stop = await world.start_bot()
    looked = (Reply((think("I look."), look())), Reply((think("I see."), Text("Delivered."))))
    world.model.script = Lines(*looked, Reply((think("Once more."), look())), "As I said.", Reply((think("Hm."), Text("Bye."))))
    talk = await mention(world, "ann", "where is my order?")
    await talk.sees("Delivered.")
    retire(world, "claude-haiku-5-5")
    await deploy(world, stop)
    await talk.says("ann", "are you sure?")
    await talk.sees("As I said.")
    request = world.model.requests[-1]
    assert request["model"] == "claude-opus-5-5"
    assert "wave" in bound(request)
    thoughts = [block for message in request["messages"] for block in message["content"] if block["type"] == "thinking"]
    assert len(thoughts) == 1  # of this turn; those of the old model are gone
    [step] = await moved(world)
    assert (step.model_before, step.model, step.prompt) == ("claude-haiku-5-5", "claude-opus-5-5", "assistant@2")
    assert len(talk.posts()) == 2  # people see answers, and nothing else
    takes_away(world, "claude-haiku-5-5")

    await talk.says("ann", "bye")
    await talk.sees("Bye.")
    assert len(await moved(world)) == 1  # and the log is read as it was written


async def test_a_model_is_not_changed_within_a_turn_while_a_card_waits(world: World) -> None:
    world.config = BEFORE
    stop = await world.start_bot()
    world.model.script = Lines(Reply((think("They want two."), ORDER)), "Hello again.")
    talk = await mention(world, "ann", "order two")
    card = await talk.card()
    retire(world, "claude-haiku-5-5")
    await deploy(world, stop)
    await talk.clicks("ann", card)
    await talk.sees("The model that I began this with was retired")
    assert await world.rows("SELECT status FROM action") == [("succeeded",)]  # what was approved did run
    assert await moved(world) == []
    await talk.says("ann", "and now?")
    await talk.sees("Hello again.")
    assert len(await moved(world)) == 1
    takes_away(world, "claude-haiku-5-5")


async def test_a_retired_model_that_nobody_replaced_is_named_and_works_again_when_it_is_back(world: World) -> None:
    world.config = BEFORE
    await world.start_bot()
    card = world.model.models.get("claude-haiku-5-5")
    assert card is not None
    retire(world, "claude-haiku-5-5")
    world.model.script = Lines("Here I am.")
    talk = await mention(world, "ann", "hello")
    await talk.sees("does not exist (any more)", "an admin must name another one")
    takes_away(world, "claude-haiku-5-5")
    world.model.models.put(card)
    await talk.says("ann", "and now?")
    await talk.sees("Here I am.")
