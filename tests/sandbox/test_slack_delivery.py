"""Events reach an unmodified Bolt app: over Socket Mode and as signed HTTP, filtered, doubled, retried."""

from collections.abc import AsyncIterator
from typing import Any, cast

import aiohttp
import pytest
from slack_bolt.async_app import AsyncBoltRequest
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse

from bot.sandbox import Delivery, NeverHappened, SlackSandbox
from bot.sandbox.slack.team_naming import slack_connect
from tests.patience import PATIENCE_SECONDS
from tests.sandbox.slack_bots import MANIFEST, Bot, Connected, both_ways, in_socket_mode, manifest, over_http, web_client


@pytest.fixture
async def sandbox() -> AsyncIterator[SlackSandbox]:
    async with SlackSandbox(MANIFEST, ack_seconds=PATIENCE_SECONDS, retry_delays_seconds=(0.02, 0.04, 0.06)) as sandbox:
        yield sandbox


def finished(sandbox: SlackSandbox, number: int) -> list[Delivery] | None:
    """The deliveries, once `number` of them have come to an end."""
    ended = [one for one in sandbox.deliveries if one.acked_after_seconds is not None or one.failure]
    return ended if len(ended) >= number else None


@both_ways
async def test_a_mention_arrives_as_two_events(sandbox: SlackSandbox, connected: Connected) -> None:
    bot = Bot(sandbox)
    async with connected(sandbox, bot):
        ts = await sandbox.mention("ann", "orders", "where is order 17?")
        await sandbox.until(lambda: finished(sandbox, 2))
    assert sorted(event["type"] for event in bot.events) == ["app_mention", "message"]
    assert {(event["channel"], event["ts"]) for event in bot.events} == {(sandbox.channels["orders"], ts)}
    assert len({body["event_id"] for body in bot.bodies}) == 2
    assert bot.events[0]["text"] == f"<@{sandbox.bot_user_id}> where is order 17?"
    body = bot.bodies[0]
    assert (body["team_id"], body["api_app_id"]) == (sandbox.team_id, sandbox.app_id)
    assert body["authorizations"][0]["user_id"] == sandbox.bot_user_id


@both_ways
async def test_direct_messages_arrive_once(sandbox: SlackSandbox, connected: Connected) -> None:
    bot = Bot(sandbox)
    async with connected(sandbox, bot):
        await sandbox.dm("ann", f"<@{sandbox.bot_user_id}> hello")
        await sandbox.mention("ben", "mpim", "and you")
        await sandbox.until(lambda: finished(sandbox, 3))
    kinds = sorted((event["type"], event.get("channel_type", "")) for event in bot.events)
    assert kinds == [("app_mention", ""), ("message", "im"), ("message", "mpim")]


async def test_what_is_not_subscribed_does_not_arrive() -> None:
    async with SlackSandbox(manifest(without_event="message.channels")) as sandbox:
        bot = Bot(sandbox)
        async with in_socket_mode(sandbox, bot):
            await sandbox.mention("ann", "orders", "hello")
            await sandbox.dm("ann", "hello")
            await sandbox.until(lambda: finished(sandbox, 2))
    assert [one.kind for one in sandbox.deliveries] == ["app_mention", "message"]


async def test_an_event_needs_its_scope() -> None:
    async with SlackSandbox(manifest(without_scope="app_mentions:read")) as sandbox:
        await sandbox.mention("ann", "orders", "hello")
        await sandbox.until(lambda: sandbox.deliveries)
    assert [one.kind for one in sandbox.deliveries] == ["message"]


async def test_channels_without_the_bot_are_silent(sandbox: SlackSandbox) -> None:
    bot = Bot(sandbox)
    await sandbox.remove("signoff", "orders")
    async with in_socket_mode(sandbox, bot):
        await sandbox.mention("ann", "orders", "hello")
        await sandbox.say("ann", "support", "hello")
        await sandbox.until(lambda: finished(sandbox, 1))
    assert [event["channel"] for event in bot.events] == [sandbox.channels["support"]]


async def test_edits_deletions_files_and_other_bots_have_their_subtypes(sandbox: SlackSandbox) -> None:
    bot = Bot(sandbox)
    async with in_socket_mode(sandbox, bot):
        ts = await sandbox.say("ann", "orders", "helo")
        await sandbox.until(lambda: finished(sandbox, 1))
        await sandbox.edit("ann", "orders", ts, "hello")
        await sandbox.until(lambda: finished(sandbox, 2))
        await sandbox.delete("ann", "orders", ts)
        await sandbox.until(lambda: finished(sandbox, 3))
        await sandbox.say("ann", "orders", "", files=["orders.csv"])
        await sandbox.until(lambda: finished(sandbox, 4))
        await sandbox.post_from_other_app("orders", "Build 17 passed", classic=True)
        await sandbox.until(lambda: finished(sandbox, 5))
    subtypes = [event.get("subtype") for event in bot.events]
    assert subtypes == [None, "message_changed", "message_deleted", "file_share", "bot_message"]
    changed, deleted, shared, classic = bot.events[1:]
    assert (changed["message"]["text"], changed["previous_message"]["text"]) == ("hello", "helo")
    assert deleted["previous_message"]["ts"] == deleted["deleted_ts"] == ts
    assert shared["files"][0]["name"] == "orders.csv"
    assert "user" not in classic


async def test_a_mention_that_is_edited_comes_again_and_says_so(sandbox: SlackSandbox) -> None:
    bot = Bot(sandbox)
    async with in_socket_mode(sandbox, bot):
        ts = await sandbox.say("ann", "orders", "hello")
        await sandbox.until(lambda: finished(sandbox, 1))
        await sandbox.edit("ann", "orders", ts, f"<@{sandbox.bot_user_id}> hello")
        await sandbox.until(lambda: finished(sandbox, 3))
    kinds = sorted((event["type"], event.get("subtype"), "edited" in event) for event in bot.events[1:])
    assert kinds == [("app_mention", None, True), ("message", "message_changed", False)]


async def test_the_two_events_of_a_mention_name_different_workspaces_where_a_channel_is_shared(sandbox: SlackSandbox) -> None:
    bot = Bot(sandbox)
    sandbox.name_teams(slack_connect("TTHEIRS", "ETHEIRS"))
    async with in_socket_mode(sandbox, bot):
        await sandbox.mention("ann", "orders", "hello")
        await sandbox.until(lambda: finished(sandbox, 2))
    named = {body["event"]["type"]: (body["team_id"], body["event"]["user_team"]) for body in bot.bodies}
    assert named == {"app_mention": (sandbox.team_id, "ETHEIRS"), "message": ("TTHEIRS", "TTHEIRS")}


async def test_another_bot_mentions_ours(sandbox: SlackSandbox) -> None:
    bot = Bot(sandbox)
    async with in_socket_mode(sandbox, bot):
        await sandbox.post_from_other_app("orders", f"<@{sandbox.bot_user_id}> build 17 passed")
        await sandbox.until(lambda: finished(sandbox, 2))
    assert sorted((event["type"], event["bot_id"]) for event in bot.events) == [
        ("app_mention", "BOTHERAPP"),
        ("message", "BOTHERAPP"),
    ]


async def test_a_deleted_message_with_replies_leaves_a_tombstone(sandbox: SlackSandbox) -> None:
    bot = Bot(sandbox)
    async with in_socket_mode(sandbox, bot):
        root = await sandbox.say("ann", "orders", "where is order 17?")
        await bot.client.chat_postMessage(channel=sandbox.channels["orders"], thread_ts=root, text="In Bonn")
        await sandbox.delete("ann", "orders", root)
        await sandbox.until(lambda: len(bot.events) == 2)
    assert [one.seen_text for one in sandbox.thread("orders", root)] == ["This message was deleted.", "In Bonn"]
    assert (bot.events[1]["subtype"], bot.events[1]["message"]["subtype"]) == ("message_changed", "tombstone")


async def test_the_bots_own_posts_come_back_to_it(sandbox: SlackSandbox) -> None:
    bot = Bot(sandbox)
    async with in_socket_mode(sandbox, bot):
        await bot.client.chat_postMessage(channel=sandbox.channels["orders"], text="I am here")
        await sandbox.until(lambda: finished(sandbox, 1))
    event = sandbox.deliveries[0].payload["event"]
    assert (event["bot_id"], event["user"]) == (sandbox.bot_id, sandbox.bot_user_id)
    assert bot.events == [], "Bolt ignores the bot's own messages by itself"


async def test_a_reply_carries_its_thread(sandbox: SlackSandbox) -> None:
    bot = Bot(sandbox)
    async with in_socket_mode(sandbox, bot):
        root = await sandbox.say("ann", "orders", "hello")
        await sandbox.say("ben", "orders", "hi", thread_ts=root)
        await sandbox.until(lambda: finished(sandbox, 2))
    reply = next(event for event in bot.events if event["text"] == "hi")
    assert (reply["thread_ts"], reply["parent_user_id"]) == (root, sandbox.people["ann"])


@both_ways
async def test_an_event_that_nobody_acks_is_tried_again(sandbox: SlackSandbox, connected: Connected) -> None:
    sandbox.wait_for_acks(0.3)
    bot = Bot(sandbox)
    headers: list[dict[str, Any]] = []

    async def deaf(req: AsyncBoltRequest) -> None:
        """Bolt answers 404 to what no listener takes, which counts as no ack."""
        headers.append({name: value[0] for name, value in req.headers.items() if name.startswith("x-slack-retry")})

    bot.app._async_listeners.clear()  # pyright: ignore[reportPrivateUsage]  # a bot that listens to nothing
    bot.app.use(deaf)
    async with connected(sandbox, bot):
        await sandbox.dm("ann", "hello")
        tries = await sandbox.until(lambda: finished(sandbox, 4))
    assert [one.try_number for one in tries] == [1, 2, 3, 4]
    assert len({one.event_id for one in tries}) == 1
    assert {one.failure for one in tries} <= {"timeout", "http_error"}
    assert [int(one.get("x-slack-retry-num", 0)) for one in headers] == [0, 1, 2, 3]


async def test_an_event_waits_for_a_bot_that_comes_later(sandbox: SlackSandbox) -> None:
    bot = Bot(sandbox)
    await sandbox.dm("ann", "are you there?")
    failed = await sandbox.until(lambda: finished(sandbox, 1))
    assert failed[0].failure == "connection_failed"
    async with in_socket_mode(sandbox, bot):
        await sandbox.until(lambda: bot.events)
    assert bot.events[0]["text"] == "are you there?"


async def test_a_lost_connection_counts_as_a_failed_try(sandbox: SlackSandbox) -> None:
    first, second = Silent(sandbox), Silent(sandbox, ack=True)
    await first.connect()
    await sandbox.dm("ann", "hello")
    await sandbox.until(lambda: first.requests)
    await second.connect()
    await first.close()
    await sandbox.until(lambda: second.requests)
    await second.close()
    assert sandbox.deliveries[0].failure == "connection_failed"
    assert second.requests[0].retry_attempt == 1


class Silent(SocketModeClient):
    """The plain client of slack_sdk, which acks only when it is told to."""

    def __init__(self, sandbox: SlackSandbox, *, ack: bool = False) -> None:
        super().__init__(app_token=sandbox.app_token, web_client=web_client(sandbox), ping_interval=1)
        self.requests: list[SocketModeRequest] = []
        self.messages: list[dict[str, Any]] = []

        async def heard(client: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
            self.requests.append(request)
            if ack:
                await client.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id))
            sandbox.workspace.changed()

        async def message(client: AsyncBaseSocketModeClient, message: dict[str, Any], raw: str | None) -> None:
            self.messages.append(message)
            sandbox.workspace.changed()

        self.socket_mode_request_listeners.append(heard)
        cast(Any, self).message_listeners.append(message)


async def test_each_envelope_goes_to_one_of_the_connections(sandbox: SlackSandbox) -> None:
    clients = [Silent(sandbox, ack=True) for _ in range(2)]
    for client in clients:
        await client.connect()
    await sandbox.until(lambda: sandbox.connections == 2)
    for number in range(4):
        await sandbox.dm("ann", f"message {number}")
    await sandbox.until(lambda: finished(sandbox, 4))
    assert sorted(len(client.requests) for client in clients) == [2, 2]
    assert clients[1].messages[0]["type"] == "hello"
    for client in clients:
        await client.close()


async def test_an_eleventh_connection_is_too_many(sandbox: SlackSandbox) -> None:
    clients = [SocketModeClient(sandbox.app_token, web_client=web_client(sandbox)) for _ in range(10)]
    for client in clients:
        await client.connect()
    await sandbox.until(lambda: sandbox.connections == 10)
    url = (await web_client(sandbox).apps_connections_open(app_token=sandbox.app_token))["url"]
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        assert (await socket.receive_json())["reason"] == "too_many_websockets"
    for client in clients:
        await client.close()


async def test_the_way_through_a_proxy_stays_a_way_through_it(sandbox: SlackSandbox) -> None:
    headers = {"Host": "127.0.0.1:4242", "Authorization": f"Bearer {sandbox.app_token}"}
    async with aiohttp.ClientSession() as session:
        answer = await (await session.post(f"{sandbox.api_url}apps.connections.open", headers=headers)).json()
    assert answer["url"].startswith("ws://127.0.0.1:4242/link/")


async def test_a_ticket_opens_one_connection(sandbox: SlackSandbox) -> None:
    url = (await web_client(sandbox).apps_connections_open(app_token=sandbox.app_token))["url"]
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(url) as socket:
            assert (await socket.receive_json())["type"] == "hello"
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(url)


async def test_requests_are_signed_with_the_signing_secret(sandbox: SlackSandbox) -> None:
    bot, stranger = Bot(sandbox), Bot(sandbox)
    async with over_http(sandbox, bot):
        await sandbox.dm("ann", "to the bot")
        await sandbox.until(lambda: finished(sandbox, 1))
    async with SlackSandbox(MANIFEST, retry_delays_seconds=()) as other, over_http(other, stranger):
        await other.dm("ann", "to a bot with another secret")
        refused = await other.until(lambda: finished(other, 1))
    assert len(bot.events) == 1
    assert stranger.events == []
    assert refused[0].failure == "http_error"


async def test_waiting_in_vain_tells_what_is_there(sandbox: SlackSandbox) -> None:
    await sandbox.mention("ann", "orders", "is anybody there?")
    with pytest.raises(NeverHappened, match="@Signoff is anybody there") as never:
        await sandbox.until(lambda: sandbox.view("ann"), seconds=0.1)
    assert "app_mention" in str(never.value)
