"""Why the model stops, and what people see of it: against a server that sends and refuses what the real one does."""

import pytest

from bot.config.file import Config
from bot.config.sections import AgentSection
from bot.sandbox.model import Lines, Reply, Request, Text, call, say, think
from tests.dialog.conftest import World, mention

LONG = "".join(f"Item {number} of the list.\n\n" for number in range(1500))  # more than one reply may hold
ORDER = call("create_order", customer="ada@example.com", sku="WGT-001", quantity=2)


@pytest.fixture
async def bot(world: World) -> World:
    """A bot whose model may not say much in one reply."""
    world.config = Config(agents={"assistant": AgentSection(max_output_tokens=4_096)})
    await world.start_bot()
    return world


async def test_a_long_answer_goes_on_in_another_call_and_is_read_as_one(bot: World) -> None:
    def in_pieces(request: Request) -> Reply:
        told = "".join(said.text for said in request.history if getattr(said, "role", "") == "assistant")
        return say(LONG.removeprefix(told))

    bot.model.script = in_pieces
    talk = await mention(bot, "ann", "list everything")
    await talk.sees("Item 1499 of the list.")
    seen = [message.seen_text for message in talk.posts()]
    assert sum(text.count("of the list.") for text in seen) == 1500  # nothing twice, nothing missing
    assert not any("cut at its length limit" in text for text in seen)
    assert len(bot.model.requests) == 3


async def test_a_call_that_was_cut_does_not_run_and_is_made_again_shorter(bot: World) -> None:
    """The cut arguments parse, and look like an order (reference: model API, trap 6)."""
    cut = call("create_order", customer="ada@example.com", sku="WGT-001", quantity=2, note="x" * 20_000)
    bot.model.script = Lines(cut, call("get_order_status", order_id="ORD-1042"), "Delivered.")
    talk = await mention(bot, "ann", "order two")
    await talk.sees("Delivered.")
    assert talk.open_cards() == []
    assert "Not run: your reply was cut" in str(bot.model.requests[1]["messages"][-1])
    assert await bot.rows("SELECT count(*) FROM action") == [(0,)]


async def test_a_paused_reply_goes_back_as_it_is(bot: World) -> None:
    bot.model.script = Lines(Reply((Text("First."),), "pause_turn"), "Second.")
    talk = await mention(bot, "ann", "hello")
    await talk.sees("First.", "Second.")
    assert bot.model.requests[1]["messages"][-1]["role"] == "assistant"
    assert len(talk.posts()) == 1


async def test_what_is_refused_runs_nothing_and_does_not_poison_what_comes_after(bot: World) -> None:
    """A conversation that still holds what was refused is refused again (documentation, reset context after refusal)."""

    def refusing(request: Request) -> Reply:
        if "forbidden" in str(request.messages):
            return Reply((Text("Here is how to"), ORDER), "refusal")
        return say("Of course.")

    bot.model.script = refusing
    talk = await mention(bot, "ann", "hello")
    await talk.sees("Of course.")
    await talk.says("ann", "the forbidden thing")
    refused = await talk.sees("The model declined to answer this.")
    assert "Here is how" not in refused.seen_text
    assert "[Good answer]" not in refused.seen_text
    await talk.says("ann", "and this?")
    await bot.slack.until(lambda: [message.text for message in talk.posts()].count("Of course.") == 2)
    assert await bot.rows("SELECT count(*) FROM action") == [(0,)]
    first, second, third = (request["messages"] for request in bot.model.requests)
    assert third[:1] == first  # what stood before is there, byte for byte
    assert third[1] == second[1]


async def test_thoughts_of_earlier_turns_are_still_good_after_a_refusal(bot: World) -> None:
    bot.model.script = Lines(
        Reply((think("Let me see."), call("get_order_status", order_id="ORD-1042"))),
        Reply((think("Hm."), Text("Delivered."))),
        Reply((Text("No."),), "refusal"),
        Reply((think("Again."), Text("As I said."))),
    )
    talk = await mention(bot, "ann", "where is my order?")
    await talk.sees("Delivered.")
    await talk.says("ann", "something else")
    await talk.sees("declined")
    await talk.says("ann", "where is it, again?")
    await talk.sees("As I said.")  # and the server had nothing to refuse


async def test_an_end_without_a_word_is_asked_about_once(bot: World) -> None:
    look = call("get_order_status", order_id="ORD-1042")
    bot.model.script = Lines(look, Reply(), "It was delivered.", Reply(), Reply(), "Hello.")
    talk = await mention(bot, "ann", "where is my order?")
    await talk.sees("It was delivered.")
    assert len(talk.posts()) == 1
    await talk.says("ann", "say nothing")
    await talk.sees("Done. I have nothing to add.")
    await talk.says("ann", "hello?")
    await talk.sees("Hello.")


async def test_a_model_that_stops_in_a_way_that_is_not_known_runs_nothing(bot: World) -> None:
    bot.model.script = Lines(Reply((Text("Hm."), ORDER), "some_new_reason"), "Hello.")  # pyright: ignore[reportArgumentType]
    talk = await mention(bot, "ann", "order two")
    await talk.sees("in a way that I do not know (some_new_reason)")
    await talk.says("ann", "hello?")
    await talk.sees("Hello.")
    assert await bot.rows("SELECT count(*) FROM action") == [(0,)]
