"""The sentences that end a turn which has used all its model calls: each of its calls stands under what became of it."""

from dataclasses import replace

import pytest

from agent.decide.capped import capped
from agent.session.rules import Rules
from agent.session.state import Session, Turn
from agent.types import Place

SESSION = Session("T1:C1:1.0", Place(team="T1", channel="C1", thread_ts="1.0"), epoch=1)


def lines(*ended: tuple[str, str]) -> list[str]:
    """What is said of calls that ended so, of tools that write."""
    session = replace(SESSION, turn=replace(Turn(), ended=ended))
    return [line for line in capped(session, Rules({})).splitlines() if line.startswith("•")]


@pytest.mark.parametrize("how", ["unknown", "left"])
def test_what_may_have_run_is_not_called_not_done(how: str) -> None:
    assert lines(
        ("pay", how), ("pay", how), ("create_order", "rejected"), ("tickets__closeIssue", "succeeded"), ("send", "failed")
    ) == [
        "• Done: Close issue (tickets)",
        "• Failed: Send",
        "• Outcome unknown, it may have run: Pay (2 times)",
        "• Not run: Create order (rejected)",
    ]
