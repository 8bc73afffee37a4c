"""Whatever class of refusal Slack answers with, and at whatever kind of call: what people are to read is not lost in silence.

The classes and their codes are those of `tests/unit/slack_errors.yaml`; of each class each method is refused with one code.
"""

import logging

import pytest

from bot.sandbox.model import Lines, call
from tests.dialog.conftest import World, mention
from tests.dialog.test_stream import ANSWER, SENTENCES, SLOW, comes_to_rest, made
from tests.mcp.conftest import until
from tests.unit.test_slack_errors import CLASSES, METHODS, expected

ORDER = call("create_order", customer="ada@example.com", sku="WGT-001", quantity=2)
ELSEWHERE = ("place", "gone", "not offered", "not offered here")  # nothing of this can be said there in any form
EVERY = tuple(dict.fromkeys(CLASSES.values()))
LATER = ("wait", "credentials", "unclear")
COSTS = "It is 49 dollars."


def refusals(method: str, *classes: str) -> list[str]:
    """One code of each class that the method may answer with."""
    of = {expected(method, code): code for code in METHODS[method]}
    return [of[each] for each in classes or EVERY if each in of]


@pytest.fixture
async def shop(bot: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> World:
    """A bot for which waits are short."""
    monkeypatch.setattr("bot.slack.web_api.WAIT_SECONDS", 0.2)
    monkeypatch.setattr("bot.slack.web_api.CREDENTIALS_SECONDS", 0.2)
    caplog.set_level(logging.INFO)
    return bot


# ---------------------------------------------------------------------------------------------- posts


@pytest.mark.parametrize("code", refusals("chat.postMessage", "form", *LATER))
async def test_an_answer_is_read_where_it_belongs_in_another_form_or_later(shop: World, code: str) -> None:
    shop.model.script = Lines(COSTS)
    shop.slack.faults.error("chat.postMessage", code)
    talk = await mention(shop, "ann", "what does it cost?")
    await talk.sees(COSTS)
    assert len(talk.posts()) == 1


@pytest.mark.parametrize("code", refusals("chat.postMessage", *ELSEWHERE))
async def test_an_answer_that_cannot_stand_there_is_read_directly(shop: World, code: str) -> None:
    shop.model.script = Lines(COSTS)
    shop.slack.faults.error("chat.postMessage", code)
    talk = await mention(shop, "ann", "what does it cost?")
    assert code in (await talk.is_told_directly("ann", COSTS)).text


@pytest.mark.parametrize("code", refusals("chat.postMessage", "form", *ELSEWHERE))
async def test_an_answer_that_stands_nowhere_is_in_the_log_and_the_thread_goes_on(
    shop: World, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    shop.model.script = Lines(COSTS, "Still 49.")
    forms = 2 if CLASSES[code] == "form" else 1  # as blocks and as plain text; then directly
    shop.slack.faults.error("chat.postMessage", code, times=forms + 1)
    talk = await mention(shop, "ann", "what does it cost?")
    await until(lambda: any("could not be told directly either" in line for line in caplog.messages))
    assert any(f"cannot be posted: {code}" in line for line in caplog.messages)
    await talk.rests()
    await talk.says("ann", "and now?")
    await talk.sees("Still 49.")


# ---------------------------------------------------------------------------------------------- cards


@pytest.mark.parametrize("code", refusals("chat.update", "form", *LATER))
async def test_a_card_is_closed_in_another_form_or_later(shop: World, code: str) -> None:
    shop.model.script = Lines(ORDER, "It is ordered.")
    talk = await mention(shop, "ann", "order two")
    card = await talk.card()
    await talk.rests("suspended")
    shop.slack.faults.error("chat.update", code)
    await talk.clicks("ben", card)
    await talk.sees("It is ordered.")
    await talk.slack.until(lambda: not talk.open_cards())


@pytest.mark.parametrize("code", refusals("chat.update", *ELSEWHERE))
async def test_a_card_that_cannot_be_closed_is_in_the_log_and_the_answer_is_read(
    shop: World, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    shop.model.script = Lines(ORDER, "It is ordered.")
    talk = await mention(shop, "ann", "order two")
    card = await talk.card()
    await talk.rests("suspended")
    shop.slack.faults.error("chat.update", code, times=9)
    await talk.clicks("ben", card)
    await talk.sees("It is ordered.")
    assert any("stays as it is" in line and code in line for line in caplog.messages)


# ---------------------------------------------------------------------------------------------- what grows


@pytest.mark.parametrize(
    ("method", "of"),
    [
        *(("chat.startStream", of) for of in EVERY),
        *((method, of) for method in ("chat.appendStream", "chat.stopStream") for of in ("form", "gone", *LATER)),
    ],
)
async def test_an_answer_that_grows_is_read_whole_and_once(shop: World, method: str, of: str) -> None:
    shop.model.script = Lines(ANSWER)
    shop.model.faults.slow(SLOW)
    for one in refusals(method, of):
        shop.slack.faults.error(method, one)
    talk = await mention(shop, "ann", "tell me")
    await talk.sees(SENTENCES[-1])
    assert await comes_to_rest(talk) == [ANSWER]


@pytest.mark.parametrize("code", refusals("chat.startStream", "not offered"))
async def test_where_no_stream_begins_none_is_tried_again(shop: World, code: str) -> None:
    shop.model.script = Lines(ANSWER, ANSWER.replace("Sentence", "Phrase"))
    shop.model.faults.slow(SLOW, times=2)
    shop.slack.faults.error("chat.startStream", code, times=9)
    talk = await mention(shop, "ann", "tell me")
    await talk.sees(SENTENCES[-1])
    await talk.rests()
    await talk.says("ann", "in other words, please")
    await talk.sees("Phrase 40")
    assert made(shop, "chat.startStream") == 1


# ---------------------------------------------------------------------------------------------- dialogs, whispers, statuses


@pytest.mark.parametrize("code", refusals("views.open"))
async def test_a_dialog_that_does_not_open_is_said(shop: World, code: str) -> None:
    shop.model.script = Lines(ORDER)
    talk = await mention(shop, "ann", "order two")
    card = await talk.card()
    shop.slack.faults.error("views.open", code)
    await talk.clicks("ben", card, "reject")
    await talk.is_told("ben", "The dialog did not open")


@pytest.mark.parametrize("code", refusals("chat.postEphemeral", "form", *ELSEWHERE))
async def test_a_word_to_one_person_that_the_place_does_not_take_comes_directly(shop: World, code: str) -> None:
    shop.slack.join("gail", "orders", is_restricted=True)
    shop.slack.faults.error("chat.postEphemeral", code)
    talk = await mention(shop, "gail", "order two")
    await talk.is_told_directly("gail", "You are a guest of this workspace")


@pytest.mark.parametrize("code", refusals("chat.postEphemeral", "wait", "credentials"))
async def test_a_word_to_one_person_waits_a_moment(shop: World, code: str) -> None:
    shop.slack.join("gail", "orders", is_restricted=True)
    shop.slack.faults.error("chat.postEphemeral", code)
    talk = await mention(shop, "gail", "order two")
    await talk.is_told("gail", "You are a guest of this workspace")


@pytest.mark.parametrize("code", refusals("chat.postEphemeral", "unclear"))
async def test_a_word_to_one_person_that_may_be_lost_is_in_the_log(
    shop: World, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    shop.slack.join("gail", "orders", is_restricted=True)
    shop.slack.faults.error("chat.postEphemeral", code)
    await mention(shop, "gail", "order two")
    await until(lambda: any("could not be told" in line and code in line for line in caplog.messages))


@pytest.mark.parametrize("method", ["agents.sessions.setStatus", "assistant.threads.setStatus"])
@pytest.mark.parametrize("of", EVERY)
async def test_without_a_status_the_answer_is_read(shop: World, method: str, of: str) -> None:
    shop.model.script = Lines(COSTS, "Still 49.")
    shop.slack.faults.error("agents.sessions.setStatus", "feature_disabled", times=int(method.startswith("assistant")))
    for one in refusals(method, of):
        shop.slack.faults.error(method, one, times=9)
    talk = await mention(shop, "ann", "what does it cost?")
    await talk.sees(COSTS)
    await talk.says("ann", "and now?")
    await talk.sees("Still 49.")
    if refusals(method, of) and of.startswith("not offered"):
        assert made(shop, method) == 1


# ---------------------------------------------------------------------------------------------- reads


@pytest.mark.parametrize("method", ["users.info", "conversations.members"])
@pytest.mark.parametrize("of", [of for of in EVERY if of != "gone"])
async def test_a_click_that_cannot_be_judged_is_said_and_counts_when_it_can(shop: World, method: str, of: str) -> None:
    shop.model.script = Lines(ORDER, "It is ordered.")
    talk = await mention(shop, "ann", "order two")
    card = await talk.card()
    await talk.rests("suspended")
    found = refusals(method, of)
    for one in found:
        shop.slack.faults.error(method, one)
    await talk.clicks("ben", card)
    if found:
        await talk.is_told("ben", "nothing counts yet")
    await talk.sees("It is ordered.")


@pytest.mark.parametrize("code", refusals("conversations.replies"))
async def test_an_answer_that_may_be_there_and_cannot_be_looked_up_is_read_all_the_same(shop: World, code: str) -> None:
    shop.model.script = Lines(COSTS)
    shop.slack.faults.fail("chat.postMessage", 503)
    shop.slack.faults.error("conversations.replies", code)
    talk = await mention(shop, "ann", "what does it cost?")
    direct = shop.slack.workspace.messages[shop.slack.dm_channel("ann")]
    await talk.slack.until(lambda: any(COSTS in m.seen_text for m in (*talk.posts(), *direct.values())))
