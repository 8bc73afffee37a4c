"""An MCP server over HTTP as bad as they come: its writes are lines in a ledger, and it answers as it likes.

What is really true of each call stands in `calls`: whether it ran, and whether its answer went out whole.
"""

import asyncio
import json
import secrets
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from time import time
from types import TracebackType
from typing import Any, Literal, Self

from aiohttp import web

from tests.chaos.names import WRITE

BOT_HEADER = "X-Chaos-Bot"
Kind = Literal["answered", "turned away", "unclear"]
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
OBJECT: dict[str, Any] = {
    "type": "object",
    "properties": {"what": {"type": "string"}, "count": {"type": "integer"}},
    "required": ["what"],
}
READS = {"readOnlyHint": True, "openWorldHint": False}
PAIR = {"type": "array", "items": [{"type": "number"}, {"type": "number"}]}
TOOLS: tuple[Any, ...] = (
    {"name": "book", "description": "Books something. Calling it again books again.", "inputSchema": OBJECT},
    {"name": "look", "description": "Looks something up.", "inputSchema": OBJECT, "annotations": READS},
    {"name": "nothing", "inputSchema": None},
    {"name": "missing"},
    None,
    {"name": "titled", "inputSchema": OBJECT, "annotations": {"title": 5}},
    {"name": "either", "inputSchema": {"type": ["object", "null"], "properties": {}}},
    {"name": "pair", "inputSchema": {"$schema": "http://json-schema.org/draft-07/schema#", **OBJECT, "properties": {"p": PAIR}}},
    {"name": "task", "inputSchema": OBJECT, "execution": {"taskSupport": "required"}},
    {"name": "slow", "inputSchema": {**OBJECT, "properties": {"what": {"type": "string", "pattern": r"^(\w+\s?)*$"}}}},
)
ABOUT: dict[str, Any] = {
    "protocolVersion": "2025-06-18",
    "serverInfo": {"name": "bookings", "version": "1"},
    "capabilities": {"tools": {}},
}
RESULTS = (
    '{"content": [{"type": "text", "text": "booked"}]}',
    '{"content": [{"type": "text", "text": "booked"}], "structuredContent": {"n": 19.99}}',
    '{"structuredContent": {"n": 1e400}}',
    '{"content": [{"type": "text", "text": "booked \\ud83d"}]}',
    '{"content": [{"type": "image", "data": "' + PNG + '", "mimeType": "image/png"}, {"type": "text", "text": "booked"}]}',
    '{"content": [{"type": "image", "data": "aGk="}]}',
    '{"content": null}',
    '{"content": [null, 3, "booked", {"type": "hologram"}]}',
    "null",
)
TYPES = ("application/json", "text/plain", "text/html", "text/event-stream", None)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server does on a call, and what comes back. Status 0: the connection is cut."""

    kind: Kind
    runs: bool
    status: int
    body: str = ""
    content_type: str | None = "application/json"
    cut: bool = False
    seconds: float = 0.0  # between the two


@dataclass(frozen=True, slots=True)
class Arrived:
    """One call of a write that arrived, as it was. `answered_at`: when its whole answer had gone out; 0: it has not."""

    write: str
    bot: str  # whose call it is
    at: float
    answer: Answer
    answered_at: float = 0.0


def well(random: Random, runs: bool = True) -> Answer:
    """An answer to the call, in one of the forms that servers give it."""
    body = '{"jsonrpc": "2.0", "id": $ID, "result": ' + random.choice(RESULTS) + "}"
    if random.random() < 0.2:
        code = random.choice((-32602, -32603, -32000, 0, 500))
        body = f'{{"jsonrpc": "2.0", "id": $ID, "error": {{"code": {code}, "message": "sold out"}}}}'
        runs = random.random() < 0.5  # a tool may fail before it has done anything, and after
        if random.random() < 0.5:
            return Answer("answered", runs, random.choice((400, 500, 503)), body)
    content_type = random.choice(TYPES)
    body = f"event: message\ndata: {body}\n\n" if content_type == "text/event-stream" else body
    return Answer("answered", runs, 200, body, content_type, seconds=random.choice((0.0, 0.0, 0.5, 2.0)))


def odd(random: Random) -> Answer:
    """Whatever a server, and what is in front of it, may do to a call."""
    drawn, runs = random.random(), random.random() < 0.5
    if drawn < 0.45:
        return well(random)
    if drawn < 0.6:
        return Answer("turned away", False, random.choice((401, 403, 404, 405, 413, 429, 302)), "no", "text/html")
    if drawn < 0.72:
        return Answer("unclear", runs, random.choice((500, 502, 503, 504)), "<html>", "text/html")
    if drawn < 0.88:
        return Answer("unclear", runs, 0)
    body = '{"jsonrpc": "2.0", "id": $ID, "result": {"content": []}}'
    if drawn < 0.95:
        return Answer("unclear", runs, 200, body[: random.choice((10, len(body)))], cut=True)
    return Answer("unclear", runs, 200, ": ping\n\n", "text/event-stream")


@dataclass
class Bookings:
    """The server. `mood` says what it does on the next call of a write."""

    random: Random
    mood: Callable[[Random], Answer] = well
    calls: list[Arrived] = field(default_factory=list[Arrived])
    ledger: list[str] = field(default_factory=list[str])
    sessions_begun: int = 0
    refused: int = 0  # calls that named a session which it had forgotten
    url: str = ""
    _sessions: set[str] = field(default_factory=set[str])
    _of: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    async def __aenter__(self) -> Self:
        site = web.Application()
        site.add_routes([web.post("/mcp", self._post)])
        self._runner = web.AppRunner(site, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/mcp"
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._runner.cleanup()

    def forget(self) -> None:
        """Know no session any more, as after a deploy."""
        self._sessions.clear()

    def arrivals(self, write: str) -> list[Arrived]:
        """Every call of this write."""
        return [self.calls[at] for at in self._of[write]]

    async def _post(self, request: web.Request) -> web.StreamResponse:
        message = await request.json()
        method = message["method"]
        if method == "initialize":
            session = secrets.token_hex(4)
            self._sessions.add(session)
            self.sessions_begun += 1
            return _result(message["id"], ABOUT, {"Mcp-Session-Id": session})
        if "id" not in message:
            return web.Response(status=202)
        if request.headers.get("Mcp-Session-Id") not in self._sessions:
            self.refused += method == "tools/call"
            return web.Response(status=self.random.choice((404, 404, 400)), text="no such session")
        if method == "tools/call":
            return await self._call(request, message)
        if method == "tools/list":
            return _result(message["id"], {"tools": TOOLS})
        return web.json_response({"jsonrpc": "2.0", "id": message["id"], "error": {"code": -32601, "message": "no such method"}})

    async def _call(self, request: web.Request, message: Any) -> web.StreamResponse:
        if message["params"]["name"] == "look":
            answer = well(self.random)
            return await self._send(request, message, answer)
        [write] = WRITE.findall(str(message["params"]["arguments"]["what"]))
        answer = self.mood(self.random)
        self._of[write].append(len(self.calls))
        index = len(self.calls)
        self.calls.append(Arrived(write, request.headers.get(BOT_HEADER, ""), time(), answer))
        if answer.runs:
            self.ledger.append(write)
        if answer.seconds:
            await asyncio.sleep(answer.seconds)  # as a tool that takes its time
        response = await self._send(request, message, answer)
        if answer.kind == "answered":
            self.calls[index] = replace(self.calls[index], answered_at=time())
        return response

    async def _send(self, request: web.Request, message: Any, answer: Answer) -> web.StreamResponse:
        if answer.status == 0:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        body = answer.body.replace("$ID", json.dumps(message["id"])).encode("utf-8", "surrogatepass")
        headers = {"Content-Type": answer.content_type} if answer.content_type else {}
        if answer.cut:
            headers["Content-Length"] = str(len(body) + 10)
        elif answer.status == 302:
            headers["Location"] = "https://elsewhere.example/"
        response = web.StreamResponse(status=answer.status, headers=headers)
        if answer.content_type is None:
            response.headers.popall("Content-Type", None)
        await response.prepare(request)
        await response.write(body)
        if answer.cut:
            assert request.transport is not None
            request.transport.abort()
        else:
            await response.write_eof()
        return response


def _result(id: Any, result: Any, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response({"jsonrpc": "2.0", "id": id, "result": result}, headers=headers)
