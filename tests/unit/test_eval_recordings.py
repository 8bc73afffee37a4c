"""Recordings: what a request is compared by, and the file that they are kept in."""

import json
from pathlib import Path
from typing import Any

import pytest

from bot.config.refusal import Refusal
from bot.eval.recordings import Recording, path_of, read_recording, write_recording
from bot.eval.tape import Asked, Exchange, Tape

TOOL: dict[str, Any] = {
    "name": "get_order",
    "description": "Read an order.",
    "input_schema": {"properties": {"id": {"type": "integer"}}},
}
SAID = {"role": "user", "content": "Where is order 7?"}


def call(id: str) -> list[dict[str, Any]]:
    """What a model called, and what came of it."""
    block = {"type": "tool_use", "id": id, "name": "get_order", "input": {"id": 7}}
    result = {"type": "tool_result", "tool_use_id": id, "content": "sent at 2026-05-04 10:11:12 UTC"}
    return [{"role": "assistant", "content": [block]}, {"role": "user", "content": [result]}]


def body(**other: Any) -> dict[str, Any]:
    """A request."""
    return {"model": "m", "max_tokens": 9, "system": "You help.", "tools": [TOOL], "messages": [SAID], **other}


WITHOUT: dict[str, Any] = {"properties": {}}


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"system": "You harm."}, "its system is another one"),
        ({"tools": [{**TOOL, "description": "Read it."}]}, "its tools are others"),
        ({"tools": [{**TOOL, "input_schema": WITHOUT}]}, "its tools are others"),
        ({"model": "n"}, "its model is another one"),
        ({"max_tokens": 8}, "its max_tokens is another one"),
        ({"tool_choice": {"type": "any"}}, "its tool_choice is another one"),
        ({"messages": [{**SAID, "content": "Where?"}]}, "message 1 of 1 is another one than in the recording (1)"),
        ({"messages": [SAID, *call("toolu_1234567890")]}, "message 2 of 3 is another one than in the recording (1)"),
        (
            {"model": "n", "system": "You harm.", "messages": []},
            "its model is another one and its system is another one and message 1 of 0 is another one than in the recording (1)",
        ),
    ],
)
def test_whatever_is_asked_otherwise_is_said_by_its_place(other: dict[str, Any], words: str) -> None:
    assert Asked.of(body(**other)).differs(Asked.of(body())) == words


def test_times_and_random_ids_are_no_difference() -> None:
    one, other = call("toolu_01e36c5f933fb9c3"), call("toolu_77ffab3e21c0d9e4")
    other[1]["content"][0]["content"] = "sent at 2027-06-05 11:12:13 UTC"
    assert Asked.of(body(messages=[SAID, *one])) == Asked.of(body(messages=[SAID, *other]))


def test_a_result_that_belongs_to_another_call_is_a_difference() -> None:
    one, two = call("toolu_aaaaaaaaaa"), call("toolu_bbbbbbbbbb")
    right = [one[0], two[0], one[1], two[1]]
    swapped = [one[0], two[0], two[1], one[1]]
    assert Asked.of(body(messages=swapped)).differs(Asked.of(body(messages=right)))


def recording(id: str) -> Recording:
    """Two exchanges, of which the second asks without tools."""
    answer = f'event: message_start\ndata: {{"id": "msg_{id}", "block": "toolu_{id}"}}\n\n'
    headers = {"content-type": "text/event-stream", "request-id": f"req_{id}"}
    later = body(messages=[SAID, *call(f"toolu_{id}")])
    del later["tools"]
    exchanges = [Exchange(asked=Asked.of(asked), status=200, headers=headers, body=answer) for asked in (body(), later)]
    return Recording(passed=True, tape=Tape(exchanges=exchanges))


def test_a_recording_is_read_as_it_was_written_but_for_its_ids(tmp_path: Path) -> None:
    written = recording("0123456789abcdef")
    write_recording(tmp_path, "a-case", written)
    found = read_recording(tmp_path, "a-case")
    assert found is not None
    assert found.passed
    assert [one.asked for one in found.tape.exchanges] == [one.asked for one in written.tape.exchanges]
    assert found.tape.exchanges[0].headers["request-id"] == "req_0000000000000001", "as long as it was"
    body = written.tape.exchanges[1].body.replace("msg_0123456789abcdef", "msg_0000000000000002")
    assert found.tape.exchanges[1].body == body.replace("toolu_0123456789abcdef", "toolu_0000000000000003")


def test_the_same_answers_make_the_same_file_with_a_line_an_exchange(tmp_path: Path) -> None:
    write_recording(tmp_path, "one", recording("0123456789abcdef"))
    write_recording(tmp_path, "two", recording("fedcba9876543210"))
    one, two = (path_of(tmp_path, name).read_text() for name in ("one", "two"))
    assert one == two
    assert json.loads(one).keys() == {"passed", "asked", "exchanges"}
    lines = one.splitlines()
    assert [json.loads(line.rstrip(",")).get("asked") for line in lines if line.startswith('{"')] == [None, {"tools": None}]
    assert sum(Asked.of(body()).parts["system"] in line for line in lines) == 1


def test_a_file_that_is_no_recording_is_refused_with_the_mend(tmp_path: Path) -> None:
    assert read_recording(tmp_path, "missing") is None
    for text in ("{", "[]", '{"passed": true}', '{"passed": 1, "asked": {}, "exchanges": [3]}'):
        path_of(tmp_path, "bad").parent.mkdir(exist_ok=True)
        path_of(tmp_path, "bad").write_text(text)
        with pytest.raises(Refusal, match=r"bad\.json is no recording: make it again with --record\."):
            read_recording(tmp_path, "bad")
