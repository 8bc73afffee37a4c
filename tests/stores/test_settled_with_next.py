"""The charge of a model call is settled with the reservation of the next one, in one go, and never so that something is lost."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from agent.model.spending import BudgetLimits, Charge, Limit, SettleFirst
from tests.stores.books import MOST, NOON, Books, ask, day, who
from tests.stores.core import Core


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
