"""The model and MCP servers hear of which turn their work is part: in a header, in `_meta`, and over HTTP in both."""

import json
from collections.abc import Iterable

from opentelemetry.sdk.trace import ReadableSpan

from agent.trace_ids import spelled, trace_id
from bot.config.file import AgentSection, Config
from bot.sandbox.model import Lines, call
from tests.dialog.conftest import World, mention
from tests.dialog.test_span_trees import id_of
from tests.dialog.traced import Trace, traced
from tests.mcp.conftest import Own, own
from tools.mcp import Remote

__all__ = ["own", "traced"]  # fixtures


def parts_of(traceparents: Iterable[str]) -> list[tuple[str, str]]:
    """The trace and the span that W3C's headers name; each says that it is recorded."""
    parts = [each.split("-") for each in traceparents]
    assert {(version, int(flags, 16) & 1) for version, _, _, flags in parts} == {("00", 1)}
    return [(trace, span) for _, trace, span, _ in parts]


def below(span: ReadableSpan, spans: Iterable[ReadableSpan]) -> list[str]:
    """The ids of spans right below one."""
    return [f"{id_of(each)[1]:016x}" for each in spans if each.parent is not None and each.parent.span_id == id_of(span)[1]]


async def test_the_model_and_a_server_are_told_the_trace_of_the_turn(world: World, own: Own, traced: Trace) -> None:
    own.start()
    server = own.server()
    world.mcp, world.config = [server], Config(agents={"assistant": AgentSection(tools=("mcp:own",))})
    stop = await world.start_bot()
    world.model.script = Lines(call("own__look"), "One.", call("own__look"), "Two.")
    talk = await mention(world, "ann", "look")
    await talk.sees("One.")
    await talk.says("ann", "again")
    await talk.sees("Two.")
    await stop()
    [(session,)] = await world.rows("SELECT id FROM session")
    turns = [spelled(trace_id(session, turn)) for turn in (1, 2)]

    asked = parts_of(request.headers["traceparent"] for request in world.model.requests)
    assert [trace for trace, _ in asked] == [turns[0], turns[0], turns[1], turns[1]]
    assert [span for _, span in asked] == [f"{id_of(chat)[1]:016x}" for chat in traced.spans("chat claude-sonnet-5-5")]

    told = [json.loads(line) for line in own.ledger.with_suffix(".traces").read_text().splitlines()]
    given = parts_of(each["meta"] for each in told)
    assert [trace for trace, _ in given] == turns
    runs = traced.spans("execute_tool own__look")
    assert [[span] for _, span in given] == [below(run, traced.all()) for run in runs]  # the SDK makes a span for what it sends
    over_http = isinstance(server.reach, Remote)
    assert [each.get("header") for each in told] == [each["meta"] if over_http else None for each in told]
