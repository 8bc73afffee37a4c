"""A conversation's budget can be used: what the provider still has of the last call is set aside at its price, a tenth.

What that risks is said exactly: a cache that is gone before its term makes one call dearer than what was set aside for it.
"""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg_pool import AsyncConnectionPool
from pydantic import BaseModel

from agent.decide.moves import AnswerPart, Content
from agent.memory.long_results import read_output
from agent.model.anthropic import AnthropicModel
from agent.model.spending import Ask, BudgetLimits, Limit, Refused, Reserved, SettleFirst
from agent.run.effects import Effects
from agent.run.runner import Agent, Runner
from agent.run.worker import Worker
from agent.session.rules import Rules
from agent.store.redis_budgets import RedisBudget
from agent.store.sessions import Pool
from agent.store.usage import Ledger
from agent.tool.definition import Effect, Tool, ToolContext, registry
from agent.types import Pinned, Place
from bot.sandbox.model import Reply, Request, ScriptedModel, call, say
from bot.sandbox.model.usage import PromptCache
from tests.conftest import TOLD
from tests.patience import PATIENCE_SECONDS
from tests.profiles import examples
from tests.stores.books import LEAST, MOST, Books, day, who
from tests.stores.core import Core, message, place, until
from tests.stores.world import World

MODEL = "claude-sonnet-5-5"
BUDGET_TOKENS = 100_000
ROW = "One row of a long list that somebody keeps, with a few words in it. "


class Item(BaseModel):
    """Which one."""

    number: int


async def look_up(arguments: Item, context: ToolContext) -> dict[str, Any]:
    """A thousand tokens and more: each item is longer than the one before it."""
    return {"text": f"Item {arguments.number}. " + ROW * (60 + 9 * arguments.number)}


def talk(request: Request) -> Reply:
    """Looks up what it is asked for, then answers in a few hundred tokens. Asked to sum up, it does."""
    if "This is a message of Signoff itself" in request.last_user_text:
        return say("## Facts\n- items are in order\n\n## Summary\nItems were looked up, one after the other.")
    if request.turn_results:
        return say("It is in order. " * 60)
    [number] = re.findall(r"item (\d+)", request.last_user_text.splitlines()[-1])
    return Reply((call("look_up", number=int(number)),))


class Forgetful(PromptCache):
    """One that forgets everything between two calls, whatever was promised, once it has counted so many tokens."""

    def __init__(self, after_tokens: int) -> None:
        super().__init__()
        self._left_tokens = after_tokens

    def input_usage(self, body: Any) -> dict[str, Any]:
        """As it does; and then nothing is left, if it is time."""
        usage = super().input_usage(body)
        self._left_tokens -= usage["input_tokens"] + usage["cache_creation_input_tokens"] + usage["cache_read_input_tokens"] // 10
        if self._left_tokens < 0:
            self.pass_seconds(10_000)
        return usage


class Thread(World):
    """Answers as they are posted."""

    def __init__(self) -> None:
        super().__init__()
        self.posted = asyncio.Event()
        self.told: list[str] = []

    async def post(self, place: Place, content: Content, key: str) -> str:
        """Keep the words, and say that they are there."""
        self.told.append(content.text if isinstance(content, AnswerPart) else "")
        self.posted.set()
        return await super().post(place, content, key)


@dataclass
class Conversation:
    """One thread, and what may be spent in it."""

    core: Core
    model: ScriptedModel
    thread: Thread = field(default_factory=Thread)

    async def until_it_ends(self) -> str:
        """Somebody asks for one item after the other, until the budget is short; what they are told then."""
        for number in range(1, 500):
            self.thread.posted.clear()
            await self.core.wake(place(), message(f"Next one. Now item {number}.", f"{number}.0"))
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self.thread.posted.wait()
            await until(self._is_free)
            if "I stopped before it" in self.thread.told[-1]:
                return self.thread.told[-1]
        raise AssertionError("it goes on for ever")

    async def _is_free(self) -> bool:
        return await self.core.sql("SELECT lease_until FROM session") == [(None,)]

    async def used(self) -> int:
        """What all its calls were charged."""
        [(used,)] = await self.core.sql("SELECT sum(tokens)::bigint FROM usage")
        return int(used)

    async def left_in_the_cache(self) -> int:
        """What the call before the last one read from the cache, or left in it."""
        [(left,)] = await self.core.sql("""
            SELECT cache_read_input_tokens + cache_creation_input_tokens FROM usage ORDER BY started_at DESC LIMIT 1 OFFSET 1
        """)
        return int(left)


@pytest.fixture
async def conversation(core: Core, redis_url: str) -> AsyncIterator[Conversation]:
    """Nothing is said yet. The context is compacted as it comes: from a quarter of the budget on."""
    async with ScriptedModel(talk) as server:
        model = AnthropicModel.connect(server.api_key, server.base_url)
        budget = RedisBudget(redis_url, Ledger(core.pool), answer_seconds=PATIENCE_SECONDS)
        look = Tool(name="look_up", description="Looks up an item.", arguments=Item, handler=look_up, effect=Effect.READ)
        tools = registry([look, read_output(core.store.kept)])
        conversation = Conversation(core, server)
        effects = Effects(conversation.thread, model, budget, core.store, tools)
        pinned = Pinned(model=MODEL, system="You look things up.", tools=tuple(tool.schema() for tool in tools.values()))
        rules = Rules(tools, budget_tokens=BUDGET_TOKENS, context_tokens=BUDGET_TOKENS)
        runner = Runner(core.store, core.queue, effects, lambda _: Agent(pinned, rules))
        async with Worker(core.database_url, core.queue, runner):
            yield conversation
        await budget.close()
        await model.close()


@pytest.mark.timeout(120)
async def test_a_conversation_of_100_000_tokens_is_used_to_nine_tenths_and_no_further_than_its_end(
    conversation: Conversation, record_property: Callable[[str, object], None]
) -> None:
    told = await conversation.until_it_ends()
    used = await conversation.used()
    record_property(TOLD, f"a conversation of {BUDGET_TOKENS:,} tokens ended at {used:,}: {told}")
    assert 0.9 * BUDGET_TOKENS <= used <= BUDGET_TOKENS
    assert f"({used:,} used)" in told


@pytest.mark.timeout(120)
async def test_a_cache_that_never_works_takes_no_conversation_over_its_budget(conversation: Conversation) -> None:
    conversation.model.cache = Forgetful(0)
    await conversation.until_it_ends()
    assert await conversation.used() <= BUDGET_TOKENS


@pytest.mark.timeout(120)
async def test_a_cache_that_worked_and_is_gone_before_its_term_costs_one_call_nine_tenths_of_what_it_held(
    conversation: Conversation, record_property: Callable[[str, object], None]
) -> None:
    conversation.model.cache = Forgetful(BUDGET_TOKENS * 17 // 20)
    await conversation.until_it_ends()
    over = await conversation.used() - BUDGET_TOKENS
    held = await conversation.left_in_the_cache()
    record_property(TOLD, f"{over:,} tokens over, since {held:,} were gone from the cache")
    assert 0 < over <= 0.9 * held


# ------------------------------------------------------------------------------------------ a crowd


@dataclass
class Crowd:
    """Sessions of one person, all at once, with caches that are there or gone as chance has it."""

    books: Books
    chance: Random
    most: int  # tokens of a session
    limits: BudgetLimits
    used: dict[str, int] = field(default_factory=dict[str, int])
    missed: dict[str, int] = field(default_factory=dict[str, int])  # by how much the last call was dearer than was hoped
    ends: Counter[str] = field(default_factory=Counter[str])

    async def spend(self, session_id: str, budget: RedisBudget) -> None:
        """One call after the other, until one does not fit; each is charged at most what was set aside for it."""
        self.used[session_id] = self.missed[session_id] = 0
        for seq in range(1, 60):
            tokens = self.chance.randint(1, self.most // 2)
            saved = self.chance.randint(0, tokens * 9 // 10)
            asked = Ask(who(session_id, seq), tokens, LEAST, MOST, self.limits, saved_tokens=saved)
            answer = await budget.reserve(asked)
            assert not isinstance(answer, SettleFirst)
            if isinstance(answer, Refused):
                self.ends["busy" if answer.busy else answer.short[-1].scope.kind] += 1
                return
            await self.books.commit(asked.spender, answer.tokens)
            confirmed = replace(asked, least_output=answer.output, most_output=answer.output, committed=True)
            if not isinstance(await budget.reserve(confirmed), Reserved):  # Redis lost it, and others took its place
                await budget.settle(await self.books.charge(asked.spender, 0))
                self.ends["refused at its confirmation"] += 1
                return
            gone = self.chance.random() < 0.2
            charged = answer.tokens if gone else answer.tokens - saved
            self.used[session_id] += charged
            self.missed[session_id] = saved if gone else 0
            await budget.settle(await self.books.charge(asked.spender, charged))
            if self.chance.random() < 0.02:
                await self.books.redis.flushall()


async def crowded(database_url: str, redis_url: str, seed: int) -> Counter[str]:
    """One crowd in two processes; how its sessions ended, and how many of them had more than their budget."""
    chance = Random(seed)
    most, of_all = chance.randint(500, 5_000), chance.randint(5_000, 60_000)
    limits: BudgetLimits = {"session": Limit(tokens=most), "user_day": Limit(tokens=of_all)}
    pool: Pool = AsyncConnectionPool(database_url, min_size=1, open=False, kwargs={"autocommit": True})
    async with pool:
        books = Books(Core(pool, database_url), redis_url)
        other = RedisBudget(redis_url, books.ledger, answer_seconds=PATIENCE_SECONDS)
        try:
            await books.core.sql("TRUNCATE usage")
            await books.redis.flushall()
            crowd = Crowd(books, chance, most, limits)
            await asyncio.gather(*(crowd.spend(f"S{number}", (books.budget, other)[number % 2]) for number in range(12)))
            assert sum(crowd.used.values()) == (await books.in_postgres(day(who())))["used_tokens"] <= of_all
            for session_id, used in crowd.used.items():
                assert used <= most + crowd.missed[session_id]
                crowd.ends["over its own"] += used > most
        finally:
            await other.close()
            await books.close()
        return crowd.ends


@pytest.mark.hypothesis
@pytest.mark.timeout(3600)  # with the long profile
def test_a_crowd_whose_caches_may_be_gone_stays_in_what_it_shares_and_each_in_its_own_but_for_its_last_call(
    database_url: str, redis_url: str, record_property: Callable[[str, object], None]
) -> None:
    ends: Counter[str] = Counter()

    @examples(0.3)
    @given(seed=st.integers(0, 2**32))
    def any_crowd(seed: int) -> None:
        ends.update(asyncio.run(crowded(database_url, redis_url, seed)))

    any_crowd()
    assert {"session", "user_day", "over its own"} <= {end for end, times in ends.items() if times}  # not about nothing
    record_property(TOLD, f"crowds of twelve sessions: {dict(ends)}")
