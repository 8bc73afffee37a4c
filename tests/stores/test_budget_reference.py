"""The scripts beside a budget in plain Python: whatever happens in whatever order, both say the same and hold the same."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg_pool import AsyncConnectionPool

from agent.model.spending import Ask, BudgetLimits, Charge, Limit, Refused, Reserved, SettleFirst, Spender
from agent.store.sessions import Pool
from tests.conftest import TOLD
from tests.profiles import examples
from tests.stores.books import LEAST, MOST, PRICE, Books, who
from tests.stores.core import Core

SESSIONS = ("S1", "S2", "S3", "S4")
Amounts = tuple[int, int]  # tokens and nano_usd


@dataclass
class Call:
    """One call, as the world knows it."""

    spender: Spender
    reserved: Amounts
    saved: int = 0
    committed: bool = False
    confirmed: bool = False
    charged: Amounts | None = None
    given_up: bool = False  # another process found it: its own can write nothing of it any more


@dataclass
class Plain:
    """A budget in plain Python; `filled` until everything is lost. `own`: of one conversation."""

    limits: Amounts
    own: bool
    filled: bool = False
    used: Amounts = (0, 0)
    open: dict[str, tuple[int, Amounts]] = field(default_factory=dict[str, tuple[int, Amounts]])

    def fill(self, calls: list[Call]) -> None:
        """With what is committed."""
        if not self.filled:
            known = [call for call in calls if call.committed]
            self.filled = True
            self.used = _sum([call.charged for call in known if call.charged])
            self.open = {call.spender.session_id: (call.spender.seq, call.reserved) for call in known if not call.charged}

    def reserve(self, ask: Ask, calls: list[Call]) -> int | str | None:
        """The output that there is room for. Some words: the call before is to be settled first."""
        if ask.last is not None:
            return self._with_the_last(ask, ask.last)
        session_id, seq = ask.spender.session_id, ask.spender.seq
        known = (ask.lost_seq, seq if ask.committed else ask.lost_seq)
        if session_id in self.open and self.open[session_id][0] not in known:  # nobody settled it: what became of it?
            self.filled = False
        self.fill(calls)
        if self.open.get(session_id, (0,))[0] == ask.lost_seq != 0:
            self.used = _sum([self.used, self.open.pop(session_id)[1]])
        most = self._most(ask, self.used)
        if most is not None:
            self.open[session_id] = (seq, (ask.tokens(most), ask.nano_usd(most)))
        return most

    def _with_the_last(self, ask: Ask, last: Charge) -> int | str:
        session_id = ask.spender.session_id
        seq, own = self.open.get(session_id, (0, (0, 0)))
        if not self.filled or seq != last.spender.seq:
            return "settle first"
        used = _sum([self.used, (last.tokens, last.nano_usd)])
        most = self._most(ask, used)
        if most is None:
            return "settle first"
        self.used = used
        held = max(ask.tokens(most), own[0] - last.tokens), max(ask.nano_usd(most), own[1] - last.nano_usd)
        self.open[session_id] = (ask.spender.seq, held)
        return most

    def _most(self, ask: Ask, used: Amounts) -> int | None:
        """The most output that fits beside what is used, and what others have under way."""
        taken = _sum([used, *(amounts for id, (_, amounts) in self.open.items() if id != ask.spender.session_id)])
        room = (self.limits[0] - taken[0] + (ask.saved_tokens if self.own else 0), self.limits[1] - taken[1])
        outputs = range(ask.least_output, ask.most_output + 1)
        return max((n for n in outputs if ask.tokens(n) <= room[0] and ask.nano_usd(n) <= room[1]), default=None)

    def settle(self, charge: Charge) -> None:
        """Once."""
        session_id = charge.spender.session_id
        if self.filled and self.open.get(session_id, (0,))[0] == charge.spender.seq:
            del self.open[session_id]
            self.used = _sum([self.used, (charge.tokens, charge.nano_usd)])

    def stands(self) -> dict[str, int]:
        """As `Books.in_redis` has it."""
        if not self.filled:
            return {}
        open_ = _sum([amounts for _, amounts in self.open.values()])
        names = ("used_tokens", "open_tokens", "used_nano_usd", "open_nano_usd")
        return dict(zip(names, (self.used[0], open_[0], self.used[1], open_[1]), strict=True))


def _sum(amounts: list[Amounts]) -> Amounts:
    return sum(each[0] for each in amounts), sum(each[1] for each in amounts)


class Play:
    """One random course of things, in the day of a person with some conversations, or in one conversation's own budget."""

    def __init__(self, books: Books, seed: int) -> None:
        self._books, self._random = books, Random(seed)
        self._own = self._random.random() < 0.4
        self._sessions = SESSIONS[:1] if self._own else SESSIONS
        self._limits = (self._random.randint(200, 2_000), self._random.randint(2_000_000, 20_000_000))
        limit = Limit(*self._limits)
        self._asked: BudgetLimits = {"session": limit} if self._own else {"session": Limit(tokens=10**6), "user_day": limit}
        self._scope = next(scope for scope in who().scopes() if scope.kind == ("session" if self._own else "user_day"))
        self.plain = Plain(self._limits, self._own)
        self.calls: list[Call] = []
        self.happened: set[str] = set()

    async def go_on(self) -> None:
        """Something happens; then both hold the same, and no more than there is was let pass."""
        what, weights = ["start", "confirm", "charge", "settle", "repeat", "flush"], [8, 8, 8, 8, 3, 1]
        [chosen] = self._random.choices(what, weights)
        self.happened.add(chosen)
        await getattr(self, f"_{chosen}")()
        assert await self._books.in_redis(self._scope) == self.plain.stands()
        passed = [call for call in self.calls if call.confirmed]
        spent = sum((call.charged or call.reserved)[0] for call in passed)
        errors = sum(max(0, call.charged[0] - call.reserved[0]) for call in passed if call.charged)
        errors += max((call.saved for call in passed), default=0) if self._own else 0
        assert spent <= self._limits[0] + errors
        self.happened |= {"over"} if spent > self._limits[0] else set()

    async def ends(self) -> None:
        """Once all is settled Redis comes to what Postgres says, but for what a process set aside that died before its commit,
        and for what is held back of a call that was settled with its next."""
        await self._repeat()
        committed = {(call.spender.session_id, call.spender.seq) for call in self.calls if call.charged is None}
        if self.plain.filled and {(id, seq) for id, (seq, _) in self.plain.open.items()} <= committed:
            self.happened.add("equal")
            held, written = await self._books.in_redis(self._scope), await self._books.in_postgres(self._scope)
            assert {name: held[name] for name in written if "used" in name} == {
                name: amount for name, amount in written.items() if "used" in name
            }
            assert all(held[name] >= amount for name, amount in written.items())

    def _latest(self, session_id: str) -> Call | None:
        return next((call for call in reversed(self.calls) if call.spender.session_id == session_id and call.committed), None)

    async def _start(self) -> None:
        """A session reserves and commits its next call; sometimes its process dies before, sometimes the call before is lost."""
        session_id = self._random.choice(self._sessions)
        before = self._latest(session_id)
        spender = who(session_id, seq=before.spender.seq + self._random.randint(1, 3) if before else 1)
        open_ = before if before is not None and before.charged is None else None
        tokens = self._random.randint(1, 200)
        saved = self._random.randint(0, tokens)  # in the session's own budget; what is shared must not lack it
        ask = Ask(spender, tokens, LEAST, MOST, self._asked, PRICE, saved_tokens=saved, first=before is None)
        if open_ is not None and open_.confirmed and not open_.given_up and self._random.random() < 0.7:
            amounts = self._used_by(open_)
            call = await self._reserve(replace(ask, last=Charge(open_.spender, *amounts)))
            if call is None:  # it is settled by itself first
                return
        else:
            call, amounts = await self._reserve(replace(ask, lost_seq=open_.spender.seq if open_ else 0)), (0, 0)
            if open_ is not None:
                open_.given_up, amounts = True, open_.reserved
            if call is None and open_ is not None:  # the turn ends with that
                await self._charged(open_, amounts)
        if call is not None and self._random.random() < 0.1:
            await self._flush()
        if call is not None and self._random.random() < 0.8:
            call.committed, call.confirmed = True, self._own  # what nobody shares is not confirmed
            if open_ is not None:  # in the same transaction
                await self._charged(open_, amounts)
            await self._books.commit(spender, *call.reserved)
            self.calls.append(call)

    async def _reserve(self, ask: Ask) -> Call | None:
        """Both are asked."""
        expected = self.plain.reserve(ask, self.calls)
        answer = await self._books.budget.reserve(ask)
        match answer:
            case SettleFirst():
                assert expected == "settle first"
                self.happened.add("settled first")
            case Refused():
                assert expected is None
                self.happened.add("busy" if answer.busy else "used up")
            case Reserved():
                assert answer.output == expected
                self.happened |= {"settled with the next"} if ask.last is not None else set()
                return Call(ask.spender, (answer.tokens, answer.nano_usd), saved=ask.saved_tokens)
        return None

    async def _confirm(self) -> None:
        """A start that is committed is confirmed; one that does not fit any more is given up, and costs nothing."""
        waiting = [call for call in self.calls if not call.confirmed and call.charged is None and not call.given_up]
        if not waiting:
            return
        call = self._random.choice(waiting)
        output = next(n for n in range(MOST + 1) if PRICE.input_nano_usd(call.reserved[0] - n) + n * 15_000 == call.reserved[1])
        ask = Ask(
            call.spender, call.reserved[0] - output, output, output, self._asked, PRICE, saved_tokens=call.saved, committed=True
        )
        if await self._reserve(ask) is not None:
            call.confirmed = True
        else:
            self.happened.add("refused at its confirmation")
            await self._charged(call, (0, 0))

    async def _charged(self, call: Call, amounts: Amounts) -> None:
        call.charged = amounts
        await self._books.charge(call.spender, *amounts)

    async def _charge(self) -> None:
        """A reply is committed; mostly it took less than was set aside, sometimes more."""
        if under_way := [call for call in self.calls if call.confirmed and call.charged is None and not call.given_up]:
            call = self._random.choice(under_way)
            await self._charged(call, self._used_by(call))

    def _used_by(self, call: Call) -> Amounts:
        times = self._random.choice([0.3, 0.6, 1.0, 1.4])
        return int(call.reserved[0] * times), int(call.reserved[1] * times)

    async def _settle(self) -> None:
        """Some charge is settled, the first time or once more."""
        if charged := [call for call in self.calls if call.charged is not None]:
            call = self._random.choice(charged[-6:])
            assert call.charged is not None
            charge = Charge(call.spender, *call.charged)
            self.plain.settle(charge)
            await self._books.budget.settle(charge)

    async def _repeat(self) -> None:
        """The chore of the budgets settles everything that was charged."""
        for call in self.calls:
            if call.charged is not None:
                self.plain.settle(Charge(call.spender, *call.charged))
        await self._books.budget.settle_again(3_600)

    async def _flush(self) -> None:
        """Redis loses everything."""
        self.plain.filled = False
        await self._books.redis.flushall()


async def play(database_url: str, redis_url: str, seed: int, acts: int) -> set[str]:
    """One course of things on empty stores; what happened in it."""
    pool: Pool = AsyncConnectionPool(database_url, min_size=1, open=False, kwargs={"autocommit": True})
    async with pool:
        books = Books(Core(pool, database_url), redis_url)
        try:
            await books.core.sql("TRUNCATE usage")
            await books.redis.flushall()
            course = Play(books, seed)
            for _ in range(acts):
                await course.go_on()
            await course.ends()
        finally:
            await books.close()
        return course.happened


@pytest.mark.hypothesis
@pytest.mark.timeout(3600)  # with the long profile
def test_the_scripts_do_what_plain_python_does(
    database_url: str, redis_url: str, record_property: Callable[[str, object], None]
) -> None:
    happened: Counter[str] = Counter()

    @examples(0.8)
    @given(seed=st.integers(0, 2**32), acts=st.integers(10, 60))
    def any_course(seed: int, acts: int) -> None:
        happened.update({"courses", *asyncio.run(play(database_url, redis_url, seed, acts))})

    any_course()
    assert {
        "busy",
        "used up",
        "over",
        "flush",
        "refused at its confirmation",
        "settled with the next",
        "settled first",
        "equal",
    } <= happened.keys()  # not about nothing
    record_property(TOLD, f"{happened['courses']} courses of a budget, beside one in plain Python")
