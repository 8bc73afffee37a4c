"""Buttons, menus, modals and the Home tab between people and an unmodified Bolt app."""

from collections.abc import AsyncIterator

import pytest
from slack_bolt.async_app import AsyncAck, AsyncRespond

from bot.sandbox import SlackSandbox
from tests.patience import PATIENCE_SECONDS
from tests.sandbox.slack_bots import (
    CARD,
    MANIFEST,
    Bot,
    Connected,
    Json,
    actions,
    both_ways,
    button,
    card,
    in_socket_mode,
    on_click,
    section,
)


@pytest.fixture
async def sandbox() -> AsyncIterator[SlackSandbox]:
    async with SlackSandbox(MANIFEST, ack_seconds=PATIENCE_SECONDS) as sandbox:
        yield sandbox


@both_ways
async def test_a_click_tells_who_and_what(sandbox: SlackSandbox, connected: Connected) -> None:
    bot = Bot(sandbox)
    heard = on_click(bot, "approve")
    async with connected(sandbox, bot):
        ts = await card(sandbox)
        await sandbox.click("ben", "orders", ts, "approve")
        await sandbox.until(lambda: any(one.kind == "block_actions" and one.acked_after_seconds for one in sandbox.deliveries))
    body = heard[0]
    action = body["actions"][0]
    assert (action["action_id"], action["value"], action["block_id"]) == ("approve", "a1", "decide")
    assert body["user"]["id"] == sandbox.people["ben"]
    assert (body["container"]["channel_id"], body["container"]["message_ts"]) == (sandbox.channels["orders"], ts)
    assert body["message"]["blocks"][1]["block_id"] == "decide"
    assert body["team"]["id"] == sandbox.team_id


async def test_a_click_needs_a_button_that_is_there(sandbox: SlackSandbox) -> None:
    bot = Bot(sandbox)
    heard = on_click(bot, "approve")
    async with in_socket_mode(sandbox, bot):
        ts = await card(sandbox)
        await bot.client.chat_update(channel=sandbox.channels["orders"], ts=ts, text="Done", blocks=[section("Done")])
        with pytest.raises(LookupError, match="approve"):
            await sandbox.click("ann", "orders", ts, "approve")
        await sandbox.click("ann", "orders", ts, "approve", stale=True)
        await sandbox.until(lambda: heard)
    assert heard[0]["actions"][0]["value"] == "a1"


async def test_equal_buttons_are_told_apart(sandbox: SlackSandbox) -> None:
    bot = Bot(sandbox)
    heard = on_click(bot, "approve")
    rows = [actions(button("Yes", "approve", value=f"call {n}"), block_id=f"row {n}") for n in range(3)]
    async with in_socket_mode(sandbox, bot):
        ts = await card(sandbox, rows)
        with pytest.raises(LookupError, match="choose by value or block_id"):
            await sandbox.click("ann", "orders", ts, "approve")
        await sandbox.click("ann", "orders", ts, "approve", value="call 1")
        await sandbox.until(lambda: len(heard) == 1)
        await sandbox.click("ann", "orders", ts, "approve", block_id="row 2")
        await sandbox.until(lambda: len(heard) == 2)
    assert [one["actions"][0]["value"] for one in heard] == ["call 1", "call 2"]


async def test_who_may_click(sandbox: SlackSandbox) -> None:
    public, private = await card(sandbox), await card(sandbox, channel="finance")
    await sandbox.click("dan", "orders", public, "approve")
    with pytest.raises(PermissionError):
        await sandbox.click("ben", "finance", private, "approve")
    with pytest.raises(PermissionError):
        await sandbox.say("dan", "orders", "let me in")


async def test_what_is_ticked_travels_with_the_next_click(sandbox: SlackSandbox) -> None:
    bot = Bot(sandbox)
    ticked, pressed = on_click(bot, "which"), on_click(bot, "approve")
    option = [{"text": {"type": "plain_text", "text": f"Call {n}"}, "value": f"c{n}"} for n in range(3)]
    boxes: Json = {"type": "checkboxes", "action_id": "which", "options": option, "initial_options": option[:1]}
    async with in_socket_mode(sandbox, bot):
        ts = await card(sandbox, [actions(boxes, block_id="calls"), *CARD])
        await sandbox.click("ann", "orders", ts, "which", value="c0,c2")
        await sandbox.until(lambda: ticked)
        await sandbox.click("ann", "orders", ts, "approve")
        await sandbox.until(lambda: pressed)
        await sandbox.click("ben", "orders", ts, "approve")
        await sandbox.until(lambda: len(pressed) == 2)
    chosen = [
        [one["value"] for one in body["state"]["values"]["calls"]["which"]["selected_options"]] for body in (*ticked, *pressed)
    ]
    assert chosen == [["c0", "c2"], ["c0", "c2"], ["c0"]], "what one person ticks, another does not see"


async def test_an_unanswered_click_is_not_repeated() -> None:
    async with SlackSandbox(MANIFEST, ack_seconds=0.5) as sandbox, in_socket_mode(sandbox, Bot(sandbox)):
        # The bot listens to no action: Bolt answers 404 and Slack hears no ack.
        await sandbox.click("ann", "orders", await card(sandbox), "approve")
        told = await sandbox.until(lambda: sandbox.failures("ann"))
    assert "did not answer" in told[0]
    assert [one.try_number for one in sandbox.deliveries if one.kind == "block_actions"] == [1]


async def test_a_click_without_a_bot(sandbox: SlackSandbox) -> None:
    await sandbox.click("ann", "orders", await card(sandbox), "approve")
    assert await sandbox.until(lambda: sandbox.failures("ann"))


async def test_a_response_url_whispers_or_replaces(sandbox: SlackSandbox) -> None:
    bot = Bot(sandbox)
    responses: list[AsyncRespond] = []

    async def clicked(ack: AsyncAck, respond: AsyncRespond) -> None:
        await ack()
        responses.append(respond)
        sandbox.workspace.changed()

    bot.app.action("approve")(clicked)
    async with in_socket_mode(sandbox, bot):
        ts = await card(sandbox)
        await sandbox.click("ben", "orders", ts, "approve")
        respond = (await sandbox.until(lambda: responses))[0]
        await respond("Only Cleo may decide", replace_original=False)
        assert [one.seen_text for one in sandbox.ephemerals("ben")] == ["Only Cleo may decide"]
        await respond(text="Done", blocks=[section("Done by Ben")], replace_original=True)
        assert sandbox.thread("orders", ts)[0].seen_text == "Done by Ben"
        for _ in range(3):
            await respond("again", replace_original=False)
        assert (await respond("a sixth time", replace_original=False)).status_code == 404


async def test_a_button_in_an_ephemeral(sandbox: SlackSandbox) -> None:
    bot = Bot(sandbox)
    heard = on_click(bot, "withdraw")
    async with in_socket_mode(sandbox, bot):
        await bot.client.chat_postEphemeral(
            channel=sandbox.channels["orders"],
            user=sandbox.people["ann"],
            text="Waiting",
            blocks=[section("Still waiting"), actions(button("Withdraw", "withdraw"))],
        )
        await sandbox.click("ann", "orders", sandbox.ephemerals("ann")[0].ts, "withdraw")
        await sandbox.until(lambda: heard)
    assert heard[0]["container"]["is_ephemeral"]
    assert "message" not in heard[0]
