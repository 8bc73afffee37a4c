"""A model whose reply is cut within a character, over HTTP."""

import json
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from agent.model.anthropic import AnthropicModel
from agent.model.port import Request
from agent.types import Pinned

EVENTS: tuple[dict[str, Any], ...] = (
    {
        "type": "message_start",
        "message": {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude-sonnet-5-5",
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": 1, "output_tokens": 1},
        },
    },
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Six \ud83d"}},  # cut within a pair
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "\ude00 and \ud83d."}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": 9}},
    {"type": "message_stop"},
)


async def test_a_models_reply_with_half_a_character_can_be_stored() -> None:
    async def answer(_: web.Request) -> web.Response:
        stream = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in EVENTS)
        return web.Response(text=stream, content_type="text/event-stream")

    site = web.Application()
    site.add_routes([web.post("/v1/messages", answer)])
    server = TestServer(site)
    async with server:
        model = AnthropicModel.connect("a key", str(server.make_url("/")))
        pinned = Pinned(model="claude-sonnet-5-5", system="You help.", tools=())
        reply = await model.reply(Request(pinned, [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}], 100))
        await model.close()
    assert reply.content == ({"type": "text", "text": "Six 😀 and \ufffd."},)


async def test_a_call_with_half_a_character_in_its_arguments_is_a_call() -> None:
    pieces = ['{"note": "Six \\ud8', "3d and \\ud83d\\ude", "00 and C:\\\\ud83d \ud83d", '\ude00 \ud83d", "end": "\\ud83d', '"}']
    block: dict[str, Any] = {"type": "tool_use", "id": "toolu_1", "name": "note", "input": {}}
    deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
    events: tuple[dict[str, Any], ...] = (
        EVENTS[0],
        {"type": "content_block_start", "index": 0, "content_block": block},
        *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
        *EVENTS[-3:],
    )

    async def answer(_: web.Request) -> web.Response:
        stream = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
        return web.Response(text=stream, content_type="text/event-stream")

    site = web.Application()
    site.add_routes([web.post("/v1/messages", answer)])
    async with TestServer(site) as server:
        model = AnthropicModel.connect("a key", str(server.make_url("/")))
        pinned = Pinned(model="claude-sonnet-5-5", system="You help.", tools=())
        reply = await model.reply(Request(pinned, [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}], 100))
        await model.close()
    assert reply.content[0]["input"] == {"note": "Six \ufffd and \U0001f600 and C:\\ud83d \U0001f600 \ufffd", "end": "\ufffd"}
