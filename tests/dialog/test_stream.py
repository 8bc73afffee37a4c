"""An answer that is read while it is made: it grows, it ends as what the log says, and nothing of it is lost or doubled.

Whatever becomes of the stream on its way: Slack ends it, the model starts anew, people press Stop, processes come and go.
"""

import asyncio
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest
from pydantic import BaseModel

from agent import model_calls
from agent.tool import Effect, Tool, ToolContext, ToolError
from bot.sandbox.model import Lines, Reply, Request, call, calls, say
from bot.sandbox.slack.nouns import Message
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
    return [message.seen_text.removesuffix("\n[Good answer] [Bad answer]") for message in posts]


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
    assert SENTENCES[0] in card.seen_text


# ------------------------------------------------------------------------------------------------ trouble on the way


@pytest.mark.parametrize("when", ["while it grows", "right before its end"])
async def test_a_stream_that_slack_ends_is_finished_with_the_whole_text(bot: World, when: str) -> None:
    bot.slack.workspace.stream_seconds = 1.0 if when == "while it grows" else 2.2
    bot.model.script = Lines(ANSWER)
    bot.model.faults.slow(SLOW)
    talk = await mention(bot, "ann", "tell me")
    await grows(talk, SENTENCES[5])
    assert await comes_to_rest(talk) == [ANSWER]
    assert made(bot, "chat.postMessage") == 0  # it is the same message


async def test_a_message_that_is_taken_away_meanwhile_is_posted_anew(bot: World) -> None:
    bot.model.script = Lines(ANSWER)
    bot.model.faults.slow(SLOW)
    talk = await mention(bot, "ann", "tell me")
    half = await grows(talk, SENTENCES[5])
    bot.slack.workspace.delete_message(half)
    assert await comes_to_rest(talk) == [ANSWER]
    assert made(bot, "chat.postMessage") == 1


async def test_a_message_that_cannot_be_changed_makes_room_for_a_new_one(bot: World) -> None:
    bot.slack.workspace.stream_seconds = 1.0
    bot.model.script = Lines(ANSWER)
    bot.model.faults.slow(SLOW)
    bot.slack.faults.error("chat.update", "cant_update_message")
    talk = await mention(bot, "ann", "tell me")
    await grows(talk, SENTENCES[5])
    assert await comes_to_rest(talk) == [ANSWER]


@pytest.mark.parametrize("method", ["chat.startStream", "chat.appendStream", "chat.stopStream"])
@pytest.mark.parametrize("done", [True, False])
async def test_a_lost_answer_of_slack_loses_and_doubles_nothing(bot: World, method: str, done: bool) -> None:
    bot.model.script = Lines(ANSWER)
    bot.model.faults.slow(SLOW)
    (bot.slack.faults.fail_after if done else bot.slack.faults.fail)(method, 503)
    talk = await mention(bot, "ann", "tell me")
    await talk.sees(SENTENCES[-1])
    assert await comes_to_rest(talk) == [ANSWER]


async def test_slack_says_wait_and_the_rest_comes_in_one_piece(bot: World) -> None:
    bot.model.script = Lines(ANSWER)
    bot.model.faults.slow(SLOW)
    bot.slack.faults.rate_limit("chat.appendStream", retry_after=1)
    bot.slack.faults.rate_limit("chat.stopStream", retry_after=1)
    talk = await mention(bot, "ann", "tell me")
    await grows(talk, SENTENCES[20])
    assert await comes_to_rest(talk) == [ANSWER]


async def test_where_nothing_streams_answers_are_posts_and_it_is_not_tried_again(bot: World) -> None:
    bot.slack.faults.error("chat.startStream", "unknown_method", times=9)
    bot.model.script = Lines(ANSWER, ANSWER.replace("Sentence", "Phrase"))
    bot.model.faults.slow(SLOW, times=2)
    talk = await mention(bot, "ann", "tell me")
    await talk.sees(SENTENCES[-1])
    await talk.says("ann", "in other words, please")
    await talk.sees("Phrase 40")
    assert await comes_to_rest(talk) == [ANSWER, ANSWER.replace("Sentence", "Phrase")]
    assert made(bot, "chat.startStream") == 1


async def test_what_a_broken_try_of_the_model_said_is_replaced(bot: World) -> None:
    tries = 0

    def script(request: Request) -> Reply:
        nonlocal tries
        tries += 1
        return say(ANSWER.replace("Sentence", "Mistake") if tries == 1 else ANSWER)

    bot.model.script = script
    bot.model.faults.cut_stream(after_events=50, seconds_per_event=SLOW)
    talk = await mention(bot, "ann", "tell me")
    await grows(talk, "Mistake 5")
    await talk.sees(SENTENCES[-1])
    assert await comes_to_rest(talk) == [ANSWER]
    assert tries == 2


async def test_a_refusal_takes_back_what_was_said(bot: World) -> None:
    bot.model.script = Lines(Reply(say(ANSWER).blocks, stop_reason="refusal"))
    bot.model.faults.slow(SLOW)
    talk = await mention(bot, "ann", "tell me")
    await grows(talk, SENTENCES[5])
    assert await comes_to_rest(talk) == ["The model declined to answer this. None of its last calls was run; please put it in other words."]


@pytest.mark.parametrize("how", ["the button", "the word"])
async def test_stop_ends_the_stream_and_says_so_below_what_was_read(bot: World, how: str) -> None:
    bot.model.script = Lines(ANSWER)
    bot.model.faults.slow(0.1)
    talk = await mention(bot, "ann", "tell me")
    half = await grows(talk, SENTENCES[5])
    if how == "the button":
        await bot.slack.stop_session("ann", talk.channel, talk.ts)
    else:
        await talk.says("ann", "stop")
    await talk.sees("Stopped by <@")
    [text] = await comes_to_rest(talk)
    assert text.startswith(half.seen_text)
    assert text.endswith(f"\n\nStopped by <@{bot.slack.people['ann']}>. Nothing further was run.")
    assert SENTENCES[-1] not in text
    assert "[Good answer]" not in talk.posts()[0].seen_text


async def test_another_process_finishes_what_one_has_begun(world: World) -> None:
    stop = await world.start_bot()
    world.model.script = Lines(ANSWER)
    world.model.faults.slow(SLOW)
    talk = await mention(world, "ann", "tell me")
    await grows(talk, SENTENCES[5])
    await stop()
    assert [message.streaming for message in talk.posts()] == [True]
    await world.start_bot()
    await talk.sees(SENTENCES[-1])
    assert await comes_to_rest(talk) == [ANSWER]


async def test_a_long_answer_stands_in_parts_with_its_tables_and_code_whole(bot: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_calls, "MAX_OUTPUT_TOKENS", 12_000)
    rows = "".join(f"| part {number} | {number} pieces | a long description of part number {number} |\n" for number in range(220))
    table = f"| part | stock | description |\n|---|---|---|\n{rows}"
    code = "\n".join(f"    total += weigh(part[{number}])  # number {number}" for number in range(180))
    answer = f"{ANSWER}\n\n{table}\nAnd the code:\n\n```python\n{code}\n```\n\n{ANSWER.replace('Sentence', 'Phrase')}"
    assert len(answer) > 25_000
    bot.model.script = Lines(answer)
    bot.model.faults.slow(0.003)
    talk = await mention(bot, "ann", "tell me everything")
    await grows(talk, SENTENCES[20])
    await talk.sees("Phrase 40")
    texts = await comes_to_rest(talk)
    assert all(len(text) <= 12_000 for text in texts)
    assert len(texts) == 3
    lines = [line for text in texts for line in text.splitlines() if line]
    repeated = ["| part | stock | description |", "|---|---|---|", "```python", "```"]
    assert [line for line in lines if line not in repeated] == [
        line for line in answer.splitlines() if line and line not in repeated
    ]
    for text in texts:
        assert text.count("```") % 2 == 0
        assert ("| part " in text) <= ("|---|---|---|" in text)


# ------------------------------------------------------------------------------------------------ what people say of it


async def test_what_people_say_of_an_answer_is_kept_with_what_made_it(shop: World) -> None:
    shop.model.script = Lines("It is 49.", "Still 49.")
    talk = await mention(shop, "ann", "what does it cost?")
    answer = await talk.sees("It is 49.")
    await talk.rests()
    await shop.slack.click("ann", talk.channel, answer.ts, "feedback", value="good:1")
    await shop.slack.click("ben", talk.channel, answer.ts, "feedback", value="bad:1")
    view = await shop.slack.until(lambda: shop.slack.view("ben"))
    assert (await shop.slack.submit("ben", view.id, {"reason": "It was 59."})).closed
    said = 'SELECT "user", value, reason FROM feedback ORDER BY value, "user"'
    ann, ben = shop.slack.people["ann"], shop.slack.people["ben"]
    assert await shop.rows(said) == [(ben, "bad", "It was 59."), (ann, "good", "")]
    made_by = """SELECT DISTINCT prompt, prompt_digest = pin.body->>'prompt_digest', prompt_digest <> '', model, turn
                 FROM feedback JOIN session ON session.id = feedback.session_id JOIN pin ON pin.id = session.pin_id"""
    [(prompt, *same)] = await shop.rows(made_by)
    assert prompt.startswith("assistant@")
    assert same == [True, True, "claude-sonnet-5-5", 1]
    await (await shop.slack.click("ben", talk.channel, answer.ts, "feedback", value="good:1"))  # the last word counts
    assert await shop.rows(said) == [(ann, "good", ""), (ben, "good", "")]


async def test_a_reason_is_not_asked_for_after_a_good_word_and_need_not_be_given(bot: World) -> None:
    bot.model.script = Lines("It is 49.")
    talk = await mention(bot, "ann", "what does it cost?")
    answer = await talk.sees("It is 49.")
    await bot.slack.click("ann", talk.channel, answer.ts, "feedback", value="bad:1")
    view = await bot.slack.until(lambda: bot.slack.view("ann"))
    assert (await bot.slack.submit("ann", view.id, {})).closed
    await (await bot.slack.click("ann", talk.channel, answer.ts, "feedback", value="good:1"))
    assert bot.slack.view("ann") is None
    assert await bot.rows("SELECT value, reason FROM feedback") == [("good", "")]
