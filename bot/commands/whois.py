"""`signoff whois`: the ids of people in Slack, which signoff.yaml names them by."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, cast

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.cards.harmless_text import visible
from bot.commands.finding import PATIENCE_SECONDS, first_line
from bot.config.refusal import ExitStatus, Refusal
from bot.config.settings import Settings
from bot.slack.addresses import NOT_ALLOWED

PAGE_PEOPLE = 200
NOTHING: Mapping[str, Any] = {}


def whois(settings: Settings, named: str) -> Sequence[dict[str, str]]:
    """Return id, name and handle of each person of the workspace whom a name, a handle or an e-mail address means.

    Raises Refusal, with status 1 where there is nobody.
    """
    if settings.slack_bot_token is None:
        raise Refusal("SLACK_BOT_TOKEN is not set: people are looked up in the bot's workspace.")
    found = asyncio.run(_looked_up(settings.slack_bot_token.get_secret_value(), settings.slack_api_url, named.strip()))
    if not found:
        raise Refusal(
            f"Nobody in the workspace is called {visible(named)}: give a whole name, or the name after the @.",
            status=ExitStatus.FOUND,
        )
    return found


async def _looked_up(token: str, api_url: str, named: str) -> Sequence[dict[str, str]]:
    client = cast(Any, AsyncWebClient(token, api_url, timeout=PATIENCE_SECONDS, retry_handlers=[]))
    try:
        if "@" in named[1:]:
            return [_person_found((await client.users_lookupByEmail(email=named))["user"])]
        people = [one async for page in await client.users_list(limit=PAGE_PEOPLE) for one in page["members"]]
    except SlackApiError as refused:
        error = str(cast(Any, refused.response).get("error"))
        if error == "users_not_found":
            return []
        if error in ("missing_scope", "unknown_method") and "@" in named[1:]:
            raise Refusal(NOT_ALLOWED.format(instead="their name")) from None
        raise Refusal(f"Slack does not say who that is ({error}): see `signoff doctor`.") from None
    except (aiohttp.ClientError, TimeoutError, ValueError) as unreachable:
        raise Refusal(f"Slack does not answer ({first_line(unreachable)}): see `signoff doctor`.") from None
    return [_person_found(one) for one in people if not one.get("deleted") and named.removeprefix("@").casefold() in _called(one)]


def _called(user: Any) -> set[str]:
    profile: Any = user.get("profile") or NOTHING
    names = (user.get("name"), user.get("real_name"), profile.get("real_name"), profile.get("display_name"))
    return {str(name).casefold() for name in names if name}


def _person_found(user: Any) -> dict[str, str]:
    profile: Any = user.get("profile") or NOTHING
    name: Any = profile.get("real_name") or user.get("real_name") or user.get("name") or ""
    return {"id": str(user["id"]), "name": visible(str(name)), "handle": visible(f"@{user.get('name') or ''}")}
