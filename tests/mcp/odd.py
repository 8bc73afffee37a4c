"""A server over streamable HTTP, by hand, that answers each call with the response that it is given, and one over stdio."""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from aiohttp import web

from tests.mcp.conftest import HERE
from tools.mcp import Local, Remote, Server

TOOLS: Sequence[Any] = ({"name": "do", "inputSchema": {"type": "object"}},)
ABOUT: dict[str, Any] = {
    "protocolVersion": "2025-06-18",
    "serverInfo": {"name": "odd", "version": "1"},
    "capabilities": {"tools": {}},
}


@dataclass(frozen=True)
class Reply:
    """What the server does on a call, and what it answers. `body`: with $ID for the call's id; `status` 0 cuts the connection."""

    status: int = 200
    content_type: str | None = "application/json"
    body: str = ""
    runs: bool = True
    then: Literal["", "cut"] = ""  # after some of the body
    headers: tuple[tuple[str, str], ...] = ()


@dataclass
class Odd:
    """The server. `reply` is its next answer to a call; `forgets` makes it refuse every session that began before.

    Wide because each field is one way in which a server can be odd, or a count of what it really did.
    """

    url: str = ""
    reply: Reply = Reply()
    tools: Sequence[Any] = TOOLS
    in_sessions: bool = True
    refusing: int = 404  # with which it answers a session that it does not know
    ran: int = 0
    called: int = 0
    listed: int = 0
    sessions: int = 0
    cursors: bool = False
    pages: Sequence[str] = ()  # results of `tools/list` as they are sent, one a request, the last one again and again
    connecting: asyncio.Event = field(default_factory=asyncio.Event)  # nobody is let in while it is not set
    held: dict[str, asyncio.Event] = field(default_factory=dict[str, asyncio.Event])  # calls with `wait` wait for theirs

    def forgets(self) -> None:
        """As after a deploy."""
        self.sessions += 1

    async def post(self, request: web.Request) -> web.StreamResponse:
        message = await request.json()
        method = message["method"]
        known = not self.in_sessions or request.headers.get("Mcp-Session-Id") == f"s{self.sessions}"
        if method == "initialize":
            await self.connecting.wait()
            self.sessions += 1
            headers = {"Mcp-Session-Id": f"s{self.sessions}"} if self.in_sessions else {}
            return web.json_response({"jsonrpc": "2.0", "id": message["id"], "result": ABOUT}, headers=headers)
        if method == "tools/call":
            self.called += 1
            held = self.held.get(str(message["params"]["arguments"].get("wait")))
            if held is None and not known:
                return web.Response(status=self.refusing, text="no such session")
            return await self._call(request, message, held)
        if "id" not in message:
            return web.Response(status=202)
        if method != "tools/list":
            error = {"code": -32601, "message": "Method not found"}
            return web.json_response({"jsonrpc": "2.0", "id": message["id"], "error": error})
        if not known:
            return web.Response(status=self.refusing, text="no such session")
        self.listed += 1
        if self.pages:
            page = self.pages[min(self.listed, len(self.pages)) - 1]
            return web.Response(body=answered(message["id"], page), content_type="application/json")
        told: dict[str, Any] = {"tools": self.tools} | ({"nextCursor": "again"} if self.cursors else {})
        return web.json_response({"jsonrpc": "2.0", "id": message["id"], "result": told})

    async def _call(self, request: web.Request, message: Any, held: asyncio.Event | None) -> web.StreamResponse:
        if held is not None:
            await held.wait()
        reply = self.reply
        self.ran += reply.runs
        if reply.status == 0:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        body = reply.body.replace("$ID", json.dumps(message["id"])).encode("utf-8", "surrogatepass")
        headers = dict(reply.headers) | ({"Content-Type": reply.content_type} if reply.content_type else {})
        if reply.then == "cut":
            stream = web.StreamResponse(status=reply.status, headers=headers | {"Content-Length": str(len(body) + 10)})
            await stream.prepare(request)
            await stream.write(body)
            assert request.transport is not None
            request.transport.abort()
            return stream
        response = web.Response(status=reply.status, body=body, headers=headers)
        if reply.content_type is None:
            response.headers.popall("Content-Type", None)
        return response


def answered(id: Any, result: str) -> bytes:
    """Return an answer with a result as it is written here, which need not be JSON."""
    return f'{{"jsonrpc": "2.0", "id": {json.dumps(id)}, "result": {result}}}'.encode("utf-8", "surrogatepass")


@asynccontextmanager
async def odd_http(**fields: Any) -> AsyncGenerator[tuple[Odd, Server]]:
    """The server, running, and how it is configured."""
    odd = Odd(**fields)
    odd.connecting.set()
    site = web.Application()
    site.add_routes([web.post("/mcp", odd.post)])
    runner = web.AppRunner(site, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    odd.url = f"http://127.0.0.1:{runner.addresses[0][1]}/mcp"
    try:
        yield odd, Server(name="odd", reach=Remote(odd.url), call_seconds=20)
    finally:
        await runner.cleanup()


def odd_stdio(folder: Path, tools: Sequence[Any] = TOOLS, *, written: str = "", **fields: Any) -> Server:
    """The program, as it is configured; its ledger is `ledger` in the folder. `written`: its list, which need not be JSON."""
    (folder / "tools.json").write_text(written or json.dumps({"tools": tools}))
    program = Local(sys.executable, (str(HERE / "odd_program.py"), str(folder / "ledger"), str(folder / "tools.json")))
    return Server(name="odd", reach=program, **fields)
