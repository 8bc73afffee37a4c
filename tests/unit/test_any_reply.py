"""Any reply that the API can send can be sent back: by the rules of the strict server, with any history before it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.memory.transcript import Transcript
from agent.model.call_arguments import read_arguments
from agent.model.normalised import normalised
from agent.model.port import Reply
from agent.session.steps import Asked, Halted, ModelReplied, ToolReturned
from agent.tool.definition import failed
from agent.types import Block, Said, Usage
from bot.sandbox.model.message_rules import check_messages
from bot.sandbox.model.models import Models
from bot.sandbox.model.pairing import check_pairing
from tests.profiles import examples

CARD = Models().cards["claude-sonnet-5-5"]
JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=2), max_leaves=4
)
TEXTS = st.sampled_from(["Hello.", "", " ", "\n\n", "a\n"])
IDS = st.sampled_from(["toolu_1", "toolu_2", "toolu_1_2", "", "toolu 1", "tööl", 5, None])
BLOCKS: Any = st.one_of(
    st.fixed_dictionaries({"type": st.just("text"), "text": TEXTS}),
    st.fixed_dictionaries({"type": st.just("text"), "text": st.none()}),
    st.fixed_dictionaries(
        {
            "type": st.just("tool_use"),
            "id": IDS,
            "name": st.sampled_from(["order", "", "x" * 300, "a b", None]),
            "input": st.dictionaries(st.text(max_size=3), JSON, max_size=2) | JSON,
        }
    ),
    st.fixed_dictionaries({"type": st.just("thinking"), "thinking": TEXTS, "signature": st.just("s")}),
)
REPLIES: Any = st.lists(BLOCKS, max_size=5)


def replied(transcript: Transcript, content: list[Block]) -> ModelReplied:
    """The step that a reply becomes."""
    kept = normalised(Reply(tuple(content), "tool_use", Usage(input_tokens=1, output_tokens=1)), transcript.call_ids)
    calls = any(block["type"] == "tool_use" for block in kept.content)
    return ModelReplied(
        content=kept.content,
        stop_reason="tool_use" if calls else "end_turn",
        usage=Usage(input_tokens=1, output_tokens=1),
        unusable=kept.unusable,
    )


@examples(4)
@given(st.lists(st.tuples(REPLIES, st.sampled_from(["results", "some results", "halt", "next turn"])), min_size=1, max_size=6))
def test_whatever_a_model_replies_the_api_takes_the_conversation_back(replies: list[tuple[list[Block], str]]) -> None:
    transcript = Transcript()
    transcript.add(Asked(said=(Said(user="U1", text="hello", ts="1.0"),)))
    for content, then in replies:
        step = replied(transcript, content)
        transcript.add(step)
        calls = [str(block["id"]) for block in step.content if block["type"] == "tool_use"]
        for id in calls[: None if then == "results" else 1]:
            transcript.add(ToolReturned(call_id=id, outcome="failed", text=failed("not_found", "There is none.").text()))
        if then == "halt" or not calls:
            transcript.add(Halted(error="X", sentence="It ends here."))
        if then in ("halt", "next turn") or not calls:
            transcript.add(Asked(said=(Said(user="U1", text="go on", ts="2.0"),)))
        messages = json.loads(json.dumps(transcript.messages(), allow_nan=False))
        check_messages(messages, CARD)
        check_pairing(messages, has_tools=True)


@given(REPLIES)
def test_a_call_that_was_not_clear_is_none_that_can_run(content: list[Block]) -> None:
    kept = normalised(Reply(tuple(content), "tool_use", Usage(input_tokens=1, output_tokens=1)), frozenset[str]())
    asked = [block for block in content if block["type"] == "tool_use"]
    made = [block for block in kept.content if block["type"] == "tool_use"]
    assert len(asked) == len(made)
    assert len({str(block["id"]) for block in made}) == len(made)
    for before, after in zip(asked, made, strict=True):
        clear = isinstance(before["input"], dict) and isinstance(before["name"], str) and 1 <= len(before["name"]) <= 200
        assert (after["id"] not in kept.unusable) == clear
        assert not clear or after["input"] == before["input"]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("", {}),
        ('{"note": "two\nlines"}', {"note": "two\nlines"}),
        ('{"note": "cut \\ud83d"}', {"note": "cut \ufffd"}),
        ('{"note": "a\ttab"}', {"note": "a\ttab"}),
    ],
)
def test_arguments_that_are_clear_are_taken(written: str, read: dict[str, Any]) -> None:
    arguments, why = read_arguments(written)
    assert (arguments, why) == (read, "")


@pytest.mark.parametrize("written", ['{"a": 1', "[1]", '"a"', "null", "{'a': 1}", '{"a": NaN}', '{"a": 1e999}', "[" * 100_000])
def test_arguments_that_are_not_are_none(written: str) -> None:
    arguments, why = read_arguments(written)
    assert arguments == {}
    assert why.startswith("its arguments are no JSON")


@given(st.text())
def test_no_arguments_break_what_reads_them(written: str) -> None:
    arguments, _ = read_arguments(written)
    assert json.loads(json.dumps(arguments, allow_nan=False)) == arguments
