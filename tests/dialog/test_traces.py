"""What leaves the process as a trace: one span for each thing that was done, and nothing of what was said."""

from collections.abc import Mapping
from typing import Any

import pytest
from opentelemetry.trace import SpanKind, StatusCode
from pydantic import BaseModel

from agent import telemetry
from agent.prompts.versions import PROMPTS
from agent.tool.definition import Effect, Tool, ToolContext
from agent.trace_ids import led_by, working_on
from agent.types import OTHER
from bot.sandbox.model import Lines, Reply, Text, call, think
from tests.dialog.conftest import World, mention
from tests.dialog.traced import Trace, traced

__all__ = ["traced"]  # a fixture


class Nothing(BaseModel):
    """What a tool takes that needs nothing."""


async def test_a_turn_is_traced_with_its_model_calls_and_tools(bot: World, traced: Trace) -> None:
    used = {"input_tokens": 10, "output_tokens": 5, "cache_creation_input_tokens": 100, "cache_read_input_tokens": 1000}
    bot.model.script = Lines(call("get_order_status", order_id="ORD-1042"), Reply((Text("Delivered."),), usage=used))
    talk = await mention(bot, "ann", "where is my order?")
    await talk.sees("Delivered.")
    agent = await traced.driven()
    first, second = traced.spans("chat claude-sonnet-5-5")  # one for each call: the SDK makes none itself
    [tool] = traced.spans("execute_tool get_order_status")
    assert agent.context is not None
    assert {span.parent.span_id for span in (first, second, tool) if span.parent} == {agent.context.span_id}
    assert (agent.kind, first.kind, tool.kind) == (SpanKind.INTERNAL, SpanKind.CLIENT, SpanKind.INTERNAL)
    told = dict(second.attributes or {})
    assert told[telemetry.INPUT_TOKENS] == 1110  # those of the cache included
    assert (told[telemetry.OUTPUT_TOKENS], told[telemetry.CACHE_READ_TOKENS]) == (5, 1000)
    assert told[telemetry.FINISH_REASONS] == ("end_turn",)
    ids = {str((span.attributes or {})[telemetry.REPLY_ID]) for span in (first, second)}
    assert len(ids) == 2
    assert all(id.startswith("msg_01") for id in ids)
    of_agent = dict(agent.attributes or {})
    assert (of_agent[telemetry.PROMPT_NAME], of_agent[telemetry.PROMPT_VERSION]) == ("assistant", "2")
    assert of_agent[telemetry.PROMPT_HASH]
    assert {span.status.status_code for span in (agent, first, second, tool)} == {StatusCode.UNSET}


async def test_a_trace_has_nothing_of_what_was_said(bot: World, traced: Trace) -> None:
    bot.model.faults.status(500)
    bot.model.script = Lines(
        Reply((think("thought-zebra"), call("get_order_status", order_id="argument-zebra"))), Reply((Text("answer-zebra"),))
    )
    talk = await mention(bot, "ann", "question-zebra")
    await talk.sees("answer-zebra")
    await traced.driven()
    [tool] = traced.spans("execute_tool get_order_status")
    assert dict(tool.attributes or {})[telemetry.ERROR_TYPE] == "not_found"
    assert "zebra" not in traced.whole()


async def test_every_proposed_call_leaves_a_decision_that_ran_and_that_did_not(bot: World, traced: Trace) -> None:
    order = call("create_order", customer="ada@example.com", sku="WGT-001", quantity=1)
    other = call("create_order", customer="ada@example.com", sku="WGT-001", quantity=2)
    bot.model.script = Lines(order, other, call("pay_nobody"), "Done.")  # a name that the model made up may be anything
    talk = await mention(bot, "ann", "order one, then two")
    await talk.clicks("ben", await talk.card())
    await talk.sees("Order 2 ×")
    await talk.rejects("ben", await talk.card())
    await talk.sees("Done.")
    await talk.rests()
    approved, rejected = (dict(span.attributes or {}) for span in traced.spans("approval create_order"))
    [refused] = (dict(span.attributes or {}) for span in traced.spans(f"approval {OTHER}"))
    outcomes = [told[f"{telemetry.APPROVAL}.outcome"] for told in (approved, rejected, refused)]
    assert outcomes == ["approved", "rejected", "refused"]
    assert approved[f"{telemetry.APPROVAL}.quorum"] == 1
    assert float(str(approved[f"{telemetry.APPROVAL}.waited_seconds"])) > 0
    assert len(traced.spans("execute_tool create_order")) == 1  # none below what was rejected


def test_an_exception_is_traced_by_its_kind_alone(traced: Trace) -> None:
    with pytest.raises(ValueError, match="zebra"), telemetry.tool_span("look", "toolu_1"):
        raise ValueError("the words zebra")
    [span] = traced.spans("execute_tool look")
    assert dict(span.attributes or {})[telemetry.ERROR_TYPE] == "ValueError"
    assert "zebra" not in traced.whole()


async def test_lines_of_the_log_name_the_turn_and_the_prompt_that_they_are_about(world: World) -> None:
    """Whatever is logged while a tool runs, by whichever library."""
    heard: list[tuple[str, int] | None] = []
    prompts: list[tuple[str, str] | None] = []

    async def look(arguments: Nothing, context: ToolContext) -> Mapping[str, Any]:
        heard.append(working_on.get())
        prompts.append(led_by.get())
        return {}

    world.packs = {"looks": (Tool(name="look", description="Looks.", arguments=Nothing, handler=look, effect=Effect.READ),)}
    await world.start_bot()
    world.model.script = Lines(call("look"), "One.", call("look"), "Two.")
    talk = await mention(world, "ann", "look")
    await talk.sees("One.")
    await talk.says("ann", "again")
    await talk.sees("Two.")
    [(session,)] = await world.rows("SELECT id FROM session")
    assert heard == [(session, 1), (session, 2)]
    live = PROMPTS.load("assistant")
    assert prompts == [(live.reference, live.digest)] * 2
