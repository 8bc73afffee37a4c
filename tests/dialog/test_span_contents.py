"""What tools were given and said, in their spans: only where somebody asks for it, masked, and never in the way of a run."""

import asyncio
import json
from collections.abc import Coroutine, Mapping
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan

from agent import telemetry
from agent.bounded import Limits, Processes
from agent.masking import WITHHELD, Masker, WantedMasks
from agent.masking.masker import MEMORY_BYTES, MOST_CALLS
from agent.run.background import Background
from agent.run.span_contents import MOST_CHARACTERS, TOO_LONG, TOO_MANY, SpanContents
from agent.tool.definition import Effect, Tool, ToolContext, ToolError
from bot.app.conversations import CAPTURED
from bot.sandbox.model import Lines, call
from tests.dialog.conftest import World, mention
from tests.dialog.planted_desk import About
from tests.dialog.test_conventions import wrong_in_span
from tests.dialog.traced import Trace, traced
from tests.masking import failing
from tests.patience import PATIENCE_SECONDS
from tests.stores.core import until

__all__ = ["traced"]  # a fixture

CARD = "4111 1111 1111 1111"


async def look_up(about: About, context: ToolContext) -> Mapping[str, Any]:
    """Say back what was asked, or that it is not there."""
    if "nobody" in about.text:
        raise ToolError("not_found", f"There is no {about.text}.")
    return {"found": f"{about.text}, of card {CARD}"}


LOOK_UP = Tool(name="look_up", description="Looks up.", arguments=About, handler=look_up, effect=Effect.READ)


async def looked_up(world: World, traced: Trace, *texts: str) -> list[ReadableSpan]:
    """The spans of runs that were asked to look these texts up, once they have ended."""
    world.packs = {"desk": [LOOK_UP]}
    stop = await world.start_bot()
    world.model.script = Lines(*(call("look_up", text=text) for text in texts), "Done.")
    await (await mention(world, "ann", "look it up")).sees("Done.")

    async def ended() -> bool:
        return len(traced.spans("execute_tool look_up")) == len(texts)

    await until(ended)
    await stop()
    return traced.spans("execute_tool look_up")


def contents(span: ReadableSpan) -> tuple[Any, Any]:
    """Arguments and result of a span."""
    attributes = dict(span.attributes or {})
    return attributes.get(telemetry.ARGUMENTS), attributes.get(telemetry.RESULT)


@pytest.mark.parametrize("value", ["span_only", "SPAN_AND_EVENT", "true"])
async def test_where_it_is_asked_for_a_run_shows_what_went_in_and_out_masked(
    world: World, traced: Trace, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv(CAPTURED, value)
    found, failed = await looked_up(world, traced, "ann@example.com", "nobody@example.com")
    given, said = map(json.loads, contents(found))
    assert given == {"text": "[EMAIL_1]", "to": {}}
    assert said == {"ok": True, "result": {"found": "[EMAIL_1], of card [CARD_1]"}}
    given, said = map(json.loads, contents(failed))
    assert (given["text"], said["detail"]) == ("[EMAIL_1]", "There is no [EMAIL_1].")
    assert [wrong for span in (found, failed) for wrong in wrong_in_span(span)] == []
    assert not any(words in traced.whole() for words in ("@example.com", CARD))
    assert CARD in json.dumps(world.model.requests[-1]["messages"])  # the model got it whole


@pytest.mark.parametrize("value", ["", "no_content", "event_only", "false"])
async def test_otherwise_a_run_shows_neither(world: World, traced: Trace, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(CAPTURED, value)
    [span] = await looked_up(world, traced, "ann@example.com")
    assert contents(span) == (None, None)


async def test_the_span_says_when_the_run_ended_and_not_when_it_was_masked(
    world: World, traced: Trace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CAPTURED, "span_only")
    [run] = await looked_up(world, traced, "ann@example.com")
    _, answer = traced.spans("chat claude-sonnet-5-5")
    assert run.end_time is not None
    assert answer.start_time is not None
    assert run.end_time <= answer.start_time


async def test_what_cannot_be_masked_or_is_too_much_is_withheld(traced: Trace) -> None:
    processes, background = Processes(1, MEMORY_BYTES, MOST_CALLS), Background()
    masker = Masker(WantedMasks(), limits=Limits(seconds=PATIENCE_SECONDS), processes=processes, work=failing.raises)
    contents_of = SpanContents(masker, background, most_waiting=1)
    address = "ann@example.com"
    for text in (address * MOST_CHARACTERS, address, address):  # the last one comes while the one before it waits
        with telemetry.tool_span("look_up", "toolu_1", ends=False) as span:
            contents_of.end(span, {"text": text}, json.dumps(text))
    runs = [contents(span) for span in traced.spans("execute_tool look_up")]
    assert runs == [(TOO_LONG, TOO_LONG), (TOO_MANY, TOO_MANY)]

    async def ended() -> bool:
        return len(traced.spans("execute_tool look_up")) == 3

    await until(ended)
    processes.end()
    assert contents(traced.spans("execute_tool look_up")[2]) == (WITHHELD, WITHHELD)
    assert address not in traced.whole()


async def test_a_run_whose_process_ends_meanwhile_has_its_span(traced: Trace) -> None:
    processes = Processes(1, MEMORY_BYTES, MOST_CALLS)
    masker = Masker(WantedMasks(), limits=Limits(seconds=PATIENCE_SECONDS), processes=processes, work=failing.hangs)
    begun = list[asyncio.Task[None]]()

    class Noted(Background):
        """Whose tasks a test can give up, as the end of a process does."""

        def begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
            begun.append(super().begin(work))
            return begun[-1]

    with telemetry.tool_span("look_up", "toolu_1", ends=False) as span:
        SpanContents(masker, Noted()).end(span, {"text": "ann@example.com"}, "null")
    assert traced.spans("execute_tool look_up") == []
    await asyncio.sleep(0)  # it begins to mask
    begun[0].cancel()
    await asyncio.gather(*begun, return_exceptions=True)
    processes.end()
    assert [contents(span) for span in traced.spans("execute_tool look_up")] == [(WITHHELD, WITHHELD)]
