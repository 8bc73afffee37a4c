"""What may stay unwritten for a moment while reads run, and what may not."""

import time

import pytest

from agent.run.claim import UNWRITTEN_SECONDS, Unwritten
from agent.session.steps import CardShown, ModelReplied, Step, ToolReturned, ToolStarted
from agent.types import Usage

REPLIED = ModelReplied(content=(), stop_reason="tool_use", usage=Usage(input_tokens=1, output_tokens=1))
STARTED = ToolStarted(call_id="toolu_1", idempotency_key="k")
RETURNED = ToolReturned(call_id="toolu_1", outcome="succeeded", text="{}")
SHOWN = CardShown(action_id="A1", look="pending")


def unwritten(*steps: Step, seconds_ago: float = 0.0) -> Unwritten:
    return Unwritten(steps=list(steps), since=time.monotonic() - seconds_ago)


@pytest.mark.parametrize("steps", [(REPLIED,), (REPLIED, STARTED), (REPLIED, STARTED, RETURNED)])
def test_a_read_and_what_asked_for_it_may_wait_together(steps: tuple[Step, ...]) -> None:
    assert unwritten(*steps).may_wait


def test_what_came_of_a_run_whose_start_is_written_does_not_wait() -> None:
    assert not unwritten(RETURNED).may_wait  # lost, it would be a run that nobody knows the outcome of
    assert not unwritten(REPLIED, RETURNED).may_wait


def test_nothing_waits_for_longer_than_that() -> None:
    late = unwritten(REPLIED, STARTED, seconds_ago=UNWRITTEN_SECONDS)
    assert not late.may_wait
    assert late.seconds_left == 0.0


def test_what_may_be_lost_waits_for_whatever_is_written_next() -> None:
    assert unwritten(SHOWN).loses_nothing
    assert unwritten(SHOWN).seconds_left is None
