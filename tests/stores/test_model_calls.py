"""Model calls and what they are charged: the loop itself on real stores, with a model that says what the test wants."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from agent.decide.moves import AnswerPart, Content, Notice
from agent.errors import ModelFailedError, UnreachableError
from agent.model.port import DEAF, Listener, Reply, Request
from agent.model.spending import Ask, BudgetLimits, Limit, Price, Refused, Reserved, SettleFirst
from agent.run import model_calls
from agent.run.effects import Effects
from agent.run.runner import Agent, Runner
from agent.run.worker import Worker
from agent.session.rules import Rules
from agent.store.redis_budgets import RedisBudget
from agent.tool.definition import registry
from agent.types import Pinned, Place, Usage
from tests.stores.books import PRICE, Books, who
from tests.stores.core import Core, place, until
from tests.stores.world import World

USAGE = Usage(
    input_tokens=100,
    output_tokens=20,
    cache_creation_input_tokens=40,
    cache_read_input_tokens=31,
    cache_creation_1h_input_tokens=10,
)
PINNED = Pinned(model="m", system="You help.", tools=(), agent="assistant")
Before = Callable[["Desk"], Awaitable[None]]


@dataclass
class Desk(World):
    """One session's world: what is posted is kept, and the model answers at once or fails."""

    books: Books = field(kw_only=True)
    limits: BudgetLimits = field(default_factory=dict[Any, Limit])
    prices: dict[str, Price] = field(default_factory=dict[str, Price])
    session_tokens: int = 50_000
    failure: ModelFailedError | None = None
    hangs: bool = False
    requests: list[Request] = field(default_factory=list[Request])
    told: list[str] = field(default_factory=list[str])
    after_reserving: list[Before] = field(default_factory=list[Before])  # each once

    def __post_init__(self) -> None:
        super().__init__()

    async def post(self, place: Place, content: Content, key: str) -> str:
        """Keep the words."""
        assert isinstance(content, AnswerPart | Notice)
        self.told.append(content.text)
        return "9.9"

    async def reply(self, request: Request, listener: Listener = DEAF) -> Reply:
        """Words, or a failure."""
        self.requests.append(request)
        if self.hangs:
            await asyncio.Event().wait()
        if self.failure is not None:
            raise self.failure
        return Reply(({"type": "text", "text": "Done."},), "end_turn", USAGE)

    def worker(self, budget: RedisBudget) -> Worker:
        """With what the desk has by now."""
        core = self.books.core
        effects = Effects(self, self, budget, core.store, registry([]))
        rules = Rules(registry([]), budget_tokens=self.session_tokens, limits=self.limits, prices=self.prices)
        runner = Runner(core.store, core.queue, effects, lambda place: Agent(PINNED, rules))
        return Worker(core.database_url, core.queue, runner, poll_seconds=0.1)

    async def asks(self, number: int = 1) -> None:
        """A person asks, and the session comes to rest."""
        await self.books.core.wake(place(number))

        async def resting() -> bool:
            busy = "SELECT 1 FROM session WHERE lease_until IS NOT NULL OR wake_at IS NOT NULL"
            return await self.books.core.sql(busy) == []

        budget = Interrupted(self)
        try:
            async with self.worker(budget):
                await until(resting)
        finally:
            await budget.close()

    async def asked(self) -> bool:
        """Whether the model was."""
        return self.requests != []

    async def rows(self) -> list[tuple[Any, ...]]:
        """What was charged: tokens and money, and whether the model said what it used."""
        return await self.books.core.sql("SELECT tokens, nano_usd, input_tokens IS NOT NULL FROM usage ORDER BY started_at")


class Interrupted(RedisBudget):
    """Something happens right after it has answered."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.books.redis_url, desk.books.ledger)
        self._desk = desk

    async def reserve(self, ask: Ask) -> Reserved | Refused | SettleFirst:
        """As it does, and then whatever the desk has in store."""
        answer = await super().reserve(ask)
        if self._desk.after_reserving:
            await self._desk.after_reserving.pop(0)(self._desk)
        return answer


@pytest.fixture
async def books(core: Core, redis_url: str) -> AsyncIterator[Books]:
    """Nothing spent yet."""
    books = Books(core, redis_url)
    yield books
    await books.close()


async def spent(books: Books, tokens: int) -> None:
    """The same person has spent this in another conversation."""
    other = who("other", at=datetime.now(UTC))
    await books.commit(other, tokens)
    await books.charge(other, tokens)


async def test_a_call_has_one_row_with_who_pays_and_what_it_cost(books: Books) -> None:
    await Desk(books=books, prices={"m": PRICE}).asks()
    tokens = 100 + 40 + 4 + 20
    nano_usd = 100 * 3_000 + 30 * 3_750 + 10 * 6_000 + 31 * 300 + 20 * 15_000
    [row] = await books.core.sql("""
        SELECT team, payer, agent, model, iteration, tokens, nano_usd, input_tokens, output_tokens, cache_creation_input_tokens,
               cache_read_input_tokens, settled_at >= started_at, reserved_tokens > tokens, reserved_nano_usd > nano_usd, capped
        FROM usage
    """)
    assert row == ("T1", "U1", "assistant", "m", 1, tokens, nano_usd, 100, 20, 40, 31, True, True, True, False)


async def test_each_turn_writes_one_row_more(books: Books) -> None:
    desk = Desk(books=books)
    for turn in (1, 2, 3):
        await desk.asks()
        assert len(await desk.rows()) == turn


async def test_a_call_that_the_model_refused_costs_nothing_and_one_whose_reply_was_lost_what_was_reserved(books: Books) -> None:
    desk = Desk(books=books, failure=ModelFailedError("Not now.", unbilled=True), prices={"m": PRICE})
    await desk.asks()
    desk.failure = ModelFailedError("Cut off.")
    await desk.asks()
    [(reserved, nano_usd)] = await books.core.sql(
        "SELECT reserved_tokens, reserved_nano_usd FROM usage ORDER BY started_at DESC LIMIT 1"
    )
    assert await desk.rows() == [(0, 0, False), (reserved, nano_usd, False)]
    assert desk.told == ["Not now.", "Cut off."]


async def test_a_call_whose_process_ended_is_charged_as_it_was_reserved_and_made_again(books: Books) -> None:
    desk = Desk(books=books, limits={"user_day": Limit(100_000)}, prices={"m": PRICE}, hangs=True)
    await books.core.wake(place())
    budget = Interrupted(desk)
    async with desk.worker(budget):
        await until(desk.asked)
    await budget.close()
    desk.hangs = False
    await desk.asks()
    [(reserved, nano_usd)] = await books.core.sql(
        "SELECT reserved_tokens, reserved_nano_usd FROM usage ORDER BY started_at LIMIT 1"
    )
    charged = await desk.rows()
    assert charged[0] == (reserved, nano_usd, False)
    assert [has_usage for *_, has_usage in charged] == [False, True, True]  # the second turn has one more
    [key] = await books.redis.keys("*user_day*")
    assert int(await books.redis.hget(key, "used_tokens")) == sum(tokens for tokens, *_ in charged)


async def test_a_start_that_redis_lost_before_its_commit_is_not_made_when_others_took_its_place(books: Books) -> None:
    async def others_take_all(desk: Desk) -> None:
        await books.redis.flushall()
        await spent(books, 9_000)

    desk = Desk(books=books, limits={"user_day": Limit(10_000)}, after_reserving=[others_take_all])
    await desk.asks()
    assert desk.requests == []
    assert await desk.rows() == [(0, 0, False), (9_000, 0, False)]
    [told] = desk.told
    assert told.startswith(
        "Your daily budget of 10,000 tokens, used in all conversations with the agent assistant, has 1,000 left, and "
    )


async def test_a_start_that_redis_lost_before_its_commit_is_set_aside_anew(books: Books) -> None:
    async def flush(desk: Desk) -> None:
        await books.redis.flushall()

    desk = Desk(books=books, limits={"user_day": Limit(10_000)}, after_reserving=[flush])
    await desk.asks()
    assert len(desk.requests) == 1
    [key] = await books.redis.keys("*user_day*")
    assert await books.redis.hmget(key, "used_tokens", "open_tokens") == ["164", "0"]


async def test_redis_gone_between_start_and_call_is_waited_for_and_the_start_stands(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(desk: Desk) -> None:
        """The start."""

    async def gone(desk: Desk) -> None:
        raise UnreachableError("for a moment")

    monkeypatch.setattr(model_calls, "CONFIRM_SECONDS", 0.05)
    desk = Desk(books=books, after_reserving=[nothing, gone, gone])
    await desk.asks()
    assert len(desk.requests) == 1
    assert await desk.rows() == [(164, 0, True)]
    assert desk.told == ["Done."]


async def test_a_budget_that_calls_under_way_hold_is_waited_for(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_calls, "BUSY_SECONDS", 0.05)
    other = who("other", at=datetime.now(UTC))
    await books.commit(other, 9_900)

    async def frees(desk: Desk) -> None:
        await books.budget.settle(await books.charge(other, 100))

    async def nothing(desk: Desk) -> None:
        """Busy."""

    desk = Desk(books=books, limits={"user_day": Limit(10_000)}, after_reserving=[nothing, frees])
    await desk.asks()
    assert desk.told == ["Done."]


async def test_money_is_not_spent_on_a_model_without_a_price(books: Books) -> None:
    desk = Desk(books=books, limits={"workspace_month": Limit(nano_usd=10**12)})
    await desk.asks()
    assert desk.requests == []
    assert "no price of m" in desk.told[0]


async def test_continue_is_offered_only_where_nothing_else_is_short(books: Books) -> None:
    desk = Desk(books=books, session_tokens=300, limits={"user_day": Limit(300)})
    await desk.asks()
    desk.limits = {"user_day": Limit(100_000)}
    await desk.asks(2)
    rows = await books.core.sql(
        "SELECT (body ->> 'offer_continue')::bool FROM step WHERE body ->> 'kind' = 'halted' ORDER BY made_at"
    )
    assert rows == [(False,), (True,)]


async def test_people_are_told_in_the_thread_once_most_of_a_budget_is_used(books: Books) -> None:
    await spent(books, 16_000)
    desk = Desk(books=books, limits={"user_day": Limit(20_000)})
    for number in (1, 1, 2):
        await desk.asks(number)
    [note] = [text for text in desk.told if text != "Done."]
    assert note.startswith(
        "80 % of <@U1>'s daily budget of 20,000 tokens, used in all conversations with the agent assistant, is "
    )
    assert "00:00 UTC" in note
    assert "An admin of the workspace can raise it in my Home tab." in note
    assert desk.told.count("Done.") == 3
