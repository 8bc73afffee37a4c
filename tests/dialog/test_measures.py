"""What is measured of conversations, in figures that an operator reads: each where it happens, and nothing of what was said."""

import pytest

from agent.errors import ModelOutOfReachError
from agent.metrics import Backlog, backlog_read
from bot.config.file import AgentSection, Config
from bot.config.memory_section import MemorySection
from bot.config.sections import BudgetSection
from bot.sandbox.model import Lines, Reply, Text, call
from tests.dialog.conftest import World, mention
from tests.dialog.measured import Measured, measured
from tests.dialog.test_grants import granted, order
from tests.dialog.test_model_faults import QUICK

__all__ = ["measured"]  # a fixture

MODEL = "claude-sonnet-5-5"
SEARCH = call("get_order_status", order_id="ORD-1042")


async def test_a_turn_is_measured_with_its_model_calls_its_tools_and_its_tokens(bot: World, measured: Measured) -> None:
    used = {"input_tokens": 10, "output_tokens": 5, "cache_creation_input_tokens": 100, "cache_read_input_tokens": 1000}
    bot.model.script = Lines(Reply((SEARCH,), usage=used), Reply((Text("Delivered."),), usage=used))
    talk = await mention(bot, "ann", "where is my order?")
    await talk.sees("Delivered.")
    await talk.rests()
    await measured.comes_to(2, "gen_ai.invoke_agent.inference_calls", gen_ai_agent_name="assistant")
    assert measured.sum("gen_ai.invoke_agent.tool_calls", gen_ai_agent_name="assistant") == 1
    for name in ("gen_ai.client.inference.duration", "gen_ai.client.inference.time_to_first_chunk"):
        assert measured.count(name, gen_ai_operation_name="chat", gen_ai_request_model=MODEL) == 2
        assert measured.sum(name) > 0
    assert measured.count("gen_ai.execute_tool.duration", gen_ai_tool_name="get_order_status", gen_ai_agent_name="assistant") == 1
    usage = "gen_ai.client.inference.usage"
    assert measured.sum(f"{usage}.input_tokens") == 2 * 1110  # those of the cache included
    assert measured.sum(f"{usage}.output_tokens") == 2 * 5
    assert measured.sum(f"{usage}.cache_read.input_tokens") == 2 * 1000
    assert measured.sum(f"{usage}.cache_write.input_tokens") == 2 * 100
    assert measured.sum("signoff.runs", signoff_outcome="success", gen_ai_agent_name="assistant") == 1
    assert measured.sum("signoff.run.tokens", gen_ai_agent_name="assistant") == 2 * (10 + 5 + 100 + 100)
    assert measured.count("signoff.ingress.duration", signoff_delivery="event", signoff_outcome="taken") >= 1


async def test_decisions_are_counted_by_their_outcome_and_by_how_long_people_took(bot: World, measured: Measured) -> None:
    bot.model.script = Lines(order(1), order(2), call("pay_nobody"), "Done.")
    talk = await mention(bot, "ann", "order one, then two")
    await talk.clicks("ben", await talk.card())
    await talk.sees("Order 2 ×")
    await talk.rejects("ben", await talk.card())
    await talk.sees("Done.")
    await talk.rests()
    for outcome in ("approved", "rejected"):
        labels = {"gen_ai_tool_name": "create_order", "signoff_outcome": outcome}
        assert measured.sum("signoff.approval.decisions", **labels) == 1
        assert measured.count("signoff.approval.wait", **labels) == 1
        assert measured.sum("signoff.approval.wait", **labels) > 0
    made_up = measured.of("signoff.approval.decisions", signoff_outcome="refused")
    assert [row.labels["gen_ai.tool.name"] for row in made_up] == ["_OTHER"]  # what a model makes up is no label
    assert measured.count("signoff.approval.wait", signoff_outcome="refused") == 0
    assert measured.count("signoff.ingress.duration", signoff_delivery="click") >= 1
    assert measured.count("signoff.ingress.duration", signoff_delivery="dialog") == 1


async def test_calls_under_a_standing_permission_are_counted_as_granted(bot: World, measured: Measured) -> None:
    talk = await granted(bot, order(1), "First.", order(1), "Second.")
    await talk.sees("First.")
    await talk.says("ann", "the same again")
    await talk.sees("Second.")
    await talk.rests()
    assert measured.sum("signoff.approval.decisions", gen_ai_tool_name="create_order", signoff_outcome="granted") == 1


async def test_turns_are_counted_by_how_they_end(world: World, measured: Measured) -> None:
    poor, short = AgentSection(budget=BudgetSection(session_tokens=1)), AgentSection(max_iterations=1)
    agents, channels = {"assistant": AgentSection(), "poor": poor, "short": short}, world.slack.channels
    world.config = Config(agents=agents, channels={channels["general"]: "poor", channels["support"]: "short"})
    await world.start_bot()
    world.model.script = Lines(SEARCH)
    capped = await mention(world, "ann", "where is it?", "support")
    await capped.sees("I stopped after 1 steps")
    await (await mention(world, "ann", "what does it cost?", "general")).sees("budget")
    world.model.script = Lines(order(1))
    stopped = await mention(world, "ann", "order one")
    await stopped.card()
    await stopped.says("ann", "stop")
    await stopped.sees("Nothing further was run")
    for agent, outcome in (("short", "max_iterations_exceeded"), ("poor", "budget_exceeded"), ("assistant", "stopped")):
        await measured.comes_to(1, "signoff.runs", gen_ai_agent_name=agent, signoff_outcome=outcome)
    assert measured.sum("signoff.runs") == 3
    assert measured.sum("signoff.budget.refusals", signoff_budget="session", gen_ai_agent_name="poor") == 1


async def test_what_people_say_of_answers_is_counted(bot: World, measured: Measured) -> None:
    bot.model.script = Lines("Widgets are blue.")
    talk = await mention(bot, "ann", "which colour?")
    answer = await talk.sees("Widgets are blue.")
    await (await bot.slack.click("ann", talk.channel, answer.ts, "feedback", value="good:1"))
    await (await bot.slack.click("ben", talk.channel, answer.ts, "feedback", value="bad:1"))
    await measured.comes_to(1, "signoff.ratings", signoff_rating="bad")
    assert measured.sum("signoff.ratings", signoff_rating="good") == 1


async def test_an_outage_shows_as_failed_tries_and_as_an_open_breaker(world: World, measured: Measured) -> None:
    world.patience = QUICK
    await world.start_bot()
    world.model.faults.status(529, times=100)
    world.model.script = Lines("I am back.")
    talk = await mention(world, "ann", "hello?")
    await talk.sees("The model does not answer at the moment")
    assert measured.of("signoff.model.out_of_reach", gen_ai_request_model=MODEL)[-1].value == 1
    world.model.faults.clear()
    await talk.sees("I am back.")
    await talk.rests()
    assert measured.of("signoff.model.out_of_reach", gen_ai_request_model=MODEL)[-1].value == 0
    for outcome in ("tried_again", "given_up"):
        assert measured.sum("signoff.model.failed_tries", error_type="overloaded_error", signoff_outcome=outcome) >= 1
    name = "gen_ai.client.inference.duration"
    assert measured.count(name, error_type=ModelOutOfReachError.__name__) >= 1
    tokens = measured.of("gen_ai.client.inference.usage.output_tokens", gen_ai_token_modality="unknown")
    assert sum(row.value for row in tokens) == 0  # of calls without a reply


async def test_what_slack_refuses_or_delays_is_counted(bot: World, measured: Measured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.slack.web_api.WAIT_SECONDS", 0.2)
    bot.model.script = Lines("It is 49 dollars.", "It is 50 dollars.")
    bot.slack.faults.rate_limit("chat.postMessage", retry_after=1)
    await (await mention(bot, "ann", "what does it cost?")).sees("49")
    assert measured.sum("signoff.retries", signoff_kind="Post", signoff_outcome="delayed") >= 1
    bot.slack.faults.error("chat.postMessage", "is_archived")
    talk = await mention(bot, "ann", "and now?")
    await talk.is_told_directly("ann", "50")
    await measured.comes_to(1, "signoff.posts.failed", signoff_post="answer")


async def test_what_is_remembered_and_searched_for_is_counted(world: World, measured: Measured) -> None:
    world.config = Config(memory=MemorySection(learn_with=""))
    await world.start_bot()
    fact = "Deploys are on Tuesday"
    world.model.script = Lines(call("remember_fact", fact=fact, quote=fact), "Noted.", "On Tuesday.")
    await (await mention(world, "ann", f"please remember: {fact}")).sees("Noted.")
    await (await mention(world, "ann", "when are deploys?")).sees("On Tuesday.")
    assert measured.sum("signoff.memory.learnt", signoff_kind="fact") == 1
    assert measured.sum("signoff.memory.found") == 1
    assert measured.count("gen_ai.retrieval.duration") == 2  # one a turn


def test_a_figure_of_the_database_that_could_not_be_read_for_long_is_not_shown(
    measured: Measured, monkeypatch: pytest.MonkeyPatch
) -> None:
    backlog_read(Backlog(due=7, due_age=1, aside=0, cards=0, cards_age=0, questions=0, questions_age=0, uncovered_age=0))
    assert [row.value for row in measured.of("signoff.queue.depth")] == [7]
    monkeypatch.setattr("agent.metrics.backlog.STALE_SECONDS", 0.0)
    assert len(measured.of("signoff.queue.depth")) == 1  # no further one


async def test_nothing_of_what_was_said_is_in_a_label_and_nobodys_id(bot: World, measured: Measured) -> None:
    bot.model.script = Lines(call("get_order_status", order_id="argument-zebra"), call("zebra_tool"), "answer-zebra")
    talk = await mention(bot, "ann", "question-zebra")
    await talk.sees("answer-zebra")
    await talk.rests()
    labels = "\n".join(f"{name} {value}" for row in measured.rows() for name, value in row.labels.items())
    assert "zebra" not in labels
    ids = (*bot.slack.people.values(), *bot.slack.channels.values(), talk.ts, bot.slack.workspace.team_id)
    assert [id for id in ids if id in labels] == []
