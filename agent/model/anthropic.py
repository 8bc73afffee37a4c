"""The model client: AsyncAnthropic with the SDK's own retries off, and one jittered retry layer that honours the server.

The traps that this answers to are numbered in the reference on the model API. The home of `anthropic` and `tenacity`.
"""

import json
import logging
import random
import re
import time
from dataclasses import dataclass, field, replace
from typing import Any

import anthropic
import httpx2
from anthropic.types import ThinkingConfigAdaptiveParam
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_before_delay

from agent import metrics, telemetry
from agent.certificates import certificates
from agent.errors import (
    FilesNotTakenError,
    HistoryNotTakenError,
    ModelFailedError,
    ModelOutOfReachError,
    ModelRetiredError,
    TooLongError,
)
from agent.model import caching
from agent.model.limits import PATIENCE, Patience
from agent.model.port import CHARACTERS_PER_TOKEN, DEAF, NO_SUCH_MODEL, Listener, Reply, Request, files_in
from agent.model.streamed_reply import OddStreamError, StreamedReply, json_events
from agent.retry_after import retry_after_seconds
from agent.text import code_word, whole
from agent.types import Usage

log = logging.getLogger(__name__)

RETRIED_STATUS = frozenset({408, 409, 429, 529})
KINDS_OF_ERROR = frozenset(  # that the API names
    {"api_error", "authentication_error", "billing_error", "invalid_request_error", "not_found_error", "overloaded_error"}
    | {"permission_error", "rate_limit_error", "request_too_large", "timeout_error"}
)
FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 8.0
# What a 400 or 413 says of a request, in the words that are known of the API and of gateways before it.
TOO_LONG = re.compile(r"prompt is too long|exceeds? .{0,40}context|maximum context length|too many .{0,20}tokens", re.I)
OF_A_TOOL = re.compile(r"\btools\.(\d+)\.")
OF_THE_HISTORY = re.compile(r"\bmessages\b|tool_use|tool_result|\bimages?\b|\bPDF\b")
# Models that think unasked put their words between calls into thinking, which is left out unless asked for (trap 12).
THINKS = re.compile(r"claude-[a-z]+-5(-|$)")
SHOWN_THINKING: ThinkingConfigAdaptiveParam = {"type": "adaptive", "display": "summarized"}
MESSAGES = "/v1/messages"
Events = anthropic.AsyncStream[object]  # plain JSON: the SDK makes no types of these


REFUSALS = (anthropic.BadRequestError, anthropic.ContentTooLargeError)  # of what a request says, no matter who sends it and when
NOT_TAKEN = (
    "The model did not take this request, most likely because of a file that is attached or an image that a tool returned. "
    "Nothing more was run. I leave it out from now on: please ask again without it, or attach it in another form."
)


class CutStreamError(Exception):
    """The stream ended before `message_stop`; the SDK returns a message without a stop reason and no error (trap 5)."""


def worth_retrying(error: BaseException) -> bool:
    """Return whether another try can help: overload, limits and broken connections; never a spend limit or any other 4xx."""
    if isinstance(error, anthropic.APIStatusError):
        if "spend_limit" in (error.error_code or ""):
            return False
        inside_stream = error.status_code == 200 and error.type in ("overloaded_error", "api_error", "rate_limit_error")
        return inside_stream or error.status_code in RETRIED_STATUS or error.status_code >= 500
    return isinstance(error, anthropic.APIConnectionError | httpx2.RequestError | CutStreamError | OddStreamError)


def wait_seconds(state: RetryCallState) -> float:
    """Return what the server asks for, else exponential with full jitter; `stop_before_delay` refuses waits past the deadline."""
    outcome = state.outcome
    error = outcome.exception() if outcome else None
    asked = _stated_wait_seconds(error)
    if asked is not None:
        return asked + random.uniform(0, 0.25)
    return random.uniform(0, min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2**state.attempt_number))


def _trace_retry(state: RetryCallState) -> None:
    """Trace a try that failed and that another one follows."""
    error = state.outcome.exception() if state.outcome else None
    assert error is not None
    asked: Request = state.args[0]
    _trace_failed_try(asked, state.attempt_number, error, state.next_action.sleep if state.next_action else None)


def _trace_failed_try(request: Request, number: int, error: BaseException, waited_seconds: float | None) -> None:
    status = error.status_code if isinstance(error, anthropic.APIStatusError) else None
    kind = code_word(error.type if isinstance(error, anthropic.APIStatusError) else None, type(error).__name__)
    telemetry.failed_try(number, kind, status, _stated_wait_seconds(error), waited_seconds)
    counted = kind if kind in KINDS_OF_ERROR else type(error).__name__  # a gateway may send any word
    metrics.count_failed_try(request.pinned.model, counted, again=waited_seconds is not None)


def _stated_wait_seconds(error: BaseException | None) -> float | None:
    return retry_after_seconds(error.response.headers) if isinstance(error, anthropic.APIStatusError) else None


def outage_sentence(error: BaseException) -> str:
    """Return what people read when the model cannot be had."""
    again = "Nothing more was run; please ask again in a few minutes."
    match error:
        case anthropic.APIStatusError() if "spend_limit" in (error.error_code or ""):
            return "The model's provider reports that our spend limit is reached. Nothing more was run; an admin must raise it."
        case anthropic.AuthenticationError() | anthropic.PermissionDeniedError():
            return "The model refused our key. Nothing more was run; an admin must check ANTHROPIC_API_KEY."
        case anthropic.NotFoundError():
            return NO_SUCH_MODEL
        case anthropic.APIStatusError() if error.status_code == 429:
            return f"The model is over its rate limit. {again}"
        case anthropic.APIStatusError() if error.status_code >= 500 or error.status_code == 200:
            return f"The model is overloaded or down at the moment. {again}"
        case anthropic.APIStatusError():
            return f"The model refused the request (status {error.status_code}). Nothing more was run; the log has the details."
        case _:
            return f"The model cannot be reached at the moment. {again}"


def failure(error: BaseException, *, begun: bool, new_files: bool) -> ModelFailedError:
    """Return the error that the core knows: whether the model is to be waited for, left, asked for less, or asked no more.

    `begun`: in one of the tries the model had begun, which is billed. `new_files`: the request was the first with some files.
    """
    unbilled = isinstance(error, anthropic.APIStatusError) and error.status_code >= 400 and not begun
    match error:
        case _ if worth_retrying(error):
            return ModelOutOfReachError(outage_sentence(error), _stated_wait_seconds(error), unbilled=unbilled)
        case anthropic.NotFoundError() if error.type == "not_found_error" and "model" in error.message:
            return ModelRetiredError(outage_sentence(error), unbilled=unbilled)
        case anthropic.BadRequestError() if TOO_LONG.search(error.message):
            return TooLongError("This conversation is too long for the model.", unbilled=unbilled)
        case _ if new_files and isinstance(error, REFUSALS):
            return FilesNotTakenError(NOT_TAKEN, unbilled=unbilled)
        case anthropic.ContentTooLargeError():
            return TooLongError("This conversation is too long for the model.", unbilled=unbilled)
        case anthropic.BadRequestError() if OF_THE_HISTORY.search(error.message):
            return HistoryNotTakenError(outage_sentence(error), unbilled=unbilled)
        case _:
            return ModelFailedError(outage_sentence(error), unbilled=unbilled)


@dataclass(slots=True)
class AnthropicModel:
    """One client a process; what belongs to a session comes with each request."""

    client: anthropic.AsyncAnthropic
    tries_seconds: float
    _not_taken: set[str] = field(default_factory=set[str])  # tools, as they are sent, that the API refuses

    @classmethod
    def connect(cls, api_key: str, base_url: str | None, patience: Patience = PATIENCE) -> "AnthropicModel":
        """Return a client for this key; `base_url` None is the provider's own API."""
        timeout = httpx2.Timeout(patience.silence_seconds, connect=min(5.0, patience.silence_seconds))
        client = anthropic.AsyncAnthropic(
            api_key=api_key,
            base_url=base_url,
            max_retries=0,
            timeout=timeout,
            http_client=anthropic.DefaultAsyncHttpxClient(verify=certificates()),
            open_telemetry=False,
        )
        return cls(client, patience.tries_seconds)

    async def close(self) -> None:
        """Give up the connections."""
        await self.client.close()

    async def reply(self, request: Request, listener: Listener = DEAF) -> Reply:
        """Return one reply, after as many tries as the time for them allows. Raises ModelFailedError."""
        lost: list[Usage] = []
        retrying = AsyncRetrying(
            retry=retry_if_exception(worth_retrying),
            wait=wait_seconds,
            stop=stop_before_delay(0.0 if request.probe else self.tries_seconds),
            before_sleep=_trace_retry,
            reraise=True,
        )
        try:
            while True:
                asked = self._with_tools_that_are_taken(request)
                try:
                    return replace(await retrying(self._try_once, asked, listener, lost), lost=tuple(lost))
                except anthropic.BadRequestError as error:
                    if not self._leave_out_tool(asked, error.message):
                        raise
        except (anthropic.APIError, httpx2.RequestError, CutStreamError, OddStreamError, ValueError) as error:
            _trace_failed_try(request, int(retrying.statistics["attempt_number"]), error, None)
            log.warning("the model gave no reply: %s", type(error).__name__)
            raise failure(error, begun=bool(lost), new_files=_shows_new_files(request)) from error
        finally:
            telemetry.tried(int(retrying.statistics.get("attempt_number", 0)))

    def _with_tools_that_are_taken(self, request: Request) -> Request:
        if not self._not_taken:
            return request
        tools = tuple(tool for tool in request.pinned.tools if json.dumps(tool) not in self._not_taken)
        return replace(request, pinned=request.pinned.model_copy(update={"tools": tools}))

    def _leave_out_tool(self, request: Request, message: str) -> bool:
        """Leave a tool out of all further requests, if that is what a 400 is about: one tool must not cost an agent all of
        them."""
        found = OF_A_TOOL.search(message)
        tools = request.pinned.tools
        if found is None or int(found[1]) >= len(tools) or len(tools) < 2:
            return False
        tool = tools[int(found[1])]
        log.error("%s is not offered to the model any more, which does not take its schema", tool.get("name"))
        self._not_taken.add(json.dumps(tool))
        return True

    async def _try_once(self, request: Request, listener: Listener, lost: list[Usage]) -> Reply:
        """Make one try. The usage of one that broke off after the model had begun is added to `lost`: the provider bills it."""
        listener.begin()
        begun = StreamedReply()
        try:
            await self._hear(request, begun, listener)
            if begun.stop_reason is None or begun.usage is None:
                raise CutStreamError("the stream ended before its message did")
            return Reply(
                content=tuple(whole(block) for block in begun.blocks),
                stop_reason=code_word(begun.stop_reason, "strange"),
                usage=begun.usage,
                unusable=begun.unusable,
            )
        except BaseException:
            if (billed := begun.lost(CHARACTERS_PER_TOKEN)) is not None:
                lost.append(billed)
            raise

    async def _hear(self, request: Request, begun: StreamedReply, listener: Listener) -> None:
        """Take in what the model says, up to its end."""
        model, asked_at = request.pinned.model, time.monotonic()
        body = {**request_body(request), "stream": True}
        headers = telemetry.trace_headers()
        options: Any = {"headers": headers}
        stream = await self.client.post(MESSAGES, cast_to=object, body=body, options=options, stream=True, stream_cls=Events)
        async with stream:
            async for event in json_events(aiter(stream)):
                silent = begun.usage is None
                if words := begun.take(event):
                    listener.text(words)
                if silent and begun.usage is not None:
                    seconds = time.monotonic() - asked_at
                    metrics.first_chunk(model, seconds)
                    telemetry.reply_begun(model, begun.model, begun.id, seconds)


def _shows_new_files(request: Request) -> bool:
    """Return whether the message that has no reply yet has files."""
    return any(files_in(request.messages[-1]["content"]))


def request_body(request: Request) -> dict[str, Any]:
    """Return what is sent. It does not depend on the purpose: any other setting would make the provider's cache useless."""
    model = request.pinned.model
    sent = {"model": model, "max_tokens": request.max_tokens, **caching.cached_body(request)}
    return {**sent, "thinking": SHOWN_THINKING} if THINKS.match(model) else sent
