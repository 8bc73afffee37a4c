"""Random concurrent histories on real Postgres: two workers that freeze and die, people, policies, and a ledger outside.

Whatever happens: at most one run per action; none without enough votes of people who might, at that moment; none after expiry,
rejection, withdrawal or an edit; every request to the model is valid; and in the end every session is idle or waits on an open
card that stands in its thread.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable

import psycopg
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from agent import audit
from tests.conftest import TOLD
from tests.histories.history import History
from tests.histories.process import quicken

HISTORIES = 14
LONG_RUN_SECONDS = 30 * 60.0


def play_many(database_url: str, most: int, seconds: float) -> Counter[str]:
    """So many histories, as far as they fit into this time; what happened in them.

    `make test` plays the same ones each time, as far as what runs side by side ever is the same; `make chaos` new ones.
    """
    tally: Counter[str] = Counter()
    until = time.monotonic() + seconds

    same = most == HISTORIES

    @settings(max_examples=most, deadline=None, database=None, derandomize=same, suppress_health_check=[HealthCheck.too_slow])
    @given(seed=st.integers(0, 2**32), acts=st.integers(20, 80))
    def any_history(seed: int, acts: int) -> None:
        if time.monotonic() > until:
            return
        history = History(seed, acts, database_url)  # a seed, and not draws of hypothesis, which run out long before
        findings = asyncio.run(history.play())
        tally.update({"histories": 1})
        tally.update(history.outside.tally)
        for what in history.outside.tally:
            event(what)
        assert findings == []

    any_history()
    return tally


async def broken_audit(database_url: str) -> list[audit.Broken]:
    """Where the audit chains of all these histories do not hold."""
    async with await psycopg.AsyncConnection[None].connect(database_url, autocommit=True) as connection:
        found = [finding async for finding in audit.verify(connection)]
    assert any(isinstance(finding, audit.Head) and finding.count for finding in found)
    return [finding for finding in found if isinstance(finding, audit.Broken)]


def told(tally: Counter[str]) -> str:
    """The figures of a run in a few lines."""
    first = [f"{tally.pop(what)} {what}" for what in ("histories", "conversations", "runs of tools")]
    return f"\n{', '.join(first)}\n{', '.join(f'{what}: {count}' for what, count in tally.most_common() if count)}\n"


@pytest.mark.timeout(600)  # a failing one is made smaller
@pytest.mark.parametrize(
    ("most", "seconds"),
    [(HISTORIES, 300.0), pytest.param(100_000, LONG_RUN_SECONDS, marks=[pytest.mark.chaos, pytest.mark.timeout(3600)])],
)
def test_any_concurrent_history_keeps_the_promises(
    database_url: str,
    most: int,
    seconds: float,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    quicken(monkeypatch)
    tally = play_many(database_url, most, seconds)
    assert asyncio.run(broken_audit(database_url)) == []
    assert tally["runs of tools"] > tally["histories"]  # they are not all about nothing
    record_property(TOLD, told(tally))
