"""Messages that show more than their text, as the bot is sent them: forwards, tables, alerts of other apps, voice clips."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot.sandbox import SlackSandbox
from bot.sandbox.slack.people import Clip
from tests.sandbox.slack_bots import MANIFEST, web_client


@pytest.fixture
async def sandbox() -> AsyncIterator[SlackSandbox]:
    async with SlackSandbox(MANIFEST, scopes=[*MANIFEST["oauth_config"]["scopes"]["bot"], "files:read"]) as sandbox:
        yield sandbox


async def last(sandbox: SlackSandbox, channel: str) -> Any:
    """The newest message of a channel, as Slack gives it to the bot."""
    client: Any = web_client(sandbox)
    return (await client.conversations_history(channel=channel, limit=1))["messages"][0]


async def test_a_forward_has_no_text_and_the_message_as_an_attachment_with_its_files(sandbox: SlackSandbox) -> None:
    original = await sandbox.say("ben", "support", "look <@U1>", files=[("a.csv", b"x")])
    place = sandbox.dm_channel("ann")
    ts = await sandbox.forward("ann", ("support", original), place)
    message = await last(sandbox, place)
    assert (message["text"], message.get("blocks")) == ("", None)
    [shared] = message["attachments"]
    assert (shared["is_share"], shared["author_name"], shared["channel_name"]) == (True, "Ben Baker", "support")
    assert (shared["text"], shared["ts"]) == ("look <@U1>", original)
    [block] = shared["message_blocks"][0]["message"]["blocks"]
    assert block["elements"][0]["elements"] == [{"type": "text", "text": "look "}, {"type": "user", "user_id": "U1"}]
    [file] = shared["files"]
    client: Any = web_client(sandbox)
    assert (await client.files_info(file=file["id"]))["file"]["name"] == "a.csv"
    assert "Ben Baker\nlook" in sandbox.thread(place, ts)[0].seen_text


async def test_whoever_does_not_see_a_message_cannot_forward_it(sandbox: SlackSandbox) -> None:
    original = await sandbox.say("cleo", "finance", "secret")
    with pytest.raises(PermissionError):
        await sandbox.forward("ben", ("finance", original), "orders")


async def test_an_alert_of_another_app_is_sent_with_its_attachments(sandbox: SlackSandbox) -> None:
    alert = {"title": "disk full", "fields": [{"title": "Host", "value": "db-1"}], "fallback": "disk full"}
    ts = await sandbox.post_from_other_app("orders", "", attachments=[alert])
    assert (await last(sandbox, sandbox.channels["orders"]))["attachments"] == [alert]
    assert sandbox.thread("orders", ts)[0].seen_text == "disk full\nHost: db-1"


async def test_slack_hears_a_clip_at_once_or_later(sandbox: SlackSandbox) -> None:
    channel = sandbox.channels["orders"]
    await sandbox.say("ann", channel, "", files=[Clip("two widgets")])
    [file] = (await last(sandbox, channel))["files"]
    assert file["transcription"]["preview"] == {"content": "two widgets", "has_more": False}
    ts = await sandbox.say("ann", channel, "", files=[("audio_message.m4a", b"sound")])
    assert "transcription" not in (await last(sandbox, channel))["files"][0]
    sandbox.hear(channel, ts, "three widgets")
    assert (await last(sandbox, channel))["files"][0]["transcription"]["preview"]["content"] == "three widgets"


async def test_links_and_mentions_that_people_type_become_rich_text(sandbox: SlackSandbox) -> None:
    channel = sandbox.channels["orders"]
    await sandbox.say("ann", channel, "<!here> <#C1|x> <!subteam^S1|@ops> <https://acme.example|this> a &lt; b")
    [block] = (await last(sandbox, channel))["blocks"]
    assert [one for one in block["elements"][0]["elements"] if one.get("text") != " "] == [
        {"type": "broadcast", "range": "here"},
        {"type": "channel", "channel_id": "C1"},
        {"type": "usergroup", "usergroup_id": "S1"},
        {"type": "link", "url": "https://acme.example", "text": "this"},
        {"type": "text", "text": " a < b"},
    ]
