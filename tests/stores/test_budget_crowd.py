"""Many sessions in four processes against one person's budget, while Redis loses everything and a process is killed.

What must hold: the budget is exceeded by no more than the estimates of the calls in flight were wrong by, and afterwards Redis
holds what Postgres says was used.
"""

import asyncio
import multiprocessing
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from itertools import accumulate
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from agent.model.spending import scope
from tests.conftest import TOLD
from tests.stores import spenders
from tests.stores.books import Books
from tests.stores.core import Core, place, until
from tests.stores.spenders import PINNED, Spending

SESSIONS, PROCESSES = 1_000, 4
TROUBLES = {0.15: "flush", 0.3: "kill", 0.4: "flush", 0.5: "flush"}  # by the share of sessions; two of three can be paid for
TOKENS_A_CALL = 4_150  # about: all that an answer may take, and a little
PATIENCE_SECONDS = 100.0
BUSY = "SELECT 1 FROM session WHERE lease_until IS NOT NULL OR wake_at IS NOT NULL LIMIT 1"

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload([spenders.__name__])


@pytest.fixture
async def books(core: Core, redis_url: str) -> AsyncIterator[Books]:
    """Nothing spent yet."""
    books = Books(core, redis_url)
    yield books
    await books.close()


class Crowd:
    """The sessions, and the processes that drive them."""

    def __init__(self, books: Books, sessions: int, spending: Spending) -> None:
        self._books, self._sessions, self._spending = books, sessions, spending
        self._processes = [self._start() for _ in range(PROCESSES)]

    def _start(self) -> BaseProcess:
        came, ready = FORKS.Pipe(duplex=False)
        process = FORKS.Process(target=spenders.main, args=(self._spending, ready))
        process.start()
        ready.close()
        assert came.recv() == "ready", self._spending.log.read_text()
        return process

    async def come(self) -> None:
        """Everybody asks at once: all of them the same person."""
        await asyncio.gather(*(self._books.core.wake(place(number)) for number in range(self._sessions)))

    async def charged(self, calls: int) -> None:
        """Until so many calls are over."""

        async def over() -> bool:
            return (await self._books.core.sql("SELECT count(*) FROM usage WHERE settled_at IS NOT NULL"))[0][0] >= calls

        await until(over)

    def kill(self) -> None:
        """kill -9 of one of them, in the middle of whatever it does."""
        process = self._processes.pop()
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()

    async def rests(self) -> None:
        """Until nobody has anything to do."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await self._books.core.sql(BUSY):  # noqa: ASYNC110  # the database sends no event for it
                await asyncio.sleep(0.1)

    def end(self) -> None:
        """All of them."""
        for process in self._processes:
            process.kill()
            process.join()


def times(path: Path) -> tuple[float, dict[str, float]]:
    """When the last call was set aside, and when Redis had heard of the end of each."""
    last, heard = 0.0, dict[str, float]()
    for line in path.read_text().splitlines():
        what, session_id, seq, at = line.split()
        if what == "reserved":
            last = max(last, float(at))
        else:
            heard.setdefault(f"{session_id} {seq}", float(at))
    return last, heard


@pytest.mark.parametrize("more_input", [0, 700], ids=["estimates that are right", "inputs that cost more"])
async def test_a_thousand_sessions_exceed_a_budget_by_no_more_than_the_estimates_in_flight_were_wrong_by(
    books: Books, tmp_path: Path, more_input: int, record_property: Callable[[str, object], None]
) -> None:
    sessions, limit = SESSIONS, SESSIONS * TOKENS_A_CALL * 2 // 3
    spending = Spending(books.core.database_url, books.redis_url, limit, more_input, tmp_path / "log", tmp_path / "times")
    async with AsyncExitStack() as stack:
        crowd = Crowd(books, sessions, spending)
        stack.callback(crowd.end)
        await crowd.come()
        for share, trouble in TROUBLES.items():
            await crowd.charged(int(sessions * share))
            if trouble == "kill":
                crowd.kill()
            else:
                await books.redis.flushall()
        await crowd.rests()

    rows = await books.core.sql("SELECT session_id || ' ' || seq, reserved_tokens, tokens FROM usage ORDER BY settled_at")
    used = sum(tokens for *_, tokens in rows)
    errors = [max(0, tokens - reserved) for _, reserved, tokens in rows]
    # When the last call was let pass, all that Redis had heard of fitted: what it had not heard of yet was in flight.
    last, heard = times(spending.times)
    in_flight = [error for (call, *_), error in zip(rows, errors, strict=True) if heard.get(call, last) >= last]
    crossed = next((at for at, sum_ in enumerate(accumulate(tokens for *_, tokens in rows)) if sum_ > limit), len(rows))
    over = max(0, used - limit)
    record_property(
        TOLD,
        f"\n{sessions} sessions, a budget of {limit:,} tokens: {used:,} used by {len(rows)} calls, {over:,} over it; the "
        f"{len(in_flight)} estimates in flight were wrong by {sum(in_flight):,} (all: {sum(errors):,}), {len(rows) - crossed} "
        "calls ended after it was used up",
    )
    assert over <= sum(in_flight)
    if not more_input:
        assert (over, sum(errors)) == (0, 0)
    assert used > 0.9 * limit  # it is used, too
    assert sum(errors) > 3 * sum(in_flight) or not more_input  # the bound is not all errors together

    lost = await books.core.sql("SELECT 1 FROM usage WHERE settled_at IS NULL")
    assert lost == []
    await books.budget.settle_again(3_600)
    [(now,)] = await books.core.sql("SELECT now()")
    names = {"agent": PINNED.agent, "user": "U1"}
    counted = await books.in_redis(scope("user_day", "T1", now, **names))
    truth = await books.in_postgres(scope("user_day", "T1", now, **names))
    assert truth["used_tokens"] == used
    assert counted in ({}, truth)  # after a minute, on a slow machine, it is read from there anew
    refused = await books.core.sql("SELECT count(*) FROM step WHERE body ->> 'error' = 'BudgetExceededError'")
    assert refused[0][0] > sessions // 6
