"""Halves of characters from outside: joined or replaced, so that everything can be stored and sent on."""

import json
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st

from agent.characters import whole
from agent.model import AnthropicModel
from agent.ports import Request
from agent.types import Pinned

UNITS = st.text(st.characters(exclude_categories=[]) | st.sampled_from("\ud83d\ude00"))  # surrogates included


@pytest.mark.parametrize(
    ("torn", "mended"),
    [
        ("\ud83d\ude00", "😀"),
        ("a \ud83d b", "a \ufffd b"),
        ("\ude00\ud83d", "\ufffd\ufffd"),
        ({"k\ud83d": ["\ud83d", {"n": 10**30, "x": None}]}, {"k\ufffd": ["\ufffd", {"n": 10**30, "x": None}]}),
    ],
)
def test_pairs_are_joined_and_halves_replaced(torn: object, mended: object) -> None:
    assert whole(torn) == mended


@given(UNITS)
def test_whatever_comes_can_be_written_afterwards_and_good_text_stays_as_it_is(text: str) -> None:
    assert whole(text).encode().decode() == whole(text)
    assert whole(whole(text)) == whole(text)
    if not any("\ud800" <= letter <= "\udfff" for letter in text):
        assert whole(text) is text


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
