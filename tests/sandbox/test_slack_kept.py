"""A workspace that is kept: what was in it is there again, however its process ended."""

import json
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from slack_bolt.async_app import AsyncBoltRequest

from bot.sandbox import SlackSandbox
from bot.sandbox.slack.keeping import FILE, UnreadableError
from tests.sandbox.slack_bots import (
    MANIFEST,
    Bot,
    Connected,
    actions,
    both_ways,
    button,
    card,
    in_socket_mode,
    section,
    web_client,
)
from tests.signoff import signoff


def kept(folder: Path) -> SlackSandbox:
    return SlackSandbox(MANIFEST, numbered=True, kept_in=folder)


async def test_everything_that_slack_keeps_is_there_again(tmp_path: Path) -> None:
    async with kept(tmp_path) as before:
        assert not before.restored
        said = await before.mention("ann", "orders", "order a lamp", files=[("list.txt", b"one lamp")])
        reply = await before.say("ben", "orders", "A _green_ one", thread_ts=said)
        await before.edit("ben", "orders", reply, "A blue one")
        before.join("eve", "orders", is_restricted=True)
        group = before.add_usergroup(["ann", "ben"])
        card: Any = await web_client(before).api_call(
            "chat.postMessage",
            json={
                "channel": before.channels["orders"],
                "thread_ts": said,
                "text": "A card",
                "blocks": [section("Order a lamp?"), actions(button("Yes", "approve", value="1"))],
                "metadata": {"event_type": "card", "event_payload": {"id": "A1"}},
            },
        )
        await before.dm("cleo", "hello")
    async with kept(tmp_path) as after:
        assert after.restored
        assert (after.people, after.channels, after.team_id) == (before.people, before.channels, before.team_id)
        for channel in ("orders", "@cleo"):
            assert after.workspace.messages[after.channels[channel]] == before.workspace.messages[before.channels[channel]]
        assert [one.text for one in after.thread("orders", said)] == [
            f"<@{after.bot_user_id}> order a lamp",
            "A blue one",
            "A card",
        ]
        assert after.thread("orders", said)[0].files[0].content == b"one lamp"
        assert after.workspace.usergroups == {group: (after.people["ann"], after.people["ben"])}
        metadata = after.thread("orders", said)[-1].metadata
        assert metadata is not None
        assert metadata["event_payload"] == {"id": "A1"}
        assert after.join("fay") not in before.workspace.people  # numbers go on where they were
        assert await after.say("ann", "orders", "later") > card["ts"]


async def test_a_button_of_before_is_pressed_after(tmp_path: Path) -> None:
    async with kept(tmp_path) as before:
        card: Any = await web_client(before).api_call(
            "chat.postMessage",
            json={
                "channel": before.channels["orders"],
                "text": "A card",
                "blocks": [actions(button("Yes", "approve", value="1"))],
            },
        )
    async with kept(tmp_path) as after:
        bot = Bot(after)
        async with in_socket_mode(after, bot):
            acked = await after.click("ann", "orders", card["ts"], "approve")
            await acked
        assert after.workspace.pressed == {(after.channels["orders"], card["ts"]): [after.people["ann"]]}
        (heard,) = [one.payload for one in after.deliveries if one.kind == "block_actions"]
        assert (heard["actions"][0]["value"], heard["message"]["ts"]) == ("1", card["ts"])


async def test_what_was_answered_is_kept_even_if_the_process_is_killed_then(tmp_path: Path) -> None:
    """The other process says something and kills itself as soon as the workspace has answered."""
    arguments = (str(tmp_path / "workspace"),)
    async with signoff(*arguments, folder=tmp_path, environment={}, module="tests.sandbox.killed_workspace") as process:
        out, err = await process.communicate()
    assert process.returncode == -signal.SIGKILL, err.decode()
    async with kept(tmp_path / "workspace") as after:
        assert [one.ts for one in after.workspace.messages[after.channels["orders"]].values()] == [out.decode().strip()]


async def test_what_was_said_right_before_a_kill_reaches_the_bot_of_the_next_workspace(tmp_path: Path) -> None:
    """In the other process no bot ever connects: it is killed between what somebody says and its ack."""
    arguments = (str(tmp_path / "workspace"),)
    async with signoff(*arguments, folder=tmp_path, environment={}, module="tests.sandbox.killed_workspace") as process:
        out, err = await process.communicate()
    assert process.returncode == -signal.SIGKILL, err.decode()
    async with kept(tmp_path / "workspace") as after:
        bot = Bot(after)
        async with in_socket_mode(after, bot):
            await after.until(lambda: not after.workspace.unacked)
        (event,) = bot.events
        assert (event["text"], event["ts"]) == ("hello", out.decode().strip())
        assert event["files"][0]["url_private"].startswith(after.page_url)


@both_ways
@pytest.mark.parametrize("acks_before", [False, True])
async def test_an_event_is_delivered_again_unless_it_was_acked(tmp_path: Path, connected: Connected, acks_before: bool) -> None:
    """One that was taken in, but whose ack is lost, comes as a retry of the same event."""
    headers: list[Any] = []

    async def look(req: AsyncBoltRequest, next: Callable[[], Awaitable[None]]) -> None:
        headers.append({name: value[0] for name, value in req.headers.items() if name.startswith("x-slack-retry")})
        await next()

    async with kept(tmp_path) as before:
        first = Bot(before)
        async with connected(before, first):
            if not acks_before:
                before.faults.late_ack(seconds=3600)
            await before.dm("ann", "order a lamp")
            await before.until(lambda: [one for one in before.deliveries if one.failure or one.acked_after_seconds])
            await before.until(lambda: first.bodies)
            await before.until(lambda: acks_before == (not before.workspace.unacked))
    async with kept(tmp_path) as after:
        second = Bot(after)
        second.app.use(look)
        async with connected(after, second):
            await after.until(lambda: not after.workspace.unacked)
    assert second.bodies == ([] if acks_before else first.bodies)
    assert [(one.event_id, one.try_number) for one in after.deliveries] == [(one["event_id"], 2) for one in second.bodies]
    assert [one["x-slack-retry-num"] for one in headers] == ["1"] * len(second.bodies)
    async with kept(tmp_path) as last:
        assert not last.workspace.unacked


async def test_a_click_that_nobody_acked_is_not_sent_again(tmp_path: Path) -> None:
    async with kept(tmp_path) as before:
        ts = await card(before)
        await before.until(lambda: before.deliveries)
        await (await before.click("ann", "orders", ts, "approve"))
        assert before.failures("ann")
    async with kept(tmp_path) as after:
        bot = Bot(after)
        async with in_socket_mode(after, bot):
            await after.until(lambda: not after.workspace.unacked)
        assert {one.kind for one in after.deliveries} == {"message"}  # the card's own event


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"format": 0}', b'{"format": 1}', b"\xff"])
def test_what_is_no_workspace_is_refused_with_its_path(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(UnreadableError, match=str(tmp_path / FILE)):
        kept(tmp_path)
    assert (tmp_path / FILE).read_bytes() == content


async def test_a_missing_upload_is_no_new_workspace(tmp_path: Path) -> None:
    async with kept(tmp_path) as before:
        await before.say("ann", "orders", "a list", files=["list.txt"])
    (content,) = (tmp_path / "files").iterdir()
    content.unlink()
    with pytest.raises(UnreadableError):
        kept(tmp_path)


async def test_only_its_owner_reads_it(tmp_path: Path) -> None:
    async with kept(tmp_path):
        pass
    assert oct(os.stat(tmp_path / FILE).st_mode & 0o777) == "0o600"
    assert json.loads((tmp_path / FILE).read_text())["format"] == 1
