"""One Web API call, tried once, with its failures in the heart's words."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from agent.errors import DelayedError, FencedError, RefusedError, UnclearError

# Errors in a 200 answer after which the call may or may not have been done (docs: every method lists them).
UNCLEAR_ERRORS = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout"})
# These take no JSON body (docs: each method lists the content types it takes).
QUERY_METHODS = frozenset(
    {
        "conversations.history",
        "conversations.info",
        "conversations.members",
        "conversations.replies",
        "files.info",
        "usergroups.users.list",
        "users.conversations",
        "users.info",
        "users.list",
    }
)


ANSWER_SECONDS = 10.0  # for one call


def open_reader(token: str, api_url: str) -> AsyncWebClient:
    """A client for what only reads: it asks no fence, since nothing is lost when it comes late. Otherwise as `open_client`."""
    session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS))
    return AsyncWebClient(token, base_url=api_url, session=session, retry_handlers=[])


async def called(client: AsyncWebClient, method: str, **arguments: Any) -> Any:
    """The answer's JSON. Raises RefusedError, DelayedError, UnclearError, FencedError."""
    read = {"http_verb": "GET", "params": arguments}
    untyped: Any = client
    try:
        answer = await untyped.api_call(method, **(read if method in QUERY_METHODS else {"json": arguments}))
    except SlackApiError as error:
        raise _problem(error) from error
    except (aiohttp.ClientError, SlackClientError, TimeoutError, OSError) as error:
        if isinstance(error.__cause__, FencedError):
            raise error.__cause__ from None
        raise UnclearError(f"{method}: the answer was lost ({type(error).__name__})") from error
    return answer.data


async def pages(client: AsyncWebClient, method: str, arguments: Mapping[str, Any]) -> AsyncIterator[Any]:
    """Every page of a list. Raises like `called`."""
    cursor = ""
    while True:
        page = await called(client, method, **arguments, **({"cursor": cursor} if cursor else {}))
        yield page
        following: Any = page.get("response_metadata") or {}
        cursor = str(following.get("next_cursor") or "")
        if not cursor:
            return


def _problem(error: SlackApiError) -> Exception:
    """What a refused call means for whoever made it."""
    response: Any = error.response
    status = int(getattr(response, "status_code", None) or getattr(response, "status", 0))
    if status == 429:
        return DelayedError(float(response.headers.get("Retry-After", 1)))
    name: Any = response.get("error") if hasattr(response, "get") else None
    if status >= 500 or name is None or name in UNCLEAR_ERRORS:
        return UnclearError(f"Slack answered {status} {name or ''}".strip())
    return RefusedError(str(name))
