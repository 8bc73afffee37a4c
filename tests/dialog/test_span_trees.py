"""What each kind of run leaves in a trace, as a tree: one trace a turn, a part for each claim, linked to the part before it."""

from collections.abc import Iterator, Sequence
from itertools import takewhile

from opentelemetry.sdk.trace import ReadableSpan

from agent import telemetry
from agent.approvals.policy import Policy, Rule
from agent.trace_ids import trace_id
from bot.config.file import AgentSection, Config
from bot.config.memory_section import MemorySection
from bot.sandbox.model import Call, Lines, Reply, Text, call, calls
from tests.dialog.conftest import World, mention
from tests.dialog.traced import Trace, traced
from tests.stores.core import until

__all__ = ["traced"]  # a fixture

LOOK = call("search_product_catalog", query="Widget Pro", limit=1)
FACT, CORRECTION = "Deploys are on Tuesday", "Deploys are on Wednesday"
STATUS = call("get_order_status", order_id="ORD-1042")
TOLD = (telemetry.OUTCOME, f"{telemetry.APPROVAL}.outcome", telemetry.FINISH_REASONS, telemetry.ERROR_TYPE)


def order(quantity: int = 1) -> Call:
    """An order, which is asked about."""
    return call("create_order", customer="ada@example.com", sku="WGT-001", quantity=quantity)


def tree(spans: Sequence[ReadableSpan]) -> list[str]:
    """Spans as an outline: traces in the order of their beginnings, each with its parts, each with what is below it."""
    roots = sorted((span for span in spans if span.parent is None), key=lambda span: span.start_time or 0)
    traces = list(dict.fromkeys(id_of(span)[0] for span in roots))
    return [line for number in traces for line in of_trace([span for span in spans if id_of(span)[0] == number])]


def of_trace(spans: Sequence[ReadableSpan]) -> Iterator[str]:
    ids = {id_of(span) for span in spans}
    for root in sorted((span for span in spans if span.parent is None), key=lambda span: span.start_time or 0):
        linked = "".join(" <- linked" if (link.context.trace_id, link.context.span_id) in ids else " <- ?" for link in root.links)
        yield f"{told(root)}{linked}"
        yield from below(root, spans)


def below(span: ReadableSpan, spans: Sequence[ReadableSpan]) -> Iterator[str]:
    """What is below a span, in the order of their ends."""
    children = [each for each in spans if each.parent is not None and each.parent.span_id == id_of(span)[1]]
    for child in sorted(children, key=lambda child: (child.end_time or 0, child.name)):
        yield f"  {told(child)}"
        yield from (f"  {line}" for line in below(child, spans))


def told(span: ReadableSpan) -> str:
    """A span by its name, and how it ended."""
    attributes = span.attributes or {}
    values = [attributes[name] for name in TOLD if name in attributes]
    words = [" ".join(map(str, value)) if isinstance(value, tuple) else str(value) for value in values]
    tries = sum(event.name == telemetry.FAILED_TRY for event in span.events)
    if telemetry.RECORDS in attributes:
        words.append(f"{attributes[telemetry.RECORDS]} records")
    name = span.name.replace("claude-sonnet-5-5", "").replace("assistant", "").strip()
    return f"{name}: {' '.join(words) or 'ok'}{f', {tries} failed' if tries else ''}"


def id_of(span: ReadableSpan) -> tuple[int, int]:
    assert span.context is not None
    return span.context.trace_id, span.context.span_id


async def test_a_plain_answer(world: World, traced: Trace) -> None:
    stop = await world.start_bot()
    world.model.script = Lines("Hello.")
    talk = await mention(world, "ann", "hello")
    await talk.sees("Hello.")
    await stop()
    assert tree(traced.all()) == ["invoke_agent: success", "  chat: end_turn"]


async def test_parallel_reads_are_below_one_part(world: World, traced: Trace) -> None:
    stop = await world.start_bot()
    world.model.script = Lines(calls(LOOK, STATUS), "There.")
    await (await mention(world, "ann", "look")).sees("There.")
    await stop()
    shown = tree(traced.all())
    assert shown[:2] == ["invoke_agent: success", "  chat: tool_use"]
    assert sorted(shown[2:4]) == [
        "  execute_tool get_order_status: succeeded",
        "  execute_tool search_product_catalog: succeeded",
    ]
    assert shown[4:] == ["  chat: end_turn"]


async def test_an_approved_run_across_a_restart_is_one_trace_of_linked_parts_and_none_is_open_meanwhile(
    world: World, traced: Trace
) -> None:
    stop = await world.start_bot()
    world.model.script = Lines(order(), "Ordered.")
    talk = await mention(world, "ann", "order one")
    card = await talk.card()
    await stop()
    assert tree(traced.all()) == ["invoke_agent: waiting", "  chat: tool_use"]
    stop = await world.start_bot()
    await talk.clicks("ben", card)
    await talk.sees("Ordered.")
    await stop()
    [(session,)] = await world.rows("SELECT id FROM session")
    assert {id_of(span)[0] for span in traced.all()} == {trace_id(session, 1)}
    assert tree(traced.all()) == [
        "invoke_agent: waiting",
        "  chat: tool_use",
        "invoke_agent: success <- linked",
        "  approval create_order: approved",
        "  execute_tool create_order: succeeded",
        "  chat: end_turn",
    ]


async def test_a_rejected_call_has_no_run(world: World, traced: Trace) -> None:
    stop = await world.start_bot()
    world.model.script = Lines(order(), "Then not.")
    talk = await mention(world, "ann", "order one")
    await talk.rejects("ben", await talk.card())
    await talk.sees("Then not.")
    await stop()
    assert [line for line in tree(traced.all()) if line.startswith("  ")] == [
        "  chat: tool_use",
        "  approval create_order: rejected",
        "  chat: end_turn",
    ]


async def test_what_policy_refuses_is_a_decision_without_a_part_of_its_own(world: World, traced: Trace) -> None:
    world.config = Config(policy=Policy((Rule(tool="create_order", answer="refuse", name="rule 1"),)))
    stop = await world.start_bot()
    world.model.script = Lines(order(), "I may not.")
    await (await mention(world, "ann", "order one")).sees("I may not.")
    await stop()
    assert tree(traced.all()) == [
        "invoke_agent: success",
        "  chat: tool_use",
        "  approval create_order: refused",
        "  chat: end_turn",
    ]


async def test_an_edited_call_is_decided_twice(world: World, traced: Trace) -> None:
    stop = await world.start_bot()
    world.model.script = Lines(order(), "Ordered.")
    talk = await mention(world, "ann", "order one")
    assert (await talk.edits("ben", await talk.card(), quantity="5")).closed
    await talk.clicks("cleo", await talk.sees("Order 5 ×", "[Place order"))
    await talk.sees("Ordered.")
    await stop()
    decided = [line for line in tree(traced.all()) if "create_order" in line]
    assert decided == [
        "  approval create_order: edited",
        "  approval create_order: approved",
        "  execute_tool create_order: succeeded",
    ]


async def test_a_turn_at_its_cap(world: World, traced: Trace) -> None:
    world.config = Config(agents={"assistant": AgentSection(max_iterations=2)})
    stop = await world.start_bot()
    world.model.script = Lines(LOOK, call("search_product_catalog", query="lamp", limit=1), "On it goes.")
    await (await mention(world, "ann", "look")).sees("I stopped after 2 steps")
    await stop()
    shown = tree(traced.all())
    assert shown[0] == "invoke_agent: max_iterations_exceeded"
    assert shown.count("  chat: tool_use") == 2


async def test_tries_that_failed_are_events_of_their_call(world: World, traced: Trace) -> None:
    stop = await world.start_bot()
    world.model.faults.status(500)
    world.model.script = Lines("Hello.")
    await (await mention(world, "ann", "hello")).sees("Hello.")
    await stop()
    assert tree(traced.all()) == ["invoke_agent: success", "  chat: end_turn, 1 failed"]


async def test_a_model_call_says_who_answered_how_soon_and_after_how_many_tries(world: World, traced: Trace) -> None:
    stop = await world.start_bot()
    world.model.faults.status(500)
    world.model.faults.status(529)
    world.model.script = Lines("Hello.")
    await (await mention(world, "ann", "hello")).sees("Hello.")
    await stop()
    [chat] = traced.spans("chat claude-sonnet-5-5")
    attributes = dict(chat.attributes or {})
    assert (attributes[telemetry.TRIES], attributes[telemetry.ANSWERED]) == (3, "claude-sonnet-5-5")
    assert attributes[telemetry.TOOLS_OFFERED] == len(world.model.requests[-1]["tools"])
    waited = sum(float(str(each[telemetry.WAITED])) for each in traced.failed_tries())
    assert chat.start_time is not None
    assert chat.end_time is not None
    # Counted from the try that was answered: what was waited for before it is no part of it.
    assert 0 < float(str(attributes[telemetry.FIRST_CHUNK])) <= (chat.end_time - chat.start_time) / 1e9 - waited


async def test_an_expired_call_is_decided_by_the_clock(world: World, traced: Trace) -> None:
    world.config = Config(policy=Policy((Rule(tool="create_order", expires_seconds=2, name="rule 1"),)))
    stop = await world.start_bot()
    world.model.script = Lines(order(), "Too late.")
    await (await mention(world, "ann", "order one")).sees("Too late.")
    await stop()
    assert [line for line in tree(traced.all()) if line.startswith("  ")] == [
        "  chat: tool_use",
        "  approval create_order: expired",
        "  chat: end_turn",
    ]


async def test_a_summary_belongs_to_the_turn_that_it_follows(world: World, traced: Trace) -> None:
    world.config = Config(agents={"assistant": AgentSection(context_tokens=2_000)})
    stop = await world.start_bot()
    world.model.script = Lines("so " * 6_000, "## Summary\nLong it was.")
    await (await mention(world, "ann", "talk")).sees("so so")

    async def summed_up() -> bool:
        return bool(await world.rows("SELECT FROM step WHERE kind = 'compacted'"))

    await until(summed_up)
    await stop()
    assert tree(traced.all()) == ["invoke_agent: success", "  chat: end_turn", "  chat: end_turn"]


async def test_a_turn_goes_on_after_a_crash_in_the_same_trace(world: World, traced: Trace) -> None:
    """Its process is gone in the midst of a model call; another one carries on once the lease has run out."""
    stop = await world.start_bot()
    world.model.faults.silence(60.0)
    world.model.script = Lines("Hello again.")
    talk = await mention(world, "ann", "hello")
    await world.slack.until(lambda: world.model.requests)
    await stop()  # it gives up the call, as a crash would
    stop = await world.start_bot()
    await talk.sees("Hello again.")
    await stop()
    assert tree(traced.all())[-2:] == ["invoke_agent: success <- linked", "  chat: end_turn"]
    assert len({id_of(span)[0] for span in traced.all()}) == 1


async def test_memory_is_searched_below_its_turn_and_below_the_tool_that_asked(world: World, traced: Trace) -> None:
    world.config = Config(memory=MemorySection(learn_with=""))
    stop = await world.start_bot()
    likes = {"owner": "user", "kind": "preference", "key": "language", "value": "German"}
    learnt = calls(call("remember_fact", fact=FACT, quote=FACT), call("set_memory", **likes))
    corrected = call("correct_fact", id=1, fact=CORRECTION, quote=CORRECTION, was_true=True)
    gone = call("delete_memory", owner="user", key="language")
    world.model.script = Lines(learnt, call("search_memory", words="deploys"), corrected, gone, "Noted.")
    talk = await mention(world, "ann", f"remember: {FACT}; no: {CORRECTION}")
    await talk.clicks("ben", await talk.sees("Correct what is remembered", "[Reject]"))
    await talk.sees("Noted.")
    await stop()
    shown = tree(traced.all())
    assert shown[1:3] == ["  search_memory: 0 records"] * 2  # of values and of items, when the turn begins
    assert below_run(shown, "remember_fact") == ["    upsert_memory: 1 records"]
    assert below_run(shown, "set_memory") == ["    upsert_memory: 1 records"]
    assert below_run(shown, "search_memory") == ["    search_memory: 1 records"]
    assert below_run(shown, "correct_fact") == ["    update_memory: 1 records"]
    assert below_run(shown, "delete_memory") == ["    search_memory: 1 records", "    delete_memory: 1 records"]
    stores = [dict(span.attributes or {})[telemetry.MEMORY_STORE] for span in traced.spans("upsert_memory")]
    assert sorted(map(str, stores)) == ["items", "values"]
    assert len({id_of(span)[0] for span in traced.all()}) == 1  # that messages change, in the channel, is none of a turn's
    assert "Tuesday" not in traced.whole()


def below_run(shown: Sequence[str], tool: str) -> Sequence[str]:
    """What a tree shows below the run of a tool."""
    at = shown.index(f"  execute_tool {tool}: succeeded") + 1
    return list(takewhile(lambda line: line.startswith("    "), shown[at:]))


async def test_each_turn_of_a_thread_is_a_trace_of_its_own(world: World, traced: Trace) -> None:
    stop = await world.start_bot()
    world.model.script = Lines("One.", "Two.")
    talk = await mention(world, "ann", "one")
    await talk.sees("One.")
    await talk.says("ann", "two")
    await talk.sees("Two.")
    await stop()
    assert tree(traced.all()) == ["invoke_agent: success", "  chat: end_turn"] * 2
    assert len({id_of(span)[0] for span in traced.all()}) == 2


async def test_a_part_says_what_it_came_to_and_other_servers_are_told_of_it(world: World, traced: Trace) -> None:
    stop = await world.start_bot()
    used = {"input_tokens": 10, "output_tokens": 5, "cache_creation_input_tokens": 100, "cache_read_input_tokens": 1000}
    world.model.script = Lines(Reply((LOOK,), usage=used), Reply((Text("There."),), usage=used))
    await (await mention(world, "ann", "look")).sees("There.")
    await stop()
    [part] = traced.spans("invoke_agent assistant")
    attributes = dict(part.attributes or {})
    assert (attributes[telemetry.ITERATIONS], attributes[telemetry.INPUT_TOKENS]) == (2, 2220)
    assert (attributes[telemetry.CACHE_READ_TOKENS], attributes[telemetry.OUTPUT_TOKENS]) == (2000, 10)
    chats = [id_of(span) for span in traced.spans("chat claude-sonnet-5-5")]
    told_of = [request.headers["traceparent"] for request in world.model.requests]
    assert [each.rpartition("-")[0] for each in told_of] == [f"00-{trace:032x}-{span:016x}" for trace, span in chats]
