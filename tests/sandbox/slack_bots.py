"""A manifest and small bots on the unmodified Slack libraries, to drive the sandbox with."""

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from copy import deepcopy
from typing import Any, cast

import pytest
from aiohttp import web
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox import SlackSandbox

Json = dict[str, Any]
Client = Any
"""The real AsyncWebClient. Any, since slack_sdk leaves its arguments and answers untyped."""

MANIFEST: Json = {
    "display_information": {"name": "Signoff"},
    "features": {
        "agent_view": {"agent_description": "Does real work"},
        "app_home": {"home_tab_enabled": True, "messages_tab_enabled": True},
        "bot_user": {"display_name": "Signoff"},
    },
    "oauth_config": {
        "scopes": {
            "bot": [
                "app_mentions:read",
                "assistant:write",
                "channels:history",
                "channels:read",
                "chat:write",
                "groups:history",
                "groups:read",
                "im:history",
                "im:read",
                "im:write",
                "mpim:history",
                "mpim:read",
                "mpim:write",
                "reactions:write",
                "usergroups:read",
                "users:read",
            ]
        }
    },
    "settings": {
        "event_subscriptions": {
            "bot_events": [
                "agent_session_stopped",
                "app_home_opened",
                "app_mention",
                "message.channels",
                "message.groups",
                "message.im",
                "message.mpim",
            ]
        },
        "interactivity": {"is_enabled": True},
        "socket_mode_enabled": True,
    },
}


def manifest(*, without_event: str = "", without_scope: str = "") -> Json:
    changed = deepcopy(MANIFEST)
    events: list[str] = changed["settings"]["event_subscriptions"]["bot_events"]
    scopes: list[str] = changed["oauth_config"]["scopes"]["bot"]
    events[:] = [one for one in events if one != without_event]
    scopes[:] = [one for one in scopes if one != without_scope]
    return changed


def web_client(sandbox: SlackSandbox, token: str | None = None) -> Client:
    client: Client = AsyncWebClient(token=token or sandbox.bot_token, base_url=sandbox.api_url)
    client.retry_handlers.clear()  # a fault is looked at, not retried away
    return client


def refusal_of(error: SlackApiError) -> Any:
    """The response that the error is about; `data` is Slack's answer."""
    return cast(Any, error).response


class Bot:
    """A Bolt app that writes down every event and acks it."""

    def __init__(self, sandbox: SlackSandbox) -> None:
        quiet = logging.getLogger("slack-bot-of-a-test")
        quiet.setLevel(logging.CRITICAL)
        self.client = web_client(sandbox)
        self.app: Any = AsyncApp(client=self.client, signing_secret=sandbox.signing_secret, logger=quiet)
        self.events: list[Json] = []
        self.bodies: list[Json] = []

        async def heard(event: Json, body: Json) -> None:
            self.events.append(event)
            self.bodies.append(body)

        for name in ("app_mention", "message", "app_home_opened", "agent_session_stopped"):
            self.app.event(name)(heard)

    def heard(self, kind: str) -> list[Json]:
        return [event for event in self.events if event["type"] == kind]


@asynccontextmanager
async def in_socket_mode(sandbox: SlackSandbox, bot: Bot, *, ping_seconds: float = 5) -> AsyncGenerator[None]:
    handler = AsyncSocketModeHandler(bot.app, sandbox.app_token, ping_interval=ping_seconds)
    before = sandbox.connections
    await handler.connect_async()
    await sandbox.until(lambda: sandbox.connections > before)
    try:
        yield
    finally:
        await handler.close_async()


@asynccontextmanager
async def over_http(sandbox: SlackSandbox, bot: Bot) -> AsyncGenerator[None]:
    runner = web.AppRunner(bot.app.server(path="/slack/events").web_app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0]
    sandbox.deliver_over_http(f"http://{host}:{port}/slack/events")
    try:
        yield
    finally:
        await runner.cleanup()


def section(text: str, **more: Any) -> Json:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}, **more}


def button(label: str, action_id: str, **more: Any) -> Json:
    return {"type": "button", "text": {"type": "plain_text", "text": label}, "action_id": action_id, **more}


def actions(*elements: Json, **more: Any) -> Json:
    return {"type": "actions", "elements": list(elements), **more}


def text_input(block_id: str, label: str, **more: Any) -> Json:
    element: Json = {"type": "plain_text_input", "action_id": "entered", **more.pop("element", {})}
    return {
        "type": "input",
        "block_id": block_id,
        "label": {"type": "plain_text", "text": label},
        "element": element,
        **more,
    }


def modal(*blocks: Json, title: str = "Reject", submit: str = "Send", **more: Any) -> Json:
    return {
        "type": "modal",
        "callback_id": "asked",
        "title": {"type": "plain_text", "text": title},
        "submit": {"type": "plain_text", "text": submit},
        "blocks": list(blocks),
        **more,
    }


CARD: list[Json] = [
    section("Order 3 mugs?"),
    actions(button("Place order", "approve", value="a1"), button("Reject", "reject", value="a1"), block_id="decide"),
]


async def card(sandbox: SlackSandbox, blocks: list[Json] = CARD, channel: str = "orders") -> str:
    posted = await web_client(sandbox).chat_postMessage(channel=sandbox.channels[channel], text="Order 3 mugs?", blocks=blocks)
    return posted["ts"]


def on_click(bot: Bot, action_id: str, then: Callable[[Json], Awaitable[Any]] | None = None) -> list[Json]:
    """The bot acks clicks on `action_id` and does `then`; what it heard is in the list."""
    heard: list[Json] = []

    async def clicked(ack: AsyncAck, body: Json) -> None:
        await ack()
        if then is not None:
            await then(body)
        heard.append(body)

    bot.app.action(action_id)(clicked)
    return heard


def on_submit(bot: Bot, answer: Json) -> list[Json]:
    """The bot answers a submission of the modal with `answer`."""
    heard: list[Json] = []

    async def submitted(ack: AsyncAck, body: Json) -> None:
        await ack(**answer)
        heard.append(body)

    bot.app.view("asked")(submitted)
    return heard


Connected = Callable[[SlackSandbox, Bot], AbstractAsyncContextManager[None]]
both_ways = pytest.mark.parametrize("connected", [in_socket_mode, over_http])
