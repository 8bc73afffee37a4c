"""`signoff doctor`: looks at everything the bot stands on, and says what to do about what is not right."""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import aiohttp
import anthropic
import psycopg
import redis.asyncio
from redis.exceptions import RedisError
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

import migrations
from agent.policy import Policy
from agent.tool import Tool
from agent.types import Asker
from bot.config import Config, load_config
from bot.finding import Finding
from bot.home import Home
from bot.manifest import bot_scopes
from bot.mcp_file import read_servers
from bot.plain import visible
from bot.refusal import Refusal
from bot.settings import Settings, environment
from bot.tool_doctor import databases, tool_files
from tools.mcp import Bridge, Connection, Offer, claimed

__all__ = ["Finding", "examine"]

PATIENCE_SECONDS = 10
REDIS_VERSION = (6, 2)  # what the embedded one has
POSTGRES_VERSION = 14


async def examine(settings: Settings, config_path: Path | None) -> list[Finding]:
    """Everything that was found, in the order in which a person sets it up. Takes about `PATIENCE_SECONDS` at most.

    Embedded stores are started for it and stopped again. What is wrong outside is a finding, never an exception.
    """
    try:
        config = load_config(config_path)
        configured = Finding("ok", f"Configuration: {', '.join(config.agents)}.")
    except Refusal as refusal:
        config, configured = Config(), Finding("fail", "Configuration: signoff.yaml cannot be used.", str(refusal))
    parts = await asyncio.gather(
        _bot_token(settings),
        _way_in(settings),
        _stores(settings),
        _mcp(config, config_path),
        databases(config.databases, environment()),
        asyncio.to_thread(tool_files, config),
        *(_model(settings, model) for model in dict.fromkeys(agent.model for agent in config.agents.values())),
    )
    return [configured, *(finding for part in parts for finding in part), _port(settings.port)]


async def _bot_token(settings: Settings) -> Sequence[Finding]:
    if settings.slack_bot_token is None:
        return [Finding("fail", "Slack: SLACK_BOT_TOKEN is not set.", "It is on the page OAuth & Permissions of your app.")]
    slack = _slack(settings, settings.slack_bot_token.get_secret_value())
    answer = await _asked(slack.auth_test(), settings)
    if isinstance(answer, Finding):
        return [answer]
    if not answer.get("bot_id"):
        mend = "Take the Bot User OAuth Token from the page OAuth & Permissions: it starts with xoxb-."
        return [Finding("fail", f"Slack: the token is that of the user {answer['user']}, not of a bot.", mend)]
    who = f"Slack: the bot is @{answer['user']} ({answer['user_id']}) in {answer['team']}."
    return [Finding("ok", who), _scopes(answer)]


def _scopes(answer: Any) -> Finding:
    headers = {name.lower(): value for name, value in cast(dict[str, str], answer.headers).items()}
    if "x-oauth-scopes" not in headers:
        return Finding("warn", "Scopes: Slack did not say which the token has, so they could not be checked.")
    granted = {scope.strip() for scope in headers["x-oauth-scopes"].split(",") if scope.strip()}
    wanted = bot_scopes()
    if missing := sorted(wanted - granted):
        mend = "Paste manifest.yml over the app's manifest at api.slack.com/apps, and reinstall the app."
        return Finding("fail", f"Scopes: the token lacks {', '.join(missing)}.", mend)
    if unused := sorted(granted - wanted):
        mend = "Signoff does not use them: paste manifest.yml over the app's manifest, and reinstall the app."
        return Finding("warn", f"Scopes: all there, and {', '.join(unused)} besides.", mend)
    return Finding("ok", f"Scopes: all {len(wanted)} of the manifest.")


async def _way_in(settings: Settings) -> Sequence[Finding]:
    """How events reach the bot: a socket that we open, or requests that Slack signs."""
    if settings.slack_app_token is not None:
        slack = _slack(settings, "")
        token = settings.slack_app_token.get_secret_value()
        answer = await _asked(slack.apps_connections_open(app_token=token), settings, variable="SLACK_APP_TOKEN")
        return [answer if isinstance(answer, Finding) else Finding("ok", "Events: by Socket Mode.")]
    if settings.slack_signing_secret is not None:
        mend = "Mention the bot: a wrong secret shows there, as a refused request."
        what = f"Events: by HTTP on port {settings.port} at /slack/events; the signing secret cannot be checked from here."
        return [Finding("warn", what, mend)]
    mend = "Both are on the page Basic Information of your app; Socket Mode needs no public address."
    return [Finding("fail", "Events: neither SLACK_APP_TOKEN nor SLACK_SIGNING_SECRET is set.", mend)]


def _slack(settings: Settings, token: str) -> Any:
    """Slack's client, as Any: the types of its methods and answers are incomplete."""
    return AsyncWebClient(token, settings.slack_api_url, timeout=PATIENCE_SECONDS, retry_handlers=[])


async def _asked(call: Awaitable[Any], settings: Settings, variable: str = "SLACK_BOT_TOKEN") -> Any | Finding:
    """Slack's answer, or what is wrong."""
    try:
        return await call
    except SlackApiError as refused:
        answer = cast(Any, refused.response)
        error = str(answer.get("error"))
        if answer.get("ok") is not False:  # every answer of Slack says ok or not
            return _not_slack(settings, f"status {answer.status_code}")
        mends = {
            "account_inactive": "The app was removed from the workspace: install it again, and copy the new token.",
            "token_revoked": "The token was revoked: reinstall the app, and copy the new one.",
            "token_expired": "Turn token rotation off in the app's settings, and reinstall the app.",
            "missing_scope": "Make an app-level token with the scope connections:write on the page Basic Information.",
            "ratelimited": "Try again in a minute.",
        }
        mend = mends.get(error, f"Copy {variable} again from the app's pages at api.slack.com/apps.")
        return Finding("fail", f"Slack: {variable} is refused ({error}).", mend)
    except (aiohttp.ClientError, TimeoutError, ValueError) as unreachable:
        return _not_slack(settings, _first_line(unreachable))


def _not_slack(settings: Settings, why: str) -> Finding:
    what = f"Slack: {settings.slack_api_url} does not answer as Slack does ({why})."
    return Finding("fail", what, "Check the network and SLACK_API_URL.")


async def _stores(settings: Settings) -> Sequence[Finding]:
    home = Home(settings.signoff_home)
    with contextlib.ExitStack() as stack:
        try:
            # Entered in a thread, since starting a server blocks. The stack leaves it here, when there is nothing else to do.
            running = home.servers(settings.database_url, settings.redis_url)
            servers = await asyncio.to_thread(stack.enter_context, running)
        except Refusal as refusal:
            return [Finding("fail", "Stores: the embedded ones do not start.", str(refusal))]
        found = await asyncio.gather(
            _postgres(servers.database_url, embedded=settings.database_url is None),
            _redis(servers.redis_url, embedded=settings.redis_url is None),
        )
        return [finding for part in found for finding in part]


async def _postgres(url: str, *, embedded: bool) -> Sequence[Finding]:
    where = "embedded" if embedded else "at DATABASE_URL"
    try:
        async with await psycopg.AsyncConnection.connect(url, connect_timeout=PATIENCE_SECONDS) as connection:
            version = connection.info.server_version // 10_000
    except psycopg.OperationalError as unreachable:
        what = f"Postgres: the one {where} is not reachable ({_first_line(unreachable)})."
        return [Finding("fail", what, "Start it or correct DATABASE_URL; unset, an embedded one is used.")]
    if version < POSTGRES_VERSION:
        mend = f"Signoff needs {POSTGRES_VERSION} or later."
        return [Finding("fail", f"Postgres: the one {where} is version {version}.", mend)]
    reached = Finding("ok", f"Postgres: version {version}, {where}.")
    if not await asyncio.to_thread(migrations.pending, url):
        return [reached, Finding("ok", "Migrations: all applied.")]
    if embedded:
        return [reached, Finding("ok", "Migrations: `signoff run` applies them to the embedded Postgres by itself.")]
    return [reached, Finding("fail", "Migrations: the database is behind this version.", "Run `signoff migrate`.")]


async def _redis(url: str, *, embedded: bool) -> Sequence[Finding]:
    where = "embedded" if embedded else "at REDIS_URL"
    client = redis.asyncio.Redis.from_url(url, socket_timeout=PATIENCE_SECONDS)  # pyright: ignore[reportUnknownMemberType]
    try:
        server = cast(dict[str, str], await client.info("server"))  # pyright: ignore[reportUnknownMemberType]
    except (RedisError, OSError) as unreachable:
        what = f"Redis: the one {where} is not reachable ({_first_line(unreachable)})."
        return [Finding("fail", what, "Start it or correct REDIS_URL; unset, an embedded one is used.")]
    finally:
        await client.aclose()
    version = str(server["redis_version"])
    if tuple(int(part) for part in version.split(".")[:2]) < REDIS_VERSION:
        return [Finding("fail", f"Redis: the one {where} is version {version}.", "Signoff needs 6.2 or later.")]
    return [Finding("ok", f"Redis: version {version}, {where}.")]


async def _model(settings: Settings, model: str) -> Sequence[Finding]:
    if settings.anthropic_api_key is None:
        return [Finding("fail", f"Model: {model} needs ANTHROPIC_API_KEY.", "Make a key in the Anthropic Console.")]
    key = settings.anthropic_api_key.get_secret_value()
    try:
        async with anthropic.AsyncAnthropic(
            api_key=key, base_url=settings.anthropic_base_url, max_retries=0, timeout=PATIENCE_SECONDS
        ) as client:
            card = await client.models.retrieve(model)
    except anthropic.AuthenticationError:
        return [Finding("fail", "Model: ANTHROPIC_API_KEY is refused.", "Make a new key in the Anthropic Console.")]
    except (anthropic.NotFoundError, anthropic.PermissionDeniedError):
        mend = "Name another in signoff.yaml, or ask for access to it."
        return [Finding("fail", f"Model: this key has no model {model}.", mend)]
    except anthropic.APIStatusError as refused:
        what = f"Model: {model} could not be checked (status {refused.status_code})."
        return [Finding("warn", what, "Try again in a minute.")]
    except anthropic.APIConnectionError as unreachable:
        what = f"Model: the API is not reachable ({_first_line(unreachable.__cause__ or unreachable)})."
        return [Finding("fail", what, "Check the network and ANTHROPIC_BASE_URL.")]
    match card.lifecycle:
        case "active":
            return [Finding("ok", f"Model: {model} is active.")]
        case "deprecated":
            until = f" and retires on {card.retires_at:%d %B %Y}" if card.retires_at else ""
            return [Finding("warn", f"Model: {model} is deprecated{until}.", "Name a newer one in signoff.yaml.")]
        case _:
            return [Finding("fail", f"Model: {model} is {card.lifecycle}.", "Name a newer one in signoff.yaml.")]


async def _mcp(config: Config, config_path: Path | None) -> Sequence[Finding]:
    """A line for each server of .mcp.json: whether it answers, what it claims of its tools, and what policy makes of that."""
    try:
        servers = read_servers(config_path, config.mcp, environment())
    except Refusal as refusal:
        return [Finding("fail", "MCP: the servers cannot be read.", str(refusal))]
    async with Bridge(servers, start_seconds=PATIENCE_SECONDS) as bridge:
        return [_mcp_server(connection, config.policy) for connection in bridge.connections]


def _mcp_server(connection: Connection, policy: Policy) -> Finding:
    what, offer = f"MCP server {connection.server.name}", connection.offer
    if connection.trouble:
        mend = "See its entry in .mcp.json; the bot runs without it, and tries it again."
        return Finding("warn", visible(f"{what}: {connection.trouble}."), mend)
    tools = f"{len(offer.tools)} tools. {' '.join(_verdicts(offer, policy))}" if offer.tools else "no tools."
    ignored = "" if connection.server.trusted else " What it claims is ignored."
    if offer.left_out:
        left = f" {len(offer.left_out)} left out: {'; '.join(offer.left_out)}."
        return Finding("warn", visible(f"{what}: {tools}{ignored}{left}"), "Tell its author; the other tools can be used.")
    unread = f" Left to the server, since it cannot be read here: {'; '.join(offer.unread)}." if offer.unread else ""
    return Finding("ok", visible(f"{what}: {tools}{ignored}{unread}"))


def _verdicts(offer: Offer, policy: Policy) -> Iterator[str]:
    """Sentences: what is claimed, what follows, and of which tools."""
    alike: dict[str, list[str]] = {}
    for tool, listed in offer.tools:
        words = f"Claims {claimed(listed)}, so {tool.effect}, {_by_policy(tool, policy)}"
        alike.setdefault(words, []).append(tool.name)
    yield from (f"{words}: {', '.join(names)}." for words, names in alike.items())


def _by_policy(tool: Tool, policy: Policy) -> str:
    answers = {"allow": "runs", "ask": "asks", "refuse": "is refused"}
    rules = [rule for rule in policy.rules if rule.tool == tool.name]
    if rules and rules[0].when is not None:
        return f"by its arguments as line {rules[0].line} says"
    verdict = policy.judge(tool, {}, Asker(users=(), channel=""))
    return answers[verdict.answer] + (f" as line {rules[0].line} says" if rules else "")


def _port(port: int) -> Finding:
    try:
        with socket.create_server(("", port)):
            return Finding("ok", f"Port: {port} is free." if port else "Port: any free one.")
    except PermissionError:
        return Finding("fail", f"Port: {port} needs more rights than this user has.", "Set PORT to one above 1023.")
    except OSError:
        mend = "If that is not the bot itself, set PORT to another."
        return Finding("fail", f"Port: {port} is in use.", mend)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
