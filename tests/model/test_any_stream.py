"""Whatever bytes a model's stream is made of: a reply that can be sent back, or one of our own errors, and never another call."""

import asyncio
import copy
import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.foreign_json import members
from agent.memory.transcript import Transcript
from agent.model.normalised import Normalised, normalised
from agent.model.port import Reply
from agent.session.steps import Asked, LeftOut, ModelReplied, ToolReturned
from agent.session.stop_reasons import reason_of
from agent.tool.definition import failed
from agent.types import Said
from bot.sandbox.model.message_rules import FIELDS as KNOWN_FIELDS
from bot.sandbox.model.message_rules import check_messages
from bot.sandbox.model.pairing import check_pairing
from tests.mcp.wild import any_json
from tests.model.streams import CALLS, CARD, STREAM, Event, Streams, block, sent
from tests.profiles import examples

# The SDK's types are not checked as they come; that it warns of what it writes down all the same is no error of ours.
pytestmark = pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")

Edit = tuple[str, int, int]
Change = tuple[tuple[int, tuple[Any, ...]], Any]


@pytest.fixture(scope="module")
def streams() -> Iterator[Streams]:
    """Both, for all tests here."""
    with asyncio.Runner() as runner:
        streams = Streams(runner)
        yield streams
        streams.close()


def taken_back(reply: Reply | None) -> Normalised | None:
    """What the reply becomes in the log, which the API takes back."""
    if reply is None:
        return None
    transcript = Transcript()
    transcript.add(Asked(said=(Said(user="U1", text="hello", ts="1.0"),)))
    kept = normalised(reply, transcript.call_ids)
    step = ModelReplied(content=kept.content, stop_reason=reply.stop_reason, usage=reply.usage, unusable=kept.unusable)
    assert ModelReplied.model_validate_json(step.model_dump_json()) == step
    transcript.add(step)
    if reason_of(step) in ("strange", "refusal"):
        transcript.add(LeftOut())
    for each in step.content if reason_of(step) not in ("strange", "refusal") else ():
        if each["type"] == "tool_use":
            transcript.add(ToolReturned(call_id=str(each["id"]), outcome="failed", text=failed("not_found", "None.").text()))
    transcript.add(Asked(said=(Said(user="U1", text="go on", ts="2.0"),)))
    messages = json.loads(json.dumps(transcript.messages(), allow_nan=False))
    check_messages(messages, CARD)
    check_pairing(messages, has_tools=True)
    return kept


def test_the_stream_as_it_should_be_is_the_reply(streams: Streams) -> None:
    kept = taken_back(streams.reply(sent(STREAM)))
    assert kept is not None
    assert {each["id"]: each["input"] for each in kept.content if each["type"] == "tool_use"} == CALLS
    assert not kept.unusable


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


def paths(value: Any) -> Iterator[tuple[Any, ...]]:
    """The ways to everything in an event."""
    for name, inner in members(value).items():
        yield (name,)
        yield from ((name, *path) for path in paths(inner))


def put(value: Any, path: tuple[Any, ...], new: Any) -> None:
    """Put something in a place of an event, if that is still there."""
    *way, last = path
    for name in way:
        value = members(value).get(name)
    if members(value) is value:
        value[last] = new


AT = st.integers(0, len(STREAM))


@examples(1.5)
@given(st.lists(st.tuples(st.sampled_from(EDITS), AT, AT), min_size=1, max_size=3), st.integers(0, 10_000), st.booleans())
def test_events_that_are_lost_or_repeated_make_no_other_call(streams: Streams, edits: list[Edit], end: int, cut: bool) -> None:
    events = edited(STREAM, edits)
    body = sent(events)
    kept = taken_back(streams.reply(body[: end if cut else None], cut=cut))
    if kept is not None and _pieces(events) == _pieces(STREAM):
        calls = [each for each in kept.content if each["type"] == "tool_use" and each["id"] not in kept.unusable]
        assert all(CALLS.get(str(each["id"])) == each["input"] for each in calls)


def _pieces(events: Sequence[Event]) -> list[Event]:
    """The pieces of arguments: what is left of them may be JSON too, and nobody could tell."""
    return [each for each in events if each.get("delta", {}).get("type") == "input_json_delta"]


# ---------------------------------------------------------------------------------------------- what is in the events

NAMES = st.sampled_from(["type", "index", "delta", "text", "partial_json", "id", "name", "input", "content", "usage"])
JSON = any_json(NAMES)
BLOCK_KINDS = st.sampled_from(
    [
        *("text", "tool_use", "thinking", "redacted_thinking", "server_tool_use", "tool_search_tool_result"),
        *("web_search_tool_result", "fallback", "compaction", "hologram"),
    ]
)
DELTA_KINDS = st.sampled_from(
    ["text_delta", "input_json_delta", "thinking_delta", "signature_delta", "citations_delta", "compaction_delta", "new_delta"]
)
FIELDS = ("text", "thinking", "signature", "data", "id", "name", "input", "tool_use_id", "content", "citations")
STARTS = BLOCK_KINDS.flatmap(
    lambda kind: st.dictionaries(
        st.sampled_from([name for name in FIELDS if name in KNOWN_FIELDS.get(kind, FIELDS)]), JSON, max_size=4
    ).map(lambda fields: {**fields, "type": kind})
)
WORDS = st.sampled_from(["text", "partial_json", "thinking", "signature", "citation"])
PARTS = st.dictionaries(WORDS, JSON | st.text(), max_size=2)
DELTAS = st.tuples(DELTA_KINDS, PARTS).map(lambda drawn: {**drawn[1], "type": drawn[0]})
BLOCKS = st.tuples(STARTS | JSON, st.lists(DELTAS | JSON, max_size=3))
PLACES = [(at, path) for at, each in enumerate(STREAM) for path in paths(each)]


@examples(1)
@given(st.lists(BLOCKS, max_size=3), JSON | st.sampled_from(["end_turn", "tool_use", "new_reason"]), JSON)
def test_any_blocks_are_a_reply_that_can_be_sent_back_or_none(
    streams: Streams, blocks: list[tuple[Any, list[Any]]], reason: Any, usage: Any
) -> None:
    ended = {"stop_reason": reason, "stop_sequence": None}
    last = [{"type": "message_delta", "delta": ended, "usage": usage or {"output_tokens": 4}}, {"type": "message_stop"}]
    events = [event for index, (start, deltas) in enumerate(blocks) for event in block(index, start, *deltas)]
    taken_back(streams.reply(sent([STREAM[0], *events, *last])))


@examples(1)
@given(st.lists(st.tuples(st.sampled_from(PLACES), JSON), min_size=1, max_size=3))
@example([((16, ("content_block", "type")), [])])
def test_any_json_in_an_event_is_a_reply_or_an_error_of_ours(streams: Streams, changes: list[Change]) -> None:
    events = copy.deepcopy(STREAM)
    for (at, path), value in changes:
        put(events[at], path, value)
    taken_back(streams.reply(sent(events)))


OVERLOADED = b'event: error\ndata: {"type": "error", "error": {"type": "overloaded_error"}}\n\n'
NOISE = st.sampled_from(
    [
        *(b"\n\n", b"data: ", b"event: error\n", b"event: ping\ndata: {}\n\n", b"\xff\xfe", b"\r\r", b"data: [DONE]\n\n", b":"),
        *(b"id: 1\n", b"retry: x\n", b"event: message_stop\n\n", OVERLOADED, b"event: error\ndata: [1]\n\n"),
        *(b"event: error\ndata: no\n\n", b"\0", b"{" * 3_000, b"x" * 300_000, b"data: 5\n" * 9),
    ]
) | st.binary(max_size=20)


@examples(1)
@given(st.lists(st.tuples(st.integers(0, len(sent(STREAM))), st.integers(0, 60), NOISE), max_size=3), st.booleans())
@example([(0, 100_000, b"")], False)
def test_any_bytes_are_a_reply_or_an_error_of_ours(streams: Streams, edits: list[tuple[int, int, bytes]], cut: bool) -> None:
    body = sent(STREAM)
    for at, gone, noise in edits:
        body = body[:at] + noise + body[at + gone :]
    taken_back(streams.reply(body, cut=cut))
