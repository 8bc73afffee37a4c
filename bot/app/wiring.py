"""All wiring: from settings to a bot that takes in events, drives sessions, and answers /healthz and /readyz."""

import logging
from collections.abc import AsyncGenerator, Awaitable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import aiohttp
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from agent.errors import UnreachableError
from agent.first_use import Once
from agent.model.limits import PATIENCE, Patience
from agent.model.on_first_use import Closable, ModelOnFirstUse
from agent.reports.home_overview import Overview
from agent.run.effects import Effects
from agent.run.runner import Runner
from agent.run.worker import Worker
from agent.shadow.running import Shadows
from agent.store.chores import Chores, forgetting
from agent.store.feedback import Feedback
from agent.store.prompt_labels import PromptLabels
from agent.store.queue import Queue
from agent.store.receiving import NO_ROOM
from agent.store.redis_budgets import RedisBudget
from agent.store.sessions import Store
from agent.store.usage import Ledger
from agent.tool.definition import Tool, Tools
from agent.types import Place
from bot.agents.databases import sql_packs
from bot.agents.packs import tool_packs
from bot.agents.policy_check import name_problems
from bot.agents.toolbox import Agents, Toolbox
from bot.app.anchors import keep_heads, post_heads
from bot.app.bolt import Socket
from bot.app.canaries import ending
from bot.app.conversations import card_mask, conversation_chores, span_masker
from bot.app.edge import Edge
from bot.app.exporting import NO_FIGURES, FigureReaders
from bot.app.figures import showing
from bot.app.memory import instructions, memory_chores, open_memory
from bot.app.ops import watch
from bot.app.promotion import promoting
from bot.app.set_aside import setting_aside
from bot.app.site import Health, serve_http
from bot.cards.values import Mask
from bot.config.file import Config
from bot.config.refusal import Refusal
from bot.config.settings import Settings, environment
from bot.dialogs.dialogs import Dialogs
from bot.dialogs.ratings import Ratings
from bot.home.budgets import Budgets
from bot.home.home_tab import HomeTab
from bot.home.memories import Memories
from bot.slack.addresses import by_ids
from bot.slack.files import SlackFiles
from bot.slack.readers import SlackReaders
from bot.slack.surface import SlackSurface
from bot.slack.tool_port import SlackPort
from bot.slack.web_api import open_client, open_reader
from bot.slack.whom import Installation
from bot.stores.database import open_pool
from bot.stores.embedded_home import Servers
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
    only_packs: Mapping[str, Sequence[Tool]] | None = None,
    mcp: Sequence[McpServer] = (),
    mask: Mask | None = None,
    patience: Patience = PATIENCE,
    log_conversations: bool = True,
    figures: FigureReaders = NO_FIGURES,
) -> AsyncGenerator[Bot]:
    """Run the bot for as long as the block runs. `intake`: takes in Slack's events; `work`: drives sessions.

    `only_packs`: these take the place of all packs that are configured. `mcp` are the servers of .mcp.json. `mask` hides personal
    data where a whole channel reads; None: as the configuration says. `patience` is that with the model. Without
    `log_conversations` their log is not written. `figures`: who gets them. The settings hold what `check_slack` and, to work,
    `check_model` ask for. Raises Refusal for whatever else a person has to mend.
    """
    async with AsyncExitStack() as stack:
        pool = await open_pool(stack, servers, embedded=settings.database_url is None)
        await stack.enter_async_context(showing(figures, pool, settings.metrics_port))
        ledger = Ledger(pool)
        budget = await _open_budget(stack, servers, ledger)
        bridge = await stack.enter_async_context(Bridge(mcp))
        reader = _reader(stack, settings)
        client = _client(stack, settings)
        slack_url, team, bot_user_id = await _workspace_and_user(client, settings)
        remembered = await open_memory(stack, config, pool, servers.redis_url, reader, team)
        readers = remembered.long_term.readers if remembered is not None else SlackReaders(reader, team)
        databases, workspace = sql_packs(config.databases, environment()), SlackPort(reader, client, team, readers)
        labels = PromptLabels(pool)
        promotes = promoting(config, pool, labels, lambda: tools.packs())
        packs = tool_packs(pool, config, databases, workspace, remembered, promotes)
        tools = Toolbox(only_packs if only_packs is not None else {**packs, **(further_packs or {})}, bridge)
        config = await by_ids(config, reader)  # behind `promoting`: an eval knows policy as it is written
        name_problems(config.policy, tools, bridge.unseen())
        patience = replace(patience, calls_at_once=config.model_calls_at_once)
        agents = Agents(config, tools, patience, labels.live)
        store = Store(pool)
        ours = {"team": team, "url": slack_url, "bot_user_id": bot_user_id}
        masked = mask or card_mask(config)
        surface = SlackSurface(client, tools, masked, **ours, tools_in=lambda place: agents.for_place(place).rules.tools)
        stack.push_async_callback(surface.background.drain)
        worker = model = None
        if work:
            model = _model(stack, settings, patience)
            effects = Effects(
                surface,
                model,
                budget,
                store,
                tools,
                patience,
                SlackFiles(reader),
                remembered.long_term if remembered is not None else None,
                span_masker(stack, config, environment()),
            )
            runner = Runner(store, Queue(pool), effects, agents.for_place, instructions(config, remembered), agents.look_up)
            worker = await stack.enter_async_context(Worker(servers.database_url, Queue(pool), runner))
            chores = [budget.upkeep(), forgetting(store), keep_heads(pool, _heads_file(settings, config), config.audit.every)]
            chores.append(setting_aside(pool, surface, config.ops_channel or ""))
            chores += conversation_chores(stack, pool, config, log=log_conversations)
            if remembered is not None:
                chores += memory_chores(pool, remembered, team)
            if config.promotion is not None:
                told_in = config.ops_channel or config.promotion.channel
                chores.append(ending(pool, labels, surface, team, told_in, config.promotion.worse_by))
                shadows = Shadows(pool, effects, agents.led_by, config.promotion.shadow_tokens_per_day)
                chores.append(shadows.purging(config.conversation_log.keep_days))
                await stack.enter_async_context(Chores(pool, [shadows.running()]))
            if config.ops_channel:
                chores.append(watch(pool, surface, config.ops_channel))
                chores.append(post_heads(pool, surface, config.ops_channel, config.audit.post_every))
            await stack.enter_async_context(Chores(pool, chores))
        home = HomeTab(
            Overview(pool),
            surface,
            client,
            tools,
            slack_url,
            lambda channel: agents.for_place(Place(team=team, channel=channel, thread_ts="")).rules,
            config.channels,
            Budgets(config, ledger, budget, surface, team),
            team,
            Memories(remembered, team),
            readers,
        )
        secret, dialogs = _secret(settings.slack_signing_secret), Dialogs(store, pool, surface, tools, config.people.askers())
        us = Installation(team, bot_user_id, frozenset(config.apps))
        ratings, items = Ratings(Feedback(pool, store), team), remembered.items if remembered is not None else None
        app = Edge(client, secret, store, surface, dialogs, home, ratings, us, worker or NO_ROOM, items).app
        health = Health(pool, budget, surface)
        port = await serve_http(stack, settings, health, app if intake and not settings.socket_mode else None)
        if intake and settings.socket_mode:
            health.connected = (await _connect(stack, app, client, settings)).client.is_connected
        if model is not None:  # by now the bot is ready, and nobody waits for it
            surface.background.begin(model.load())
        yield Bot(port, bot_user_id, worker, tools)


def _heads_file(settings: Settings, config: Config) -> Path:
    return Path(config.audit.heads or settings.signoff_home / "audit-heads")


# ---------------------------------------------------------------------------------------------- model and budget


def _model(stack: AsyncExitStack, settings: Settings, patience: Patience) -> ModelOnFirstUse:
    def connect() -> Closable:
        from agent.model.anthropic import AnthropicModel

        return AnthropicModel.connect(_secret(settings.anthropic_api_key), settings.anthropic_base_url, patience)

    model = ModelOnFirstUse(Once(connect))
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
    """Return the client that writes to Slack."""
    client = open_client(_secret(settings.slack_bot_token), settings.slack_api_url)
    assert client.session is not None
    stack.push_async_callback(client.session.close)
    return client


async def _workspace_and_user(client: AsyncWebClient, settings: Settings) -> tuple[str, str, str]:
    """Return the workspace's address and id, and who we are in it."""
    answer = await _answer_of_slack(
        cast(Any, client).auth_test(), settings, "SLACK_BOT_TOKEN", "copy it from the page OAuth & Permissions"
    )
    return str(answer["url"]), str(answer["team_id"]), str(answer["user_id"])


def _reader(stack: AsyncExitStack, settings: Settings) -> AsyncWebClient:
    """Return the client that only reads from Slack."""
    reader = open_reader(_secret(settings.slack_bot_token), settings.slack_api_url)
    assert reader.session is not None
    stack.push_async_callback(reader.session.close)
    return reader


async def _connect(stack: AsyncExitStack, app: AsyncApp, client: AsyncWebClient, settings: Settings) -> Socket:
    """Open the socket. Its first address is asked for here, since Bolt's client would try a refused token again for ever."""
    token, mend = _secret(settings.slack_app_token), "make one with connections:write on the page Basic Information"
    answer = await _answer_of_slack(cast(Any, client).apps_connections_open(app_token=token), settings, "SLACK_APP_TOKEN", mend)
    handler = Socket(app, token, ping_interval=PING_SECONDS)
    stack.push_async_callback(handler.close_async)
    handler.client.wss_uri = str(answer["url"])
    await handler.connect_async()
    return handler


async def _answer_of_slack(call: Awaitable[Any], settings: Settings, variable: str, mend: str) -> Any:
    """Return Slack's answer. Raises Refusal."""
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
