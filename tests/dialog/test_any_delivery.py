"""Whatever Slack delivers: it is answered, nothing breaks, and the loop goes on."""

import asyncio
import gc
import io
import json
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any, cast
from urllib.parse import urlencode

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.signature import SignatureVerifier

from agent.foreign_json import members
from bot.app.wiring import running
from bot.sandbox.model import call, calls, say
from bot.stores.embedded_home import Servers
from tests.dialog.conftest import World, mention
from tests.mcp.wild import any_json, written
from tests.patience import PATIENCE_SECONDS
from tests.profiles import examples
from tests.watchdog import watched

Payload = dict[str, Any]
Path = tuple[Any, ...]

ORDER = call("create_order", customer="ada@example.com", sku="WGT-001", quantity=2)
NAMES = st.sampled_from(["type", "id", "value", "text", "ts", "channel", "user", "team", "event", "actions", "values"])
JSON = any_json(NAMES)
VALUES = JSON | st.sampled_from(
    [
        *(
            "approve",
            "reject",
            "edit",
            "grant",
            "revoke",
            "raise_budget",
            "withdraw",
            "continue",
            "feedback",
            "bad:1",
            "wrong_answer",
            "show_all",
        ),
        *("message_changed", "bot_message", "app_mention", "block_actions", "view_submission", "0", "-1.5", "1e999"),
        *("x" * 100_000, "happened", "run_again", "home_page_next", "review", "show_all"),
    ]
)
CHANGES = st.lists(
    st.tuples(st.integers(0, 10**6), st.sampled_from(["drop", "null", "value", "double", "wrap"]), VALUES), min_size=1, max_size=4
)


# What was found to break something where it was gone, null, or of another shape.
FOUND: Sequence[Path] = (
    *(("type",), ("user",), ("event",), ("user", "id"), ("event", "channel"), ("authorizations", 0), ("authorizations",)),
    *(("actions",), ("actions", 0), ("actions", 0, "action_id"), ("actions", 0, "block_id"), ("actions", 0, "action_ts")),
    *(("view",), ("view", "private_metadata"), ("view", "state", "values"), ("channel",), ("trigger_id",)),
)


async def deliveries(world: World) -> list[Payload]:
    """What Slack delivers in the course of a dialog, one of each kind."""
    slack, model = world.slack, world.model
    model.script = lambda request: say("All is settled.") if request.turn_results else calls(ORDER)
    talk = await mention(world, "ann", "order two")
    card = await talk.card()
    await talk.edits("ben", card, sku="not a sku!")
    await talk.clicks("ann", card, "always")
    view = await slack.until(lambda: slack.view("ann"))
    await slack.close_view("ann", view.id)
    await talk.rejects("ann", card, "too many")
    answer = await talk.sees("All is settled.")
    await slack.click("ann", talk.channel, answer.ts, "feedback", value="bad:1")
    view = await slack.until(lambda: slack.view("ann"))
    await slack.submit("ann", view.id, {"reason": "no"})
    await slack.click("ann", talk.channel, answer.ts, "wrong_answer")
    view = await slack.until(lambda: slack.view("ann"))
    await slack.submit("ann", view.id, {"wrong": "all of it"})
    ts = await slack.say("ann", talk.channel, "and", thread_ts=talk.ts)
    await slack.edit("ann", talk.channel, ts, f"<@{slack.bot_user_id}> once more")
    other = await mention(world, "ann", "order two more")
    await other.clicks("ann", await other.card(), "approve")
    await slack.open_home("ann")
    await slack.until(lambda: slack.home("ann"))
    found = {(each.kind, kind_of(each.payload)): each.payload for each in slack.deliveries}
    return list(found.values())


def kind_of(payload: Payload) -> str:
    """What tells deliveries apart that are read by different code."""
    event, actions, view = members(payload.get("event")), payload.get("actions", [{}]), members(payload.get("view"))
    return f"{event.get('subtype')} {event.get('channel_type')} {actions[0].get('action_id')} {view.get('callback_id')}"


def places(value: Any) -> list[Path]:
    """The ways to everything in a payload."""
    listed = cast(list[Any], value) if isinstance(value, list) else []
    inner: list[tuple[Any, Any]] = [*members(value).items(), *enumerate(listed)]
    return [path for name, each in inner for path in ((name,), *((name, *rest) for rest in places(each)))]


def changed(payload: Payload, changes: Sequence[tuple[int, str, Any]]) -> Payload:
    """A delivery with some of its fields gone, null, of another type, or doubled."""
    payload = json.loads(json.dumps(payload))
    for number, how, value in changes:
        if not (found := places(payload)):
            break
        *way, last = found[number % len(found)]
        holder: Any = payload
        for name in way:
            holder = holder[name]
        match how:
            case "drop":
                del holder[last]
            case "null":
                holder[last] = None
            case "double":
                holder[last] = [holder[last], holder[last]]
            case "wrap":
                holder[last] = {str(last): holder[last]}
            case _:
                holder[last] = value
    return payload


class Broken(logging.Handler):
    """Keeps what was logged as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(self.format(record))


async def delivered(session: aiohttp.ClientSession, url: str, secret: str, payload: Payload, event: bool) -> int:
    """Deliver as Slack does, signed, and return the status."""
    text = written(payload)
    body = text if event else urlencode({"payload": text})
    kind = "application/json" if event else "application/x-www-form-urlencoded"
    stamp = str(int(time.time()))
    signature = SignatureVerifier(secret).generate_signature(timestamp=stamp, body=body) or ""
    headers = {"Content-Type": kind, "X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": signature}
    async with watched(), session.post(url, data=io.BytesIO(body.encode()), headers=headers) as response:
        await response.read()
        return response.status


def looked_at(check: Callable[[Payload], None], payloads: Sequence[Payload]) -> None:
    """Try them all."""

    @examples(2)
    @given(st.integers(0, len(payloads) - 1), CHANGES)
    def any_delivery(which: int, changes: list[tuple[int, str, Any]]) -> None:
        check(changed(payloads[which], changes))

    for payload in payloads:
        check(payload)
        for path in FOUND:
            if path in (ways := places(payload)):
                for how, value in (("drop", None), ("null", None), ("value", "approve"), ("value", "§deeper§")):
                    check(changed(payload, [(ways.index(path), how, value)]))
    check({**payloads[0], "more": "x" * 3_000_000})  # Slack says nowhere how much it may deliver
    any_delivery()


@pytest.mark.filterwarnings("ignore:The installed")
async def test_whatever_slack_delivers_is_answered_and_breaks_nothing(world: World) -> None:
    stop = await world.start_bot()
    payloads = await deliveries(world)
    await stop()
    loop, broken = asyncio.get_running_loop(), Broken()
    async with AsyncExitStack() as stack:
        settings, stores = world.settings(http=True), Servers(world.database_url, world.redis_url)
        bot = await stack.enter_async_context(running(settings, world.config, stores, work=False))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        url = f"http://127.0.0.1:{bot.port}/slack/events"
        gc.collect()  # what earlier tests left pending is told now, and not taken for ours
        logging.getLogger().addHandler(broken)
        stack.callback(logging.getLogger().removeHandler, broken)

        def check(payload: Payload) -> None:
            event = "event" in payload or "event_id" in payload
            sent = delivered(session, url, world.slack.signing_secret, payload, event)
            status = asyncio.run_coroutine_threadsafe(sent, loop).result(PATIENCE_SECONDS)
            told = "\n".join(broken.records)
            broken.records.clear()
            assert not told, told
            assert status == 200, payload

        await asyncio.to_thread(looked_at, check, payloads)
