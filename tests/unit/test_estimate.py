"""How many tokens a request is taken to have, before the API counts them."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agent.memory import token_estimate as estimate
from agent.memory.transcript import Transcript
from agent.model.anthropic import request_body
from agent.model.port import Request
from agent.session.steps import Asked, Compacted, ModelReplied, Step
from agent.types import Pinned, Said, Usage
from bot.sandbox.model.usage import input_tokens_of

PINNED = Pinned(model="claude-sonnet-5-5", system="You help. " * 50, tools=())


def asked(text: str) -> Asked:
    """Somebody says this."""
    return Asked(said=(Said(user="U1", text=text, ts="1.0"),))


def replied(text: str, input_tokens: int, cached_tokens: int = 0) -> ModelReplied:
    """The model says this, and the API says how long the request was."""
    usage = Usage(input_tokens=input_tokens, cache_read_input_tokens=cached_tokens, output_tokens=len(text) // 4 + 1)
    return ModelReplied(content=({"type": "text", "text": text},), stop_reason="end_turn", usage=usage)


def transcript(*steps: Step) -> Transcript:
    """The conversation after these steps."""
    said = Transcript()
    for step in steps:
        said.add(step)
    return said


def counted(said: Transcript) -> int:
    """As the API would, with four characters a token."""
    return input_tokens_of(request_body(Request(PINNED, said.messages(), 100)))


@given(st.lists(st.text(min_size=1).filter(str.strip), min_size=1, max_size=8))
def test_the_estimate_is_on_the_careful_side_and_close_once_the_api_has_counted(texts: list[str]) -> None:
    said = Transcript()
    for text in texts:
        said.add(asked(text))
        real = counted(said)
        assert estimate.input_tokens(said, PINNED) >= real - 2
        said.add(replied("Well. " * 100, real))
    assert estimate.input_tokens(said, PINNED) <= counted(said) + 50  # what was counted is not guessed at


def test_a_language_that_takes_more_tokens_is_learned_from_the_reply() -> None:
    text = "żółć " * 400
    characters = len(json.dumps(text))
    dense = transcript(asked(text), replied("ok", characters))  # a token for each character
    before = estimate.input_tokens(dense, PINNED)
    dense.add(asked(text))
    assert estimate.input_tokens(dense, PINNED) - before >= characters
    plain = transcript(asked(text), replied("ok", characters // 8))  # a model that packs better is not relied upon
    before = estimate.input_tokens(plain, PINNED)
    plain.add(asked(text))
    assert estimate.input_tokens(plain, PINNED) - before >= characters // 3


def test_what_came_from_the_cache_was_read_as_well() -> None:
    said = transcript(asked("hello"), replied("ok", 10, cached_tokens=9_000))
    assert estimate.input_tokens(said, PINNED) > 9_000


def test_a_file_is_not_counted_as_the_characters_that_it_is_sent_as() -> None:
    image: dict[str, Any] = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "x" * 4_000_000}}
    report: dict[str, Any] = {**image, "type": "document"}
    note: dict[str, Any] = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x" * 9_000}}
    assert 15_000 <= estimate.json_characters([image]) < 15_100
    assert 600_000 <= estimate.json_characters([report]) < 600_100
    assert estimate.json_characters([note]) > 9_000
    assert estimate.json_characters([{"type": "tool_result", "tool_use_id": "t", "content": [image]}]) < 16_000


def test_a_new_context_is_estimated_by_itself() -> None:
    said = transcript(asked("x" * 40_000), replied("ok", 10_000), Compacted(since=3, head="Short."), asked("and now?"))
    assert estimate.input_tokens(said, PINNED) < 1_000
    assert said.messages()[0]["content"][0] == {"type": "text", "text": "Short."}
