"""One Web API call, tried once, with its failures as errors of ours: the one place that knows Slack's codes."""

import logging
from collections.abc import AsyncIterator, Mapping
from typing import Any, Literal

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from agent import fence
from agent.errors import CredentialsError, DelayedError, FencedError, RefusedError, UnclearError
from agent.foreign_json import members

# Errors in a 200 answer after which the call may or may not have been done (docs: every method lists them).
UNCLEAR_ERRORS = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout"})

Meaning = Literal["not_offered", "not_offered_here", "not_here", "gone", "form"]
"""Of a refusal: not offered to this app at all, or not in this place; nothing may be said in this place; what it is about is not
there (any more); not taken in this form, as every code that is not known. Waits, and our credentials, are other errors."""
_CODES: Mapping[Meaning, str] = {
    "not_offered": "unknown_method missing_scope not_allowed_token_type feature_not_enabled not_allowed",
    "not_offered_here": "not_authorized method_not_supported_for_channel_type team_not_found missing_recipient_user_id "
    "missing_recipient_team_id",
    "not_here": "is_archived not_in_channel restricted_action restricted_action_read_only_channel "
    "restricted_action_thread_locked restricted_action_thread_only_channel restricted_action_non_threadable_channel "
    "cannot_reply_to_message messages_tab_disabled cannot_dm_bot is_inactive",
    "gone": "channel_not_found thread_not_found user_not_found user_not_visible file_not_found file_deleted",
}
CREDENTIALS = frozenset(
    {
        *("account_inactive", "ekm_access_denied", "invalid_auth", "not_authed", "org_login_required", "token_expired"),
        *("token_revoked", "team_access_not_granted", "two_factor_setup_required", "enterprise_is_restricted"),
    }
)
CREDENTIALS_SECONDS = 60.0  # until what waits for them is tried again
WAITS = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})  # in an answer with status 200
WAIT_SECONDS = 5.0
_MEANINGS: Mapping[str, Meaning] = {code: meaning for meaning, codes in _CODES.items() for code in codes.split()}

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

log = logging.getLogger(__name__)


def open_client(token: str, api_url: str) -> AsyncWebClient:
    """Return a Web API client that never repeats a call by itself: only the caller knows whether that is safe.

    Must be called inside a running loop. Its session belongs to the caller: `await client.session.close()`.
    """
    trace = aiohttp.TraceConfig()
    trace.on_connection_create_end.append(_begin_request)
    trace.on_connection_reuseconn.append(_begin_request)
    trace.on_request_chunk_sent.append(_begin_request)  # called before the chunk is written, headers and body in one
    timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
    session = aiohttp.ClientSession(timeout=timeout, trace_configs=[trace])
    return AsyncWebClient(token, base_url=api_url, session=session, retry_handlers=[])


async def _begin_request(*_: Any) -> None:
    """Check the fence at the last moment before the request's bytes leave: the connection is there."""
    fence.begin()


def open_reader(token: str, api_url: str) -> AsyncWebClient:
    """Return a client for what only reads: it asks no fence, since nothing is lost when it comes late. Otherwise as
    `open_client`."""
    session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS))
    return AsyncWebClient(token, base_url=api_url, session=session, retry_handlers=[])


def meaning(code: str) -> Meaning:
    """Return what Slack's error code, the text of a RefusedError, means."""
    return _MEANINGS.get(code, "form")


async def called(client: AsyncWebClient, method: str, **arguments: Any) -> Any:
    """Make a call and return the answer's JSON. Raises RefusedError, DelayedError, UnclearError, FencedError."""
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
    except (AttributeError, TypeError, ValueError) as error:  # in the SDK, over an answer that is none of Slack's
        raise UnclearError(f"{method}: what answered was not Slack") from error
    if not isinstance(answer.data, dict):
        raise UnclearError(f"{method}: what answered was not Slack")
    return cast(dict[str, Any], answer.data)


async def pages_of(client: AsyncWebClient, method: str, arguments: Mapping[str, Any]) -> AsyncIterator[Any]:
    """Yield every page of a list. Raises like `called`."""
    cursor = ""
    while True:
        page = await called(client, method, **arguments, **({"cursor": cursor} if cursor else {}))
        yield page
        following: Any = page.get("response_metadata") or {}
        cursor = str(following.get("next_cursor") or "")
        if not cursor:
            return


def trouble(status: int, headers: Mapping[str, str]) -> DelayedError | UnclearError | None:
    """Return what an HTTP status of Slack's means where it is no answer: wait, or nobody knows."""
    if status == 429:
        return DelayedError(_stated_seconds(headers, 1))
    return UnclearError(f"Slack answered {status}") if status >= 500 else None


def _stated_seconds(headers: Mapping[str, str], otherwise: float) -> float:
    """Return how long Slack says to wait, in seconds. A gateway before it may say so with a date, which nobody reads here."""
    stated = headers.get("Retry-After", "")
    return float(stated) if stated.isdecimal() else otherwise


def _problem(error: SlackApiError) -> Exception:
    """Return what a refused call means to its caller."""
    response: Any = error.response
    status = int(getattr(response, "status_code", None) or getattr(response, "status", 0))
    if (no_answer := trouble(status, response.headers)) is not None:
        return no_answer
    said = getattr(response, "data", response)  # text, where a gateway answers instead of Slack
    name: Any = members(said).get("error")
    if not isinstance(name, str) or name in UNCLEAR_ERRORS:
        return UnclearError(f"Slack answered {status} {name or ''}".strip())
    if name in WAITS:
        return DelayedError(_stated_seconds(response.headers, WAIT_SECONDS))
    if name in CREDENTIALS:
        log.error("Slack does not accept our credentials (%s): what is to be said waits", name)
        return CredentialsError(name, CREDENTIALS_SECONDS)
    return RefusedError(name)


async def view_opened(client: AsyncWebClient, trigger_id: str, view: Mapping[str, Any]) -> bool:
    """Open a dialog. False: it did not come up, or came too late; the reason is in the log."""
    try:
        await called(client, "views.open", trigger_id=trigger_id, view=view)
    except (RefusedError, DelayedError, UnclearError, FencedError) as error:
        log.warning("a dialog could not be opened: %s", error)
        return False
    return True
