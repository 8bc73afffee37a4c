"""A stream that meets trouble on the way: the answer ends as what the log says, and nothing of it is lost or doubled."""

import pytest

from agent.session.closings import CLOSINGS
from bot.sandbox.model import Lines, Reply, Request, say
from tests.dialog.conftest import World, mention
from tests.dialog.test_stream import ANSWER, SENTENCES, SLOW, comes_to_rest, grows, made


@pytest.mark.parametrize("when", ["while it grows", "right before its end"])
async def test_a_stream_that_slack_ends_is_finished_with_the_whole_text(bot: World, when: str) -> None:
    bot.slack.faults.hold("chat.stopStream")
    bot.model.script = Lines(ANSWER)
    bot.model.faults.slow(SLOW)
    talk = await mention(bot, "ann", "tell me")
    await grows(talk, SENTENCES[5])
    if when == "right before its end":
        await bot.slack.until(lambda: bot.slack.faults.holding("chat.stopStream"))
    bot.slack.workspace.end_streams()
    bot.slack.faults.release("chat.stopStream")
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
    bot.model.script = Lines(ANSWER)
    bot.model.faults.slow(SLOW)
    bot.slack.faults.error("chat.update", "cant_update_message")
    talk = await mention(bot, "ann", "tell me")
    await grows(talk, SENTENCES[5])
    bot.slack.workspace.end_streams()
    assert await comes_to_rest(talk) == [ANSWER]


async def test_a_message_whose_end_slack_refuses_does_not_grow_on(bot: World) -> None:
    bot.model.script = Lines(ANSWER)
    bot.model.faults.slow(SLOW)
    bot.slack.faults.error("chat.stopStream", "invalid_blocks")
    bot.slack.faults.error("chat.update", "cant_update_message")
    bot.slack.faults.error("chat.delete", "cant_delete_message")
    talk = await mention(bot, "ann", "tell me")
    await grows(talk, SENTENCES[5])
    await talk.rests()
    left, whole = talk.posts()
    assert (left.streaming, whole.seen_text.partition("\n[Good")[0]) == (False, ANSWER)


@pytest.mark.parametrize("elsewhere", [False, True])
async def test_a_message_that_grew_goes_also_if_slack_breaks_as_it_is_taken_away(bot: World, elsewhere: bool) -> None:
    bot.model.script = Lines(ANSWER)
    bot.model.faults.slow(SLOW)
    bot.slack.faults.error("chat.update", "cant_update_message")
    if elsewhere:  # and then it is posted anew nowhere in the thread
        bot.slack.faults.error("chat.postMessage", "restricted_action_thread_locked")
    else:
        bot.slack.faults.error("chat.delete", "internal_error")
    talk = await mention(bot, "ann", "tell me")
    await grows(talk, SENTENCES[5])
    bot.slack.workspace.end_streams()
    if elsewhere:
        await talk.is_told_directly("ann", SENTENCES[-1])
    await talk.rests()
    assert [message.seen_text.partition("\n[Good")[0] for message in talk.posts()] == ([] if elsewhere else [ANSWER])


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
    assert await comes_to_rest(talk) == [CLOSINGS["refusal"]]


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


async def test_a_long_answer_stands_in_parts_with_its_tables_and_code_whole(bot: World) -> None:
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
