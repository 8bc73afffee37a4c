"""Budgets in Redis: reserved before a model call, settled after it, each in one Lua script. The home of `redis`.

Postgres is the truth. Redis holds what each budget comes to, so that one script can see all of them at once, and can be filled
again at any time. That is safe whatever happens side by side, because of the order of things:

- A call is reserved here, then its start is committed, then it is reserved *again* before it is made if others spend from its
  budgets, too (`confirm`): if Redis lost everything in between and one of them had it filled without the call, it is counted now,
  or refused. What only the session spends from, only the session has filled: with its start, or before it.
- A charge is committed, then settled here. A settlement that finds a budget unfilled takes its mark `filling` away, so what
  somebody is just reading from Postgres, perhaps from before that commit, is not written.
- A charge that the next call is reserved with (`Ask.last`) is settled before either is committed: in one script, which sets aside
  no less than what Postgres counts for the call before as long as it holds no charge of it.
- Each session has one writer and so one open call: `call:SESSION` holds which, and how much. Whatever is repeated or late names
  another call, and changes nothing.
"""

import asyncio
import secrets
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

import redis.asyncio as redis
from redis.exceptions import RedisError

from agent.errors import UnreachableError
from agent.model.spending import KINDS, Ask, BudgetStanding, Charge, Measure, Refused, Reserved, Scope, SettleFirst
from agent.store.chores import Chore
from agent.store.redis_scripts import FILL, FORGET, RESERVE, SETTLE
from agent.store.usage import Ledger

FRESH_SECONDS = (
    60.0  # nobody is refused by what was read from Postgres longer ago: a process may have died with what it set aside
)
ANSWER_SECONDS = 2.0  # after which Redis counts as not there
SETTLE_AGAIN_SECONDS = 10.0
SETTLE_FIRST_SECONDS = 3_600.0
MOST_TRIES = 50  # of filling what is lost again and again
MEASURES: tuple[Measure, Measure] = ("tokens", "nano_usd")


class RedisBudget:
    """The budget port on Redis, filled from Postgres."""

    def __init__(self, url: str, ledger: Ledger, *, answer_seconds: float = ANSWER_SECONDS) -> None:
        untyped = cast(Any, redis.Redis)  # its keywords are
        patience = {"socket_timeout": answer_seconds, "socket_connect_timeout": answer_seconds}
        self._client: Any = untyped.from_url(url, **patience, decode_responses=True)
        self._scripts = {text: self._client.register_script(text) for text in (RESERVE, SETTLE, FILL, FORGET)}
        self._ledger = ledger
        self._fillings: dict[tuple[str, str], asyncio.Task[None]] = {}

    async def close(self) -> None:
        """Give up the connections."""
        await self._client.aclose()

    async def ping(self) -> None:
        """Ask Redis for an answer. Raises UnreachableError without one."""
        await _reply_of_redis(self._client.ping())

    async def reserve(self, ask: Ask) -> Reserved | Refused | SettleFirst:
        """See `Budget.reserve`."""
        every = ask.spender.scopes()
        if ask.last is not None and ask.last.spender.scopes() != every:
            return SettleFirst()  # a day has begun since
        scopes = [scope for scope in every if scope.kind in ask.limits]
        unlimited = [scope for scope in every if scope not in scopes and ask.last is not None]
        filled = False
        for _ in range(MOST_TRIES):
            answer = await self._run_script(RESERVE, [*scopes, *unlimited], _reservation(ask, scopes, filled))
            match answer:
                case ["fill", *missing]:
                    filled = True
                    await asyncio.gather(
                        *(
                            self._filled_once(scopes[int(at) - 1], nonce, ask.spender.at)
                            for at, nonce in zip(missing[::2], missing[1::2], strict=True)
                        )
                    )
                case ["reserved", output, nano_usd, *due]:
                    notes = tuple(_note(scopes[int(at)], MEASURES[int(which)], limit) for at, which, limit in _threes(due))
                    return Reserved(int(output), ask.tokens(int(output)), int(nano_usd), notes)
                case ["settle first"]:
                    return SettleFirst()
                case ["refused", *told]:
                    refused, stale = _refusal(ask, scopes, [int(number) for number in told])
                    if not stale:
                        return refused
                    for scope, filled_at in stale:
                        await self._run_script(FORGET, [scope], [filled_at])
                case _:
                    raise AssertionError(answer)
        raise UnreachableError("Redis loses what it is given; nothing is spent until it keeps it.")

    async def settle(self, charge: Charge) -> None:
        """See `Budget.settle`."""
        await self._run_script(SETTLE, charge.spender.scopes(), _settlement(charge))

    async def forget(self, scope: Scope) -> None:
        """Have a budget read from Postgres anew: its limit was raised."""
        await self._run_script(FORGET, [scope], [""])

    def upkeep(self) -> Chore:
        """Return the chore that keeps a budget in step with Postgres."""
        return Chore("settle", SETTLE_AGAIN_SECONDS, SETTLE_FIRST_SECONDS, self.settle_again)

    async def settle_again(self, seconds: float) -> None:
        """Settle what was charged within this time: for processes that died or did not reach Redis."""
        charges = await self._ledger.charged_within(seconds)
        async with self._client.pipeline(transaction=False) as pipeline:  # given up half-way, it gives its connection back
            for charge in charges:
                keys = [scope.key for scope in charge.spender.scopes()]
                await self._scripts[SETTLE](keys=keys, args=_settlement(charge), client=pipeline)
            await _reply_of_redis(pipeline.execute())

    # ------------------------------------------------------------------------------------------ inside

    async def _filled_once(self, scope: Scope, nonce: str, now: datetime) -> None:
        """Fill one budget. Many that wait for it read Postgres once; who is not in it yet counts itself when it asks again."""
        key = (scope.key, nonce)
        if key not in self._fillings:
            self._fillings[key] = asyncio.create_task(self._fill(scope, nonce, now))
            self._fillings[key].add_done_callback(lambda _: self._fillings.pop(key, None))
        await asyncio.shield(self._fillings[key])

    async def _fill(self, scope: Scope, nonce: str, now: datetime) -> None:
        total = await self._ledger.total(scope)
        values = [nonce, int(scope.kept_until(now).timestamp()), int(time.time()), *total.used, *total.raised]
        for noted in total.noted:  # kind/period/measure/limit SESSION
            name, _, session_id = noted.partition(" ")
            _, _, measure, limit = name.split("/")
            values += [f"noted_{measure}", f"{limit} {session_id}"]
        for session_id, call in total.open.items():
            values += [f"call:{session_id}", " ".join(map(str, call))]
        await self._run_script(FILL, [scope], values)

    async def _run_script(self, script: str, scopes: Sequence[Scope], values: Sequence[Any]) -> Any:
        return await _reply_of_redis(self._scripts[script](keys=[scope.key for scope in scopes], args=values))


async def _reply_of_redis(command: Any) -> Any:
    try:
        return await command
    except (RedisError, OSError) as error:
        raise UnreachableError("Redis does not answer; nothing is spent until it does. Check REDIS_URL.") from error


def _reservation(ask: Ask, scopes: Sequence[Scope], filled: bool) -> list[Any]:
    """Return the values of RESERVE."""
    who, price = ask.spender, ask.price
    values: list[Any] = [who.session_id, who.seq, ask.input_tokens, ask.least_output, ask.most_output]
    values += [ask.nano_usd(0), price.output if price is not None else 0, secrets.token_hex(8), ask.lost_seq, int(filled)]
    values += [0, 0, 0] if ask.last is None else [ask.last.spender.seq, ask.last.tokens, ask.last.nano_usd]
    values += [len(scopes), int(ask.committed)]
    for scope in scopes:
        limit = ask.limits[scope.kind]
        values += [-1 if most is None else most for most in (limit.tokens, limit.nano_usd)]
        values += [int(scope.kept_until(who.at).timestamp()), ask.saved_in(scope.kind)]
        values.append(int(time.time()) if ask.first and scope.kind == "session" else 0)
    return values


def _settlement(charge: Charge) -> list[Any]:
    """Return the values of SETTLE."""
    return [charge.spender.session_id, charge.spender.seq, charge.tokens, charge.nano_usd]


def _refusal(ask: Ask, scopes: Sequence[Scope], told: Sequence[int]) -> tuple[Refused, list[tuple[Scope, int]]]:
    """Return which budgets are short, and those of them that were filled too long ago to refuse anybody."""
    short: list[BudgetStanding] = []
    stale: dict[Scope, int] = {}
    for scope, filled_at, *figures in zip(scopes, *(told[at::7] for at in range(7)), strict=True):
        for measure, (used, open_, limit) in zip(MEASURES, _threes(figures), strict=True):
            needed = ask.least(scope.kind, measure)
            if 0 <= limit < used + open_ + needed:
                short.append(BudgetStanding(scope, measure, used, open_, limit, needed))
                if filled_at + FRESH_SECONDS < time.time():
                    stale[scope] = filled_at
    busy = all(each.used + each.needed <= each.limit for each in short)
    return Refused(tuple(short), busy), list(stale.items())


def _threes(items: Sequence[Any]) -> list[tuple[Any, Any, Any]]:
    return list(zip(items[::3], items[1::3], items[2::3], strict=True))


def _note(scope: Scope, measure: Measure, limit: Any) -> str:
    """Return the key under which people are told once about this budget."""
    assert scope.kind in KINDS
    return f"{scope.kind}/{scope.period}/{measure}/{limit}"
