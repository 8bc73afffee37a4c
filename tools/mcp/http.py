"""Streamable HTTP: each request is a POST, and what comes back is told as the few things that it can mean.

The SDK's transport, but for what it makes of a response: it looks at content types and at its own models first, and says
"invalid request" of calls that ran. Here a call of a tool ends in a `Fate`, and any other request that fails ends in an error of
that request alone.
"""

import logging
from codecs import BOM_UTF8
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
import httpx2
from httpx2 import EventSource, ServerSentEvent
from mcp.client._transport import TransportStreams
from mcp.client.streamable_http import RequestContext, StreamableHTTPTransport, StreamWriter
from mcp.shared._context_streams import create_context_streams
from mcp.shared._httpx_utils import stream_within_origin
from mcp.shared.message import SessionMessage
from mcp_types import INTERNAL_ERROR, ErrorData, JSONRPCError, JSONRPCRequest, RequestId

from agent.certificates import certificates
from agent.foreign_json import members
from tools.mcp.fates import Fate, NotSent, TurnedAway, Unclear, answer_in, of_response
from tools.mcp.messages import Calls, fated, incoming, outgoing, read_messages
from tools.mcp.server import Remote

log = logging.getLogger(__name__)

MOST_BYTES = 64 * 1024 * 1024  # of one message
MOST_REFUSAL_BYTES = 64 * 1024  # that are read of a response with an error status
WORDS_CHARACTERS = 200  # of such a response that people read
CONNECT_SECONDS = 10.0
SILENCE_SECONDS = 15 * 60.0  # a call ends by its own time limit, long before that

BEFORE_SENDING = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.UnsupportedProtocol, httpx2.InvalidURL)
ON_THE_WAY = (httpx2.HTTPError, httpx2.StreamError, httpx2.SSEError)


class Posts(StreamableHTTPTransport):
    """The SDK's transport with this border."""

    def __init__(self, url: str) -> None:
        super().__init__(url, max_sse_event_size=MOST_BYTES)
        self._calls = Calls()

    async def _handle_post_request(self, ctx: RequestContext) -> None:
        message = ctx.session_message.message
        is_call = self._calls.sent(message)
        given = ctx.metadata.headers if ctx.metadata is not None and ctx.metadata.headers is not None else {}
        headers = {**self._prepare_headers(), **_trace_of(message), **given}
        try:
            async with stream_within_origin(ctx.client, "POST", self.url, content=outgoing(message), headers=headers) as response:
                if isinstance(message, JSONRPCRequest):
                    await self._answer(ctx, response, message)
        except BEFORE_SENDING as error:
            await self._end(ctx.read_stream_writer, message, NotSent(str(error) or type(error).__name__))
        except ON_THE_WAY as error:
            await self._end(ctx.read_stream_writer, message, Unclear(str(error) or type(error).__name__))
        except Exception as error:  # of ours or a library's: it costs this request, and not the connection
            log.exception("the response to %s could not be taken in", getattr(message, "method", "a response"))
            await self._end(ctx.read_stream_writer, message, Unclear(type(error).__name__))
        finally:
            if is_call and isinstance(message, JSONRPCRequest):
                self._calls.ended(message.id)

    async def _answer(self, ctx: RequestContext, response: httpx2.Response, request: JSONRPCRequest) -> None:
        """Take a response in: a stream of events as long as it lasts, anything else whole."""
        good = 200 <= response.status_code < 300
        if good and self._is_initialization_request(request):
            self._maybe_extract_session_id_from_response(response)
        if good and response.headers.get("content-type", "").lower().startswith("text/event-stream"):
            await self._handle_sse_response(response, ctx)
            return
        body = await _body(response, MOST_BYTES if good else MOST_REFUSAL_BYTES)
        found = [one for one in await _messages(body, response) if answer_in(one) is not None]
        ours = [one for one in found if self._names(one, request.id)]
        stated = [one for one in found if "jsonrpc" in one]  # without it and our id it is an answer to something else
        message = next(iter([*ours, *stated]), None)
        if message is not None and self._calls.find(request.id) is None:  # another request than a call
            told = incoming(message, self._calls, request.id)
            if told is not None and (good or isinstance(told.message, JSONRPCError)):
                await _hand_over(ctx.read_stream_writer, told)
                return
        answer = answer_in(message) if message is not None else None
        said = "" if found else _words(body)
        in_session = self.session_id is not None
        fate = of_response(response.status_code, answer, ours=bool(ours), in_session=in_session, said=said)
        await self._end(ctx.read_stream_writer, request, fate)

    @staticmethod
    def _names(message: Mapping[str, Any], id: RequestId) -> bool:
        """Return whether an answer names this request: some servers make a text of a number."""
        return not isinstance(message.get("id"), bool) and str(message.get("id")) == str(id)

    async def _handle_sse_event(
        self,
        sse: ServerSentEvent,
        read_stream_writer: StreamWriter,
        original_request_id: RequestId | None = None,
        resumption_callback: Callable[[str], Awaitable[None]] | None = None,
    ) -> bool:
        """Take in the messages of one event; whether the request that the stream is for is answered."""
        over = False
        if sse.event == "message" and sse.data:
            for one in await read_messages(sse.data.encode("utf-8", "surrogatepass")):
                told = incoming(one, self._calls, None if answer_in(one) is None else original_request_id)
                if told is not None:
                    await _hand_over(read_stream_writer, told)
                    over = over or answer_in(one) is not None
        if sse.id and resumption_callback is not None:
            await resumption_callback(sse.id)
        return over

    async def _end(self, writer: StreamWriter, message: Any, fate: Fate) -> None:
        """End a request, if it is one."""
        if not isinstance(message, JSONRPCRequest):
            return
        if self._calls.find(message.id) is not None:
            await _hand_over(writer, fated(message.id, fate))
            return
        told = f"HTTP status {fate.in_words}" if isinstance(fate, TurnedAway) else getattr(fate, "why", "no answer")
        error = ErrorData(code=INTERNAL_ERROR, message=str(told))
        await _hand_over(writer, SessionMessage(JSONRPCError(jsonrpc="2.0", id=message.id, error=error)))


def _trace_of(message: Any) -> Mapping[str, str]:
    """Return as headers what the SDK has put into a request of which span it is part: most servers look only there."""
    meta = members(members(getattr(message, "params", None)).get("_meta"))
    return {name: value for name in ("traceparent", "tracestate") if isinstance(value := meta.get(name), str)}


async def _hand_over(writer: StreamWriter, message: SessionMessage) -> None:
    with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):  # nobody waits for it any more
        await writer.send(message)


async def _body(response: httpx2.Response, most: int) -> bytes:
    """Return the body, as far as it is read."""
    body = bytearray()
    async for part in response.aiter_bytes():
        body += part
        if len(body) >= most:
            break
    return bytes(body[:most])


async def _messages(body: bytes, response: httpx2.Response) -> list[Mapping[str, Any]]:
    """Return the messages in a body, whatever its content type says: those of events too, where it has some."""
    if body.removeprefix(BOM_UTF8).lstrip()[:1] in (b"{", b"["):
        return await read_messages(body)
    events = {"content-type": "text/event-stream"}
    whole = httpx2.Response(response.status_code, content=body, headers=events, request=response.request)
    found: list[Mapping[str, Any]] = []
    with suppress(httpx2.SSEError):
        async for event in EventSource(whole, max_event_size=MOST_BYTES):
            if event.event == "message" and event.data.lstrip()[:1] in ("{", "["):
                found += await read_messages(event.data.encode("utf-8", "surrogatepass"))
    return found


def _words(body: bytes) -> str:
    """Return what a body says that is no answer, on one line; nothing of a page for browsers."""
    text = " ".join(body[: 4 * WORDS_CHARACTERS].decode("utf-8", "replace").split())
    return "" if text.startswith("<") else text[:WORDS_CHARACTERS]


@asynccontextmanager
async def posting(server: Remote) -> AsyncGenerator[TransportStreams]:
    """Keep the way to a server over HTTP, for as long as the block runs: the SDK's `streamable_http_client`, with `Posts`."""
    transport = Posts(server.url)
    timeout = httpx2.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS)
    told, read_stream = create_context_streams[SessionMessage | Exception](0)
    write_stream, asked = create_context_streams[SessionMessage](0)
    async with (
        httpx2.AsyncClient(headers=dict(server.headers), timeout=timeout, verify=certificates()) as client,
        told,
        read_stream,
        write_stream,
        asked,
        anyio.create_task_group() as tasks,
    ):

        def listen() -> None:
            tasks.start_soon(transport.handle_get_stream, client, told)

        tasks.start_soon(transport.post_writer, client, asked, told, write_stream, listen, tasks)
        try:
            yield read_stream, write_stream
        finally:
            if transport.session_id:
                await transport.terminate_session(client)
            tasks.cancel_scope.cancel()
