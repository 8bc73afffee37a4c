"""The charge of a model call is settled with the reservation of the next one, in one go, and never so that something is lost."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import JsonValue

from agent.model.port import DEAF, Listener, Reply, Request
from agent.model.spending import Ask, BudgetLimits, Charge, Limit, Refused, Reserved, SettleFirst
from agent.run import claim
from agent.run.effects import Effects
from agent.run.runner import Agent, Runner
from agent.run.worker import Worker
from agent.session.rules import Rules
from agent.store.redis_budgets import RedisBudget
from agent.tool.definition import registry
from tests.stores.books import MOST, NOON, Books, ask, day, who
from tests.stores.core import Core, place, until
from tests.stores.test_model_calls import PINNED, USAGE
from tests.stores.world import World
from tools.catalog import catalog


@pytest.fixture
async def books(core: Core, redis_url: str) -> AsyncIterator[Books]:
    """Nothing spent yet."""
    books = Books(core, redis_url)
    yield books
    await books.close()


def of_user(tokens: int) -> BudgetLimits:
    """A person's day."""
    return {"user_day": Limit(tokens)}


async def test_the_next_call_is_set_aside_and_the_last_one_settled_in_one_go(books: Books) -> None:
    [month] = [scope for scope in who().scopes() if scope.kind == "workspace_month"]
    await books.reserved(ask(who("S9"), {"workspace_month": Limit(10_000)}))  # others have a limit that this one has not
    await books.reserved(ask(who(seq=1), of_user(1_000)))
    await books.commit(who(seq=1), 150)
    await books.budget.forget(month)
    await books.reserved(ask(who("S9", seq=2), {"workspace_month": Limit(10_000)}))  # read again, with what is under way here
    together = replace(ask(who(seq=4), of_user(1_000), tokens=60), last=Charge(who(seq=1), 70, 0))
    await books.reserved(together)
    assert await books.in_redis(day(who())) == {
        **{"used_tokens": 70, "open_tokens": 60 + MOST},
        **{"used_nano_usd": 0, "open_nano_usd": 0},
    }
    assert (await books.in_redis(month))["used_tokens"] == 70


async def test_until_its_charge_is_committed_no_less_is_set_aside_than_it_may_be_charged(books: Books) -> None:
    await books.reserved(ask(who(seq=1), of_user(1_000), tokens=300))
    assert (await books.reserved(replace(ask(who(seq=4), of_user(1_000)), last=Charge(who(seq=1), 20, 0)))).tokens == 50 + MOST
    stood = await books.in_redis(day(who()))
    assert (stood["used_tokens"], stood["open_tokens"]) == (20, 300 + MOST - 20)
    await books.commit(who(seq=4), 50 + MOST)
    await books.reserved(replace(ask(who(seq=4), of_user(1_000)), committed=True))
    assert (await books.in_redis(day(who())))["open_tokens"] == 50 + MOST


@pytest.mark.parametrize("why", ["too little is left", "nobody knows what became of it", "a day has begun"])
async def test_where_that_could_lose_something_the_last_call_is_settled_first(books: Books, why: str) -> None:
    limit = 160 if why == "too little is left" else 1_000
    await books.reserved(ask(who(seq=1), of_user(limit), tokens=60))
    before = await books.in_redis(day(who()))
    last = who(seq=2) if why == "nobody knows what became of it" else who(seq=1)
    then = NOON + timedelta(days=1) if why == "a day has begun" else NOON
    tokens = 300 if why == "too little is left" else 50
    asked = replace(ask(who(seq=4, at=then), of_user(limit), tokens=tokens), last=Charge(last, 20, 0))
    assert await books.budget.reserve(asked) == SettleFirst()
    assert await books.in_redis(day(who())) == before


class Recorded(RedisBudget):
    """The budgets, with what they are asked in `asked`."""

    def __init__(self, books: Books) -> None:
        super().__init__(books.redis_url, books.ledger)
        self.asked: list[str] = []

    async def reserve(self, ask: Ask) -> Reserved | Refused | SettleFirst:
        """As it does."""
        self.asked.append("confirm" if ask.committed else "reserve" if ask.last is None else "settle and reserve")
        return await super().reserve(ask)

    async def settle(self, charge: Charge) -> None:
        """As it does."""
        self.asked.append("settle")
        await super().settle(charge)


class Searching(World):
    """A model that looks something up first."""

    async def reply(self, request: Request, listener: Listener = DEAF) -> Reply:
        """A call, then words."""
        call: dict[str, JsonValue] = {
            "type": "tool_use",
            "id": "toolu_1",
            "name": "search_product_catalog",
            "input": {"query": "lamp"},
        }
        if any("tool_result" in str(message) for message in request.messages):
            return Reply(({"type": "text", "text": "Done."},), "end_turn", USAGE)
        return Reply(({**call, "input": {"query": "lamp"}},), "tool_use", USAGE)


@pytest.mark.parametrize("shared", [False, True], ids=["its own budget alone", "a person's day, too"])
async def test_a_reply_its_read_and_the_next_call_are_one_commit_and_one_question_to_redis(
    books: Books, monkeypatch: pytest.MonkeyPatch, shared: bool
) -> None:
    for name in ("UNWRITTEN_SECONDS", "CONFIRM_SECONDS"):
        monkeypatch.setattr(claim, name, 60.0)  # however busy this machine is
    core, world, budget = books.core, Searching(), Recorded(books)
    tools = registry(catalog(core.pool))
    rules = Rules(tools, limits=of_user(1_000_000) if shared else {})
    runner = Runner(core.store, core.queue, Effects(world, world, budget, core.store, tools), lambda place: Agent(PINNED, rules))
    await core.wake(place())

    async def rests() -> bool:
        return await core.sql("SELECT 1 FROM session WHERE lease_until IS NOT NULL OR wake_at IS NOT NULL") == []

    async with Worker(core.database_url, core.queue, runner, poll_seconds=0.1):
        await until(rests)
    await budget.close()
    commits = await core.sql("SELECT string_agg(kind, ' ' ORDER BY seq) FROM step GROUP BY xmin::text ORDER BY min(seq)")
    assert [kinds for (kinds,) in commits] == [
        "asked model_started",
        "model_replied tool_started tool_returned model_started",
        "model_replied post_started",
        "posted",
    ]
    confirms = ["confirm"] if shared else []
    assert budget.asked == ["reserve", *confirms, "settle and reserve", *confirms, "settle"]
