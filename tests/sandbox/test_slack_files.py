"""Files, and who is where, as the unmodified slack_sdk client meets them."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError

from bot.sandbox import SlackSandbox
from tests.sandbox.slack_bots import MANIFEST, Client, refusal_of, web_client


@pytest.fixture
async def sandbox() -> AsyncIterator[SlackSandbox]:
    async with SlackSandbox(MANIFEST, scopes=[*MANIFEST["oauth_config"]["scopes"]["bot"], "files:read"]) as sandbox:
        yield sandbox


@pytest.fixture
def client(sandbox: SlackSandbox) -> Client:
    return web_client(sandbox)


async def shared(sandbox: SlackSandbox, channel: str = "orders", user: str = "ann") -> str:
    """The id of a file that somebody shares in a channel."""
    ts = await sandbox.say(user, channel, "", files=[("a b.csv", b"x,y\n1,2\n")])
    return sandbox.thread(channel, ts)[0].files[0].id


async def download(sandbox: SlackSandbox, url: str, token: str | None = None) -> tuple[int, str, bytes]:
    """Status, type and body of the answer."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers, allow_redirects=False) as answer:
        return answer.status, answer.content_type, await answer.read()


async def test_a_shared_file_is_described_and_downloaded_with_the_bots_token(sandbox: SlackSandbox, client: Client) -> None:
    file = (await client.files_info(file=await shared(sandbox)))["file"]
    assert (file["name"], file["mimetype"], file["size"], file["mode"]) == ("a b.csv", "text/csv", 8, "hosted")
    answer = await download(sandbox, file["url_private_download"], sandbox.bot_token)
    assert answer == (200, "text/csv", b"x,y\n1,2\n")
    assert [(call.method, call.status) for call in sandbox.calls[-1:]] == [("url_private_download", 200)]


async def test_without_the_token_the_address_leads_to_a_sign_in(sandbox: SlackSandbox, client: Client) -> None:
    file = (await client.files_info(file=await shared(sandbox)))["file"]
    assert (await download(sandbox, file["url_private_download"]))[0] == 302
    assert (await download(sandbox, file["url_private"], "xoxb-other"))[0] == 302


async def test_a_file_of_a_conversation_without_the_bot_does_not_exist_for_it(sandbox: SlackSandbox, client: Client) -> None:
    file = await shared(sandbox, "finance")
    await sandbox.remove("signoff", "finance")
    with pytest.raises(SlackApiError) as refused:
        await client.files_info(file=file)
    assert refusal_of(refused.value)["error"] == "file_not_found"


async def names(client: Client, **arguments: Any) -> set[str]:
    """Of the conversations that a listing gives, page by page."""
    found: set[str] = set()
    cursor = ""
    while True:
        page = await client.users_conversations(limit=1, cursor=cursor, **arguments)
        found |= {one["name"] for one in page["channels"]}
        assert all("is_member" not in one for one in page["channels"])
        if not (cursor := page["response_metadata"]["next_cursor"]):
            return found


async def test_conversations_of_a_person_are_listed_as_far_as_the_bot_may_know(sandbox: SlackSandbox, client: Client) -> None:
    ann, dan, kinds = sandbox.people["ann"], sandbox.people["dan"], "public_channel,private_channel"
    assert await names(client, user=ann, types=kinds) == {"general", "orders", "support", "finance"}
    assert await names(client, user=dan, types=kinds) == {"general", "support"}
    assert await names(client, user=ann) == {"general", "orders", "support"}  # public ones, unless others are asked for
    await sandbox.remove("signoff", "finance")
    await sandbox.remove("signoff", "orders")
    assert await names(client, user=ann, types=kinds) == {"general", "orders", "support"}
    assert await names(client, types=kinds) == {"general", "support"}


async def test_everybody_is_listed_page_by_page(sandbox: SlackSandbox, client: Client) -> None:
    first = await client.users_list(limit=3)
    second = await client.users_list(limit=3, cursor=first["response_metadata"]["next_cursor"])
    assert [one["name"] for one in (*first["members"], *second["members"])] == ["ann", "ben", "cleo", "dan", "signoff"]
    assert "email" not in str(first["members"])
