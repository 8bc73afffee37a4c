"""Bugs planted into the real code: the histories find each of them, so a history that finds nothing says something."""

import asyncio
import re
from collections.abc import Callable
from typing import Any

import pytest

from agent import store
from agent.received import Click
from agent.steps import Step
from agent.store import Store
from agent.tool import Tool
from tests.histories.history import History
from tests.histories.process import quicken

MOST_HISTORIES = 150  # each is found within ten as a rule; how the two workers race is left to chance

Plant = Callable[[pytest.MonkeyPatch], None]


def without(statement: str, condition: str, instead: str = "") -> Plant:
    """One of the store's statements that has lost a condition."""

    def plant(monkeypatch: pytest.MonkeyPatch) -> None:
        sql: str = getattr(store, statement)
        assert condition in sql
        monkeypatch.setattr(store, statement, sql.replace(condition, instead))

    return plant


def a_click_settles_all_siblings(monkeypatch: pytest.MonkeyPatch) -> None:
    """As frameworks do that resume a run and not a call."""
    settle = Store.settle

    async def settle_all(self: Store, lease: Any, seq: int, inbox_id: int, click: Click, grant: Any = None) -> tuple[Step, ...]:
        steps = await settle(self, lease, seq, inbox_id, click, grant)
        statement = """
            SELECT sibling.id FROM action JOIN action AS sibling ON sibling.body ->> 'message' = action.body ->> 'message'
            WHERE action.id = %s AND sibling.status = 'pending' AND sibling.id <> action.id
        """
        async with self._pool.connection() as connection:  # pyright: ignore[reportPrivateUsage]
            siblings = await (await connection.execute(statement, (click.action_id,))).fetchall()
        for (id,) in siblings:
            steps += await settle(self, lease, seq + len(steps), inbox_id, click.model_copy(update={"action_id": id}))
        return steps

    monkeypatch.setattr(Store, "settle", settle_all)


def a_lost_write_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """As job queues do."""
    monkeypatch.setattr(Tool, "repeatable", property(lambda self: True))


def the_epoch_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever held a session once goes on writing into it."""
    for statement in ("APPEND", "SETTLE", "EDIT", "CLOSE", "START_ACTION", "START_GRANTED", "TELL"):
        without(statement, " AND epoch = %(epoch)s")(monkeypatch)


FEW, LATE = "by too few", "its time was over|must not count"


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("plant", "found"),
    [
        pytest.param(
            without("SETTLE", "open.needed <= 1 + (", "0 <= ("), FEW, id="votes are not checked in the settling statement"
        ),
        pytest.param(without("SETTLE", "vote.action_id = open.id AND"), FEW, id="votes for a sibling count"),
        pytest.param(a_click_settles_all_siblings, "must not count", id="a sibling is released"),
        pytest.param(without("SETTLE", "AND action.expires_at > now()"), LATE, id="a late click is taken"),
        pytest.param(a_lost_write_is_repeated, r"it ran \d+ times", id="a lost write is repeated", marks=pytest.mark.chaos),
        pytest.param(the_epoch_is_not_looked_at, "", id="the epoch is not looked at", marks=pytest.mark.chaos),
    ],
)
def test_a_planted_bug_is_found(plant: Plant, found: str, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    quicken(monkeypatch)
    plant(monkeypatch)
    for seed in range(MOST_HISTORIES):
        findings = asyncio.run(History(seed, 60, database_url).play())
        if any(re.search(found, finding) for finding in findings):
            print(f"found by history {seed}: {findings[0][:300]}")
            return
    pytest.fail(f"{MOST_HISTORIES} histories did not find it")
