"""Whatever bytes a model's stream is made of: a reply that can be sent back, or one of our own errors, and never another call."""

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from hypothesis import example, given
from hypothesis import strategies as st

from agent.errors import ModelFailedError
from agent.memory.transcript import Transcript
from agent.model.anthropic import AnthropicModel
from agent.model.normalised import Normalised, normalised
from agent.model.port import Reply, Request
from agent.session.steps import Asked, ModelReplied, ToolReturned
from agent.tool.definition import failed
from agent.types import Pinned, Said
from bot.sandbox.model.message_rules import check_messages
from bot.sandbox.model.models import Models
from bot.sandbox.model.pairing import check_pairing
from tests.patience import PATIENCE_SECONDS
from tests.profiles import examples
from tests.watchdog import watched

Event = dict[str, Any]

CARD = Models().cards["claude-sonnet-5-5"]
REQUEST = Request(
    Pinned(model=CARD.id, system="You help.", tools=({"name": "order", "description": "Orders.", "input_schema": {"type": "object"}},)),
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
    start = {"type": "tool_use", "id": id, "name": "order", "input": {}}
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
EDITS = ("drop", "repeat", "swap", "move")


def edited(events: Sequence[Event], edits: Sequence[tuple[str, int, int]]) -> list[Event]:
    """The events with some lost, repeated, or in another order."""
    found = list(events)
    for kind, at, to in edits:
        if not found:
            break
        at, to = at % len(found), to % len(found)
        match kind:
            case "drop":
                del found[at]
            case "repeat":
                found.insert(to, found[at])
            case "swap":
                found[at], found[to] = found[to], found[at]
            case _:
                found.insert(to, found.pop(at))
    return found


def sent(events: Sequence[Any]) -> bytes:
    """Events as the API sends them."""
    return b"".join(b"event: %s\ndata: %s\n\n" % (str(each["type"]).encode(), json.dumps(each).encode()) for each in events)


@asynccontextmanager
async def streaming(body: bytes, *, cut: bool) -> AsyncGenerator[AnthropicModel]:
    """The real client, and a model that answers with these bytes."""

    async def messages(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for at in range(0, len(body), 700):
            await response.write(body[at : at + 700])
        if cut:
            assert request.transport is not None
            request.transport.abort()
        return response

    site = web.Application()
    site.add_routes([web.post("/v1/messages", messages)])
    runner = web.AppRunner(site, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    model = AnthropicModel.connect("key", f"http://127.0.0.1:{runner.addresses[0][1]}")
    try:
        yield model
    finally:
        await model.close()
        await runner.cleanup()


async def answered(body: bytes, *, cut: bool = False) -> Normalised | None:
    """What is kept of the reply; None: one of our own errors came. What is kept can be written down and sent back."""
    async with streaming(body, cut=cut) as model, watched(), asyncio.timeout(PATIENCE_SECONDS):
        try:
            reply = await model.reply(REQUEST)
        except ModelFailedError as error:
            assert error.sentence
            return None
    return taken_back(reply)


def taken_back(reply: Reply) -> Normalised:
    """What the reply becomes in the log, which the API takes back."""
    transcript = Transcript()
    transcript.add(Asked(said=(Said(user="U1", text="hello", ts="1.0"),)))
    kept = normalised(reply, transcript.call_ids)
    step = ModelReplied(content=kept.content, stop_reason=reply.stop_reason, usage=reply.usage, unusable=kept.unusable)
    assert ModelReplied.model_validate_json(step.model_dump_json()) == step
    transcript.add(step)
    for each in step.content:
        if each["type"] == "tool_use":
            transcript.add(ToolReturned(call_id=str(each["id"]), outcome="failed", text=failed("not_found", "None.").text()))
    transcript.add(Asked(said=(Said(user="U1", text="go on", ts="2.0"),)))
    messages = json.loads(json.dumps(transcript.messages(), allow_nan=False))
    check_messages(messages, CARD)
    check_pairing(messages, has_tools=True)
    return kept


def test_the_stream_as_it_should_be_is_the_reply() -> None:
    kept = asyncio.run(answered(sent(STREAM)))
    assert kept is not None
    assert {each["id"]: each["input"] for each in kept.content if each["type"] == "tool_use"} == CALLS
    assert not kept.unusable


AT = st.integers(0, len(STREAM))
# What may be lost without a trace: words, pings, and a piece of arguments that are JSON without it too.
SILENT = [at for at, each in enumerate(STREAM) if each.get("delta", {}).get("type") != "input_json_delta"]


@examples(1.5)
@given(st.lists(st.tuples(st.sampled_from(EDITS), AT, AT), min_size=1, max_size=3), st.integers(0, 10_000), st.booleans())
def test_events_that_are_lost_or_repeated_make_no_other_call(edits: list[tuple[str, int, int]], end: int, cut: bool) -> None:
    events = edited(STREAM, edits)
    body = sent(events)
    pieces = [each for each in events if each.get("delta", {}).get("type") == "input_json_delta"]
    kept = asyncio.run(answered(body[: end if cut else None], cut=cut))
    if kept is not None and pieces == [each for each in STREAM if each in pieces and each["delta"]["type"] == "input_json_delta"]:
        made = {each["id"]: each["input"] for each in kept.content if each["type"] == "tool_use" and each["id"] not in kept.unusable}
        assert made.items() <= CALLS.items()
