"""A server over streamable HTTP by hand, of the 2025 protocol: what is sent to it, and what its failures become."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from agent.tool.definition import Effect
from tests.mcp.conftest import kept, until
from tools.mcp import Remote, Server


@dataclass
class Plain:
    """Answers as a stream of events. `fails`: statuses that the next calls get instead, 0 for a connection that is cut."""

    url: str = ""
    headers: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    methods: list[str] = field(default_factory=list[str])
    fails: list[int] = field(default_factory=list[int])
    sessions: int = 0
    go: asyncio.Event = field(default_factory=asyncio.Event)  # calls are answered once it is set

    async def post(self, request: web.Request) -> web.StreamResponse:
        message = await request.json()
        method = str(message["method"])
        self.headers.append(dict(request.headers))
        self.methods.append(method)
        if "id" not in message:
            return web.Response(status=202)
        if method == "tools/call" and self.fails:
            status = self.fails.pop()
            if status == 0:
                assert request.transport is not None
                request.transport.abort()
            return web.Response(status=status or 500, text="no")
        if method == "tools/call":
            await self.go.wait()
        if method == "tools/list" and request.headers.get("Mcp-Session-Id") != f"s{self.sessions}":
            return web.Response(status=404)
        if method == "initialize":
            self.sessions += 1
        result = {"jsonrpc": "2.0", "id": message["id"], **self._answer(method)}
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Mcp-Session-Id": f"s{self.sessions}"})
        await stream.prepare(request)
        await stream.write(f"event: message\ndata: {json.dumps(result)}\n\n".encode())
        return stream

    def _answer(self, method: str) -> dict[str, Any]:
        match method:
            case "initialize":
                about: dict[str, Any] = {"serverInfo": {"name": "plain", "version": "1"}, "capabilities": {"tools": {}}}
                return {"result": {"protocolVersion": "2025-06-18", **about}}
            case "tools/list":
                return {"result": {"tools": [{"name": "big", "inputSchema": {"type": "object"}}]}}
            case "tools/call":
                return {"result": {"content": [{"type": "text", "text": "x" * 5_000_000}]}}
            case _:
                return {"error": {"code": -32601, "message": "Method not found"}}


@pytest.fixture
async def plain() -> AsyncIterator[Plain]:
    """The server, running."""
    plain = Plain()
    plain.go.set()
    site = web.Application()
    site.add_routes([web.post("/mcp", plain.post), web.delete("/mcp", _gone)])
    runner = web.AppRunner(site, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    plain.url = f"http://127.0.0.1:{runner.addresses[0][1]}/mcp"
    yield plain
    await runner.cleanup()


async def _gone(_: web.Request) -> web.Response:
    return web.Response(status=204)


async def test_five_megabytes_come_as_one_event_and_the_headers_are_sent(plain: Plain) -> None:
    async with kept(Server(name="plain", reach=Remote(plain.url, {"Authorization": "Bearer k"}))) as world:
        assert world.tools()["plain__big"].effect is Effect.WRITE
        assert len((await world.call("plain__big")).result["text"]) == 5_000_000
    assert {headers["Authorization"] for headers in plain.headers} == {"Bearer k"}


@pytest.mark.parametrize("status", [0, 500])
async def test_an_error_of_http_leaves_open_what_was_done_and_costs_no_other_call(plain: Plain, status: int) -> None:
    async with kept(Server(name="plain", reach=Remote(plain.url))) as world:
        plain.go.clear()
        other = asyncio.create_task(world.call("plain__big"))
        await until(lambda: "tools/call" in plain.methods)
        plain.fails = [status]
        result = await world.call("plain__big")
        assert (result.error, result.unclear) == ("unexpected", True)
        assert "What it did until then is not known." in str(result.detail)
        plain.go.set()
        assert (await other).ok
    assert plain.methods.count("tools/call") == 2
