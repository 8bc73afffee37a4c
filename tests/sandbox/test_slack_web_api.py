"""The Web API as the unmodified slack_sdk client meets it."""

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox import SlackSandbox
from tests.sandbox.slack_bots import MANIFEST, Client, actions, button, manifest, refusal_of, section, web_client

METADATA = {"event_type": "signoff_post", "event_payload": {"key": "k1"}}


@pytest.fixture
async def sandbox() -> AsyncIterator[SlackSandbox]:
    async with SlackSandbox(MANIFEST) as sandbox:
        yield sandbox


@pytest.fixture
def client(sandbox: SlackSandbox) -> Client:
    return web_client(sandbox)


async def refusal(client: Client, method: str, **arguments: Any) -> dict[str, Any]:
    """Slack's answer to a call that it must refuse."""
    with pytest.raises(SlackApiError) as refused:
        await client.api_call(method, json=arguments)
    return refusal_of(refused.value).data


async def test_a_token_names_the_bot(sandbox: SlackSandbox, client: Client) -> None:
    answer = await client.auth_test()
    assert (answer["user_id"], answer["bot_id"]) == (sandbox.bot_user_id, sandbox.bot_id)
    assert answer["team_id"] == sandbox.team_id
    assert "chat:write" in answer.headers["x-oauth-scopes"].split(",")


async def test_tokens_are_looked_at(sandbox: SlackSandbox, client: Client) -> None:
    assert (await refusal(AsyncWebClient(base_url=sandbox.api_url), "auth.test"))["error"] == "not_authed"
    assert (await refusal(web_client(sandbox, "xoxb-other"), "auth.test"))["error"] == "invalid_auth"
    assert (await refusal(client, "apps.connections.open"))["error"] == "not_allowed_token_type"
    assert (await refusal(web_client(sandbox, sandbox.app_token), "auth.test"))["error"] == "not_allowed_token_type"
    assert (await refusal(client, "chat.postMessages"))["error"] == "unknown_method"


async def test_a_scope_that_the_manifest_does_not_ask_for_is_missing() -> None:
    async with SlackSandbox(manifest(without_scope="reactions:write")) as sandbox:
        ts = await sandbox.say("ann", "orders", "Hello")
        answer = await refusal(
            web_client(sandbox), "reactions.add", channel=sandbox.channels["orders"], timestamp=ts, name="eyes"
        )
        assert answer["error"] == "missing_scope"
        assert answer["needed"] == "reactions:write"
        assert "chat:write" in answer["provided"]


async def test_channel_scopes_go_by_the_kind_of_channel() -> None:
    async with SlackSandbox(manifest(without_scope="groups:read")) as sandbox:
        client = web_client(sandbox)
        assert await client.conversations_members(channel=sandbox.channels["orders"])
        with pytest.raises(SlackApiError, match="groups:read"):
            await client.conversations_members(channel=sandbox.channels["finance"])


async def test_granted_scopes_can_differ_from_the_manifest() -> None:
    async with SlackSandbox(MANIFEST, scopes=["chat:write"]) as sandbox:
        answer = await web_client(sandbox).auth_test()
        assert answer.headers["x-oauth-scopes"] == "chat:write"


@pytest.mark.parametrize("style", ["query", "form", "json", "json with JSON inside"])
async def test_arguments_come_in_each_of_slacks_styles(sandbox: SlackSandbox, style: str) -> None:
    blocks = [section("A *card*")]
    plain = {"channel": sandbox.channels["orders"], "text": "A card"}
    packed = {**plain, "blocks": json.dumps(blocks), "metadata": json.dumps(METADATA)}
    whole = {**plain, "blocks": blocks, "metadata": METADATA, "no_such_argument": 1}
    request: dict[str, dict[str, Any]] = {
        "query": {"params": {**packed, "token": sandbox.bot_token}},
        "form": {"data": {**packed, "token": sandbox.bot_token}},
        "json": {"json": whole, "headers": {"Authorization": f"Bearer {sandbox.bot_token}"}},
        "json with JSON inside": {"json": packed, "headers": {"Authorization": f"Bearer {sandbox.bot_token}"}},
    }
    async with aiohttp.ClientSession() as session:
        answer = await (await session.post(f"{sandbox.api_url}chat.postMessage", **request[style])).json()
    assert answer["ok"], answer
    message = sandbox.thread("orders", answer["ts"])[0]
    assert message.seen_text == "A *card*"
    assert message.metadata == METADATA


async def test_reading_methods_take_no_json_body(sandbox: SlackSandbox, client: Client) -> None:
    assert (await refusal(client, "users.info", user=sandbox.people["ann"]))["error"] == "user_not_found"


async def test_json_that_is_none_is_named(sandbox: SlackSandbox) -> None:
    headers = {"Authorization": f"Bearer {sandbox.bot_token}", "Content-Type": "application/json"}
    async with aiohttp.ClientSession(headers=headers) as session:
        for body, error in ((b"{", "invalid_json"), (b"[]", "json_not_object")):
            answer = await (await session.post(f"{sandbox.api_url}chat.postMessage", data=body)).json()
            assert answer == {"ok": False, "error": error}


async def test_a_thread_is_read_in_pages(sandbox: SlackSandbox, client: Client) -> None:
    root = await sandbox.say("ann", "orders", "How many mugs are left?")
    for number in range(5):
        await client.chat_postMessage(
            channel=sandbox.channels["orders"], thread_ts=root, text=f"reply {number}", metadata=METADATA
        )
    seen: list[str] = []
    page = await client.conversations_replies(channel=sandbox.channels["orders"], ts=root, limit=2)
    async for one in page:
        assert one["messages"][0]["ts"] == root
        assert one["messages"][0]["reply_count"] == 5
        assert all("metadata" not in message for message in one["messages"])
        seen += [message["text"] for message in one["messages"][1:]]
    assert seen == [f"reply {number}" for number in range(5)]


async def test_metadata_is_found_again(sandbox: SlackSandbox, client: Client) -> None:
    root = await sandbox.say("ann", "orders", "Hello")
    orders = sandbox.channels["orders"]
    posted = await client.chat_postMessage(channel=orders, thread_ts=root, text="Hi", metadata=METADATA)
    answer = await client.conversations_replies(channel=orders, ts=root, include_all_metadata=True, oldest=root, inclusive=False)
    assert [one["ts"] for one in answer["messages"] if one.get("metadata") == METADATA] == [posted["ts"]]


async def test_history_shows_the_newest_first_and_no_replies(sandbox: SlackSandbox, client: Client) -> None:
    first = await sandbox.say("ann", "orders", "one")
    await sandbox.say("ben", "orders", "in the thread", thread_ts=first)
    second = await sandbox.say("ann", "orders", "two")
    answer = await client.conversations_history(channel=sandbox.channels["orders"])
    assert [one["ts"] for one in answer["messages"]] == [second, first]
    later = await client.conversations_history(channel=sandbox.channels["orders"], oldest=first)
    assert [one["ts"] for one in later["messages"]] == [second]


async def test_threads_that_are_not_there(sandbox: SlackSandbox, client: Client) -> None:
    orders = sandbox.channels["orders"]
    root = await sandbox.say("ann", "orders", "Hello")
    reply = await sandbox.say("ben", "orders", "Hi", thread_ts=root)
    for thread_ts in ("1700000000.000001", reply):
        answer = await refusal(client, "chat.postMessage", channel=orders, text="x", thread_ts=thread_ts)
        assert answer["error"] == "thread_not_found"
    with pytest.raises(SlackApiError, match="thread_not_found"):
        await client.conversations_replies(channel=orders, ts="1700000000.000001")


async def test_channels_that_are_not_the_bots(sandbox: SlackSandbox, client: Client) -> None:
    await sandbox.remove("signoff", "support")
    await sandbox.remove("signoff", "finance")
    public, private = sandbox.channels["support"], sandbox.channels["finance"]
    assert (await refusal(client, "chat.postMessage", channel=public, text="x"))["error"] == "not_in_channel"
    assert (await refusal(client, "chat.postMessage", channel=private, text="x"))["error"] == "channel_not_found"
    assert (await refusal(client, "chat.postMessage", channel="C0000000", text="x"))["error"] == "channel_not_found"
    assert (await refusal(client, "chat.postMessage", text="x"))["error"] == "channel_not_found"


async def test_a_text_takes_the_place_of_blocks(sandbox: SlackSandbox, client: Client) -> None:
    orders = sandbox.channels["orders"]
    posted = await client.chat_postMessage(channel=orders, text="Card", blocks=[section("Card")], metadata=METADATA)
    ts: str = posted["ts"]
    await client.chat_update(channel=orders, ts=ts, text="Done", blocks=[section("Done")])
    assert not sandbox.thread("orders", ts)[0].edited
    await client.chat_update(channel=orders, ts=ts, text="Only text")
    message = sandbox.thread("orders", ts)[0]
    assert (message.seen_text, message.blocks, message.edited) == ("Only text", (), True)
    assert message.metadata == METADATA


async def test_only_own_messages_can_be_changed(sandbox: SlackSandbox, client: Client) -> None:
    orders = sandbox.channels["orders"]
    ts = await sandbox.say("ann", "orders", "Mine")
    assert (await refusal(client, "chat.update", channel=orders, ts=ts, text="x"))["error"] == "cant_update_message"
    assert (await refusal(client, "chat.delete", channel=orders, ts=ts))["error"] == "cant_delete_message"
    gone = "1700000000.000001"
    assert (await refusal(client, "chat.update", channel=orders, ts=gone, text="x"))["error"] == "message_not_found"
    own = (await client.chat_postMessage(channel=orders, text="Bot's"))["ts"]
    await client.chat_delete(channel=orders, ts=own)
    assert sandbox.thread("orders", own) == []


async def test_an_ephemeral_is_seen_by_one_person(sandbox: SlackSandbox, client: Client) -> None:
    orders, people = sandbox.channels["orders"], sandbox.people
    await client.chat_postEphemeral(channel=orders, user=people["ben"], text="Only Cleo may decide")
    assert [one.seen_text for one in sandbox.ephemerals("ben")] == ["Only Cleo may decide"]
    assert sandbox.ephemerals("ann") == []
    answer = await refusal(client, "chat.postEphemeral", channel=orders, user=people["dan"], text="x")
    assert answer["error"] == "user_not_in_channel"
    ts = sandbox.ephemerals("ben")[0].ts
    assert (await refusal(client, "chat.update", channel=orders, ts=ts, text="x"))["error"] == "message_not_found"


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ({}, "no_text"),
        ({"text": "   "}, "no_text"),
        ({"text": "", "blocks": []}, "no_text"),
        ({"blocks": "not json"}, "invalid_blocks_format"),
        ({"blocks": {"type": "divider"}}, "invalid_blocks_format"),
        ({"text": "x", "blocks": [{"type": "sectoin"}]}, "invalid_blocks"),
        ({"blocks": [section("x" * 2500) for _ in range(5)]}, "msg_blocks_too_long"),
        ({"markdown_text": "x" * 12_001}, "msg_too_long"),
        ({"markdown_text": "x", "text": "y"}, "markdown_text_conflict"),
        ({"text": "x", "metadata": {"event_type": "a"}}, "invalid_metadata_format"),
        ({"text": "x", "metadata": {"event_type": "a", "event_payload": {"b": "x" * 20_000}}}, "metadata_too_large"),
        ({"text": ["x"]}, "invalid_arguments"),
    ],
)
async def test_a_message_that_slack_refuses(sandbox: SlackSandbox, client: Client, content: dict[str, Any], error: str) -> None:
    answer = await refusal(client, "chat.postMessage", channel=sandbox.channels["orders"], **content)
    assert answer["error"] == error
    assert sandbox.workspace.messages[sandbox.channels["orders"]] == {}


async def test_long_texts(sandbox: SlackSandbox, client: Client) -> None:
    orders = sandbox.channels["orders"]
    posted = await client.chat_postMessage(channel=orders, text="x" * 40_001)
    assert len(sandbox.thread("orders", posted["ts"])[0].text) == 40_000
    answer = await refusal(client, "chat.update", channel=orders, ts=posted["ts"], text="x" * 4_001)
    assert answer["error"] == "msg_too_long"


async def test_refused_blocks_are_pointed_at(sandbox: SlackSandbox, client: Client) -> None:
    blocks = [section("fine"), actions(button("x" * 76, "a"))]
    answer = await refusal(client, "chat.postMessage", channel=sandbox.channels["orders"], text="x", blocks=blocks)
    sentence = "must be less than 76 characters [json-pointer:/blocks/1/elements/0/text/text]"
    assert answer["errors"] == [sentence]
    assert answer["response_metadata"]["messages"] == [f"[ERROR] {sentence}"]


async def test_members_come_in_pages(sandbox: SlackSandbox, client: Client) -> None:
    members: list[str] = []
    async for page in await client.conversations_members(channel=sandbox.channels["orders"], limit=2):
        members += page["members"]
    people = sandbox.people
    assert sorted(members) == sorted([people["ann"], people["ben"], people["cleo"], sandbox.bot_user_id])


async def test_a_dm_is_opened_and_posted_to(sandbox: SlackSandbox, client: Client) -> None:
    ann = sandbox.people["ann"]
    opened = await client.conversations_open(users=[ann])
    posted = await client.chat_postMessage(channel=ann, text="For you")
    assert opened["channel"]["id"] == posted["channel"] == sandbox.dm_channel("ann") == sandbox.channels["@ann"]
    shown = await client.conversations_info(channel=posted["channel"])
    assert (shown["channel"]["is_im"], shown["channel"]["user"]) == (True, ann)
    group = await client.conversations_open(users=[ann, sandbox.people["ben"]])
    assert group["channel"]["id"] == sandbox.channels["mpim"]


async def test_people_and_groups_are_looked_up(sandbox: SlackSandbox, client: Client) -> None:
    ann = (await client.users_info(user=sandbox.people["ann"]))["user"]
    assert (ann["real_name"], ann["is_admin"], ann["is_bot"]) == ("Ann Archer", True, False)
    group = sandbox.add_usergroup(["cleo"])
    assert (await client.usergroups_users_list(usergroup=group))["users"] == [sandbox.people["cleo"]]
    with pytest.raises(SlackApiError, match="no_such_subteam"):
        await client.usergroups_users_list(usergroup="S1")


async def test_reactions(sandbox: SlackSandbox, client: Client) -> None:
    orders = sandbox.channels["orders"]
    ts = await sandbox.say("ann", "orders", "Hello")
    await client.reactions_add(channel=orders, timestamp=ts, name="eyes")
    assert sandbox.thread("orders", ts)[0].reactions == ("eyes",)
    again = await refusal(client, "reactions.add", channel=orders, timestamp=ts, name="eyes")
    assert again["error"] == "already_reacted"
    await client.reactions_remove(channel=orders, timestamp=ts, name="eyes")
    assert sandbox.thread("orders", ts)[0].reactions == ()


async def test_a_link_to_a_message(sandbox: SlackSandbox, client: Client) -> None:
    ts = await sandbox.say("ann", "orders", "Hello")
    answer = await client.chat_getPermalink(channel=sandbox.channels["orders"], message_ts=ts)
    assert ts.replace(".", "") in answer["permalink"]


async def test_every_call_is_written_down(sandbox: SlackSandbox, client: Client) -> None:
    await client.chat_postMessage(channel=sandbox.channels["orders"], text="Hello")
    await refusal(client, "chat.postMessage", channel="C1", text="x")
    assert [(one.method, one.status, one.error) for one in sandbox.calls] == [
        ("chat.postMessage", 200, None),
        ("chat.postMessage", 200, "channel_not_found"),
    ]
    assert sandbox.calls[0].arguments["text"] == "Hello"
    assert sandbox.calls[0].at <= sandbox.calls[1].at
