"""A period's rows, as SQL takes them from real Postgres: from which day on, how many, and whatever stands in a step."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agent.reports.approval_figures import report
from agent.reports.period.read import Period, period
from agent.trace_ids import spelled, trace_id
from tests.stores.audit_log import LONG_AGO, Log
from tests.stores.core import Core, place
from tests.stores.test_figures import MONDAY, Decided

SESSION = "T1:C1:1.0"
NUL = "a\u0000b"


class Past:
    """Writes steps of the past, as the bot lays them out."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self._seq = 0

    async def step(self, kind: str, seconds: float, **body: Any) -> None:
        """A step, so many seconds after Monday began."""
        self._seq += 1
        await self.core.sql(
            "INSERT INTO step (session_id, seq, epoch, body, made_at) VALUES (%s, %s, 1, %s, %s)",
            *(SESSION, self._seq, json.dumps({"kind": kind, **body}), MONDAY + timedelta(seconds=seconds)),
        )

    async def turn(self, at: float, tool: str = "look", outcome: str = "succeeded", took: float = 2, text: str = "") -> None:
        """A turn of six seconds that calls one tool."""
        id = f"call {self._seq}"
        use = {"type": "tool_use", "id": id, "name": tool, "input": {"text": text}}
        await self.step("asked", at, said=[{"text": text}])
        await self.step("model_replied", at + 1, content=[{"type": "text", "text": text}, use], stop_reason="tool_use")
        await self.step("tool_started", at + 1, call_id=id, idempotency_key="k")
        await self.step("tool_returned", at + 1 + took, call_id=id, outcome=outcome, text=text)
        await self.step("model_replied", at + 6, content=[{"type": "text", "text": text}], stop_reason="end_turn")
        await self.step("learnt", at + 600, count=0)  # long after the answer

    async def read(self, since: datetime = LONG_AGO, most: int = 1000) -> Period:
        """The figures."""
        async with self.core.pool.connection() as connection:
            return await period(connection, since, datetime.now(UTC), most)


@pytest.fixture
async def past(log: Log) -> Past:
    """A session without steps, in a database for this test alone: others leave their audit log behind."""
    core = Core(log.pool, "unused")
    await core.wake(place())
    return Past(core)


async def test_turns_of_before_that_day_count_only_for_the_number(past: Past) -> None:
    await past.turn(-7200)
    await past.turn(-3600)
    await past.turn(60)
    found = await past.read(MONDAY)
    assert (found.runs, [one.runs for one in found.tools]) == (1, [1])
    [run] = found.unusual.slowest
    assert (run.turn.number, run.trace, run.seconds, run.turn.outcome) == (3, spelled(trace_id(SESSION, 3)), 6, "success")


async def test_a_nul_in_what_was_said_or_found_is_no_obstacle(past: Past) -> None:
    await past.turn(0, text=NUL)
    await past.step("asked", 700, said=[{"text": NUL}])
    await past.step("halted", 701, error="AgentMaxIterationsError", sentence=NUL)
    found = await past.read()
    assert [(one.tool, one.runs, one.median_seconds) for one in found.tools] == [("look", 1, 2)]
    assert sorted(run.turn.outcome for run in found.unusual.slowest) == ["error", "success"]


async def test_a_call_that_never_began_is_no_run(past: Past) -> None:
    await past.turn(0, outcome="failed", took=4)
    use = {"type": "tool_use", "id": "refused", "name": "look"}
    await past.step("model_replied", 700, content=[use], stop_reason="tool_use")
    await past.step("tool_returned", 701, call_id="refused", outcome="refused", text="")
    [look] = (await past.read()).tools
    assert (look.runs, look.failed.part, look.not_run, look.p99_seconds) == (1, 1, 1, 4)


async def test_no_more_rows_are_read_than_may_be_and_the_newest_are(past: Past) -> None:
    for number in range(5):
        await past.turn(1000 * number, tool=f"look {number}")
    found = await past.read(most=2)
    assert found.cut == ["runs", "tool calls"]
    assert {one.tool for one in found.tools} == {"look 3", "look 4"}
    assert {run.turn.number for run in found.unusual.slowest} == {4, 5}
    assert (await past.read(most=6)).cut == []


async def test_cards_come_to_what_the_table_on_standard_output_says(log: Log) -> None:
    decided = Decided(log)
    for seconds in (1, 20, 30, 40):
        await decided.card(("approved", seconds))
    await decided.card(("rejected", 50), ("withdrawn", 600))
    await decided.card(("expired", 86_400))
    await decided.card(("", 1), kind="edit")
    await decided.card(tool="mail", rule="default")
    async with log.pool.connection() as connection:
        table = await report(connection, LONG_AGO)
        found = await period(connection, LONG_AGO, datetime.now(UTC))
    assert [
        (one.tool, one.rule, one.cards, one.approved, one.rejected, one.expired, one.median_seconds) for one in found.rules
    ] == [(one.tool, one.rule, one.cards, one.approved, one.rejected, one.expired, one.median_seconds) for one in table.rows]
    assert [(one.waiting, one.ended_otherwise, one.reflexes) for one in found.rules] == [(1, 0, 0), (0, 1, 1)]


async def test_of_an_empty_store_there_are_no_figures(past: Past) -> None:
    found = await past.read()
    assert (found.runs, found.days, found.tools, found.rules, found.prompts, found.unusual.all) == (0, (), (), (), (), ())
