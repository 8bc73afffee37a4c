"""A model that answers with the bytes that it is given, a stream as it should be, and the client that reads both."""

import asyncio
from collections.abc import Sequence
from typing import Any

from aiohttp import web

from agent.errors import ModelFailedError
from agent.model.anthropic import AnthropicModel
from agent.model.port import Reply, Request
from agent.types import Pinned
from bot.sandbox.model.models import Models
from tests.mcp.wild import written
from tests.patience import PATIENCE_SECONDS
from tests.watchdog import watched

Event = dict[str, Any]

CARD = Models().cards["claude-sonnet-5-5"]
ORDER: Any = {"name": "order", "description": "Orders.", "input_schema": {"type": "object"}}
REQUEST = Request(
    Pinned(model=CARD.id, system="You help.", tools=(ORDER,)),
    [{"role": "user", "content": [{"type": "text", "text": "hello"}]}],
    1_000,
    probe=True,  # one try
)


def block(index: int, start: Event, *deltas: Event) -> list[Event]:
    """The events of one content block."""
    return [
        {"type": "content_block_start", "index": index, "content_block": start},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def call(index: int, id: str, *pieces: str) -> list[Event]:
    """The events of a call."""
    start: Event = {"type": "tool_use", "id": id, "name": "order", "input": {}}
    return block(index, start, *({"type": "input_json_delta", "partial_json": piece} for piece in pieces))


STREAM: list[Event] = [
    {
        "type": "message_start",
        "message": {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": CARD.id,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": 10, "output_tokens": 1, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0},
        },
    },
    {"type": "ping"},
    *block(0, {"type": "thinking", "thinking": "", "signature": ""}, {"type": "thinking_delta", "thinking": "Hm."}),
    *block(1, {"type": "text", "text": ""}, {"type": "text_delta", "text": "I or"}, {"type": "text_delta", "text": "der."}),
    *call(2, "toolu_1", '{"sku": "WGT', '-001", "count": 2}'),
    *call(3, "toolu_2", '{"sku": "LMP-7"}'),
    *call(4, "toolu_3"),
    {"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": None}, "usage": {"output_tokens": 40}},
    {"type": "message_stop"},
]
CALLS = {"toolu_1": {"sku": "WGT-001", "count": 2}, "toolu_2": {"sku": "LMP-7"}, "toolu_3": {}}


def sent(events: Sequence[Any]) -> bytes:
    """Events as the API sends them."""
    return b"".join(f"event: {name_of(each)}\ndata: {written(each)}\n\n".encode() for each in events)


def name_of(event: Any) -> str:
    """The name that an event is sent under."""
    return str(event["type"]).encode("ascii", "replace").decode().replace("\n", " ")


class Streams:
    """The real client, and a model that answers each request with the bytes that it is given."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self._runner = runner
        self._body, self._cut = b"", False
        site = web.Application()
        site.add_routes([web.post("/v1/messages", self._stream)])
        self._site = web.AppRunner(site, access_log=None, shutdown_timeout=0.1)
        self._model = runner.run(self._open())

    async def _open(self) -> AnthropicModel:
        await self._site.setup()
        await web.TCPSite(self._site, "127.0.0.1", 0).start()
        return AnthropicModel.connect("key", f"http://127.0.0.1:{self._site.addresses[0][1]}")

    async def _close(self) -> None:
        await self._model.close()
        await self._site.cleanup()

    def close(self) -> None:
        """End both."""
        self._runner.run(self._close())

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for at in range(0, len(self._body), 700):
            await response.write(self._body[at : at + 700])
        if self._cut:
            assert request.transport is not None
            request.transport.abort()
        return response

    def reply(self, body: bytes, *, cut: bool = False) -> Reply | None:
        """The reply; None: one of our own errors came."""
        self._body, self._cut = body, cut
        return self._runner.run(self._reply())

    async def _reply(self) -> Reply | None:
        async with watched(), asyncio.timeout(PATIENCE_SECONDS):
            try:
                return await self._model.reply(REQUEST)
            except ModelFailedError:
                return None
