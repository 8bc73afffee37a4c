"""What is remembered of a person, on their Home tab: words with their source, corrected, forgotten; values, deleted."""

import json
from collections.abc import Sequence
from typing import Any

from bot.config.file import Config
from bot.config.memory_section import MemorySection
from bot.home.memories import NOT_DELETED
from bot.sandbox.model import Lines, call
from tests.dialog.conftest import World, dm, input_of, mention
from tests.dialog.test_memory import asks, remembers


async def tab(world: World, user: str, *words: str) -> dict[str, Any]:
    """The person's tab, once it holds these words, as a text a block."""
    await world.slack.open_home(user)

    def shown() -> dict[str, Any] | None:
        view = world.slack.home(user)
        return {"view": view} if view is not None and all(word in str(view.blocks) for word in words) else None

    found: dict[str, Any] = await world.slack.until(shown)
    return found


async def choose(world: World, user: str, what: str) -> None:
    """Choose from the menu of the first thing that is remembered."""
    view = (await tab(world, user, "What I remember of your words"))["view"]
    [block, *_] = [each for each in view.blocks if each.get("accessory", {}).get("action_id") == "memory"]
    value = next(one["value"] for one in block["accessory"]["options"] if one["value"].startswith(what))
    await world.slack.click_in_view(user, view.id, "memory", value=value)


async def started(world: World) -> World:
    """A bot that remembers two facts, of two people."""
    world.config = Config(memory=MemorySection(learn_with=""))
    await world.start_bot()
    await remembers(world, "Deploys are on Tuesday")
    await remembers(world, "Lunch is at noon", user="ben")
    return world


async def test_a_person_sees_what_is_remembered_of_their_own_words_and_where_they_said_it(world: World) -> None:
    await started(world)
    shown = str((await tab(world, "ann", "Deploys are on Tuesday"))["view"].blocks)
    assert "Lunch" not in shown
    [(source,)] = await world.rows("SELECT source FROM memory WHERE body LIKE 'Deploys%%'")
    _, channel, ts = source.split(":")
    assert f"archives/{channel}/p{ts.replace('.', '')}" in shown


async def test_what_a_person_forgets_on_their_tab_is_gone(world: World) -> None:
    await started(world)
    await choose(world, "ann", "forget")
    await tab(world, "ann", "Nothing so far.")
    assert [text for (text,) in await world.rows("SELECT body FROM memory")] == ["Lunch is at noon"]
    assert "Tuesday" not in await asks(world, "ben", "when are deploys?")
    [(actor, body)] = await world.rows("SELECT actor, body FROM audit WHERE kind = 'forget'")
    assert (actor, body["from"], body["count"]) == (world.slack.people["ann"], "home", 1)


async def test_what_a_person_corrects_on_their_tab_takes_the_place_of_the_old(world: World) -> None:
    await started(world)
    await choose(world, "ann", "correct")
    view = await world.slack.until(lambda: world.slack.view("ann"))
    answer = await world.slack.submit("ann", view.id, {input_of(view, "What is right"): "Deploys are on Thursday"})
    assert answer.closed
    await tab(world, "ann", "Deploys are on Thursday")
    told = await asks(world, "ben", "when are deploys?")
    assert "Thursday" in told
    assert "Tuesday" not in told
    [(actor, body)] = await world.rows("SELECT actor, body FROM audit WHERE kind = 'correct'")
    assert (actor, body["from"], body["count"]) == (world.slack.people["ann"], "home", 1)


async def test_nobody_forgets_the_words_of_somebody_else(world: World) -> None:
    await started(world)
    [(id,)] = await world.rows("SELECT id FROM memory WHERE body LIKE 'Lunch%%'")
    view = (await tab(world, "ann", "Deploys are on Tuesday"))["view"]
    [block, *_] = [each for each in view.blocks if each.get("accessory", {}).get("action_id") == "memory"]
    block["accessory"]["options"][1]["value"] = f"forget:{id}"
    await world.slack.click_in_view("ann", view.id, "memory", value=f"forget:{id}")
    await tab(world, "ann", "Deploys are on Tuesday")
    assert len(await world.rows("SELECT FROM memory")) == 2


async def test_what_everybody_may_know_leads_only_those_to_where_it_was_said_who_can_still_read_that(world: World) -> None:
    world.config = Config(memory=MemorySection(learn_with=""))
    stop = await world.start_bot()
    fact = "The office closes at six"
    world.model.script = Lines(call("remember_fact", fact=fact, quote=fact, everybody=True), "Everybody is told.")
    talk = await mention(world, "cleo", f"tell everybody from now on: {fact}", "finance")
    await talk.clicks("cleo", await talk.card())
    await talk.sees("Everybody is told.")
    finance = world.slack.channels["finance"]
    assert f"archives/{finance}/" in str((await tab(world, "cleo", fact))["view"].blocks)
    world.slack.leave("cleo", "finance")
    await stop()
    await world.start_bot()  # which has asked Slack nothing yet
    await world.slack.open_home("cleo")
    await world.slack.until(lambda: f"archives/{finance}/" not in str(memory_of(world, "cleo")))
    assert fact in str(memory_of(world, "cleo"))


def memory_of(world: World, user: str) -> list[Any]:
    """The entries of a tab that say what is remembered."""
    view = world.slack.home(user)
    return [each for each in view.blocks if each.get("accessory", {}).get("action_id") == "memory"] if view is not None else []


async def keeps(world: World, user: str, channel: str, **value: str) -> None:
    """Have values kept for a person, who asks for it in a channel, or directly."""
    for key, text in value.items():
        world.model.script = Lines(call("set_memory", owner="user", kind="preference", key=key, value=text), "Kept.")
        talk = await (dm(world, user, "keep this") if channel == "directly" else mention(world, user, "keep this", channel))
        await talk.sees("Kept.")


def kept(world: World, user: str) -> dict[str, str]:
    """The values on a tab, by their key."""
    view = world.slack.home(user)
    blocks: Sequence[Any] = view.blocks if view is not None else ()
    shown = [str(each["text"]["text"]) for each in blocks if each.get("accessory", {}).get("action_id") == "delete_value"]
    return {key: json.loads(value) for key, _, value in (each.partition(": ") for each in shown)}


async def delete_value(world: World, user: str, key: str) -> None:
    """Click on Delete beside a value."""
    view = world.slack.home(user)
    assert view is not None
    await world.slack.click_in_view(user, view.id, "delete_value", value=key)


async def test_a_person_sees_the_values_that_are_kept_for_them_and_deletes_one(world: World) -> None:
    world.config = Config(memory=MemorySection(learn_with=""))
    await world.start_bot()
    await keeps(world, "ann", "orders", tone="brief")
    await keeps(world, "ann", "directly", language="Danish")
    await keeps(world, "ben", "orders", tone="long")
    shown = str((await tab(world, "ann", "tone", "language"))["view"].blocks)
    assert kept(world, "ann") == {"language": "Danish", "tone": "brief"}
    assert f"preference in <#{world.slack.channels['orders']}>" in shown

    await delete_value(world, "ann", "tone")
    await world.slack.until(lambda: kept(world, "ann") == {"language": "Danish"})
    assert "brief" not in await asks(world, "ann", "hello")  # nor does Redis have it
    ann, ben = world.slack.people["ann"], world.slack.people["ben"]
    left = await world.rows("SELECT owner, key FROM memory_value ORDER BY owner, key")
    assert left == sorted([(f"user:{ann}", "language"), (f"user:{ben}", "tone")])
    [(actor, body)] = await world.rows("SELECT actor, body FROM audit WHERE kind = 'forget'")
    assert (actor, body) == (ann, {"from": "home", "owner": f"user:{ann}", "values": 1})


async def test_a_value_is_neither_shown_nor_deleted_once_the_person_cannot_read_where_they_said_it(
    world: World,
) -> None:
    world.config = Config(memory=MemorySection(learn_with=""))
    stop = await world.start_bot()
    await keeps(world, "cleo", "finance", tone="brief")
    await keeps(world, "cleo", "orders", language="Danish")
    await tab(world, "cleo", "tone", "language")
    before = world.slack.home("cleo")
    assert before is not None
    world.slack.leave("cleo", "finance")
    await stop()
    await world.start_bot()  # which has asked Slack nothing yet
    await delete_value(world, "cleo", "tone")  # on the tab that still shows it
    await world.slack.until(lambda: kept(world, "cleo") == {"language": "Danish"})
    assert len(await world.rows("SELECT FROM memory_value")) == 2
    assert await world.rows("SELECT FROM audit WHERE kind = 'forget'") == []


async def test_who_deletes_a_value_while_a_store_does_not_answer_is_told_that_it_is_still_there(world: World) -> None:
    world.config, world.redis_url = Config(memory=MemorySection(learn_with="")), "redis://127.0.0.1:1/0"
    await world.start_bot()
    team, ann = world.slack.workspace.team_id, world.slack.people["ann"]
    of = "VALUES (%s, %s, 'tone', 'preference', %s, '\"brief\"', %s)"
    insert = f"INSERT INTO memory_value (team, owner, key, kind, channel, value, set_by) {of} RETURNING key"
    await world.rows(insert, team, f"user:{ann}", world.slack.channels["orders"], ann)
    await tab(world, "ann", "tone")
    await delete_value(world, "ann", "tone")
    view = await world.slack.until(lambda: world.slack.view("ann"))
    assert NOT_DELETED in str(view.blocks)
    assert len(await world.rows("SELECT FROM memory_value")) == 1
