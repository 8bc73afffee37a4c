"""What sessions spend, by agent, and what is unusual about it: from the rows of real Postgres."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from agent.reports.approval_figures import Figures, Report
from agent.reports.spending_figures import Spend, Unusual, alarm_sentence, spend, unusual
from agent.store import chores
from agent.store.chores import Chore, Chores, once_of_all
from bot.commands.report import as_value, spend_lines
from tests.patience import PATIENCE_SECONDS
from tests.signoff import ran
from tests.stores.core import Core, place

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


class Past:
    """Writes calls of the past; the hour is the database's."""

    def __init__(self, core: Core) -> None:
        self.core = core

    async def spent(self, session_id: str, tokens: int, *, hours_ago: float = 0.0, **columns: Any) -> None:
        """One call."""
        values = {"agent": "assistant", "iteration": 1, "capped": False, "nano_usd": 0, "input_tokens": tokens, **columns}
        await self.core.sql(
            """
            INSERT INTO usage (session_id, seq, team, payer, agent, model, iteration, started_at, reserved_tokens, settled_at,
                               tokens, nano_usd, capped, input_tokens)
            SELECT %(session_id)s, coalesce(max(seq), 0) + 1, 'T1', 'U1', %(agent)s, 'm', %(iteration)s,
                   now() - make_interval(secs => %(seconds)s), 0, now(), %(tokens)s, %(nano_usd)s, %(capped)s,
                   %(input_tokens)s
            FROM usage WHERE session_id = %(session_id)s
            """,
            session_id=session_id,
            tokens=tokens,
            seconds=hours_ago * 3600,
            **values,
        )

    async def week(self, sessions: int, tokens: int = 1_000) -> None:
        """As many sessions as usual, three days ago."""
        for number in range(sessions):
            await self.spent(f"past {number}", tokens, hours_ago=72)

    async def found(self) -> list[tuple[str, float, float]]:
        """What is unusual now: its kind, how much, and what is usual."""
        async with self.core.pool.connection() as connection:
            return [(each.key.split(":")[1], each.found, each.usual) for each in await unusual(connection)]


@pytest.fixture
def past(core: Core) -> Past:
    """No past yet."""
    return Past(core)


async def session(core: Core, number: int) -> str:
    """A session that exists."""
    await core.wake(place(number))
    return f"T1:C1:{number}.0"


async def test_spend_is_counted_by_agent_and_session(past: Past) -> None:
    for number in range(1, 101):
        await past.spent(f"S{number}", number, nano_usd=10**7)
    await past.spent("S1", 9, iteration=2, capped=True)
    await past.spent("S2", 4, input_tokens=None)  # a try that failed is paid for and begins no run
    await past.spent("F1", 5, agent="finance", hours_ago=48)
    async with past.core.pool.connection() as connection:
        assistant, finance = await spend(connection, LONG_AGO)
        assert [each.agent for each in await spend(connection, datetime.now(UTC) - timedelta(days=1))] == ["assistant"]
    assert assistant == Spend("assistant", 100, 100, 1, 5_063, 10**9, assistant.median_tokens, assistant.p99_tokens)
    assert (assistant.median_tokens, assistant.p99_tokens) == pytest.approx((51, 99.01), abs=0.5)
    assert (finance.sessions, finance.median_tokens, finance.p99_tokens, finance.priced) == (1, 5, 5, False)
    *_, of_assistant, of_finance = spend_lines((assistant, finance))
    assert "$1.00" in of_assistant
    assert "no price" in of_finance
    assert "$" not in of_finance
    nothing = Report((), Figures("", "", 0, 0, 0, 0, 0, 0))
    assert [each["nano_usd"] for each in as_value(nothing, (assistant, finance))["agents"]] == [10**9, None]


async def test_a_session_is_unusual_beyond_three_times_what_is_usual(past: Past) -> None:
    loud, quiet = await session(past.core, 1), await session(past.core, 2)
    await past.week(50)
    await past.spent(loud, 2_000)
    await past.spent(quiet, 3_000)
    assert await past.found() == []
    await past.spent(loud, 1_001)  # both of its calls count
    assert await past.found() == [("session", 3_001, 1_000)]


async def test_nothing_is_unusual_before_there_is_enough_that_is_usual(past: Past) -> None:
    await past.week(49)
    await past.spent(await session(past.core, 1), 10**6)
    assert await past.found() == []


async def test_an_hour_is_unusual_when_its_p99_is_twice_the_usual_one(past: Past) -> None:
    await past.week(50)
    for number in range(19):
        await past.spent(f"now {number}", 2_100)
    assert await past.found() == []  # too few to tell
    await past.spent("now 20", 2_100)
    assert await past.found() == [("hour", 2_100, 1_000)]


async def test_runs_that_end_at_the_cap_are_unusual_beyond_one_in_twenty(past: Past) -> None:
    for number in range(19):
        await past.spent(f"S{number}", 10)
    await past.spent("S19", 10, capped=True)
    assert await past.found() == []  # one of twenty
    await past.spent("S20", 10, iteration=1)
    await past.spent("S20", 10, iteration=10, capped=True)
    assert await past.found() == [("capped", 2, 21)]


@pytest.mark.parametrize(
    ("unusual", "sentence"),
    [
        (
            Unusual("unusual:session:T1", "T1", "assistant", 30_000, 1_000, LONG_AGO, place()),
            "Unusual spending of assistant: one conversation in <#C1> took 30,000 tokens in the hour from 00:00 UTC on. "
            "99 of 100 took at most 1,000 in an hour of the last 7 days.",
        ),
        (
            Unusual("unusual:hour:T1", "T1", "assistant", 30_000, 1_000, LONG_AGO),
            "Unusual spending of assistant: in the hour from 00:00 UTC on, 1 of 100 conversations took more than 30,000 tokens. "
            "In the last 7 days that was 1,000.",
        ),
        (
            Unusual("unusual:capped:T1", "T1", "assistant", 3, 24, LONG_AGO),
            "assistant gives up often: 3 of 24 runs of the last 24 hours (12%) ended because they had used all the model calls "
            "of a turn.",
        ),
    ],
)
def test_what_is_unusual_is_a_sentence(unusual: Unusual, sentence: str) -> None:
    assert alarm_sentence(unusual) == sentence


# ---------------------------------------------------------------------------------------------- chores


async def test_a_chore_is_done_by_one_process_in_its_turn_and_looks_back_to_the_time_before(core: Core) -> None:
    looked: list[float] = []

    async def work(seconds: float) -> None:
        looked.append(seconds)

    chore = Chore("count", 60.0, 3_600.0, work)
    done = [await Chores(core.pool, []).look(chore) for _ in range(3)]
    assert done == [True, False, False]
    await core.sql("UPDATE chore SET begun_at = now() - interval '300 seconds', done_at = now() - interval '300 seconds'")
    assert await Chores(core.pool, []).look(chore)
    assert looked == [3_600.0, pytest.approx(300 + chores.MARGIN_SECONDS, abs=5)]


async def test_what_is_due_is_found_among_chores_that_come_at_whole_and_at_broken_seconds(core: Core) -> None:
    done: asyncio.Queue[str] = asyncio.Queue()

    def noted(key: str, every_seconds: float) -> Chore:
        async def work(_: float) -> None:
            done.put_nowait(key)

        return Chore(key, every_seconds, 0.0, work)

    assert await Chores(core.pool, []).look(noted("not due", 3_600))
    async with asyncio.timeout(PATIENCE_SECONDS), Chores(core.pool, [noted("not due", 3_600), noted("a", 60), noted("b", 0.5)]):
        assert [await done.get() for _ in range(4)] == ["not due", "a", "b", "b"]


async def test_a_chore_that_failed_is_due_again_for_the_same_time(core: Core) -> None:
    async def fail(seconds: float) -> None:
        raise RuntimeError("broken")

    looked: list[float] = []

    async def work(seconds: float) -> None:
        looked.append(seconds)

    with pytest.raises(RuntimeError):
        await Chores(core.pool, []).look(Chore("count", 0.0, 3_600.0, fail))
    assert await Chores(core.pool, []).look(Chore("count", 0.0, 3_600.0, work))
    assert looked == [3_600.0]


async def test_what_is_done_once_is_tried_again_only_if_it_failed(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[bool] = []

    async def fail(before: bool) -> None:
        tried.append(before)
        raise RuntimeError("broken")

    async def work(before: bool) -> None:
        tried.append(before)

    monkeypatch.setattr(chores, "AGAIN_SECONDS", 0.0)
    with pytest.raises(RuntimeError):
        await once_of_all(core.pool, "tell", fail)
    for _ in range(3):
        await once_of_all(core.pool, "tell", work)
    assert tried == [False, True]


async def test_the_report_has_what_sessions_spend(database_url: str, tmp_path: Path) -> None:
    async with await psycopg.AsyncConnection[Any].connect(database_url, autocommit=True) as connection:
        await connection.execute("""
            INSERT INTO usage (session_id, seq, team, payer, agent, model, started_at, reserved_tokens, reserved_nano_usd)
            SELECT 'S' || n, 1, 'T1', 'U1', 'assistant', 'm', '2026-11-03', n * 1000, 1500000000 FROM generate_series(1, 3) AS n
        """)
    environment = {"DATABASE_URL": database_url}
    status, out, err = await ran("report", "--since", "2026-11-02", folder=tmp_path, environment=environment)
    assert (status, err) == (0, "")
    assert [line.split() for line in out.splitlines()[-2:]] == [
        ["agent", "sessions", "runs", "at", "the", "cap", "tokens", "cost", "P50", "P99"],
        ["assistant", "3", "3", "0", "6,000", "$4.50", "2,000", "2,980"],
    ]
