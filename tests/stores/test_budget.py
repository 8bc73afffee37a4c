"""Budgets on real Redis and Postgres: all or nothing, filled again after any loss, and never more than there is."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from agent.errors import UnreachableError
from agent.model.spending import BudgetLimits, BudgetStanding, Charge, Limit, Reserved, Scope
from agent.store import redis_budgets as budgets
from agent.store.redis_budgets import RedisBudget
from agent.store.usage import Ledger, Total
from tests.patience import PATIENCE_SECONDS
from tests.stores.books import LEAST, MOST, NOON, PRICE, Books, ask, day, who
from tests.stores.core import Core


@pytest.fixture
async def books(core: Core, redis_url: str) -> AsyncIterator[Books]:
    """Nothing spent yet."""
    books = Books(core, redis_url)
    yield books
    await books.close()


def of_user(tokens: int | None = None, nano_usd: int | None = None) -> BudgetLimits:
    """A person's day."""
    return {"user_day": Limit(tokens, nano_usd)}


async def test_a_call_is_set_aside_and_then_charged_what_it_used(books: Books) -> None:
    call = who()
    assert await books.reserved(ask(call, of_user(1_000))) == Reserved(MOST, 50 + MOST, 0)
    assert (await books.in_redis(day(call)))["open_tokens"] == 150
    await books.commit(call, 150)
    await books.budget.settle(await books.charge(call, 70))
    assert await books.in_redis(day(call)) == await books.in_postgres(day(call))
    assert (await books.in_redis(day(call)))["used_tokens"] == 70


async def test_the_budget_of_a_conversation_that_begins_is_not_read(books: Books) -> None:
    call = who()
    own, spent = call.scopes()[0], ask(call, {})
    await books.commit(call, 150)  # what no new conversation has: a read of it would show it
    await books.reserved(replace(spent, first=True))
    assert await books.in_redis(own) == {"used_tokens": 0, "open_tokens": 150, "used_nano_usd": 0, "open_nano_usd": 0}
    await books.budget.settle(await books.charge(call, 70))
    assert (await books.in_redis(own))["used_tokens"] == 70

    later = who(seq=2)
    await books.budget.forget(own)
    await books.reserved(ask(later, {}))  # no first call: it is read
    assert (await books.in_redis(own))["used_tokens"] == 70


async def test_the_answer_shrinks_to_what_the_scarcest_budget_leaves(books: Books) -> None:
    assert (await books.reserved(ask(who(), of_user(90)))).output == 40
    money = ask(who("S2", user="U2"), of_user(nano_usd=PRICE.input_nano_usd(50) + 300_000), price=PRICE)
    answer = await books.reserved(money)
    assert (answer.output, answer.nano_usd) == (20, PRICE.input_nano_usd(50) + 300_000)  # 15 dollars a million: 20 tokens


async def test_all_budgets_or_none(books: Books) -> None:
    limits: BudgetLimits = {"user_day": Limit(1_000), "workspace_month": Limit(50 + LEAST - 1)}
    refused = await books.refused(ask(who(), limits))
    [month] = [scope for scope in who().scopes() if scope.kind == "workspace_month"]
    assert refused.short == (BudgetStanding(month, "tokens", 0, 0, 50 + LEAST - 1, 50 + LEAST),)
    assert not refused.busy
    assert (await books.in_redis(day(who())))["open_tokens"] == 0


async def test_what_calls_under_way_hold_is_busy_and_not_used_up(books: Books) -> None:
    await books.reserved(ask(who("S1"), of_user(150)))
    refused = await books.refused(ask(who("S2"), of_user(150)))
    assert refused.busy
    await books.commit(who("S1"), 150)
    await books.budget.settle(await books.charge(who("S1"), 120))
    assert not (await books.refused(ask(who("S2"), of_user(150)))).busy


async def test_settling_twice_late_or_for_another_call_changes_nothing(books: Books) -> None:
    await books.reserved(ask(who(seq=1), of_user(1_000)))
    first = Charge(who(seq=1), 70, 0)
    await books.budget.settle(first)
    before = await books.in_redis(day(who()))
    await books.budget.settle(first)
    assert await books.in_redis(day(who())) == before
    await books.reserved(ask(who(seq=2), of_user(1_000)))
    held = await books.in_redis(day(who()))
    await books.budget.settle(first)
    assert await books.in_redis(day(who())) == held


async def test_what_a_lost_process_set_aside_is_replaced_and_a_lost_call_is_charged(books: Books) -> None:
    await books.reserved(ask(who(seq=3), of_user(1_000)))  # and never committed
    await books.reserved(ask(who(seq=3), of_user(1_000), tokens=60))
    assert (await books.in_redis(day(who())))["open_tokens"] == 60 + MOST
    await books.commit(who(seq=3), 60 + MOST)  # its process dies
    await books.reserved(ask(who(seq=7), of_user(1_000), lost_seq=3))
    assert await books.in_redis(day(who())) == {
        **{"used_tokens": 60 + MOST, "open_tokens": 50 + MOST},
        **{"used_nano_usd": 0, "open_nano_usd": 0},
    }


async def test_two_lost_calls_do_not_wait_for_each_other(books: Books) -> None:
    for session_id in ("S1", "S2"):
        await books.reserved(ask(who(session_id), of_user(350)))
    lost = [ask(who(session_id, seq=2), of_user(350), lost_seq=1) for session_id in ("S1", "S2")]
    assert (await books.refused(lost[0])).busy  # the other one is under way, for all that is known
    assert not (await books.refused(lost[1])).busy
    assert not (await books.refused(lost[0])).busy


async def test_a_flushed_redis_is_filled_with_what_was_used_and_what_is_open(books: Books) -> None:
    for number, state in enumerate(("used", "open"), 1):
        call = who(f"S{number}")
        reserved = await books.reserved(ask(call, of_user(1_000), price=PRICE))
        await books.commit(call, reserved.tokens, reserved.nano_usd)
        if state == "used":
            await books.budget.settle(await books.charge(call, 70, 500))
    before = await books.in_redis(day(who()))
    await books.redis.flushall()
    await books.reserved(ask(who("S3"), of_user(1_000), price=PRICE))
    await books.budget.settle(Charge(who("S3"), 0, 0))
    assert await books.in_redis(day(who())) == before == await books.in_postgres(day(who()))


async def test_other_days_people_agents_and_workspaces_do_not_count(books: Books) -> None:
    others = [
        who("S1", at=NOON - timedelta(days=1)),
        who("S2", user="U2"),
        who("S3", agent="other"),
        who("S4", at=NOON + timedelta(hours=12)),  # midnight: tomorrow already
    ]
    for other in others:
        await books.commit(other, 500)
    await books.reserved(ask(who("S5"), of_user(1_000)))
    assert (await books.in_redis(day(who())))["open_tokens"] == 50 + MOST
    [month] = [scope for scope in who().scopes() if scope.kind == "workspace_month"]
    assert (await books.in_postgres(month))["open_tokens"] == 4 * 500


async def test_twenty_processes_that_fill_at_once_do_not_count_double(books: Books) -> None:
    await books.commit(who("S0"), 500)
    await books.charge(who("S0"), 400)
    await books.redis.flushall()
    processes = [RedisBudget(books.redis_url, books.ledger, answer_seconds=PATIENCE_SECONDS) for _ in range(20)]
    calls = [ask(who(f"S{number}"), of_user(1_000)) for number in range(1, 21)]
    answers = await asyncio.gather(*(each.reserve(call) for each, call in zip(processes, calls, strict=True)))
    reserved = sum(answer.tokens for answer in answers if isinstance(answer, Reserved))
    stood = await books.in_redis(day(who()))
    assert (stood["used_tokens"], stood["open_tokens"]) == (400, reserved)
    assert 400 + reserved <= 1_000 < 400 + reserved + 50 + LEAST
    await asyncio.gather(*(each.close() for each in processes))


class Halting(Ledger):
    """Stops after it has read Postgres, until it is told to go on."""

    def __init__(self, books: Books) -> None:
        super().__init__(books.core.pool)
        self.read, self.go_on = asyncio.Event(), asyncio.Event()

    async def total(self, scope: Scope) -> Total:
        """As it was when it was read."""
        total = await super().total(scope)
        if scope.kind == "user_day":
            self.read.set()
            await self.go_on.wait()
        return total


async def test_what_is_settled_while_somebody_fills_is_not_filled_in_as_open(books: Books) -> None:
    call, other = who("S1"), who("S2")
    await books.commit(call, 150)
    slow = Halting(books)
    process = RedisBudget(books.redis_url, slow)
    filling = asyncio.create_task(process.reserve(ask(other, of_user(1_000))))
    await slow.read.wait()  # it has seen the call open
    await books.budget.settle(await books.charge(call, 70))
    slow.go_on.set()
    assert isinstance(await filling, Reserved)
    stood = await books.in_redis(day(call))
    assert (stood["used_tokens"], stood["open_tokens"]) == (70, 50 + MOST)
    await process.close()


async def test_a_start_that_a_filler_did_not_see_is_set_aside_anew_when_it_is_confirmed_or_refused(books: Books) -> None:
    first, second = who("S1"), who("S2")
    mine = await books.reserved(ask(first, of_user(300)))
    await books.redis.flushall()
    other = await books.reserved(ask(second, of_user(300)))  # filled without the first, whose start is not committed yet
    await books.commit(first, mine.tokens)
    await books.reserved(replace(ask(first, of_user(300)), committed=True))
    assert (await books.in_redis(day(first)))["open_tokens"] == mine.tokens + other.tokens
    await books.redis.flushall()
    # Now the budget is only large enough for the one that comes first.
    await books.reserved(ask(second, of_user(300)))
    assert not isinstance(await books.budget.reserve(ask(who("S3"), of_user(300), tokens=150)), Reserved)


async def test_two_starts_that_both_came_back_with_a_refill_and_do_not_fit_are_not_both_confirmed(books: Books) -> None:
    for session_id in ("S1", "S2"):
        await books.commit(who(session_id), 150)  # each was let pass by a Redis that has lost its data since
    await books.refused(replace(ask(who("S1"), of_user(200)), committed=True))
    await books.budget.settle(await books.charge(who("S1"), 0))  # so it is not made, and costs nothing
    assert (await books.reserved(replace(ask(who("S2"), of_user(200)), committed=True))).tokens == 150


async def test_nobody_is_refused_by_what_was_read_long_ago(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    await books.reserved(ask(who("S1"), of_user(150)))  # its process dies before it commits, and the session never goes on
    assert (await books.refused(ask(who("S2"), of_user(150)))).busy
    monkeypatch.setattr(budgets, "FRESH_SECONDS", -1.0)
    monkeypatch.setattr(budgets, "MOST_TRIES", 3)
    await books.reserved(ask(who("S2"), of_user(150)))


async def test_who_could_not_settle_is_made_up_for(books: Books) -> None:
    reserved = await books.reserved(ask(who(), of_user(1_000)))
    await books.commit(who(), reserved.tokens)
    await books.charge(who(), 400)  # its process dies here
    assert await books.in_redis(day(who())) != await books.in_postgres(day(who()))
    await books.budget.settle_again(60)
    assert await books.in_redis(day(who())) == await books.in_postgres(day(who()))


async def test_a_raise_counts_from_the_next_call_on_and_is_on_record(books: Books) -> None:
    await books.refused(ask(who(), of_user(50)))
    await books.ledger.raise_budget(day(who()), 100, 0, "UADMIN", "V1")
    await books.ledger.raise_budget(day(who()), 100, 0, "UADMIN", "V1")  # once
    await books.budget.forget(day(who()))
    assert (await books.reserved(ask(who(), of_user(50)))).output == 100
    [entry] = await books.core.sql("SELECT kind, actor, rule, body ->> 'tokens' FROM audit WHERE kind = 'raise' ORDER BY seq")
    assert entry == ("raise", "UADMIN", "budget user_day", "100")
    tomorrow = who("S2", at=NOON + timedelta(days=1))
    await books.refused(ask(tomorrow, of_user(50)))


async def test_people_are_told_once_of_a_budget_and_again_of_a_raised_one(books: Books) -> None:
    name = f"user_day/{NOON:%Y-%m-%d}/tokens/1000"
    await books.commit(who("S0"), 800)
    await books.charge(who("S0"), 799)

    async def notes(session_id: str, limit: int) -> tuple[str, ...]:
        call = who(session_id)
        answer = await books.reserved(ask(call, of_user(limit), tokens=1))
        await books.budget.settle(Charge(call, int(session_id == "S1"), 0))
        return answer.notes

    assert await notes("S1", 1_000) == ()
    await books.commit(who("S1"), 1)
    await books.charge(who("S1"), 1)
    assert await notes("S2", 1_000) == (name,)
    assert await notes("S3", 1_000) == ()
    assert await notes("S2", 1_000) == (name,)  # it died before it could tell anybody
    await books.commit(who("S2"), 150, notes=(name,))
    await books.charge(who("S2"), 0)
    await books.redis.flushall()
    assert await notes("S3", 1_000) == ()  # Postgres knows
    assert await notes("S4", 1_100) == ()  # another budget, and not 80 % of it
    assert await notes("S4", 990) == (f"user_day/{NOON:%Y-%m-%d}/tokens/990",)


async def test_a_call_of_a_day_that_is_forgotten_already_is_not_made(books: Books) -> None:
    """Its session stood still for so long that Redis forgets the day at once, however often it is filled."""
    long_ago = NOON - timedelta(days=400)
    with pytest.raises(UnreachableError, match="Redis loses what it is given"):
        await books.budget.reserve(ask(who(at=long_ago), of_user(1_000)))


async def test_without_redis_nothing_is_set_aside(books: Books) -> None:
    gone = RedisBudget("redis://127.0.0.1:1/0", books.ledger)
    with pytest.raises(UnreachableError, match="nothing is spent"):
        await gone.reserve(ask(who(), of_user(1_000)))
    await gone.close()


async def test_large_sums_are_exact(books: Books) -> None:
    most = 9_000_000 * 10**9  # nine million dollars, in billionths
    await books.commit(who("S0"), 1, 1)
    await books.charge(who("S0"), 1, most - 10**9 - 1)
    answer = await books.reserved(ask(who("S1"), of_user(nano_usd=most), price=PRICE))
    stood = await books.in_redis(day(who()))
    assert stood["used_nano_usd"] + stood["open_nano_usd"] == most - 10**9 - 1 + answer.nano_usd
