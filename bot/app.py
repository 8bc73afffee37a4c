"""All wiring: from settings to a bot that takes in events, drives sessions, and answers /healthz and /readyz."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, cast

import aiohttp
import psycopg
from aiohttp import web
from psycopg_pool import PoolTimeout
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from agent.budget import RedisBudget
from agent.chores import Chores, forgetting
from agent.effects import Effects
from agent.errors import UnreachableError
from agent.ledger import Ledger
from agent.model import AnthropicModel
from agent.overview import Overview
from agent.patience import PATIENCE, Patience
from agent.queue import Queue
from agent.runner import Runner
from agent.store import Pool, Store
from agent.tool import Tool, Tools
from agent.worker import Worker
from bot.arguments import Mask, unmasked
from bot.budgets import Budgets
from bot.config import Config
from bot.database import open_pool
from bot.databases import sql_packs
from bot.dialogs import Dialogs
from bot.edge import Edge
from bot.files import SlackFiles
from bot.home import Servers
from bot.home_tab import HomeTab
from bot.ops import watch
from bot.packs import tool_packs
from bot.policy_check import hold_to
from bot.refusal import Refusal
from bot.settings import Settings, environment
from bot.slack_port import SlackPort
from bot.surface import SlackSurface, open_client
from bot.toolbox import Agents, Toolbox
from bot.web_api import open_reader
from tools.mcp import Bridge
from tools.mcp import Server as McpServer

log = logging.getLogger(__name__)

PING_SECONDS = 5.0  # a socket that went silently is noticed within a few of these


@dataclass(frozen=True, slots=True)
class Bot:
    """A running bot."""

    port: int
    bot_user_id: str
    worker: Worker | None
    tools: Tools  # as they are whenever it is looked at


@asynccontextmanager
async def running(
    settings: Settings,
    config: Config,
    servers: Servers,
    *,
    intake: bool = True,
    work: bool = True,
    further_packs: Mapping[str, Sequence[Tool]] | None = None,
    mcp: Sequence[McpServer] = (),
    mask: Mask = unmasked,
    patience: Patience = PATIENCE,
) -> AsyncGenerator[Bot]:
    """The bot for as long as the block runs. `intake`: takes in Slack's events; `work`: drives sessions.

    `mcp` are the servers of .mcp.json. `mask` hides personal data where a whole channel reads. `patience` is that with the
    model; how much is asked of it at once is the configuration's. The settings hold what
    `check_slack` and, to work, `check_model` ask for. Raises Refusal for whatever else a person has to mend first.
    """
    async with AsyncExitStack() as stack:
        pool = await open_pool(stack, servers, embedded=settings.database_url is None)
        ledger = Ledger(pool)
        budget = await _open_budget(stack, servers, ledger)
        bridge = await stack.enter_async_context(Bridge(mcp))
        reader = _reader(stack, settings)
        client = _client(stack, settings)
        packs = tool_packs(pool, config, sql_packs(config.databases, environment()), SlackPort(reader, client))
        tools = Toolbox({**packs, **(further_packs or {})}, bridge, config.policy)
        hold_to(config.policy, tools, bridge.unseen())
        patience = replace(patience, calls_at_once=config.model_calls_at_once)
        agents = Agents(config, tools, patience)
        slack_url, bot_user_id = await _who(client, settings)
        store, surface = Store(pool), SlackSurface(client, tools, mask)
        stack.push_async_callback(surface.drain)
        worker = None
        if work:
            effects = Effects(surface, _model(stack, settings, patience), budget, store, tools, patience, SlackFiles(reader))
            runner = Runner(store, Queue(pool), effects, agents.for_place)
            worker = await stack.enter_async_context(Worker(servers.database_url, Queue(pool), runner))
            watching = [watch(pool, surface, config.ops_channel)] if config.ops_channel else []
            await stack.enter_async_context(Chores(pool, [budget.upkeep(), forgetting(store), *watching]))
        home = HomeTab(
            Overview(pool),
            surface,
            client,
            tools,
            slack_url,
            lambda channel: config.agent_for(channel)[1].budget.session_tokens,
            Budgets(config, ledger, budget, surface),
        )
        secret, dialogs = _secret(settings.slack_signing_secret), Dialogs(store, surface, tools)
        app = Edge(client, secret, store, surface, dialogs, home, bot_user_id).app
        health = _Health(pool, budget)
        port = await _listen(stack, settings, health, app if intake and not settings.socket_mode else None)
        if intake and settings.socket_mode:
            health.connected = (await _connect(stack, app, client, settings)).client.is_connected
        yield Bot(port, bot_user_id, worker, tools)


# ---------------------------------------------------------------------------------------------- model and budget


def _model(stack: AsyncExitStack, settings: Settings, patience: Patience) -> AnthropicModel:
    model = AnthropicModel.connect(_secret(settings.anthropic_api_key), settings.anthropic_base_url, patience)
    stack.push_async_callback(model.close)
    return model


async def _open_budget(stack: AsyncExitStack, servers: Servers, ledger: Ledger) -> RedisBudget:
    budget = RedisBudget(servers.redis_url, ledger)
    stack.push_async_callback(budget.close)
    try:
        await budget.ping()
    except UnreachableError as error:  # messages and clicks are taken in all the same, and sessions go on when it is back
        log.warning("%s", error)
    return budget


# ---------------------------------------------------------------------------------------------- Slack


def _client(stack: AsyncExitStack, settings: Settings) -> AsyncWebClient:
    """A client for what is done."""
    client = open_client(_secret(settings.slack_bot_token), settings.slack_api_url)
    assert client.session is not None
    stack.push_async_callback(client.session.close)
    return client


async def _who(client: AsyncWebClient, settings: Settings) -> tuple[str, str]:
    """The workspace's address, and who we are."""
    answer = await _asked(cast(Any, client).auth_test(), settings, "SLACK_BOT_TOKEN", "copy it from the page OAuth & Permissions")
    return str(answer["url"]), str(answer["user_id"])


def _reader(stack: AsyncExitStack, settings: Settings) -> AsyncWebClient:
    """A client for what only reads."""
    reader = open_reader(_secret(settings.slack_bot_token), settings.slack_api_url)
    assert reader.session is not None
    stack.push_async_callback(reader.session.close)
    return reader


async def _connect(stack: AsyncExitStack, app: AsyncApp, client: AsyncWebClient, settings: Settings) -> AsyncSocketModeHandler:
    """Opens the socket. Its first address is asked for here, since Bolt's client would try a refused token again for ever."""
    token, mend = _secret(settings.slack_app_token), "make one with connections:write on the page Basic Information"
    answer = await _asked(cast(Any, client).apps_connections_open(app_token=token), settings, "SLACK_APP_TOKEN", mend)
    handler = AsyncSocketModeHandler(app, token, ping_interval=PING_SECONDS)
    stack.push_async_callback(handler.close_async)
    handler.client.wss_uri = str(answer["url"])
    await handler.connect_async()
    return handler


async def _asked(call: Awaitable[Any], settings: Settings, variable: str, mend: str) -> Any:
    """Slack's answer. Raises Refusal."""
    try:
        return await call
    except SlackApiError as error:
        answer = cast(Any, error.response)
        if answer.get("ok") is False:  # every answer of Slack says ok or not
            raise Refusal(f"Slack refuses {variable} ({answer.get('error')}): {mend} of your app.") from None
        raise Refusal(f"What answers at {settings.slack_api_url} is not Slack: check the network, or SLACK_API_URL.") from None
    except (aiohttp.ClientError, OSError, TimeoutError):
        raise Refusal(f"Slack cannot be reached at {settings.slack_api_url}: check the network, or SLACK_API_URL.") from None


def _secret(value: Any) -> str:
    return value.get_secret_value() if value is not None else ""


# ---------------------------------------------------------------------------------------------- HTTP


class _Health:
    """What /readyz answers from."""

    def __init__(self, pool: Pool, budget: RedisBudget) -> None:
        self._pool = pool
        self._budget = budget
        self.connected: Any = None  # Socket Mode's own answer, where there is a socket

    async def trouble(self) -> str | None:
        """What is missing, in a word."""
        if self.connected is not None and not await self.connected():
            return "slack"
        try:
            async with asyncio.timeout(2), self._pool.connection() as connection:
                await connection.execute("SELECT 1")
        except (psycopg.Error, PoolTimeout, TimeoutError):
            return "database"
        try:
            await self._budget.ping()
        except UnreachableError:
            return "redis"
        return None


async def _listen(stack: AsyncExitStack, settings: Settings, health: _Health, app: AsyncApp | None) -> int:
    """Serve /healthz, /readyz and, over HTTP, /slack/events; the port."""

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        trouble = await health.trouble()
        return web.Response(text=f"{trouble or 'ok'}\n", status=503 if trouble else 200)

    async def events(request: web.Request) -> web.Response:
        assert app is not None
        return await to_aiohttp_response(await app.async_dispatch(await to_bolt_request(request)))

    site = web.Application()
    site.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz)])
    if app is not None:
        site.add_routes([web.post("/slack/events", events)])
    runner = web.AppRunner(site, access_log=None)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    try:
        await web.TCPSite(runner, "0.0.0.0", settings.port).start()
    except PermissionError:
        raise Refusal(f"Port {settings.port} needs more rights than this user has: set PORT to one above 1023.") from None
    except OSError:
        raise Refusal(f"Port {settings.port} is in use: stop what uses it, or set PORT to another one.") from None
    return int(runner.addresses[0][1])
