"""Modals and the Home tab between people and an unmodified Bolt app."""

from collections.abc import AsyncIterator

import pytest
from slack_bolt.async_app import AsyncAck
from slack_sdk.errors import SlackApiError

from bot.sandbox import SlackSandbox
from tests.patience import PATIENCE_SECONDS
from tests.sandbox.slack_bots import (
    MANIFEST,
    Bot,
    Connected,
    Json,
    actions,
    both_ways,
    button,
    card,
    in_socket_mode,
    modal,
    on_click,
    on_submit,
    section,
    text_input,
    web_client,
)

REASON = modal(text_input("reason", "Why?", optional=True, element={"max_length": 20}))


@pytest.fixture
async def sandbox() -> AsyncIterator[SlackSandbox]:
    async with SlackSandbox(MANIFEST, ack_seconds=PATIENCE_SECONDS) as sandbox:
        yield sandbox


@both_ways
async def test_a_modal_with_a_reason(sandbox: SlackSandbox, connected: Connected) -> None:
    bot = Bot(sandbox)
    on_click(bot, "reject", lambda body: bot.client.views_open(trigger_id=body["trigger_id"], view=REASON))
    submitted = on_submit(bot, {})
    async with connected(sandbox, bot):
        await sandbox.click("ann", "orders", await card(sandbox), "reject")
        view = await sandbox.until(lambda: sandbox.view("ann"))
        assert view.seen_text.splitlines() == ["Reject", "Why?", "[Send]"]
        answer = await sandbox.submit("ann", view.id, {"reason": "Too many"})
    assert (answer.closed, answer.errors, sandbox.view("ann")) == (True, {}, None)
    assert submitted[0]["view"]["state"]["values"]["reason"]["entered"]["value"] == "Too many"


@both_ways
async def test_errors_beside_the_inputs(sandbox: SlackSandbox, connected: Connected) -> None:
    bot = Bot(sandbox)
    on_click(bot, "reject", lambda body: bot.client.views_open(trigger_id=body["trigger_id"], view=REASON))
    on_submit(bot, {"response_action": "errors", "errors": {"reason": "Say more"}})
    async with connected(sandbox, bot):
        await sandbox.click("ann", "orders", await card(sandbox), "reject")
        view = await sandbox.until(lambda: sandbox.view("ann"))
        answer = await sandbox.submit("ann", view.id, {"entered": "no"})
        assert (answer.closed, answer.errors) == (False, {"reason": "Say more"})
        assert "[no]" in (sandbox.view("ann") or view).seen_text, "what was entered stays"


@pytest.mark.parametrize(
    ("answer", "seen"),
    [
        ({"response_action": "clear"}, None),
        ({"response_action": "update", "view": modal(section("Sure?"), title="Again")}, "Again\nSure?\n[Send]"),
        ({"response_action": "push", "view": modal(section("More"), title="On top")}, "On top\nMore\n[Send]"),
    ],
)
async def test_what_an_ack_does_to_the_modal(sandbox: SlackSandbox, answer: Json, seen: str | None) -> None:
    bot = Bot(sandbox)
    on_click(bot, "reject", lambda body: bot.client.views_open(trigger_id=body["trigger_id"], view=REASON))
    on_submit(bot, answer)
    async with in_socket_mode(sandbox, bot):
        await sandbox.click("ann", "orders", await card(sandbox), "reject")
        view = await sandbox.until(lambda: sandbox.view("ann"))
        await sandbox.submit("ann", view.id, {})
    after = sandbox.view("ann")
    assert (after.seen_text if after else None) == seen


@pytest.mark.parametrize(
    "answer",
    [
        {"response_action": "errors", "errors": {"no such block": "Say more"}},
        {"response_action": "update", "view": modal(section("x" * 3001))},
    ],
)
async def test_an_ack_that_makes_no_sense(sandbox: SlackSandbox, answer: Json) -> None:
    bot = Bot(sandbox)
    on_click(bot, "reject", lambda body: bot.client.views_open(trigger_id=body["trigger_id"], view=REASON))
    on_submit(bot, answer)
    async with in_socket_mode(sandbox, bot):
        await sandbox.click("ann", "orders", await card(sandbox), "reject")
        view = await sandbox.until(lambda: sandbox.view("ann"))
        told = await sandbox.submit("ann", view.id, {})
    assert told.failure
    assert not told.closed
    assert sandbox.failures("ann") == []  # it stands in the modal, and nowhere twice


async def test_the_client_checks_inputs_first(sandbox: SlackSandbox) -> None:
    bot = Bot(sandbox)
    number: Json = {"type": "number_input", "is_decimal_allowed": False, "min_value": "1"}
    form = modal(text_input("name", "Name", element={"max_length": 5}), text_input("count", "Count", element=number))
    on_click(bot, "reject", lambda body: bot.client.views_open(trigger_id=body["trigger_id"], view=form))
    submitted = on_submit(bot, {})
    async with in_socket_mode(sandbox, bot):
        await sandbox.click("ann", "orders", await card(sandbox), "reject")
        view = await sandbox.until(lambda: sandbox.view("ann"))
        for values, wrong in (
            ({}, {"name", "count"}),
            ({"name": "too long", "count": "1"}, {"name"}),
            ({"name": "mug", "count": "many"}, {"count"}),
            ({"name": "mug", "count": "0"}, {"count"}),
        ):
            answer = await sandbox.submit("ann", view.id, values)
            assert (answer.errors.keys(), answer.closed) == (wrong, False)
        with pytest.raises(LookupError, match="nmae"):
            await sandbox.submit("ann", view.id, {"nmae": "mug"})
        assert submitted == []
        assert (await sandbox.submit("ann", view.id, {"name": "mug", "count": "2"})).closed


async def test_a_closed_modal_is_told_where_it_was_asked_for(sandbox: SlackSandbox) -> None:
    bot = Bot(sandbox)
    closed: list[Json] = []
    asked = {**REASON, "notify_on_close": True, "private_metadata": "a1"}
    on_click(bot, "reject", lambda body: bot.client.views_open(trigger_id=body["trigger_id"], view=asked))

    async def was_closed(ack: AsyncAck, view: Json) -> None:
        await ack()
        closed.append(view)

    bot.app.view_closed("asked")(was_closed)
    async with in_socket_mode(sandbox, bot):
        await sandbox.click("ann", "orders", await card(sandbox), "reject")
        view = await sandbox.until(lambda: sandbox.view("ann"))
        await sandbox.close_view("ann", view.id)
        assert sandbox.view("ann") is None
        await sandbox.until(lambda: closed)
    assert closed[0]["private_metadata"] == "a1"


async def test_a_trigger_works_once(sandbox: SlackSandbox) -> None:
    client = web_client(sandbox)
    trigger = sandbox.workspace.new_trigger(sandbox.people["ann"])
    opened = await client.views_open(trigger_id=trigger, view=REASON)
    with pytest.raises(SlackApiError, match="exchanged_trigger_id"):
        await client.views_open(trigger_id=trigger, view=REASON)
    with pytest.raises(SlackApiError, match="invalid_trigger_id"):
        await client.views_open(trigger_id="1.2.3", view=REASON)
    assert opened["view"]["id"] == (view.id if (view := sandbox.view("ann")) else None)


async def test_a_trigger_does_not_live_long() -> None:
    async with SlackSandbox(MANIFEST, trigger_seconds=0) as sandbox:
        trigger = sandbox.workspace.new_trigger(sandbox.people["ann"])
        with pytest.raises(SlackApiError, match="expired_trigger_id"):
            await web_client(sandbox).views_open(trigger_id=trigger, view=REASON)


async def test_views_are_updated_by_id_and_hash(sandbox: SlackSandbox) -> None:
    client = web_client(sandbox)
    opened = (await client.views_open(trigger_id=sandbox.workspace.new_trigger(sandbox.people["ann"]), view=REASON)).data
    view: Json = opened["view"]
    await client.views_update(view_id=view["id"], hash=view["hash"], view=modal(section("Working"), title="Wait"))
    assert (sandbox.view("ann") or pytest.fail("no view")).title == "Wait"
    with pytest.raises(SlackApiError, match="hash_conflict"):
        await client.views_update(view_id=view["id"], hash=view["hash"], view=REASON)
    with pytest.raises(SlackApiError, match="not_found"):
        await client.views_update(view_id="V1", view=REASON)


async def test_modals_pile_up_to_three(sandbox: SlackSandbox) -> None:
    client, ann = web_client(sandbox), sandbox.people["ann"]
    for number in range(3):
        await client.views_push(trigger_id=sandbox.workspace.new_trigger(ann), view=modal(section(f"{number}")))
    with pytest.raises(SlackApiError, match="push_limit_reached"):
        await client.views_push(trigger_id=sandbox.workspace.new_trigger(ann), view=REASON)
    assert "2" in (sandbox.view("ann") or pytest.fail("no view")).seen_text


async def test_the_home_tab(sandbox: SlackSandbox) -> None:
    bot = Bot(sandbox)
    revoked = on_click(bot, "revoke")
    home: Json = {"type": "home", "blocks": [section("1 standing permission"), actions(button("Revoke", "revoke"))]}
    async with in_socket_mode(sandbox, bot):
        await sandbox.open_home("cleo")
        await sandbox.until(lambda: bot.heard("app_home_opened"))
        assert "view" not in bot.events[0]
        await bot.client.views_publish(user_id=bot.events[0]["user"], view=home)
        view = sandbox.home("cleo") or pytest.fail("no Home tab")
        assert view.seen_text == "1 standing permission\n[Revoke]"
        await sandbox.click_in_view("cleo", view.id, "revoke")
        await sandbox.until(lambda: revoked)
        await sandbox.open_home("cleo")
        await sandbox.until(lambda: len(bot.heard("app_home_opened")) == 2)
    assert revoked[0]["view"]["id"] == bot.events[1]["view"]["id"] == view.id
    assert sandbox.home("ann") is None
