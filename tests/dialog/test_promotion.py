"""A prompt's version is promoted on a card like any other call, and is live for new conversations on every replica."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from agent.prompts.versions import PROMPTS
from agent.store.eval_runs import EvalRun, EvalRuns
from agent.store.prompt_labels import PromptLabels
from bot.agents import toolbox
from bot.commands import prompts
from bot.config.file import Config, load_config
from bot.config.refusal import Refusal
from bot.sandbox.model import Lines, Reply, Request, call, say
from tests.dialog.conftest import Talk, World, dm, mention
from tests.patience import PATIENCE_SECONDS

FIRST, SECOND = PROMPTS.load("assistant@1"), PROMPTS.load("assistant@2")  # the second comes with the code


@pytest.fixture
async def promoting(world: World) -> World:
    """A bot whose prompts are promoted in #orders, by two people."""
    place = world.slack.channels["orders"]
    path = world.home / "signoff.yaml"
    path.write_text(f"agents: {{assistant: {{tools: [catalog, prompts]}}}}\npromotion: {{channel: {place}}}\n")
    world.config = load_config(path)
    await world.start_bot()
    return world


async def asks(world: World, **changes: Any) -> Talk:
    """Ann asks on the command line to promote the first version; where that is asked."""
    arguments = {"prompt": "assistant", "version": 1, "label": "production", "share": 10, "override": "", **changes}
    where = await asyncio.to_thread(prompts.ask_for, world.settings(), world.config, world.slack.people["ann"], arguments)
    return Talk(world, world.slack.channels["orders"], where.rpartition(" ")[2])


async def evaluated(world: World, passed: bool = True) -> str:
    """An eval of the first version has come to its end; its key."""
    packs = {"catalog": [world.tools[name] for name in CATALOG], "prompts": [world.tools["promote_prompt"]], "built in": []}
    key = toolbox.eval_keys(world.config, {**packs, "built in": [world.tools["read_output"]]}, FIRST)["assistant"].key
    figures = {"completion": 0.97, "approvals": 1.0}
    run = EvalRun(key, FIRST.reference, "claude-sonnet-5-5", "assistant", passed, figures, at=await now(world))
    await EvalRuns(world.pool).add(run, FIRST.digest)
    return key


def plainly(request: Request) -> Reply:
    """The model greets, and says what became of a promotion."""
    if not request.turn_results:
        return say("Hello.")
    return say("It is live." if request.turn_results[-1].ok else "It is not live.")


CATALOG = ("search_product_catalog", "get_order_status", "create_order")


async def now(world: World) -> Any:
    return (await world.rows("SELECT now()"))[0][0]


async def until_led_by(world: World, reference: str) -> None:
    """Until every new conversation, on whichever replica, is led by this version: a few in a row are."""
    in_a_row = 0
    async with asyncio.timeout(PATIENCE_SECONDS):
        while in_a_row < 4:
            in_a_row = in_a_row + 1 if await led_by(world) == reference else 0


async def led_by(world: World, user: str = "dan") -> str:
    """The prompt that a new conversation is led by."""
    talk = await dm(world, user, "hello")
    await talk.sees("Hello.")
    [(body,)] = await world.rows(
        "SELECT pin.body FROM session JOIN pin ON pin.id = pin_id WHERE channel = %s AND thread_ts = %s", talk.channel, talk.ts
    )
    return body["prompt"]


async def test_a_version_is_live_once_two_people_have_approved_its_card(promoting: World) -> None:
    promoting.model.script = plainly
    assert await led_by(promoting) == "assistant@2"
    running = await dm(promoting, "dan", "hello")
    await running.sees("Hello.")
    key = await evaluated(promoting)
    talk = await asks(promoting)
    card = await talk.card()
    assert "Make assistant@1 live for every new conversation" in card.seen_text
    assert "passed on" in card.seen_text
    assert "completion 0.97" in card.seen_text
    await talk.approves_whole("ben", card)
    await talk.approves_whole("cleo", await talk.card())
    await talk.sees("It is live.")
    other = replace(promoting)  # another replica, which has looked a moment ago
    await other.start_bot()
    await until_led_by(promoting, "assistant@1")
    await running.says("dan", "hello again")
    assert [
        pin["prompt"]
        for (pin,) in await promoting.rows(
            "SELECT pin.body FROM session JOIN pin ON pin.id = pin_id WHERE thread_ts = %s", running.ts
        )
    ] == ["assistant@2"]
    [moved] = await PromptLabels(promoting.pool).history("assistant")
    assert (moved.label, moved.version, moved.digest, moved.tested) == ("production", 1, FIRST.digest, key)
    [(body,)] = await promoting.rows("SELECT body FROM audit WHERE kind = 'label'")
    assert (body["prompt"], body["version"], body["tested"]) == ("assistant", 1, key)


async def test_nothing_is_promoted_without_a_passed_eval_unless_somebody_says_why(promoting: World) -> None:
    promoting.model.script = Lines("It has no passed eval.", "It has none still.", "It is live.")
    talk = await asks(promoting)
    await talk.sees("It has no passed eval.")
    assert talk.open_cards() == []
    await evaluated(promoting, passed=False)
    talk = await asks(promoting)
    await talk.sees("It has none still.")
    talk = await asks(promoting, override="the shop is down and this version names the telephone")
    card = await talk.card()
    assert "NOT passed" in card.seen_text
    assert "the shop is down" in card.seen_text
    await talk.approves_whole("ben", card)
    await talk.approves_whole("cleo", await talk.card())
    await talk.sees("It is live.")
    [moved] = await PromptLabels(promoting.pool).history("assistant")
    assert (moved.why, moved.tested) == ("the shop is down and this version names the telephone", "")


async def test_a_rollback_is_at_once_and_a_promotion_that_people_reject_changes_nothing(promoting: World) -> None:
    promoting.model.script = plainly
    await evaluated(promoting)
    talk = await asks(promoting)
    await talk.rejects("ben", await talk.card(), "not on a Friday")
    await talk.sees("It is not live.")
    assert await PromptLabels(promoting.pool).history("assistant") == []
    with pytest.raises(Refusal, match="points nowhere"):
        await asyncio.to_thread(prompts.roll_back, promoting.settings(), None, "assistant", "production", "worse")
    talk = await asks(promoting)
    await talk.approves_whole("ben", await talk.card())
    await talk.approves_whole("cleo", await talk.card())
    await talk.sees("It is live.")
    await until_led_by(promoting, "assistant@1")
    await asyncio.to_thread(prompts.roll_back, promoting.settings(), None, "assistant", "production", "worse in German")
    await until_led_by(promoting, "assistant@2")
    with pytest.raises(Refusal, match="points nowhere"):
        await asyncio.to_thread(prompts.roll_back, promoting.settings(), None, "assistant", "production", "once more")


async def test_a_canary_needs_one_person_and_leads_its_share(promoting: World) -> None:
    promoting.model.script = plainly
    await evaluated(promoting)
    talk = await asks(promoting, label="canary", share=50)
    await talk.approves_whole("ben", await talk.card())
    await talk.sees("It is live.")
    led: set[str] = set()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while led != {"assistant@1", "assistant@2"}:
            led.add(await led_by(promoting))


async def test_a_canary_for_more_than_half_is_for_as_many_people_as_production(promoting: World) -> None:
    promoting.model.script = plainly
    await evaluated(promoting)
    talk = await asks(promoting, label="canary", share=51)
    await talk.approves_whole("ben", await talk.card())
    await talk.approves_whole("cleo", await talk.sees("1 of 2"))
    await talk.sees("It is live.")


async def test_a_label_that_points_at_what_this_code_does_not_have_changes_nothing(promoting: World) -> None:
    promoting.model.script = Lines("Hello.", "Hello.")
    await promoting.rows(
        "INSERT INTO prompt_label (key, prompt, label, version, digest, share) "
        "VALUES ('1', 'assistant', 'production', 1, 'another text', 100) RETURNING 1"
    )
    assert await led_by(promoting) == "assistant@2"


async def test_the_command_says_what_is_missing(world: World) -> None:
    with pytest.raises(Refusal, match="has no section `promotion`"):
        await asks(world)
    channel = world.slack.channels["orders"]
    path = world.home / "signoff.yaml"
    path.write_text(f"promotion: {{channel: {channel}}}\n")
    world.config = load_config(path)
    with pytest.raises(Refusal, match="add `prompts` to its tools"):
        await asks(world)
    world.config = Config()


async def test_a_mention_may_ask_for_a_promotion_too(promoting: World) -> None:

    promoting.model.script = Lines(call("promote_prompt", prompt="assistant", version=7), "There is no such version.")
    talk = await mention(promoting, "ann", "make version 7 live")
    await talk.sees("There is no such version.")
    [result] = promoting.last_request().turn_results
    assert "has no version 7" in result.detail
