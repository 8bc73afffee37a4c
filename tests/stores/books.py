"""Budgets on real Redis and Postgres, and the calls that count in them, written as the store writes them."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from redis.asyncio import Redis

from agent.model.spending import Ask, Bill, BudgetLimits, Charge, Limit, Price, Refused, Reserved, Scope, Spender
from agent.session.charges import charged, usage_rows
from agent.session.steps import ModelStarted
from agent.store.redis_budgets import RedisBudget
from agent.store.usage import Ledger
from tests.patience import PATIENCE_SECONDS
from tests.stores.core import Core

# In the middle of next month: Redis forgets at once what is of days long past, and the days beside it are of the same month.
NOON = (datetime.now(UTC).replace(day=1) + timedelta(days=40)).replace(day=15, hour=12, minute=0, second=0, microsecond=0)
LEAST, MOST = 10, 100  # of output, in all these tests
PRICE = Price(input=3_000_000, output=15_000_000, cache_write_5m=3_750_000, cache_write_1h=6_000_000, cache_read=300_000)
SESSION = Limit(tokens=10_000)


def who(session_id: str = "S1", seq: int = 1, user: str = "U1", at: datetime = NOON, agent: str = "assistant") -> Spender:
    """One call."""
    return Spender("T1", session_id, agent, user, at, seq)


def ask(spender: Spender, limits: BudgetLimits, tokens: int = 50, price: Price | None = None, lost_seq: int = 0) -> Ask:
    """A call of so many tokens of input."""
    return Ask(spender, tokens, LEAST, MOST, {"session": SESSION, **limits}, price, lost_seq)


def day(spender: Spender) -> Scope:
    """The day of the person who pays."""
    return next(scope for scope in spender.scopes() if scope.kind == "user_day")


@dataclass
class Books:
    """Rows of calls in Postgres, and what Redis makes of them."""

    core: Core
    redis_url: str
    ledger: Ledger = field(init=False)
    budget: RedisBudget = field(init=False)
    redis: Any = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.core.pool)
        self.budget = RedisBudget(self.redis_url, self.ledger, answer_seconds=PATIENCE_SECONDS)
        self.redis = cast(Any, Redis).from_url(self.redis_url, decode_responses=True)

    async def close(self) -> None:
        """Give up the connections."""
        await self.budget.close()
        await self.redis.aclose()

    async def reserved(self, asked: Ask) -> Reserved:
        """It is to be had."""
        answer = await self.budget.reserve(asked)
        assert isinstance(answer, Reserved), answer
        return answer

    async def refused(self, asked: Ask) -> Refused:
        """It is not."""
        answer = await self.budget.reserve(asked)
        assert isinstance(answer, Refused), answer
        return answer

    async def commit(self, call: Spender, tokens: int, nano_usd: int = 0, notes: tuple[str, ...] = ()) -> None:
        """Its start is in Postgres."""
        bill = Bill(payer=call.user, agent=call.agent, model="m", started_at=call.at, nano_usd=nano_usd, notes=notes)
        started = ModelStarted(iteration=1, reserved_tokens=tokens, max_tokens=MOST, bill=bill)
        await self.core.sql(
            """
            INSERT INTO usage (session_id, seq, team, payer, agent, model, started_at, reserved_tokens, reserved_nano_usd, notes)
            SELECT %(session_id)s, (call ->> 'seq')::bigint, %(team)s, call ->> 'payer', call ->> 'agent', call ->> 'model',
                   (call ->> 'started_at')::timestamptz, (call ->> 'tokens')::bigint, (call ->> 'nano_usd')::bigint,
                   ARRAY(SELECT jsonb_array_elements_text(call -> 'notes'))
            FROM jsonb_array_elements(%(begun)s::jsonb) AS call
            """,
            session_id=call.session_id,
            team=call.team,
            begun=usage_rows(call.seq - 1, [started]),
        )

    async def charge(self, call: Spender, tokens: int, nano_usd: int = 0) -> Charge:
        """Its end is in Postgres, and not yet in Redis."""
        made = Charge(call, tokens, nano_usd)
        await self.core.sql(
            """
            UPDATE usage SET settled_at = now(), tokens = (call ->> 'tokens')::bigint, nano_usd = (call ->> 'nano_usd')::bigint
            FROM jsonb_array_elements(%(charged)s::jsonb) AS call
            WHERE session_id = %(session_id)s AND seq = (call ->> 'seq')::bigint
            """,
            session_id=call.session_id,
            charged=charged([made]),
        )
        return made

    async def in_redis(self, scope: Scope) -> dict[str, int]:
        """Used and open, as Redis has it; nothing if it is not filled."""
        stored = await self.redis.hgetall(scope.key)
        names = ("used_tokens", "open_tokens", "used_nano_usd", "open_nano_usd")
        return {name: int(stored[name]) for name in names} if "filled" in stored else {}

    async def in_postgres(self, scope: Scope) -> dict[str, int]:
        """The same, as the rows have it."""
        total = await self.ledger.total(scope)
        calls = total.open.values()
        return {
            "used_tokens": total.used[0],
            "open_tokens": sum(tokens for _, tokens, _ in calls),
            "used_nano_usd": total.used[1],
            "open_nano_usd": sum(nano for _, _, nano in calls),
        }
