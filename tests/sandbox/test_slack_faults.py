"""Each fault, once, as the unmodified libraries meet it."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler

from bot.sandbox import SlackSandbox
from tests.sandbox.slack_bots import MANIFEST, Bot, Client, in_socket_mode, refusal_of, web_client


@pytest.fixture
async def sandbox() -> AsyncIterator[SlackSandbox]:
    async with SlackSandbox(MANIFEST, retry_delays_seconds=(0.02, 0.04)) as sandbox:
        yield sandbox


@pytest.fixture
def client(sandbox: SlackSandbox) -> Client:
    return web_client(sandbox)


def posts(sandbox: SlackSandbox) -> list[str]:
    return [one.text for one in sandbox.workspace.messages[sandbox.channels["orders"]].values()]


async def test_rate_limit(sandbox: SlackSandbox, client: Client) -> None:
    sandbox.faults.rate_limit("chat.postMessage", retry_after=7)
    with pytest.raises(SlackApiError) as refused:
        await client.chat_postMessage(channel=sandbox.channels["orders"], text="Hello")
    response = refusal_of(refused.value)
    assert (response.status_code, response["error"], response.headers["Retry-After"]) == (429, "ratelimited", "7")
    assert posts(sandbox) == []


async def test_slacks_own_retry_handler_gets_over_a_rate_limit(sandbox: SlackSandbox, client: Client) -> None:
    client.retry_handlers.append(AsyncRateLimitErrorRetryHandler(max_retry_count=2))
    sandbox.faults.rate_limit("chat.postMessage", retry_after=0, times=2)
    await client.chat_postMessage(channel=sandbox.channels["orders"], text="Hello")
    assert [one.status for one in sandbox.calls] == [429, 429, 200]


async def test_a_5xx_before_anything_happens(sandbox: SlackSandbox, client: Client) -> None:
    sandbox.faults.fail("chat.postMessage", 503)
    with pytest.raises(SlackApiError) as refused:
        await client.chat_postMessage(channel=sandbox.channels["orders"], text="Hello")
    assert refusal_of(refused.value).status_code == 503
    assert posts(sandbox) == []
    await client.chat_postMessage(channel=sandbox.channels["orders"], text="Hello")
    assert posts(sandbox) == ["Hello"]


async def test_a_5xx_after_it_was_done(sandbox: SlackSandbox, client: Client) -> None:
    sandbox.faults.fail_after("chat.postMessage")
    with pytest.raises(SlackApiError):
        await client.chat_postMessage(channel=sandbox.channels["orders"], text="Hello")
    assert posts(sandbox) == ["Hello"]


async def test_a_connection_cut_after_it_was_done(sandbox: SlackSandbox, client: Client) -> None:
    sandbox.faults.drop_after("chat.postMessage")
    with pytest.raises(aiohttp.ClientConnectionError):
        await client.chat_postMessage(channel=sandbox.channels["orders"], text="Hello")
    assert posts(sandbox) == ["Hello"]


async def test_a_refused_call_does_not_use_up_a_lost_answer(sandbox: SlackSandbox, client: Client) -> None:
    sandbox.faults.fail_after("chat.postMessage")
    with pytest.raises(SlackApiError, match="no_text"):
        await client.api_call("chat.postMessage", json={"channel": sandbox.channels["orders"]})
    with pytest.raises(SlackApiError, match="500"):
        await client.chat_postMessage(channel=sandbox.channels["orders"], text="Hello")


async def test_an_error_of_ones_choice(sandbox: SlackSandbox, client: Client) -> None:
    sandbox.faults.error("chat.postMessage", "channel_not_found")
    with pytest.raises(SlackApiError, match="channel_not_found"):
        await client.chat_postMessage(channel=sandbox.channels["orders"], text="Hello")
    assert posts(sandbox) == []


async def test_faults_of_any_method(sandbox: SlackSandbox, client: Client) -> None:
    sandbox.faults.fail("*", times=2)
    for _ in range(2):
        with pytest.raises(SlackApiError):
            await client.auth_test()
    assert await client.auth_test()


async def test_a_held_method_waits(sandbox: SlackSandbox, client: Client) -> None:
    sandbox.faults.hold("chat.postMessage")
    posting = asyncio.create_task(client.chat_postMessage(channel=sandbox.channels["orders"], text="Hello"))
    await sandbox.until(lambda: sandbox.faults.holding("chat.postMessage"))
    await client.auth_test()
    assert posts(sandbox) == []
    sandbox.faults.release("chat.postMessage")
    await posting
    assert posts(sandbox) == ["Hello"]


async def test_each_event_several_times(sandbox: SlackSandbox) -> None:
    bot = Bot(sandbox)
    sandbox.faults.duplicate(3)
    async with in_socket_mode(sandbox, bot):
        await sandbox.mention("ann", "orders", "hello")
        await sandbox.until(lambda: len(bot.events) == 6)
        sandbox.faults.duplicate(1)
        await sandbox.dm("ann", "only once")
        await sandbox.until(lambda: len(bot.events) == 7)
    ids = [body["event_id"] for body in bot.bodies]
    assert sorted(ids.count(one) for one in set(ids)) == [1, 3, 3]
    assert sorted(one.try_number for one in sandbox.deliveries) == [1, 1, 1, 2, 2, 3, 3]


async def test_an_ack_that_comes_too_late(sandbox: SlackSandbox) -> None:
    bot = Bot(sandbox)
    sandbox.faults.late_ack(0.01)
    async with in_socket_mode(sandbox, bot):
        await sandbox.dm("ann", "hello")
        await sandbox.until(lambda: len(bot.events) == 2)
        await sandbox.until(lambda: sandbox.deliveries[-1].acked_after_seconds)
    assert [(one.try_number, one.failure) for one in sandbox.deliveries] == [(1, "timeout"), (2, None)]
    assert bot.bodies[0]["event_id"] == bot.bodies[1]["event_id"]


@pytest.mark.parametrize("abrupt", [False, True])
async def test_a_bot_comes_back_after_its_connection_ended(sandbox: SlackSandbox, abrupt: bool) -> None:
    bot = Bot(sandbox)
    async with in_socket_mode(sandbox, bot, ping_seconds=0.1):
        opened = len([one for one in sandbox.calls if one.method == "apps.connections.open"])
        await sandbox.faults.disconnect(abrupt=abrupt)
        await sandbox.until(lambda: len([one for one in sandbox.calls if one.method == "apps.connections.open"]) > opened)
        await sandbox.until(lambda: sandbox.connections)
        await sandbox.dm("ann", "are you back?")
        await sandbox.until(lambda: bot.events)
    assert bot.events[-1]["text"] == "are you back?"


async def test_a_refresh_is_announced_before_the_end(sandbox: SlackSandbox, client: Client) -> None:
    url = (await client.apps_connections_open(app_token=sandbox.app_token))["url"]
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        assert (await socket.receive_json())["type"] == "hello"
        ending = asyncio.create_task(sandbox.faults.disconnect())
        assert await socket.receive_json() == {"type": "disconnect", "reason": "refresh_requested"}
        assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
        await ending
    await sandbox.until(lambda: sandbox.connections == 0)
