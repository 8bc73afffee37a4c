"""What is forgotten, corrected or over is not read on in conversations that were told it, nor what was said after that."""

import json

import pytest

from bot.config.file import Config
from bot.config.memory_section import MemorySection
from bot.sandbox.model import Lines, call
from tests.dialog.conftest import Talk, World, mention

FACT = "Deploys are on Tuesday"


@pytest.fixture
async def remembering(world: World) -> World:
    """A bot that remembers."""
    world.config = Config(memory=MemorySection(learn_with=""))
    await world.start_bot()
    return world


def request(world: World) -> str:
    """All that the model read with its last request."""
    return json.dumps(world.model.requests[-1]["messages"])


async def remembers(world: World, fact: str = FACT) -> Talk:
    """Ann has the bot remember a fact."""
    world.model.script = Lines(call("remember_fact", fact=fact, quote=fact), "I will remember that.")
    talk = await mention(world, "ann", f"please remember: {fact}")
    await talk.sees("I will remember that.")
    return talk


async def is_told(world: World, question: str = "when are deploys?") -> Talk:
    """Ben is told the fact in a thread of his own, and the agent says it again."""
    world.model.script = Lines(f"I was told this: {FACT}.")
    talk = await mention(world, "ben", question)
    await talk.sees(FACT)
    assert FACT in request(world)
    return talk


async def goes_on(world: World, talk: Talk, text: str = "and what else?") -> str:
    """What the model reads when a thread goes on."""
    world.model.script = Lines("Nothing else.")
    before = len(talk.posts())
    await talk.says("ben", text)
    await world.slack.until(lambda: len(talk.posts()) > before)
    return request(world)


async def forgets(world: World) -> Talk:
    """Somebody has the fact forgotten, elsewhere."""
    [(id,)] = await world.rows("SELECT id FROM memory")
    world.model.script = Lines(call("forget", ids=[id]), "It is gone.")
    talk = await mention(world, "cleo", "forget when deploys are")
    await talk.clicks("cleo", await talk.card())
    await talk.sees("It is gone.")
    return talk


async def test_a_thread_that_was_told_what_is_forgotten_goes_on_without_it(remembering: World) -> None:
    await remembers(remembering)
    talk = await is_told(remembering)
    assert FACT in await goes_on(remembering, talk)  # as long as it is remembered
    await forgets(remembering)
    told = await goes_on(remembering, talk, "which day was it again?")
    assert FACT not in told
    assert "Tuesday" not in told
    assert "something that was remembered in it was forgotten" in told
    assert "which day was it again?" in told
    assert "when are deploys?" not in told


async def test_the_thread_in_which_it_was_said_and_that_in_which_it_was_forgotten_do_not_read_it_on(remembering: World) -> None:
    said = await remembers(remembering)
    forgot = await forgets(remembering)
    for talk in (said, forgot):
        assert "Tuesday" not in await goes_on(remembering, talk)


async def test_what_is_over_is_not_read_on(remembering: World) -> None:
    await remembers(remembering)
    talk = await is_told(remembering)
    await remembering.rows("UPDATE memory SET expires_at = now() RETURNING id")  # its term ends before any chore deletes it
    assert "Tuesday" not in await goes_on(remembering, talk)


async def test_what_a_search_told_is_not_read_on_once_it_is_forgotten(remembering: World) -> None:
    await remembers(remembering)
    remembering.model.script = Lines(call("search_memory", words="deploys Tuesday"), "It is all in there.")
    talk = await mention(remembering, "ben", "look that up")
    await talk.sees("It is all in there.")
    assert "Tuesday" in request(remembering)
    await forgets(remembering)
    assert "Tuesday" not in await goes_on(remembering, talk)


async def test_a_value_that_was_deleted_is_not_read_on(remembering: World) -> None:
    ben = remembering.slack.people["ben"]
    keep = call("set_memory", owner="user", kind="preference", key="tea", value="green tea, no sugar")
    remembering.model.script = Lines(keep, "Kept.")
    first = await mention(remembering, "ben", "I like green tea, no sugar")
    await first.sees("Kept.")
    remembering.model.script = Lines("Hello.")
    talk = await mention(remembering, "ben", "hello")
    await talk.sees("Hello.")
    assert "green tea" in request(remembering)
    remembering.model.script = Lines(call("delete_memory", owner="user", key="tea"), "Deleted.")
    other = await mention(remembering, "ben", "delete my tea")
    await other.sees("Deleted.")
    assert await remembering.rows("SELECT FROM memory_value WHERE owner = %s", f"user:{ben}") == []
    assert "green tea" not in await goes_on(remembering, talk)


async def test_what_something_else_took_the_place_of_is_read_on(remembering: World) -> None:
    await remembers(remembering)
    talk = await is_told(remembering)
    await remembering.rows("UPDATE memory SET valid_until = now() RETURNING id")
    assert "Tuesday" in await goes_on(remembering, talk)
