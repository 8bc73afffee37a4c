"""An answer that is read while it is made: it grows, it ends as what the log says, and nothing of it is lost or doubled.

Whatever becomes of the stream on its way: Slack ends it, the model starts anew, people press Stop, processes come and go.
"""

import asyncio
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest
from pydantic import BaseModel

from agent.tool.definition import Effect, Tool, ToolContext, ToolError
from bot.sandbox.model import Lines, call, calls
from bot.sandbox.slack.types import Message
from tests.dialog.conftest import Talk, World, mention

SENTENCES = [f"Sentence {number} of the answer is here to be read." for number in range(1, 41)]
ANSWER = "\n\n".join(" ".join(SENTENCES[at : at + 4]) for at in range(0, 40, 4))  # about 1,900 characters, 80 events
SLOW = 0.04  # seconds an event: the answer takes about three seconds
ORDER = call("create_order", customer="ada@example.com", sku="WGT-001", quantity=2)


class Widget(BaseModel):
    """What `look_up` takes."""

    name: str


class Lookup:
    """A read that ends when the test says so."""

    def __init__(self) -> None:
        self.goes_on = asyncio.Event()
        self.fails = False

    async def handler(self, arguments: Widget, context: ToolContext) -> Mapping[str, Any]:
        """Waits, then answers or fails."""
        await self.goes_on.wait()
        if self.fails:
            raise ToolError("not_found", "There is no such widget.")
        return {"price": 49}

    def tool(self) -> Tool:
        """As the bot gets it."""
        return Tool(
            name="look_up",
            description="Looks a widget up.",
            arguments=Widget,
            handler=self.handler,
            effect=Effect.READ,
            doing=lambda arguments: f"Looking up {arguments.name}",
        )


@pytest.fixture
def lookup(world: World) -> Lookup:
    """The world's bots get the tool `look_up`."""
    lookup = Lookup()
    world.packs["lookups"] = [lookup.tool()]
    return lookup


async def grows(talk: Talk, *words: str) -> Message:
    """The bot's message that holds these words and still grows."""
    return await talk.slack.until(
        lambda: next((m for m in talk.posts() if m.streaming and all(word in m.seen_text for word in words)), None)
    )


async def comes_to_rest(talk: Talk) -> list[str]:
    """What the bot's messages say once the turn is over, without the thumbs; nothing grows any more, and each has its key."""
    await talk.rests()
    posts = talk.posts()
    assert not any(message.streaming for message in posts)
    keys = [message.metadata["event_payload"]["key"] for message in posts if message.metadata]
    assert len(set(keys)) == len(posts)
    return [message.seen_text.removesuffix("\n[Good answer] [Bad answer]\n[Wrong answer?]") for message in posts]


def made(world: World, method: str) -> int:
    """How often this was called."""
    return sum(each.method == method for each in world.slack.calls)


async def test_an_answer_is_read_while_it_is_made(shop: World) -> None:
    shop.model.script = Lines(ANSWER)
    shop.model.faults.slow(SLOW)
    talk = await mention(shop, "ann", "tell me")
    half = await grows(talk, SENTENCES[5])
    assert ANSWER.startswith(half.seen_text)
    assert SENTENCES[-1] not in half.seen_text
    await grows(talk, SENTENCES[25])
    assert await comes_to_rest(talk) == [ANSWER]
    at = [each.at for each in shop.slack.calls if each.method == "chat.appendStream"]
    assert all(later - earlier > 0.9 for earlier, later in pairwise(at))  # Slack takes about 100 a minute
    assert made(shop, "chat.postMessage") == 0


async def test_a_quick_answer_is_one_post(bot: World) -> None:
    bot.model.script = Lines(call("search_product_catalog", query="Widget Pro"), ANSWER)
    talk = await mention(bot, "ann", "tell me")
    assert await comes_to_rest(talk) == [ANSWER]
    assert made(bot, "chat.startStream") == 0


async def test_calls_are_watched_in_plain_words_and_fold_away(world: World, lookup: Lookup) -> None:
    world.model.script = Lines(
        calls(call("look_up", name="Widget Pro"), call("look_up", name="<!channel> \u202eevil")), "It costs 49."
    )
    await world.start_bot()
    talk = await mention(world, "ann", "what does it cost?")
    await grows(talk, "Working on it", "Looking up Widget Pro", "Looking up ‹!channel› ⟨U+202E⟩evil")
    lookup.goes_on.set()
    [text] = await comes_to_rest(talk)
    assert text == "2 steps\nLooking up Widget Pro\nLooking up ‹!channel› ⟨U+202E⟩evil\nIt costs 49."
    [plan, *_] = talk.posts()[0].blocks
    assert [task["status"] for task in plan["tasks"]] == ["complete", "complete"]


async def test_a_call_that_failed_says_so(world: World, lookup: Lookup) -> None:
    lookup.fails = True
    world.model.script = Lines(call("look_up", name="Widget Pro"), "There is none.")
    await world.start_bot()
    talk = await mention(world, "ann", "what does it cost?")
    await grows(talk, "Looking up Widget Pro")
    lookup.goes_on.set()
    assert await comes_to_rest(talk) == ["1 step, 1 failed\nLooking up Widget Pro\nThere is none."]
    assert talk.posts()[0].blocks[0]["tasks"][0]["status"] == "error"


async def test_nothing_grows_while_people_are_waited_for(world: World, lookup: Lookup) -> None:
    """The look-up is told and folded away before the card waits; the answer stands below the card."""
    world.model.script = Lines(call("look_up", name="Widget Pro"), ORDER, ANSWER)
    await world.start_bot()
    talk = await mention(world, "ann", "order two")
    await grows(talk, "Looking up Widget Pro")
    lookup.goes_on.set()
    card = await talk.card()
    await talk.rests("suspended")
    work = talk.posts()[0]
    assert (work.streaming, work.seen_text) == (False, "1 step\nLooking up Widget Pro")
    assert work.text == "1 step: Looking up Widget Pro"  # for notifications and screen readers
    world.model.faults.slow(SLOW)
    await talk.clicks("ann", card)
    await grows(talk, SENTENCES[5])
    texts = await comes_to_rest(talk)
    assert texts[0] == work.seen_text
    assert "Approved by" in texts[1]
    assert texts[2:] == [ANSWER]


async def test_words_beside_a_call_are_said_by_its_card_and_not_twice(bot: World) -> None:
    bot.model.script = Lines(calls(ORDER, text=ANSWER[:900]), "Ordered.")
    bot.model.faults.slow(0.06)
    talk = await mention(bot, "ann", "order two")
    await grows(talk, SENTENCES[5])
    card = await talk.card()
    await talk.rests("suspended")
    assert talk.posts() == [await talk.card()]
    assert SENTENCES[0] in await talk.details("ann", card)
