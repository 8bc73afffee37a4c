"""Random concurrent histories on real Postgres: two workers that freeze and die, people, policies, and a ledger outside.

Whatever happens: at most one run per action; none without enough votes of people who might, at that moment, and had been shown
all of it: arguments, what its tool does, and at which price; none after expiry, rejection, withdrawal or an edit; guests and
outsiders have no say; what nobody is asked about is on record; every request to the model is valid; and in the end every session
is idle or waits on an open card that stands in its thread.
"""

import asyncio
from collections import Counter
from collections.abc import Callable

import psycopg
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from agent.reports import audit
from agent.reports.audit_rows import Broken
from tests.conftest import TOLD
from tests.histories.history import History
from tests.histories.process import quicken
from tests.profiles import examples


def play_many(database_url: str) -> Counter[str]:
    """Play as many histories as the profile says; what happened in them.

    Those of `make test` are the same ones each time, as far as what runs side by side ever is the same.
    """
    tally: Counter[str] = Counter()

    @examples(0.1)
    @given(seed=st.integers(0, 2**32), acts=st.integers(20, 80))
    def any_history(seed: int, acts: int) -> None:
        history = History(seed, acts, database_url)  # a seed, and not draws of hypothesis, which run out long before
        findings = [*asyncio.run(history.play()), *asyncio.run(broken_audit(database_url))]
        tally.update({"histories": 1})
        tally.update(history.outside.tally)
        for what in history.outside.tally:
            event(what)
        assert findings == []

    any_history()
    return tally


async def broken_audit(database_url: str) -> list[Broken]:
    """Where the audit log of a history does not hold, or does not fit the rows that it is about."""
    async with await psycopg.AsyncConnection[None].connect(database_url, autocommit=True) as connection:
        return [finding async for finding in audit.verify(connection) if isinstance(finding, Broken)]


def told(tally: Counter[str]) -> str:
    """The figures of a run in a few lines."""
    first = [f"{tally.pop(what)} {what}" for what in ("histories", "conversations", "runs of tools")]
    return f"\n{', '.join(first)}\n{', '.join(f'{what}: {count}' for what, count in tally.most_common() if count)}\n"


@pytest.mark.hypothesis
@pytest.mark.timeout(3600)  # with the long profile; and a failing one is made smaller
def test_any_concurrent_history_keeps_the_promises(
    database_url: str, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    quicken(monkeypatch)
    tally = play_many(database_url)
    assert 2 * tally["runs of tools"] > tally["histories"]  # they are not all about nothing, on however slow a machine
    record_property(TOLD, told(tally))
