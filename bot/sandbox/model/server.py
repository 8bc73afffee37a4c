"""The Messages API on 127.0.0.1, answered by a script."""

import asyncio
import inspect
import json
import secrets
import socket
import struct
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from .answer import Answer, answer
from .faults import Cut, ErrorInStream, Fault, Garbage, ModelFaults, Refuse, Reset, Silence, Slow
from .message_rules import mark_of
from .models import ModelCard, Models
from .refusal import Refusal, not_found, unauthenticated
from .reply import as_reply
from .request import Request
from .rules import OLD_VERSION, VERSION, check, decode
from .scripts import Script
from .shop import shop_assistant
from .usage import PromptCache, input_tokens_of

MOST_BYTES = 32 * 1024 * 1024  # request size limit of the Messages API


class Arrived(dict[str, Any]):
    """The body of a request, with its headers (names in lower case)."""

    def __init__(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        super().__init__(body)
        self.headers = headers


@dataclass(frozen=True)
class RefusedRequest:
    """A request that got no answer from the script: refused by a check, or the script failed (status 500)."""

    status: int
    type: str
    message: str
    path: str
    body: Mapping[str, Any]


class ScriptedModel:
    """A model API for `async with`: point ANTHROPIC_BASE_URL at `base_url` and ANTHROPIC_API_KEY at `api_key`.

    `requests` has every body that arrived at /v1/messages, also those that were refused or met a fault. `refusals` has
    what the checks refused and where the script failed: a test of a healthy bot asserts that it is empty. A request
    that a fault turned away is not among them, and no script sees it. `pace_seconds` pass before each event of a stream.

    Wide because it stands in for a whole API: its address and key, its script, its faults, and what it was asked.
    """

    def __init__(self, script: Script | None = None, *, port: int = 0, pace_seconds: float = 0.0) -> None:
        self.script: Script = script or shop_assistant
        self.api_key = "sk-ant-sandbox-" + secrets.token_hex(12)
        self.base_url = ""
        self.requests: list[Arrived] = []
        self.usages: list[Mapping[str, Any]] = []  # of the answers, in order
        self.refusals: list[RefusedRequest] = []
        self.faults = ModelFaults()
        self.models = Models()
        self.cache = PromptCache()
        self._paused: set[str] = set()  # replies that stopped for a pause
        self._port = port
        self._pace_seconds = pace_seconds
        self._leaving = asyncio.Event()
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=MOST_BYTES)
        app.router.add_post("/v1/messages", self._messages)
        app.router.add_post("/v1/messages/count_tokens", self._count_tokens)
        app.router.add_get("/v1/models", self._list_models)
        app.router.add_get("/v1/models/{id}", self._one_model)
        app.router.add_route("*", "/{path:.*}", self._nothing_here)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        port = self._runner.addresses[0][1]
        self.base_url = f"http://127.0.0.1:{port}"
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._leaving.set()
        if self._runner:
            await self._runner.cleanup()

    # ------------------------------------------------------------------------------------------ endpoints

    async def _messages(self, http: web.Request) -> web.StreamResponse:
        body: dict[str, Any] = {}
        try:
            body = decode(await http.read())
            self.requests.append(Arrived(body, _headers(http)))
            self._authenticate(http)
            card = check(body, self.models, version=http.headers["anthropic-version"], paused=self._paused)
            if refusal := self.faults.refuses(body["messages"]):
                return _error(refusal, 400, {})
            fault = self.faults.take()
            if isinstance(fault, Refuse):
                return _error(fault.refusal, fault.status, dict(fault.headers))
            if isinstance(fault, Reset):
                return _reset(http)
            if isinstance(fault, Silence):
                await self._pause(fault.seconds)
            finished = await self._ask(Request(body, _headers(http)), card)
        except Refusal as refusal:
            return self._refuse(refusal, http, body)
        if body.get("stream"):
            return await self._stream(http, finished, fault)
        return await self._whole(http, finished, fault)

    async def _count_tokens(self, http: web.Request) -> web.Response:
        body: dict[str, Any] = {}
        try:
            body = decode(await http.read())
            self._authenticate(http)
            check(body, self.models, version=http.headers["anthropic-version"], counting=True)
        except Refusal as refusal:
            return self._refuse(refusal, http, body)
        return _json({"input_tokens": input_tokens_of(body)})

    async def _list_models(self, http: web.Request) -> web.Response:
        try:
            self._authenticate(http)
        except Refusal as refusal:
            return self._refuse(refusal, http, {})
        stages = {*http.query.getall("lifecycle", []), *http.query.getall("lifecycle[]", [])}
        return _json(self.models.page(http.query, frozenset(stages)))

    async def _one_model(self, http: web.Request) -> web.Response:
        try:
            self._authenticate(http)
            card = self.models.get(http.match_info["id"])
            if card is None:
                raise not_found(f"model: {http.match_info['id']}")
        except Refusal as refusal:
            return self._refuse(refusal, http, {})
        return _json(card.to_json())

    async def _nothing_here(self, http: web.Request) -> web.Response:
        return self._refuse(not_found("Not Found"), http, {})

    # ------------------------------------------------------------------------------------------ steps

    def _authenticate(self, http: web.Request) -> None:
        if "anthropic-version" not in http.headers:
            raise Refusal("anthropic-version: header is required")
        if http.headers["anthropic-version"] not in (OLD_VERSION, VERSION):
            raise Refusal(f"anthropic-version: {http.headers['anthropic-version']!r} is not a valid version")
        key, bearer = http.headers.get("x-api-key"), http.headers.get("authorization")
        if key is None and bearer is None:
            raise unauthenticated("x-api-key header is required")
        if key is not None and key != self.api_key:  # it is the one that counts where both are sent
            raise unauthenticated("invalid x-api-key")
        if key is None and bearer != f"Bearer {self.api_key}":
            raise unauthenticated("Invalid bearer token")

    async def _ask(self, request: Request, card: ModelCard) -> Answer:
        """Return the script's answer. Whatever a script raises becomes a loud 500."""
        usage = self.cache.input_usage(request.body)
        try:
            given = self.script(request)
            reply = as_reply(await given if inspect.isawaitable(given) else given)
            finished = answer(reply, request, card, usage)
        except Exception as error:
            traceback.print_exc()
            raise Refusal(f"The script failed: {error}", "api_error") from error
        if finished.message["stop_reason"] == "pause_turn":
            self._paused.add(mark_of(finished.message["content"]))
        self.usages.append(finished.message["usage"])
        return finished

    def _refuse(self, refusal: Refusal, http: web.Request, body: Mapping[str, Any]) -> web.Response:
        kept = RefusedRequest(refusal.status, refusal.type, refusal.message, http.path, body)
        self.refusals.append(kept)
        # A failed script fails again: say so, for clients that heed it.
        return _error(refusal, refusal.status, {"x-should-retry": "false"} if refusal.status == 500 else {})

    async def _pause(self, seconds: float) -> None:
        """Wait, but not beyond the end of the server."""
        try:
            async with asyncio.timeout(seconds):
                await self._leaving.wait()
        except TimeoutError:
            return

    # ------------------------------------------------------------------------------------------ answers

    async def _whole(self, http: web.Request, finished: Answer, fault: Fault | None) -> web.StreamResponse:
        text = json.dumps(finished.message, ensure_ascii=False)
        if isinstance(fault, ErrorInStream):
            return _error(fault.refusal, fault.refusal.status, {})
        if isinstance(fault, Garbage):
            text = text[: len(text) // 2]
        if not isinstance(fault, Cut):
            return web.Response(text=text, content_type="application/json", headers=_response_headers())
        half = web.StreamResponse(headers={**_response_headers(), "content-type": "application/json"})
        half.content_length = len(text.encode())
        await half.prepare(http)
        await half.write(text.encode()[: len(text) // 2])
        return _reset(http)

    async def _stream(self, http: web.Request, finished: Answer, fault: Fault | None) -> web.StreamResponse:
        headers = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}
        stream = web.StreamResponse(headers={**_response_headers(), **headers})
        await stream.prepare(http)
        for sent, (name, data) in enumerate(finished.events()):
            if pause := fault.seconds_per_event if isinstance(fault, Slow | Cut) else self._pace_seconds:
                await self._pause(pause)
            if isinstance(fault, Garbage) and sent == 2:
                await stream.write(b"event: content_block_delta\ndata: {not json\n\n")
            if isinstance(fault, Cut | ErrorInStream) and sent == fault.after_events:
                if isinstance(fault, Cut) and not fault.clean:
                    return _reset(http)
                if isinstance(fault, ErrorInStream):
                    await stream.write(_sse("error", fault.refusal.to_json(_request_id())))
                break
            await stream.write(_sse(name, data))
        await stream.write_eof()
        return stream


def _reset(http: web.Request) -> web.Response:
    """Cut the connection so that the peer sees a reset, not an end."""
    transport = http.transport
    if transport is not None:
        connection: socket.socket | None = transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return web.Response()  # goes nowhere


def _sse(name: str, data: Mapping[str, Any]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


def _json(body: Mapping[str, Any]) -> web.Response:
    return web.json_response(body, headers=_response_headers())


def _error(refusal: Refusal, status: int, headers: Mapping[str, str]) -> web.Response:
    own = _response_headers()
    return web.json_response(refusal.to_json(own["request-id"]), status=status, headers={**own, **headers})


def _response_headers() -> dict[str, str]:
    return {"request-id": _request_id(), "anthropic-organization-id": "00000000-0000-4000-8000-000000000000"}


def _request_id() -> str:
    return "req_01" + secrets.token_hex(11)


def _headers(http: web.Request) -> dict[str, str]:
    return {name.lower(): value for name, value in http.headers.items()}
