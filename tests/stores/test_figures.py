"""How people decide, in figures: from the audit log of real Postgres, and as the command prints it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.reports.approval_figures import Figures, Report, report
from bot.commands.report import lines
from tests.signoff import refused, signoff
from tests.stores.audit_log import LONG_AGO, Log
from tests.stores.core import Core, place
from tests.stores.desk import Desk, proposal

MONDAY = datetime(2026, 11, 2, tzinfo=UTC)


class Decided:
    """Writes cards and what became of them; the clock of a chain is the database's, so it is put aside for that."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._number = 0

    async def card(
        self, *ends: tuple[str, float], tool: str = "pay", rule: str = "rule 1", at: datetime = MONDAY, kind: str = "decision"
    ) -> None:
        """A card, and its ends after so many seconds."""
        self._number += 1
        action_id = f"A{self._number}"
        await self._entry("ask", at, action_id, tool, rule, "{}")
        for decision, seconds in ends:
            after = at + timedelta(seconds=seconds)
            await self._entry(kind, after, action_id, tool, rule, f'{{"decision": "{decision}"}}')

    async def _entry(self, kind: str, at: datetime, action_id: str, tool: str, rule: str, body: str) -> None:
        await self._log.tamper(
            (
                "INSERT INTO audit (team, seq, at, kind, action_id, tool, rule, body, previous_hash, hash)"
                " SELECT 'T1', count(*) + 1, %s, %s, %s, %s, %s, %s, '', '' FROM audit",
                (at, kind, action_id, tool, rule, body),
            )
        )


async def read(log: Log, since: datetime = LONG_AGO) -> Report:
    """The figures."""
    async with log.pool.connection() as connection:
        return await report(connection, since)


async def test_cards_are_counted_by_what_became_of_them(log: Log) -> None:
    decided = Decided(log)
    for seconds in (10, 20, 30, 40):
        await decided.card(("approved", seconds))
    await decided.card(("rejected", 50))
    await decided.card(("expired", 86_400))
    await decided.card(("withdrawn", 1))
    await decided.card(("", 1), kind="edit")
    await decided.card(("undeliverable", 1))
    await decided.card()
    row = Figures("pay", "rule 1", 10, 4, 1, 1, 1, 1, open=1, median_seconds=30, ninetieth_seconds=46)
    read_back = await read(log)
    assert read_back.rows == (row,)
    assert read_back.total == Figures("", "", 10, 4, 1, 1, 1, 1, open=1, median_seconds=30, ninetieth_seconds=46)
    assert (row.decided, row.rejection_rate) == (5, 0.2)


async def test_the_first_decision_is_the_one_that_counts(log: Log) -> None:
    await Decided(log).card(("approved", 10), ("withdrawn", 600))
    assert (await read(log)).rows == (Figures("pay", "rule 1", 1, 1, 0, 0, 0, 0, 0, 10, 10),)


async def test_every_tool_and_rule_has_its_line_and_the_total_has_all(log: Log) -> None:
    decided = Decided(log)
    await decided.card(("approved", 10), tool="pay", rule="rule 2")
    await decided.card(("rejected", 20), tool="pay", rule="rule 1")
    await decided.card(("rejected", 90), tool="mail", rule="default")
    read_back = await read(log)
    assert [(row.tool, row.rule, row.approved, row.rejected) for row in read_back.rows] == [
        ("mail", "default", 0, 1),
        ("pay", "rule 1", 0, 1),
        ("pay", "rule 2", 1, 0),
    ]
    total = read_back.total
    assert (total.cards, total.approved, total.rejected, total.median_seconds) == (3, 1, 2, 20)


async def test_only_what_was_asked_for_since_then_counts(log: Log) -> None:
    decided = Decided(log)
    await decided.card(("approved", 7200), at=MONDAY - timedelta(hours=1))  # decided on the Monday, asked for before it
    await decided.card(("rejected", 10))
    read_back = await read(log, MONDAY)
    assert (read_back.total.approved, read_back.total.rejected) == (0, 1)


async def test_a_real_decision_is_counted_as_the_store_writes_it(log: Log) -> None:
    core = Core(log.pool, "unused")
    desk = Desk(core, await core.hold(place()), place())
    for action_id, decision in (("A1", "approved"), ("A2", "rejected")):
        await desk.propose(action_id)
        await desk.votes(action_id, "U2", decision)
    await desk.propose("A3")
    await desk.closes("A3", "withdrawn")
    await core.store.append(desk.lease, desk.seq, [proposal("A4").model_copy(update={"ran": True})])  # no card was ever shown
    [row] = (await read(log)).rows
    assert (row.tool, row.rule) == ("create_order", "test")
    assert (row.cards, row.approved, row.rejected, row.withdrawn) == (3, 1, 1, 1)
    assert row.median_seconds is not None
    assert 0 < row.median_seconds < 60


# ---------------------------------------------------------------------------------------------- as it is printed


def figures(approved: int, rejected: int, median: float) -> Figures:
    """Of one tool."""
    return Figures("pay", "rule 1", approved + rejected, approved, rejected, 0, 0, 0, 0, median, median)


@pytest.mark.parametrize(
    ("row", "warned"),
    [
        (figures(10, 0, 4.9), True),
        (figures(5, 5, 4.9), True),
        (figures(9, 0, 4.9), False),
        (figures(10, 0, 5.0), False),
    ],
)
def test_ten_decisions_faster_than_anybody_reads_are_warned_of(row: Figures, warned: bool) -> None:
    told = [line for line in lines(Report((row,), row)) if line.startswith("rubber-stamped? pay, rule 1:")]
    assert len(told) == warned


def test_a_hidden_character_in_a_rule_is_spelled_out() -> None:
    row = Figures("pay", "rule\u202e 1", 0, 0, 0, 0, 0, 0)
    assert "rule⟨U+202E⟩ 1" in lines(Report((row,), row))[1]


async def test_the_command_prints_a_table(log: Log, database_url: str, tmp_path: Path) -> None:
    decided = Decided(log)
    for _ in range(10):
        await decided.card(("approved", 2.5))
    await decided.card()
    await decided.card(("rejected", 3 * 3600 + 125), tool="mail", rule="default (one member approves each write call)")
    await decided.card(("approved", 42), at=MONDAY - timedelta(days=1))
    environment = {"DATABASE_URL": database_url}
    async with signoff("report", "--since", "2026-11-02", folder=tmp_path, environment=environment) as process:
        out, err = (part.decode() for part in await process.communicate())
    assert (process.returncode, err) == (0, "")
    *table, warning = out.splitlines()
    assert [line.split()[:11] for line in table] == [
        ["tool", "cards", "approved", "rejected", "rate", "expired", "withdrawn", "edited", "open", "median", "90th"],
        ["mail", "1", "0", "1", "100%", "0", "0", "0", "0", "3h", "2m"],
        ["pay", "11", "10", "0", "0%", "0", "0", "0", "1", "2.5s", "2.5s"],
        ["total", "12", "10", "1", "9%", "0", "0", "0", "1", "2.5s", "2.5s"],
    ]
    assert table[1].endswith("3h 2m  default (one member approves each write call)")
    assert warning.startswith("rubber-stamped? pay, rule 1: half of 10 decisions came within 2.5s.")


async def test_a_database_that_cannot_be_used_is_a_sentence(tmp_path: Path) -> None:
    environment = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
    told = await refused("report", tmp_path, environment, "--since", "2026-11-02")
    assert told.startswith("The database of DATABASE_URL cannot be used")
