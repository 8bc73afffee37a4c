"""A conversation that is far longer than the window, on real Postgres and a model server that refuses what is too long."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from pydantic import BaseModel

from agent.decide.moves import Content
from agent.memory.long_results import read_output
from agent.model.anthropic import AnthropicModel
from agent.run.effects import Effects
from agent.run.runner import Agent, Runner
from agent.run.worker import Worker
from agent.session.rules import Rules
from agent.session.steps import Recorded
from agent.store.sessions import Lease, session_id
from agent.tool.definition import Effect, Tool, ToolContext, registry
from agent.types import Pinned, Place
from bot.sandbox.model import Reply, Request, ScriptedModel, Text, call, calls, say, think
from bot.sandbox.model.usage import input_tokens_of
from tests.fakes.budget import FakeBudget
from tests.patience import PATIENCE_SECONDS
from tests.stores.core import Core, message, place
from tests.stores.world import World

MODEL = "claude-sonnet-5-5"  # binds its thinking: a rewritten history is refused
WINDOW_TOKENS, CONTEXT_TOKENS = 12_000, 5_000
FIRST = "Please look after the warehouse list, item by item, and say at once when a number looks odd."
FACT = "The code of the north gate is 4711-ALDER."
TURNS, OUTPUT_CHARACTERS = 500, 4_200
ASKS = "This is a message of Signoff itself"


class Item(BaseModel):
    """Which one."""

    number: int


async def look_up(arguments: Item, context: ToolContext) -> dict[str, Any]:
    """A long result."""
    row = f"row {arguments.number} of the list; "
    return {"text": row * (OUTPUT_CHARACTERS // len(row))}


def talk(request: Request) -> Reply:
    """Looks up what it is asked for, then answers. Asked to sum up, it writes down what was said to be so."""
    if ASKS in request.last_user_text:
        return summary(request)
    if request.turn_results:
        return Reply((think("That is it."), Text(f"It is in order: {request.turn_results[-1].text[:40]}")))
    [number] = re.findall(r"item (\d+)", request.last_user_text.splitlines()[-1])
    return Reply((think("I look it up."), call("look_up", number=int(number))))


def summary(request: Request) -> Reply:
    """All that it has to go by is the request itself."""
    told = "\n".join(request.user_texts)
    facts = dict.fromkeys(re.findall(r"The code of .*? is \S+\.", told))
    return say(
        "## Facts\n" + "\n".join(f"- {fact}" for fact in facts) + "\n\n## Summary\nItems were looked up, one after the other."
    )


def calls_instead(request: Request) -> Reply:
    """A model that does not do as it is asked to when a summary is wanted."""
    return calls(call("look_up", number=0)) if ASKS in request.last_user_text else talk(request)


class Thread(World):
    """Answers as they are posted."""

    def __init__(self) -> None:
        super().__init__()
        self.posted = asyncio.Event()

    async def post(self, place: Place, content: Content, key: str) -> str:
        """Keep the answer, and say that it is there."""
        self.posted.set()
        return await super().post(place, content, key)


@dataclass
class Conversation:
    """One thread, its model, and what Postgres has of it."""

    core: Core
    model: ScriptedModel
    thread: Thread
    place: Place

    async def turn(self, number: int, text: str) -> None:
        """Somebody says something; until the answer is there."""
        self.thread.posted.clear()
        await self.core.wake(self.place, message(text, f"{number}.0"))
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self.thread.posted.wait()

    async def play(self, turns: int) -> None:
        """So many turns: the task, a fact in the third, and an item to be looked up in each."""
        for number in range(1, turns + 1):
            said = {1: FIRST, 3: f"Please remember: {FACT}"}.get(number, "Next one.")
            await self.turn(number, f"{said} Now item {number}.")

    async def at_rest(self) -> None:
        """Until the worker has let go of the session."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (await self.core.sql("SELECT lease_until FROM session")) != [(None,)]:  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async def loaded(self) -> list[Recorded]:
        """What a process that takes the session over would read."""
        [(epoch,)] = await self.core.sql("SELECT epoch FROM session")
        lease = Lease(session_id(self.place), self.place, epoch, None, 0, False, datetime.now(UTC), 0.0)
        return await self.core.store.load(lease)

    async def rows_of_turns(self) -> tuple[list[int], list[int]]:
        """What each turn wrote, inbox row, steps and bills, with the first the session and its pin; and each compaction."""
        wrote = await self.core.sql("""
            SELECT count(*) FILTER (WHERE NOT of_compaction), count(*) FILTER (WHERE of_compaction)
            FROM (SELECT count(*) FILTER (WHERE body ->> 'kind' = 'asked') OVER (ORDER BY step.seq) AS turn,
                         body ->> 'kind' = 'compacted' OR coalesce(body ->> 'purpose', '') = 'compact' AS of_compaction
                  FROM step LEFT JOIN LATERAL (VALUES (1), (2)) AS row (bill) ON body ->> 'kind' = 'model_started') AS told
            GROUP BY turn ORDER BY turn
        """)
        others = ("alembic_version", "audit", "audit_head")  # what is audited is never deleted: other tests' entries stay
        tables = {name: len(rows) for name, rows in (await self.core.tables()).items() if rows and name not in others}
        assert sum(tables.values()) == sum(turn + compaction for turn, compaction in wrote) + len(wrote) + 2
        turns = [turn + 1 + 2 * (number == 0) for number, (turn, _) in enumerate(wrote)]
        return turns, [compaction for _, compaction in wrote if compaction]


@pytest.fixture
async def conversation(core: Core) -> AsyncIterator[Conversation]:
    """A worker whose model reads little at once."""
    async with ScriptedModel(talk) as server:
        server.models.put(replace(cast(Any, server.models.get(MODEL)), max_input_tokens=WINDOW_TOKENS))
        model = AnthropicModel.connect(server.api_key, server.base_url)
        look = Tool(name="look_up", description="Looks up an item.", arguments=Item, handler=look_up, effect=Effect.READ)
        tools = registry([look, read_output(core.store.kept)])
        thread = Thread()
        effects = Effects(thread, model, FakeBudget(), core.store, tools)
        pinned = Pinned(model=MODEL, system="You look things up.", tools=tuple(tool.schema() for tool in tools.values()))
        agent = Agent(pinned, Rules(tools, budget_tokens=10**9, context_tokens=CONTEXT_TOKENS))
        runner = Runner(core.store, core.queue, effects, lambda _: agent)
        async with Worker(core.database_url, core.queue, runner):
            yield Conversation(core, server, thread, place())
        await model.close()


@pytest.mark.timeout(300)
async def test_500_turns_with_2_mb_of_tool_output(conversation: Conversation) -> None:
    await conversation.play(TURNS)
    await conversation.at_rest()
    model = conversation.model
    assert model.refusals == []  # none was too long, and none had thinking that something before it had changed
    longest = max(input_tokens_of(request) for request in model.requests)
    assert longest < WINDOW_TOKENS
    [(output,)] = await conversation.core.sql(
        "SELECT sum(length(body ->> 'text')) FROM step WHERE body ->> 'kind' = 'tool_returned'"
    )
    assert output > 2_000_000
    asked = next(request for request in reversed(model.requests) if f"Now item {TURNS}." in json.dumps(request["messages"]))
    assert FIRST in json.dumps(asked["messages"])
    assert FACT in json.dumps(asked["messages"])
    (first, *others), of_compactions = await conversation.rows_of_turns()
    assert max(others) <= first
    assert set(of_compactions) == {3}  # its start, its bill, and the new context, however long the conversation is
    [(compactions, by_model)] = await conversation.core.sql("""
        SELECT count(*), count(*) FILTER (WHERE body ->> 'summary_by' = 'model') FROM step WHERE body ->> 'kind' = 'compacted'
    """)
    assert len(of_compactions) == compactions == by_model > TURNS / 20
    loaded = await conversation.loaded()
    assert len(loaded) < 20 * first  # and not the thousands of steps there are


@pytest.mark.timeout(120)
async def test_a_model_that_gives_no_summary_holds_nobody_up(conversation: Conversation) -> None:
    conversation.model.script = calls_instead
    await conversation.play(60)
    assert conversation.model.refusals == []
    last = json.dumps(conversation.model.requests[-1]["messages"])
    assert FIRST in last
    assert FACT in last
    [(by_code,)] = await conversation.core.sql("SELECT count(*) FROM step WHERE body ->> 'summary_by' = 'code'")
    assert by_code > 5
