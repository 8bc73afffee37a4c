"""What a server answers, as the model reads it: nothing of it is lost, and nothing is there twice."""

import json
from typing import Any

import pytest

from agent.foreign_json import foreign
from tools.mcp.messages import LARGE_BYTES, read_messages
from tools.mcp.results import content


def text(*texts: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": each} for each in texts]


@pytest.mark.parametrize(
    ("result", "told"),
    [
        ({"content": text("1", "2")}, {"text": "1\n2"}),
        ({"content": text("1", "2"), "structuredContent": {"n": 3}}, {"text": "1\n2", "structured": {"n": 3}}),
        ({"content": text('{"n": 3}'), "structuredContent": {"n": 3}}, {"structured": {"n": 3}}),
        ({"content": text("5"), "structuredContent": {"result": 5}}, {"structured": {"result": 5}}),
        (
            {"content": text('{"a": 1}', "x"), "structuredContent": {"result": [{"a": 1}, "x"]}},
            {"structured": {"result": [{"a": 1}, "x"]}},
        ),
        ({"structuredContent": {"content": "a\nb"}}, {"text": "a\nb"}),
        ({"content": text("a\nb"), "structuredContent": {"content": "a\nb"}}, {"text": "a\nb"}),
        (
            {"content": text("Saved."), "structuredContent": {"content": "a\nb"}},
            {"text": "Saved.", "structured": {"content": "a\nb"}},
        ),
        ({"content": []}, {"text": ""}),
        ({"content": None}, {"text": ""}),
        ({"content": "saved"}, {"text": "saved"}),
        ("saved", {"text": "saved"}),
        (None, {"text": ""}),
        ({"toolResult": 5}, {"structured": {"toolResult": 5}}),
        (
            {"content": [{"type": "image", "data": "aGk="}]},
            {"attachments": [{"kind": "image", "bytes": 2}]},
        ),
        (
            {"content": [{"type": "resource", "resource": {"uri": "a:b", "text": "x"}}, {"type": "hologram", "depth": 3}]},
            {"attachments": [{"kind": "resource", "uri": "a:b", "text": "x"}, {"kind": "hologram", "depth": 3}]},
        ),
    ],
)
def test_text_and_structure_are_both_told_and_once(result: Any, told: dict[str, Any]) -> None:
    assert content(result).told == told


def test_of_parts_without_number_the_rest_is_counted() -> None:
    """A million of them would hold everybody up for seconds."""
    told = content({"content": [{"type": "image", "data": "aGk="}] * 10_500})
    assert told.told["text"] == "(It has 10,500 parts: these are the first 10,000.)"
    assert (len(told.told["attachments"]), len(told.images)) == (10_000, 10_000)


def test_what_is_meant_as_an_image_is_given_as_its_bytes() -> None:
    def part(data: str) -> dict[str, str]:
        return {"type": "image", "data": data, "mimeType": "image/png"}

    inside = {"type": "resource", "resource": {"uri": "a:b", "blob": "aGk=", "mimeType": "image/png"}}
    page = {"type": "resource", "resource": {"uri": "a:b", "blob": "aGk=", "mimeType": "application/pdf"}}
    parts = [part("aGk="), part("aGk"), part("a\nGk="), part("data:image/png;base64,aGk="), inside, page]
    assert content({"content": parts}).images == (b"hi",) * 5
    assert content({"content": [part("\u2603"), {"type": "image"}, {"type": "image", "data": 5}]}).images == (b"\xe2\x98\x83",)


def test_numbers_are_told_as_the_server_wrote_them() -> None:
    read = foreign(b'{"content": [], "structuredContent": [19.99, 1e400, NaN, 0.1234567890123456789, 3, 1e2]}')
    assert content(read).told == {"structured": [19.99, "1e400", "NaN", "0.1234567890123456789", 3, 100.0]}


def test_what_is_nested_without_end_is_told_as_text() -> None:
    read = foreign(b'{"structuredContent": {"a": %s}}' % (b"[" * 10_000 + b"]" * 10_000))
    assert "[[[[" in json.dumps(content(read).told)


async def test_an_answer_that_is_too_large_to_be_read_here_is_read_elsewhere() -> None:
    text = "word " * (LARGE_BYTES // 4)
    [message] = await read_messages(json.dumps({"jsonrpc": "2.0", "id": 7, "result": {"content": text}}).encode())
    assert content(message["result"]).told == {"text": text}


async def test_an_answer_that_is_too_large_and_no_json_is_told_by_its_beginning() -> None:
    [message] = await read_messages(
        b'{"jsonrpc": "2.0", "id": 7, "result": {"content": "word ' + b"\x00more " * (LARGE_BYTES // 4)
    )
    told = content(message["result"]).told["text"]
    assert message["id"] == 7
    assert "could not be read" in told
    assert '"word ' in told
