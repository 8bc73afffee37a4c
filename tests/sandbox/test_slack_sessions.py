"""Streams, agent sessions, and what is shown beside a thread."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.models.messages.chunk import MarkdownTextChunk, PlanUpdateChunk, TaskUpdateChunk

from bot.sandbox import SlackSandbox
from tests.sandbox.slack_bots import MANIFEST, Bot, Client, in_socket_mode, manifest, section, web_client


@pytest.fixture
async def sandbox() -> AsyncIterator[SlackSandbox]:
    async with SlackSandbox(MANIFEST) as sandbox:
        yield sandbox


@pytest.fixture
def client(sandbox: SlackSandbox) -> Client:
    return web_client(sandbox)


def recipient(sandbox: SlackSandbox) -> dict[str, str]:
    return {"recipient_user_id": sandbox.people["ann"], "recipient_team_id": sandbox.team_id}


async def test_a_stream_grows_and_stops(sandbox: SlackSandbox, client: Client) -> None:
    root = await sandbox.mention("ann", "orders", "how many mugs?")
    stream = await client.chat_stream(channel=sandbox.channels["orders"], thread_ts=root, buffer_size=4, **recipient(sandbox))
    await stream.append(markdown_text="There are ")
    growing = sandbox.thread("orders", root)[1]
    assert (growing.seen_text, growing.streaming) == ("There are ", True)
    task = TaskUpdateChunk(id="t1", title="Look in the catalogue", status="complete")
    await stream.append(markdown_text="**12**", chunks=[task])
    await stream.stop(blocks=[section("_from the catalogue_")], session_status="active")
    done = sandbox.thread("orders", root)[1]
    assert done.seen_text == "There are **12**\nLook in the catalogue\n_from the catalogue_"
    assert not done.streaming
    assert sandbox.status("orders", root) == "active"


async def test_in_plan_mode_the_tasks_stand_together_above_the_text(sandbox: SlackSandbox, client: Client) -> None:
    dm, channel = await sandbox.dm("ann", "hello"), sandbox.dm_channel("ann")
    stream: dict[str, Any] = {"channel": channel, "thread_ts": dm, "task_display_mode": "plan"}
    first = TaskUpdateChunk(id="t1", title="Look", status="in_progress")
    ts: str = (await client.chat_startStream(**stream, chunks=[PlanUpdateChunk(title="Working"), first]))["ts"]
    await client.chat_appendStream(channel=channel, ts=ts, chunks=[MarkdownTextChunk(text="There are ")])
    done = TaskUpdateChunk(id="t1", title="Look", status="complete")
    further = TaskUpdateChunk(id="t2", title="Count", status="error")
    last = [done, further, PlanUpdateChunk(title="2 steps"), MarkdownTextChunk(text="12")]
    await client.chat_stopStream(channel=channel, ts=ts, chunks=last)
    shown = sandbox.thread("@ann", dm)[1]
    assert shown.seen_text == "2 steps\nLook\nCount\nThere are 12"
    assert [task["status"] for task in shown.blocks[0]["tasks"]] == ["complete", "error"]
    bare: str = (await client.chat_startStream(**stream, markdown_text="No plan."))["ts"]
    await client.chat_stopStream(channel=channel, ts=bare)
    assert [block["type"] for block in sandbox.thread("@ann", dm)[2].blocks] == ["markdown"]
    with pytest.raises(SlackApiError, match="invalid_arguments"):
        await client.chat_startStream(**{**stream, "task_display_mode": "list"})


async def test_a_message_that_grows_is_not_updated(sandbox: SlackSandbox, client: Client) -> None:
    dm, channel = await sandbox.dm("ann", "hello"), sandbox.dm_channel("ann")
    ts: str = (await client.chat_startStream(channel=channel, thread_ts=dm, markdown_text="half"))["ts"]
    with pytest.raises(SlackApiError, match="streaming_state_conflict"):
        await client.chat_update(channel=channel, ts=ts, text="the whole")
    await client.chat_stopStream(channel=channel, ts=ts)
    await client.chat_update(channel=channel, ts=ts, text="the whole")
    assert sandbox.thread("@ann", dm)[1].seen_text == "the whole"


async def test_a_stream_in_a_channel_needs_its_recipient(sandbox: SlackSandbox, client: Client) -> None:
    root = await sandbox.mention("ann", "orders", "hello")
    with pytest.raises(SlackApiError, match="missing_recipient_user_id"):
        await client.chat_startStream(channel=sandbox.channels["orders"], thread_ts=root)
    dm = await sandbox.dm("ann", "hello")
    assert await client.chat_startStream(channel=sandbox.dm_channel("ann"), thread_ts=dm)


async def test_a_stopped_stream_takes_nothing_more(sandbox: SlackSandbox, client: Client) -> None:
    dm, channel = await sandbox.dm("ann", "hello"), sandbox.dm_channel("ann")
    ts: str = (await client.chat_startStream(channel=channel, thread_ts=dm, markdown_text="a"))["ts"]
    with pytest.raises(SlackApiError, match="exclude each other"):
        await client.chat_appendStream(channel=channel, ts=ts, markdown_text="b", chunks=[MarkdownTextChunk(text="b")])
    with pytest.raises(SlackApiError, match="msg_too_long"):
        await client.chat_appendStream(channel=channel, ts=ts, markdown_text="x" * 12_001)
    await client.chat_stopStream(channel=channel, ts=ts)
    with pytest.raises(SlackApiError, match="message_not_in_streaming_state"):
        await client.chat_appendStream(channel=channel, ts=ts, markdown_text="b")
    assert sandbox.thread("@ann", dm)[1].text == "a"


async def test_an_old_stream_dies_with_its_text_kept() -> None:
    async with SlackSandbox(MANIFEST, stream_seconds=0) as sandbox:
        client = web_client(sandbox)
        dm, channel = await sandbox.dm("ann", "hello"), sandbox.dm_channel("ann")
        ts: str = (await client.chat_startStream(channel=channel, thread_ts=dm, markdown_text="half"))["ts"]
        with pytest.raises(SlackApiError, match="message_not_in_streaming_state"):
            await client.chat_stopStream(channel=channel, ts=ts)
        await client.chat_update(channel=channel, ts=ts, text="the whole")
        assert sandbox.thread("@ann", dm)[1].seen_text == "the whole"


async def test_a_session_has_a_status_and_a_title(sandbox: SlackSandbox, client: Client) -> None:
    root = await sandbox.mention("ann", "orders", "hello")
    place: dict[str, Any] = {"channel_id": sandbox.channels["orders"], "thread_ts": root}
    assert sandbox.status("orders", root) is None
    with pytest.raises(SlackApiError, match="session_not_found"):
        await client.agents_sessions_rename(**place, title="Mugs")
    first = await client.agents_sessions_setStatus(**place, status="processing", title="Mugs")
    again = await client.agents_sessions_setStatus(**place, status="suspended", title="Cups")
    assert (first["title"], again["title"], sandbox.status("orders", root)) == ("Mugs", "Mugs", "suspended")
    assert (await client.agents_sessions_rename(**place, title="Cups"))["title"] == "Cups"
    for wrong in ({"status": "waiting"}, {"status": "active", "thread_ts": "1.2"}):
        with pytest.raises(SlackApiError, match="invalid_"):
            await client.agents_sessions_setStatus(**{**place, **wrong})
    with pytest.raises(SlackApiError, match="less than 201"):
        await client.agents_sessions_rename(**place, title="x" * 201)


async def test_only_a_declared_agent_has_sessions() -> None:
    plain = manifest()
    del plain["features"]["agent_view"]
    async with SlackSandbox(plain) as sandbox:
        root = await sandbox.mention("ann", "orders", "hello")
        with pytest.raises(SlackApiError, match="not_authorized"):
            await web_client(sandbox).agents_sessions_setStatus(
                channel_id=sandbox.channels["orders"], thread_ts=root, status="active"
            )


async def test_a_session_without_the_stop_event_is_warned_of() -> None:
    async with SlackSandbox(manifest(without_event="agent_session_stopped")) as sandbox:
        root = await sandbox.mention("ann", "orders", "hello")
        answer = await web_client(sandbox).agents_sessions_setStatus(
            channel_id=sandbox.channels["orders"], thread_ts=root, status="processing"
        )
        assert answer["warning"] == "missing_agent_session_stopped_event_subscription"


async def test_stop_ends_streams_and_nothing_else(sandbox: SlackSandbox) -> None:
    bot = Bot(sandbox)
    async with in_socket_mode(sandbox, bot):
        dm, channel = await sandbox.dm("ann", "hello"), sandbox.dm_channel("ann")
        await bot.client.agents_sessions_setStatus(channel_id=channel, thread_ts=dm, status="processing")
        ts: str = (await bot.client.chat_startStream(channel=channel, thread_ts=dm, markdown_text="half"))["ts"]
        await sandbox.stop_session("ann", "@ann", dm)
        event = (await sandbox.until(lambda: bot.heard("agent_session_stopped")))[0]
    assert (event["channel"], event["thread_ts"], event["user"]) == (channel, dm, sandbox.people["ann"])
    assert event["streaming_message_ts"] == [ts]
    assert not sandbox.thread("@ann", dm)[1].streaming
    assert sandbox.status("@ann", dm) == "processing"


async def test_thinking_ends_with_a_post(sandbox: SlackSandbox, client: Client) -> None:
    dm, channel = await sandbox.dm("ann", "hello"), sandbox.dm_channel("ann")
    await client.assistant_threads_setStatus(channel_id=channel, thread_ts=dm, status="is thinking...")
    assert sandbox.workspace.loading == {(channel, dm): "is thinking..."}
    await client.chat_postMessage(channel=channel, thread_ts=dm, text="Hello")
    assert sandbox.workspace.loading == {}
    with pytest.raises(SlackApiError, match="no more than 10"):
        await client.assistant_threads_setStatus(
            channel_id=channel, thread_ts=dm, status="is thinking...", loading_messages=["x"] * 11
        )


async def test_suggested_prompts_are_at_most_four(sandbox: SlackSandbox, client: Client) -> None:
    channel = sandbox.dm_channel("ann")
    prompt = {"title": "Find a mug", "message": "Which mugs do you have?"}
    await client.assistant_threads_setSuggestedPrompts(channel_id=channel, prompts=[prompt])
    assert sandbox.workspace.prompts[channel, ""] == [prompt]
    with pytest.raises(SlackApiError, match="1 to 4 prompts"):
        await client.assistant_threads_setSuggestedPrompts(channel_id=channel, prompts=[prompt] * 5)
