"""A server for embeddings on this machine, which does what a test tells it."""

import hashlib
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

DIMENSIONS = 8


@dataclass
class Server:
    """What it was asked, and what it says next instead of an answer."""

    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    keys: list[str | None] = field(default_factory=list[str | None])
    troubles: list[tuple[int, Mapping[str, str]]] = field(default_factory=list[tuple[int, Mapping[str, str]]])
    instead: Any = None  # the body of an answer with status 200

    async def answer(self, request: web.Request) -> web.Response:
        """Return a vector a text, in any order."""
        body = await request.json()
        self.asked.append(body)
        self.keys.append(request.headers.get("Authorization"))
        if self.troubles:
            status, headers = self.troubles.pop(0)
            return web.Response(status=status, headers=dict(headers))
        if self.instead is not None:
            return web.json_response(self.instead)
        data = [{"index": index, "embedding": numbers(text)} for index, text in enumerate(body["input"])]
        return web.json_response({"data": data[::-1], "model": body["model"], "usage": {"total_tokens": 1}})


def numbers(text: str) -> list[float]:
    """Return a vector that is the same for the same text, of some length."""
    return [byte + 1.0 for byte in hashlib.sha256(text.encode()).digest()[:DIMENSIONS]]


@asynccontextmanager
async def serving() -> AsyncGenerator[Server]:
    """A server for as long as the block runs."""
    server = Server()
    app = web.Application(client_max_size=10_000_000)
    app.router.add_post("/v1/embeddings", server.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    [(_, port)] = runner.addresses
    server.url = f"http://127.0.0.1:{port}/v1/embeddings"
    try:
        yield server
    finally:
        await runner.cleanup()
