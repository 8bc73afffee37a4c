"""`signoff doctor`: looks at everything the bot stands on, and says what to do about what is not right.

Long because it looks at everything that the bot stands on, a function each.
"""

import asyncio
import socket
from collections.abc import Awaitable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import aiohttp
import anthropic
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from agent.approvals.policy import Policy
from agent.tool.definition import Tool
from agent.types import Asker
from bot.agents.toolbox import vouching
from bot.cards.harmless_text import visible
from bot.commands import doctor_policy
from bot.commands.doctor_stores import stores
from bot.commands.doctor_tools import databases, tool_files
from bot.commands.finding import PATIENCE_SECONDS, Finding, first_line
from bot.config.file import Config, load_config
from bot.config.manifest import BY_EMAIL, bot_scopes
from bot.config.mcp_file import read_servers
from bot.config.refusal import Refusal
from bot.config.settings import Settings, environment
from bot.slack.addresses import by_ids
from bot.slack.enough import SlackDirectory
from tools.mcp import Bridge, Connection, Offer, claimed

__all__ = ["Finding", "examine"]

SERVERS_SECONDS = 60.0  # that MCP servers may take to start, as in the bot itself


async def examine(settings: Settings, config_path: Path | None, wrong: Sequence[str] = ()) -> list[Finding]:
    """Return everything that was found, in the order in which a person sets it up. Takes about `SERVERS_SECONDS` at most.

    `wrong`: sentences on variables that cannot be meant, which count as not set. Embedded stores are started for it and stopped
    again. What is wrong outside is a finding, never an exception.
    """
    try:
        config = load_config(config_path)
        heard = f" Messages of the apps {', '.join(config.apps)} count." if config.apps else ""
        configured = Finding("ok", f"Configuration: {', '.join(config.agents)}.{heard}")
    except Refusal as refusal:
        config, configured = Config(), Finding("fail", "Configuration: signoff.yaml cannot be used.", str(refusal))
    unclear = {sentence.partition(" ")[0] for sentence in wrong}
    # Where it is unclear whom to ask nobody is asked: a token or a key is for one address, and no business of another.
    slack = "SLACK_API_URL" not in unclear
    models = dict.fromkeys(agent.model for agent in config.agents.values()) if "ANTHROPIC_BASE_URL" not in unclear else ()
    parts = await asyncio.gather(
        *([_bot_token(settings), _way_in(settings)] if slack else []),
        stores(settings),
        _mcp(config, config_path),
        *([_approvers(settings, config)] if slack else []),
        databases(config.databases, environment()),
        asyncio.to_thread(tool_files, config),
        *(_check_model(settings, model) for model in models),
    )
    unusable = [Finding("fail", f"Environment: {what}.", f"{mend[:1].upper()}{mend[1:]}") for what, mend in map(_halved, wrong)]
    return [*unusable, configured, *(finding for part in parts for finding in part), _port(settings.port)]


def _halved(sentence: str) -> tuple[str, str]:
    """Return what is wrong, and the mend."""
    what, _, mend = sentence.partition(": ")
    return what, mend


async def _bot_token(settings: Settings) -> Sequence[Finding]:
    if settings.slack_bot_token is None:
        return [Finding("fail", "Slack: SLACK_BOT_TOKEN is not set.", "It is on the page OAuth & Permissions of your app.")]
    slack = _slack(settings, settings.slack_bot_token.get_secret_value())
    answer = await _answer_or_finding(slack.auth_test(), settings)
    if isinstance(answer, Finding):
        return [answer]
    if not answer.get("bot_id"):
        mend = "Take the Bot User OAuth Token from the page OAuth & Permissions: it starts with xoxb-."
        return [Finding("fail", f"Slack: the token is that of the user {answer['user']}, not of a bot.", mend)]
    who = f"Slack: the bot is @{answer['user']} ({answer['user_id']}) in {answer['team']}."
    return [Finding("ok", who), _scopes(answer)]


async def _approvers(settings: Settings, config: Config) -> Sequence[Finding]:
    """Return those whom rules name, as Slack has them; nothing without a token that Slack takes, which is a finding elsewhere."""
    if settings.slack_bot_token is None or not config.policy.rules:
        return []
    slack = _slack(settings, settings.slack_bot_token.get_secret_value())
    who = await _answer_or_finding(slack.auth_test(), settings)
    if isinstance(who, Finding):
        return []
    try:
        policy = (await by_ids(config, slack)).policy
    except Refusal as refusal:
        return [Finding("fail", "Policy: an approver cannot be looked up by e-mail address.", str(refusal))]
    return await doctor_policy.approvers(policy, SlackDirectory(slack, str(who["team_id"])))


def _scopes(answer: Any) -> Finding:
    headers = {name.lower(): value for name, value in cast(dict[str, str], answer.headers).items()}
    if "x-oauth-scopes" not in headers:
        return Finding("warn", "Scopes: Slack did not say which the token has, so they could not be checked.")
    granted = {scope.strip() for scope in headers["x-oauth-scopes"].split(",") if scope.strip()}
    wanted = bot_scopes()
    if missing := sorted(wanted - granted):
        mend = "Paste manifest.yml over the app's manifest at api.slack.com/apps, and reinstall the app."
        return Finding("fail", f"Scopes: the token lacks {', '.join(missing)}.", mend)
    if unused := sorted(granted - wanted - {BY_EMAIL}):
        mend = "Signoff does not use them: paste manifest.yml over the app's manifest, and reinstall the app."
        return Finding("warn", f"Scopes: all there, and {', '.join(unused)} besides.", mend)
    return Finding("ok", f"Scopes: all {len(wanted)} of the manifest.")


async def _way_in(settings: Settings) -> Sequence[Finding]:
    """Return how events reach the bot: a socket that we open, or requests that Slack signs."""
    if settings.slack_app_token is not None:
        slack = _slack(settings, "")
        token = settings.slack_app_token.get_secret_value()
        answer = await _answer_or_finding(slack.apps_connections_open(app_token=token), settings, variable="SLACK_APP_TOKEN")
        return [answer if isinstance(answer, Finding) else Finding("ok", "Events: by Socket Mode.")]
    if settings.slack_signing_secret is not None:
        mend = "Mention the bot: a wrong secret shows there, as a refused request."
        what = f"Events: by HTTP on port {settings.port} at /slack/events; the signing secret cannot be checked from here."
        return [Finding("warn", what, mend)]
    mend = "Both are on the page Basic Information of your app; Socket Mode needs no public address."
    return [Finding("fail", "Events: neither SLACK_APP_TOKEN nor SLACK_SIGNING_SECRET is set.", mend)]


def _slack(settings: Settings, token: str) -> Any:
    """Return Slack's client, as Any: the types of its methods and answers are incomplete."""
    return AsyncWebClient(token, settings.slack_api_url, timeout=PATIENCE_SECONDS, retry_handlers=[])


async def _answer_or_finding(call: Awaitable[Any], settings: Settings, variable: str = "SLACK_BOT_TOKEN") -> Any | Finding:
    """Return Slack's answer, or what is wrong."""
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
        return _not_slack(settings, first_line(unreachable))


def _not_slack(settings: Settings, why: str) -> Finding:
    what = f"Slack: {settings.slack_api_url} does not answer as Slack does ({why})."
    return Finding("fail", what, "Check the network and SLACK_API_URL.")


async def _check_model(settings: Settings, model: str) -> Sequence[Finding]:
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
        what = f"Model: the API is not reachable ({first_line(unreachable.__cause__ or unreachable)})."
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
    """Return a line for each server of .mcp.json: whether it answers, what it claims of its tools, and what policy makes of
    that; then what is wrong with the rules for all tools."""
    try:
        servers = read_servers(config_path, config.mcp, environment())
    except Refusal as refusal:
        return [Finding("fail", "MCP: the servers cannot be read.", str(refusal))]
    async with Bridge(servers, start_seconds=SERVERS_SECONDS) as bridge:
        answers = [_mcp_server(connection, config.policy) for connection in bridge.connections]
        return [*answers, *doctor_policy.rules(config, bridge.packs(), bridge.unseen())]


def _mcp_server(connection: Connection, policy: Policy) -> Finding:
    what, offer = f"MCP server {connection.server.name}", connection.offer
    if connection.trouble:
        mend = "See its entry in .mcp.json; the bot runs without it, and tries it again."
        return Finding("warn", visible(f"{what}: {connection.trouble}."), mend)
    tools = f"{len(offer.tools)} tools. {' '.join(_verdicts(offer, policy))}" if offer.tools else "no tools."
    ignored = "" if connection.server.trusted else " What it claims is ignored."
    proposed = vouching(connection)
    if offer.left_out:
        left = f" {len(offer.left_out)} left out: {'; '.join(offer.left_out)}."
        mend = "Tell its author; the other tools can be used." + (f" {proposed}." if proposed else "")
        return Finding("warn", visible(f"{what}: {tools}{ignored}{left}"), visible(mend))
    unread = f" Left to the server, since it cannot be read here: {'; '.join(offer.unread)}." if offer.unread else ""
    return Finding("ok", visible(f"{what}: {tools}{ignored}{unread}"), visible(f"{proposed}.") if proposed else "")


def _verdicts(offer: Offer, policy: Policy) -> Iterator[str]:
    """Yield sentences: what is claimed, what follows, and of which tools."""
    alike: dict[str, list[str]] = {}
    for tool, listed in offer.tools:
        words = f"Claims {claimed(listed)}, so {tool.effect}, {_by_policy(tool, policy)}"
        alike.setdefault(words, []).append(tool.name)
    yield from (f"{words}: {', '.join(names)}." for words, names in alike.items())


def _by_policy(tool: Tool, policy: Policy) -> str:
    answers = {"allow": "runs", "ask": "asks", "refuse": "is refused"}
    rules = [rule for rule in policy.rules if rule.covers(tool)]
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
