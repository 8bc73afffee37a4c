"""Posting elsewhere: only where the bot is let in, with nothing live in it, and found again by its key."""

from decimal import Decimal

import pytest

from agent.tool.definition import Effect, Result
from agent.types import Magnitude
from tests.tools.workspace import Workspace, workspace

__all__ = ["workspace"]

POST = "slack_post_message"


async def test_a_message_is_posted_with_a_line_that_says_for_whom(workspace: Workspace) -> None:
    result = await workspace.call(POST, channel="#general", text="The *shop* opens at 9.")
    assert result.ok
    assert result.result["channel"] == "#general"
    assert workspace.posts("general") == ["The *shop* opens at 9.\nPosted for Ann Archer"]
    [message] = [call.arguments for call in workspace.slack.calls if call.method == "chat.postMessage"]
    assert message["metadata"]["event_payload"].items() >= {"key": "key-1", "thread_ts": "1.0"}.items()


async def test_it_asks_and_shows_the_channel_by_name(workspace: Workspace) -> None:
    assert workspace.tools[POST].effect is Effect.WRITE
    general = workspace.slack.channels["general"]
    for channel in ("#general", "GENERAL", general):
        shown = await workspace.preview(POST, channel=channel, text="Hello.")
        assert shown.headline == "Post in #general"
        assert [(change.what, change.after) for change in shown.changes] == [("#general", "a public channel gets a new message")]
        assert shown.magnitude == Magnitude(number=Decimal(5), of="members")
    assert workspace.posts("general") == []


async def test_nothing_in_it_is_live(workspace: Workspace) -> None:
    text = f"<!channel> <!subteam^S1> <@{workspace.slack.people['ben']}> <https://evil.example|bank> & \u202egnp"
    shown = await workspace.preview(POST, channel="#general", text=text)
    assert [change.after for change in shown.changes][1:] == ["stand there as text and notify nobody"]
    await workspace.call(POST, channel="#general", text=text)
    [message] = [call.arguments for call in workspace.slack.calls if call.method == "chat.postMessage"]
    parsed = [message["text"], message["blocks"][0]["text"]["text"]]
    for each in parsed:
        assert "<" not in each
        assert "\u202e" not in each
        assert each.startswith("&lt;!channel&gt; &lt;!subteam^S1&gt; &lt;@U")
    assert message["blocks"][0]["text"]["verbatim"]


async def test_a_long_text_of_escapes_stands_there_whole(workspace: Workspace) -> None:
    text = "&" * 1_500 + "the end"
    assert (await workspace.call(POST, channel="#general", text=text)).ok
    assert workspace.posts("general")[0].replace("\n", "").startswith(text)


@pytest.mark.parametrize("channel", ["#nowhere", "@ben", "C0UNKNOWN"])
async def test_where_the_bot_is_not_nothing_is_posted(workspace: Workspace, channel: str) -> None:
    result = await workspace.call(POST, channel=channel, text="Hello.")
    assert (result.error, result.unclear) == ("not_found", False)
    assert "so nothing was posted" in str(result.detail)
    await workspace.slack.remove("signoff", "general")
    assert (await workspace.call(POST, channel="#general", text="Hello.")).error == "not_found"
    assert not any(call.method == "chat.postMessage" for call in workspace.slack.calls)


async def test_a_private_channel_is_as_good_as_absent_for_who_is_not_in_it(workspace: Workspace) -> None:
    ben = workspace.context("ben")
    denied = await workspace.call(POST, ben, channel="#finance", text="Hello.")
    absent = await workspace.call(POST, ben, channel="#fynance", text="Hello.")
    assert str(denied.detail).replace("finance", "fynance") == absent.detail
    assert (await workspace.would_fail(POST, ben, channel="#finance", text="Hello.")).detail == denied.detail
    assert (await workspace.call(POST, channel="#finance", text="Hello.")).ok  # Ann is


async def test_slacks_limit_is_waited_for_if_it_is_short_and_said_if_not(workspace: Workspace) -> None:
    workspace.slack.faults.rate_limit("chat.postMessage", retry_after=1)
    assert (await workspace.call(POST, channel="#general", text="Hello.")).ok
    workspace.slack.faults.rate_limit("chat.postMessage", retry_after=60)
    result = await workspace.call(POST, channel="#general", text="Hello again.")
    assert (result.unclear, result.detail) == (False, "Slack's rate limit is reached: call it again in 60 seconds.")
    assert len(workspace.posts("general")) == 1


async def test_a_lost_answer_is_unclear_and_the_post_is_found_by_its_key(workspace: Workspace) -> None:
    workspace.slack.faults.drop_after("chat.postMessage")
    result = await workspace.call(POST, channel="#general", text="Hello.")
    assert result.unclear
    found = await workspace.reconcile(POST, channel="#general", text="Hello.")
    assert found is not None
    assert found.ok
    assert found.result["ts"] in {m.ts for m in workspace.slack.workspace.messages[workspace.slack.channels["general"]].values()}
    other = await workspace.reconcile(POST, workspace.context(key="key-2"), channel="#general", text="Hello.")
    assert other == Result(
        ok=False, error="unexpected", detail="The message was not posted: it was looked for in #general and is not there."
    )
    assert len(workspace.posts("general")) == 1


async def test_what_cannot_be_looked_up_is_unknown(workspace: Workspace) -> None:
    workspace.slack.faults.fail("conversations.history", times=2)
    assert await workspace.reconcile(POST, channel="#general", text="Hello.") is None
