"""Long results: what the model reads instead, and pages that come to the whole again, each short enough itself."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.memory.long_results import MOST_CHARACTERS, fitting, read_output, shortened
from agent.tool.definition import Result, ToolContext, failed, registry, run
from agent.tool.validation import validate

SESSION = "T1:C1:1.0"
CONTEXT = ToolContext(SESSION, "U1", "key-2")


class Kept:
    """Long results of one session, without a database."""

    def __init__(self, **texts: str) -> None:
        self.texts = texts

    async def output(self, session_id: str, handle: str, offset: int, length: int) -> tuple[str, int] | None:
        """As the store gives them."""
        text = self.texts.get(handle) if session_id == SESSION else None
        return None if text is None else (text[offset : offset + length], len(text))


def ok(**content: Any) -> Result:
    """A result with this content."""
    return Result(ok=True, result=content)


async def page(kept: Kept, handle: str, offset: int, context: ToolContext = CONTEXT) -> Result:
    """One call of read_output."""
    tool = read_output(kept)
    arguments = validate(registry([tool]), "read_output", {"handle": handle, "offset": offset})
    return arguments if isinstance(arguments, Result) else await run(tool, arguments, context)


async def everything(text: str) -> str:
    """What a model comes to that pages through it from the beginning."""
    kept, read, at = Kept(h=text), "", 0
    while at is not None:
        result = await page(kept, "h", at)
        assert result.ok, result.detail
        assert len(result.text()) <= MOST_CHARACTERS
        assert result.result["text"]
        assert (result.result["offset"], result.result["characters"]) == (at, len(text))
        read, at = read + result.result["text"], result.result["next_offset"]
    return read


def test_a_result_within_the_limit_is_left_alone() -> None:
    room = MOST_CHARACTERS - len(ok(text="").text())
    assert shortened(ok(text="x" * room), "look", SESSION, "key") is None
    assert shortened(ok(text="x" * (room + 1)), "look", SESSION, "key") is not None


def test_a_long_result_becomes_head_tail_length_and_handle() -> None:
    text = "".join(f"line {number}\n" for number in range(10_000))
    short = shortened(ok(text=text), "look", SESSION, "key")
    assert short is not None
    result, handle, kept = short
    assert kept == text
    content = {"head": text[:4_000], "tail": text[-1_000:], "characters": len(text), "handle": handle, "next_offset": 4_000}
    assert json.loads(result.text()) == {"ok": True, "result": content}
    assert handle.startswith("look-")


def test_each_attempt_of_a_call_has_the_same_handle() -> None:
    handles = [shortened(ok(text=text * 30_000), "look", SESSION, key) for text, key in (("x", "a"), ("y", "a"), ("y", "b"))]
    first, second, other = [short[1] for short in handles if short]
    assert first == second != other


def test_what_is_more_than_a_text_is_kept_as_its_json() -> None:
    rows = [{"name": "Zoë", "number": number} for number in range(2_000)]
    short = shortened(ok(rows=rows, note="all"), "look", SESSION, "key")
    assert short is not None
    assert json.loads(short[2]) == {"rows": rows, "note": "all"}
    assert "Zoë" in short[2]


def test_a_long_error_stays_an_error() -> None:
    short = shortened(failed("unexpected", "boom " * 10_000, unclear=True), "look", SESSION, "key")
    assert short is not None
    result, handle, kept = short
    assert (result.ok, result.error, result.unclear) == (False, "unexpected", True)
    assert kept == "boom " * 10_000
    assert str(result.detail).endswith(f"(the first of 50,000 characters; read_output has them all, with the handle {handle})")
    assert len(result.text()) < 5_000


@pytest.mark.parametrize("text", ["\x01" * 30_000, '"\\' * 15_000, "\n" * 30_000, "\0" * 30_000, "😀" * 30_000])
async def test_what_json_spells_long_does_not_pass_the_limit(text: str) -> None:
    short = shortened(ok(text=text), "look", SESSION, "key")
    assert short is not None
    assert len(short[0].text()) <= MOST_CHARACTERS
    assert await everything(short[2]) == text.replace("\0", "\ufffd")


async def test_pages_come_to_the_whole() -> None:
    text = "".join(chr(33 + number % 90) for number in range(25_001))
    assert await everything(text) == text


@given(st.text(min_size=1, max_size=200), st.booleans())
def test_some_of_every_text_fits(text: str, from_the_end: bool) -> None:
    part = fitting(text, 20, from_the_end=from_the_end)
    assert part
    assert len(json.dumps(part, ensure_ascii=False)) <= 20
    assert text.endswith(part) if from_the_end else text.startswith(part)


async def test_a_handle_is_known_in_its_own_session_only() -> None:
    kept = Kept(h="x" * 30_000)
    assert (await page(kept, "h", 0)).ok
    elsewhere = await page(kept, "h", 0, ToolContext("T1:C1:2.0", "U1", "key"))
    assert (elsewhere.error, elsewhere.detail) == (
        "not_found",
        "No result of this conversation has the handle 'h'; old ones are not kept.",
    )
    assert (await page(kept, "g", 0)).error == "not_found"


@pytest.mark.parametrize(("offset", "error"), [(30_000, "invalid_input"), (-1, "invalid_input"), (29_999, None)])
async def test_an_offset_behind_the_end_is_told(offset: int, error: str | None) -> None:
    assert (await page(Kept(h="x" * 30_000), "h", offset)).error == error


@pytest.mark.parametrize("long", [ok(text="x" * MOST_CHARACTERS), failed("unexpected", "x" * MOST_CHARACTERS)])
def test_a_long_result_from_outside_stays_marked(long: Result) -> None:
    short = shortened(long.coming_from("web page example.com"), "look", SESSION, "key")
    assert short is not None
    assert short[0].text().startswith('{"untrusted":"From web page example.com: data')
    assert len(short[0].text()) <= MOST_CHARACTERS
