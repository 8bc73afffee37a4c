"""The routes that the page in the browser lives on."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from bot.sandbox import SlackSandbox
from tests.patience import PATIENCE_SECONDS
from tests.sandbox.slack_bots import (
    MANIFEST,
    Bot,
    actions,
    button,
    in_socket_mode,
    modal,
    section,
    text_input,
    web_client,
)

Json = dict[str, Any]


@pytest.fixture
async def sandbox() -> AsyncIterator[SlackSandbox]:
    async with SlackSandbox(MANIFEST, notes={"model": "The script is answering"}, ack_seconds=PATIENCE_SECONDS) as sandbox:
        yield sandbox


@pytest.fixture
async def browser(sandbox: SlackSandbox) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(base_url=sandbox.page_url) as session:
        yield session


async def state(browser: aiohttp.ClientSession, me: str, **more: str) -> Json:
    answer = await browser.get("/sandbox/state", params={"as": me, **more})
    assert answer.status == 200
    return await answer.json()


async def do(browser: aiohttp.ClientSession, act: str, **body: Any) -> Json:
    return await (await browser.post(f"/sandbox/{act}", json=body)).json()


@pytest.mark.parametrize(("path", "kind"), [("/", "html"), ("/page/main.js", "javascript"), ("/sandbox/state", "json")])
async def test_the_page_is_served_and_never_kept(browser: aiohttp.ClientSession, path: str, kind: str) -> None:
    async with browser.get(path) as page:
        assert page.status == 200
        assert kind in page.content_type
        assert page.headers["Cache-Control"] == "no-store"


async def test_the_state_of_one_person(sandbox: SlackSandbox, browser: aiohttp.ClientSession) -> None:
    people = sandbox.people
    seen = await state(browser, people["ann"])
    assert seen["me"] == people["ann"]
    assert seen["people"][0] == {
        "id": people["ann"],
        "name": "ann",
        "real_name": "Ann Archer",
        "initials": "AA",
        "color": "#7048e8",
        "is_admin": True,
    }
    assert seen["notes"] == {"model": "The script is answering"}
    assert seen["bot"] == {"id": sandbox.bot_user_id, "name": "Signoff", "connected": False}
    kinds = {one["name"]: one["kind"] for one in seen["channels"]}
    assert kinds == {
        "general": "channel",
        "orders": "channel",
        "support": "channel",
        "finance": "private",
        "Ben Baker, Signoff": "mpim",
        "Signoff": "im",
    }
    assert (seen["view"], seen["home"], seen["ephemerals"], seen["failures"]) == (None, None, [], [])


async def test_private_things_are_not_shown(sandbox: SlackSandbox, browser: aiohttp.ClientSession) -> None:
    await sandbox.say("ann", "finance", "secret")
    await sandbox.dm("ann", "secret")
    seen = await state(browser, sandbox.people["dan"])
    assert {one["name"] for one in seen["channels"]} == {"general", "orders", "support", "Signoff"}
    assert "secret" not in str(seen["messages"])


async def test_messages_as_the_page_reads_them(sandbox: SlackSandbox, browser: aiohttp.ClientSession) -> None:
    orders = sandbox.channels["orders"]
    root = await sandbox.say("ann", "orders", "A file", files=["a.csv"])
    await web_client(sandbox).chat_postMessage(channel=orders, thread_ts=root, text="Card", blocks=[section("Card")])
    await sandbox.edit("ann", "orders", root, "The file")
    first, reply = (await state(browser, sandbox.people["ann"]))["messages"][orders]
    expected = {"ts": root, "user": sandbox.people["ann"], "bot": False, "text": "The file", "edited": True}
    assert first.items() >= {**expected, "thread_ts": None, "reply_count": 1, "files": [{"name": "a.csv"}]}.items()
    assert (reply["bot"], reply["thread_ts"], reply["blocks"][0]["text"]["text"]) == (True, root, "Card")
    assert first["at"].endswith("+00:00")


async def test_typing_makes_mentions_of_names(sandbox: SlackSandbox, browser: aiohttp.ClientSession) -> None:
    me, orders = sandbox.people["ann"], sandbox.channels["orders"]
    typed = "@Signoff ask @ben or @Cleo Cooper if a<b & mail x@ann.example"
    answer = await do(browser, "say", **{"as": me, "channel": orders, "text": typed})
    assert answer["ok"]
    ben, cleo = sandbox.people["ben"], sandbox.people["cleo"]
    assert sandbox.thread("orders", answer["ts"])[0].text == (
        f"<@{sandbox.bot_user_id}> ask <@{ben}> or <@{cleo}> if a&lt;b &amp; mail x@ann.example"
    )
    assert sorted(one.kind for one in sandbox.deliveries) == ["app_mention", "message"]


async def test_what_a_person_may_not_do_is_said(sandbox: SlackSandbox, browser: aiohttp.ClientSession) -> None:
    answer = await do(browser, "say", **{"as": sandbox.people["dan"], "channel": sandbox.channels["orders"], "text": "x"})
    assert not answer["ok"]
    assert "not a member" in answer["error"]
    assert (await browser.post("/sandbox/say", json={"as": "U1", "channel": "C1", "text": "x"})).status == 400


async def test_a_card_and_a_modal_through_the_page(sandbox: SlackSandbox, browser: aiohttp.ClientSession) -> None:
    bot, me, orders = Bot(sandbox), sandbox.people["ann"], sandbox.channels["orders"]
    reasons: list[str] = []

    async def clicked(ack: Any, body: Json) -> None:
        await ack()
        await bot.client.views_open(trigger_id=body["trigger_id"], view=modal(text_input("reason", "Why?")))

    async def submitted(ack: Any, view: Json) -> None:
        reason = view["state"]["values"]["reason"]["entered"]["value"]
        if reason == "no":
            await ack(response_action="errors", errors={"reason": "Say more"})
            return
        await ack()
        reasons.append(reason)

    bot.app.action("reject")(clicked)
    bot.app.view("asked")(submitted)
    async with in_socket_mode(sandbox, bot):
        assert (await state(browser, me))["bot"]["connected"]
        posted = await bot.client.chat_postMessage(
            channel=orders, text="Card", blocks=[actions(button("Reject", "reject"), block_id="b")]
        )
        click = {"as": me, "channel": orders, "ts": posted["ts"], "block_id": "b", "action_id": "reject"}
        assert await do(browser, "click", **click) == {"ok": True}
        view = await sandbox.until(lambda: sandbox.view("ann"))
        shown = (await state(browser, me))["view"]
        assert (shown["id"], shown["title"]["text"]) == (view.id, "Reject")
        submit: Json = {"as": me, "view_id": view.id}
        refused = await do(browser, "submit", **submit, values={"reason": {"entered": "no"}})
        assert refused == {"ok": False, "errors": {"reason": "Say more"}}
        taken = await do(browser, "submit", **submit, values={"reason": {"entered": "too many"}})
        assert taken == {"ok": True, "errors": {}}
    assert reasons == ["too many"]
    assert (await state(browser, me))["view"] is None


async def test_closing_home_and_stop(sandbox: SlackSandbox, browser: aiohttp.ClientSession) -> None:
    bot, me = Bot(sandbox), sandbox.people["ann"]
    async with in_socket_mode(sandbox, bot):
        opened = await bot.client.views_open(trigger_id=sandbox.workspace.new_trigger(me), view=modal(section("Hi")))
        assert (await do(browser, "close", **{"as": me, "view_id": opened["view"]["id"]}))["ok"]
        assert sandbox.view("ann") is None
        await do(browser, "home", **{"as": me})
        await sandbox.until(lambda: bot.heard("app_home_opened"))
        root = await sandbox.say("ann", "orders", "hello")
        await do(browser, "stop", **{"as": me, "channel": sandbox.channels["orders"], "thread_ts": root})
        await sandbox.until(lambda: bot.heard("agent_session_stopped"))
    again = await do(browser, "close", **{"as": me, "view_id": opened["view"]["id"]})
    assert not again["ok"]


async def test_status_ephemeral_home_and_failure_are_shown(sandbox: SlackSandbox, browser: aiohttp.ClientSession) -> None:
    client, me, orders = web_client(sandbox), sandbox.people["ann"], sandbox.channels["orders"]
    root = await sandbox.say("ann", "orders", "hello")
    await client.agents_sessions_setStatus(channel_id=orders, thread_ts=root, status="suspended")
    await client.chat_postEphemeral(channel=orders, user=me, text="Only you", thread_ts=root)
    await client.views_publish(user_id=me, view={"type": "home", "blocks": [section("Nothing waits")]})
    posted = await client.chat_postMessage(channel=orders, text="x", blocks=[actions(button("Go", "go"))])
    await sandbox.click("ann", "orders", posted["ts"], "go")
    await sandbox.until(lambda: sandbox.failures("ann"))
    seen = await state(browser, me)
    assert seen["statuses"] == {f"{orders}:{root}": "suspended"}
    assert [(one["text"], one["channel"], one["thread_ts"]) for one in seen["ephemerals"]] == [("Only you", orders, root)]
    assert seen["home"]["blocks"][0]["text"]["text"] == "Nothing waits"
    assert "did not answer" in seen["failures"][0]["text"]
    assert (await state(browser, sandbox.people["ben"]))["ephemerals"] == []


async def test_unread_counts_what_others_said_since(sandbox: SlackSandbox, browser: aiohttp.ClientSession) -> None:
    orders, me = sandbox.channels["orders"], sandbox.people["ann"]

    async def unread(**more: str) -> int:
        return next(one["unread"] for one in (await state(browser, me, **more))["channels"] if one["id"] == orders)

    await sandbox.say("ann", "orders", "mine")
    for text in ("one", "two"):
        await sandbox.say("ben", "orders", text)
    assert await unread() == 2
    assert await unread(channel=orders) == 0
    assert await unread() == 0


async def test_changes_are_told_live(sandbox: SlackSandbox, browser: aiohttp.ClientSession) -> None:
    async with browser.ws_connect("/sandbox/live", params={"as": sandbox.people["ann"]}) as live:
        for _ in range(20):
            await sandbox.say("ann", "orders", "hello")
        assert await live.receive_json(timeout=PATIENCE_SECONDS) == {"type": "changed"}
        await sandbox.say("ann", "orders", "again")
        assert await live.receive_json(timeout=PATIENCE_SECONDS) == {"type": "changed"}


@pytest.mark.parametrize("headers", [{"Host": "sandbox.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}])
async def test_other_sites_are_turned_away(browser: aiohttp.ClientSession, headers: dict[str, str]) -> None:
    for path in ("/", "/sandbox/state"):
        assert (await browser.get(path, headers=headers)).status == 403
    assert (await browser.post("/sandbox/home", json={}, headers=headers)).status == 403


async def test_the_page_itself_is_let_in(sandbox: SlackSandbox, browser: aiohttp.ClientSession) -> None:
    own = sandbox.page_url.rstrip("/")
    for headers in ({"Origin": own}, {"Host": "localhost"}):
        answer = await browser.get("/sandbox/state", params={"as": sandbox.people["ann"]}, headers=headers)
        assert answer.status == 200


async def test_a_taken_port_is_said_and_nothing_stays_open(sandbox: SlackSandbox) -> None:
    port = int(sandbox.page_url.rstrip("/").rpartition(":")[2])
    with pytest.raises(OSError, match="address already in use"):
        await SlackSandbox(MANIFEST, port=port).__aenter__()
