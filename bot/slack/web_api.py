"""One Web API call, tried once, with its failures as errors of ours: the one place that knows Slack's codes."""

import logging
from collections.abc import AsyncIterator, Mapping
from typing import Any, Literal, cast

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from agent import fence
from agent.errors import CredentialsError, DelayedError, FencedError, RefusedError, UnclearError
from agent.foreign_json import members
from agent.text import code_word

Meaning = Literal["not_offered", "not_offered_here", "not_here", "gone", "form"]
"""Of a refusal: not offered to this app at all, or not in this place; nothing may be said in this place; what it is about is not
there (any more); not taken in this form, as every code that is not known. Waits, and our credentials, are other errors."""
NoRefusal = Literal["wait", "credentials", "unclear"]
"""Of any other error code: to be done later, when our credentials are accepted, or nobody knows whether it was done."""
_REFUSALS: Mapping[Meaning, str] = {
    "not_offered": "unknown_method missing_scope not_allowed_token_type feature_not_enabled feature_disabled not_allowed is_bot "
    "deprecated_endpoint method_deprecated not_enabled not_implemented plan_upgrade_required enterprise_is_restricted "
    "not_subscribed_to_message_stream_stopped",
    "not_offered_here": "not_authorized method_not_supported_for_channel_type channel_type_not_supported team_not_found "
    "missing_recipient_user_id missing_recipient_team_id thread_ts_not_allowed thread_ts_required",
    "not_here": "is_archived not_in_channel restricted_action restricted_action_read_only_channel "
    "restricted_action_thread_locked restricted_action_thread_only_channel restricted_action_non_threadable_channel "
    "cannot_reply_to_message messages_tab_disabled cannot_dm_bot is_inactive access_denied no_permission app_access_restricted "
    "user_not_in_channel channel_is_limited_access posting_to_channel_denied invalid_user_combination not_visible "
    # Keys are revoked for one channel as well as for all (docs: Enterprise Key Management).
    "template_not_visible canvas_disabled_file_team canvas_disabled_user_team canvas_globally_disabled ekm_access_denied",
    "gone": "channel_not_found thread_not_found message_not_found user_not_found user_not_visible user_disabled file_not_found "
    "file_deleted file_is_deleted message_not_in_streaming_state users_not_found",
}
_NO_REFUSALS: Mapping[NoRefusal, str] = {
    "wait": "ratelimited rate_limited message_limit_exceeded team_added_to_org org_login_required external_channel_migrating",
    "credentials": "account_inactive invalid_auth not_authed token_expired token_revoked team_access_not_granted "
    "two_factor_setup_required accesslimited forbidden_team",
    "unclear": "internal_error fatal_error service_unavailable request_timeout update_failed messaging_processing_failed "
    "fetch_members_failed list_record_comment_fetch_failed",
}
_MEANINGS: Mapping[str, Meaning] = {code: meaning for meaning, codes in _REFUSALS.items() for code in codes.split()}
_OTHERS: Mapping[str, NoRefusal] = {code: other for other, codes in _NO_REFUSALS.items() for code in codes.split()}
# Without these rights nothing at all can be said: it waits until an admin has given them.
_TO_POST = frozenset({"missing_scope", "not_allowed_token_type"})
CREDENTIALS_SECONDS = 60.0  # until what waits for them is tried again
NO_CODE = "no_code"  # of ours, for an error that is no word
WAIT_SECONDS = 5.0  # where an answer with status 200 does not say how long

# These take no JSON body (docs: each method lists the content types it takes).
QUERY_METHODS = frozenset(
    {
        "chat.getPermalink",
        "conversations.history",
        "conversations.info",
        "conversations.members",
        "conversations.replies",
        "files.info",
        "usergroups.users.list",
        "users.conversations",
        "users.info",
        "users.list",
        "users.lookupByEmail",
    }
)

ANSWER_SECONDS = 10.0  # for one call
# What an answer holds where the method was done (docs: each method's example response), and, of a list, what that holds. Without
# it nobody knows what was done.
_HOLDS: Mapping[str, tuple[str, type, type | None]] = {
    "chat.getPermalink": ("permalink", str, None),
    "chat.postMessage": ("ts", str, None),
    "chat.startStream": ("ts", str, None),
    "conversations.history": ("messages", list, dict),
    "conversations.info": ("channel", dict, None),
    "conversations.members": ("members", list, str),
    "conversations.open": ("channel", dict, None),
    "conversations.replies": ("messages", list, dict),
    "files.info": ("file", dict, None),
    "usergroups.users.list": ("users", list, str),
    "users.conversations": ("channels", list, dict),
    "users.info": ("user", dict, None),
    "users.list": ("members", list, dict),
    "users.lookupByEmail": ("user", dict, None),
}

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


def class_of(method: str, code: str) -> Meaning | NoRefusal:
    """Return what an error code means as the answer of a method."""
    if method == "chat.postMessage" and code in _TO_POST:
        return "credentials"
    return _OTHERS.get(code) or meaning(code)


async def called(client: AsyncWebClient, method: str, **arguments: Any) -> Any:
    """Make a call and return the answer's JSON. Raises RefusedError, DelayedError, UnclearError, FencedError."""
    read = {"http_verb": "GET", "params": arguments}
    untyped: Any = client
    try:
        answer = await untyped.api_call(method, **(read if method in QUERY_METHODS else {"json": arguments}))
    except SlackApiError as error:
        raise problem(method, error) from error
    except (aiohttp.ClientError, SlackClientError, TimeoutError, OSError) as error:
        if isinstance(error.__cause__, FencedError):
            raise error.__cause__ from None
        raise UnclearError(f"{method}: the answer was lost ({type(error).__name__})") from error
    except (AttributeError, TypeError, ValueError, RecursionError) as error:  # of the SDK, over what is no answer of Slack's
        raise UnclearError(f"{method}: what answered was not Slack") from error
    data: Any = answer.data
    if not isinstance(data, dict):
        raise UnclearError(f"{method}: what answered was not Slack")
    said = cast("dict[str, Any]", data)
    if method in _HOLDS and not _holds(said, *_HOLDS[method]):
        raise UnclearError(f"{method}: the answer does not hold its {_HOLDS[method][0]}")
    return said


def _holds(answer: Mapping[str, Any], name: str, kind: type, of: type | None) -> bool:
    """Return whether an answer holds something of this kind by this name; only a list may be empty."""
    held: Any = answer.get(name)
    return isinstance(held, kind) and (all(isinstance(one, of) for one in held) if of is not None else bool(held))


async def pages_of(client: AsyncWebClient, method: str, arguments: Mapping[str, Any]) -> AsyncIterator[Any]:
    """Yield every page of a list. Raises like `called`."""
    cursor = ""
    while True:
        page = await called(client, method, **arguments, **({"cursor": cursor} if cursor else {}))
        yield page
        cursor = str(members(page.get("response_metadata")).get("next_cursor") or "")
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


def problem(method: str, error: SlackApiError) -> Exception:
    """Return what a method's refusal means to its caller: RefusedError, DelayedError, CredentialsError or UnclearError."""
    response: Any = error.response
    status = int(getattr(response, "status_code", None) or getattr(response, "status", 0))
    if (no_answer := trouble(status, response.headers)) is not None:
        return no_answer
    said = getattr(response, "data", response)  # text, where a gateway answers instead of Slack
    stated: Any = members(said).get("error")
    if not isinstance(stated, str) or not stated:
        return UnclearError(f"Slack answered {status}")
    code = code_word(stated, NO_CODE)
    match class_of(method, code):
        case "unclear":
            return UnclearError(f"Slack answered {status} {code}")
        case "wait":
            return DelayedError(_stated_seconds(response.headers, WAIT_SECONDS))
        case "credentials":
            log.error("Slack does not accept our credentials (%s): what is to be said waits", code)
            return CredentialsError(code, CREDENTIALS_SECONDS)
        case _:
            return RefusedError(code)


async def view_opened(client: AsyncWebClient, trigger_id: str, view: Mapping[str, Any], *, above: bool = False) -> bool:
    """Open a dialog, `above` the one that it was asked for in. False: it did not come up, or came too late; the reason is in the
    log."""
    try:
        await called(client, "views.push" if above else "views.open", trigger_id=trigger_id, view=view)
    except (RefusedError, DelayedError, UnclearError, FencedError) as error:
        log.warning("a dialog could not be opened: %s", error)
        return False
    return True
