"""A model that asks for far too much: so many calls of a reply are taken, so many cards wait, and it reads why not more."""

import json
from typing import Any

from bot.config.file import Config
from bot.sandbox.model import Lines, call, calls
from tests.dialog.conftest import Talk, World, mention, rows


def orders(number: int, first: int = 1) -> Any:
    """A reply with so many writes, each another one."""
    wanted = range(first, first + number)
    return calls(*(call("create_order", customer="ada@example.com", sku="WGT-001", quantity=each) for each in wanted))


async def start(world: World, *replies: Any, **bounds: int) -> None:
    """A bot with these bounds, and what its model says."""
    world.config = Config.model_validate({"agents": {"assistant": bounds}})
    world.model.script = Lines(*replies)
    await world.start_bot()


async def shows(talk: Talk, number: int) -> None:
    """Until so many rows of cards wait in the thread."""

    def waiting() -> int:
        return sum(len(rows(message)) for message in talk.open_cards())

    await talk.slack.until(lambda: waiting() >= number)
    await talk.rests("suspended")
    assert waiting() == number


async def refusals(world: World, session: str = "") -> list[str]:
    """What the model reads instead of results, call by call."""
    found = await world.rows(
        "SELECT body ->> 'text' FROM step WHERE kind = 'tool_returned' AND body ->> 'outcome' = 'refused' AND session_id LIKE %s",
        f"%{session}",
    )
    return [json.loads(text)["detail"] for (text,) in found]


async def test_of_a_hundred_writes_in_one_reply_twenty_come_before_people(world: World) -> None:
    await start(world, orders(120))
    talk = await mention(world, "ann", "order everything")
    await shows(talk, 20)
    assert await world.rows("SELECT count(*) FROM action") == [(20,)]
    [sentence] = set(await refusals(world))
    assert len(await refusals(world)) == 100
    assert sentence.startswith("Not run: a reply may make at most 20 calls, and this one made 120.")
    assert "Go on with the others when you have those results" in sentence


async def test_a_conversation_has_no_more_open_cards_than_it_may(world: World) -> None:
    await start(world, orders(5), open_cards=3)
    talk = await mention(world, "ann", "order five")
    await shows(talk, 3)
    assert len(await refusals(world)) == 2
    assert set(await refusals(world)) == {
        "Not asked: 3 requests of this conversation wait for people already, and no more than 3 may. "
        "Say what you would have done; it can be asked for when they have decided some of those."
    }


async def test_a_person_has_no_more_open_cards_than_they_may_in_all_conversations(world: World) -> None:
    await start(world, orders(2), orders(2), orders(2), open_cards_per_person=3)
    await shows(await mention(world, "ann", "order two"), 2)
    second = await mention(world, "ann", "order two more")
    await shows(second, 1)
    [sentence] = await refusals(world, second.ts)
    assert sentence.startswith("Not asked: 3 requests of the person who asked wait for people, in all their conversations")
    await shows(await mention(world, "ben", "two for me"), 2)  # what others asked for does not count
