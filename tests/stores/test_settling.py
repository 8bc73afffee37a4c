"""How an action ends, on real Postgres: votes, deadlines, the last gate, and people's word on what nobody knows."""

import asyncio
from datetime import timedelta

import pytest

from agent.session.inbox import Click
from agent.session.steps import ActionDecided
from agent.types import Decision, OutcomeAnswer
from tests.stores.core import place
from tests.stores.desk import DIGEST, HOUR, Desk, proposal, start

# ---------------------------------------------------------------------------------------------- votes


async def test_one_person_decides_and_it_is_on_record(desk: Desk) -> None:
    await desk.propose("open")
    decided = await desk.votes("open", "U2", "rejected", "Too many.")
    assert decided is not None
    assert (decided.decision, decided.by, decided.reason) == ("rejected", "U2", "Too many.")
    assert await desk.status("open") == "rejected"
    [*_, last] = await desk.core.store.load(desk.lease)
    assert last.step == decided


async def test_a_vote_after_the_deadline_changes_nothing(desk: Desk) -> None:
    await desk.propose("late", lasts=timedelta(milliseconds=-1))
    assert await desk.votes("late", "U2") is None
    assert await desk.status("late") == "pending"
    assert await desk.core.sql("SELECT * FROM vote") == []


async def test_a_vote_after_the_decision_changes_nothing(desk: Desk) -> None:
    await desk.propose("open")
    assert await desk.votes("open", "U2", "rejected") is not None
    assert await desk.votes("open", "U3", "approved") is None
    assert await desk.status("open") == "rejected"
    assert await desk.core.sql('SELECT "user" FROM vote') == [("U2",)]


async def test_two_must_agree_and_one_person_is_not_two(desk: Desk) -> None:
    await desk.propose("open", quorum=2)
    assert await desk.votes("open", "U2") is None
    assert await desk.votes("open", "U2") is None
    assert await desk.status("open") == "pending"

    decided = await desk.votes("open", "U3")
    assert decided is not None
    assert (decided.decision, decided.by) == ("approved", "U3")
    assert (await desk.kinds()).count("action_decided") == 1


async def test_a_yes_can_be_taken_back_while_more_are_needed(desk: Desk) -> None:
    await desk.propose("open", quorum=2)
    assert await desk.votes("open", "U2", "approved") is None
    decided = await desk.votes("open", "U2", "rejected")
    assert decided is not None
    assert await desk.status("open") == "rejected"
    assert await desk.votes("open", "U2", "approved") is None


async def test_one_rejection_is_enough_however_many_must_agree(desk: Desk) -> None:
    await desk.propose("open", quorum=3)
    assert await desk.votes("open", "U2", "approved") is None
    decided = await desk.votes("open", "U3", "rejected")
    assert decided is not None
    assert decided.decision == "rejected"


async def test_two_must_reject_where_policy_wants_two(desk: Desk) -> None:
    await desk.propose("open", quorum=2, rejections=2)
    assert await desk.votes("open", "U2", "rejected") is None
    assert await desk.votes("open", "U2", "rejected") is None  # one person is not two
    assert await desk.votes("open", "U3", "approved") is None
    assert await desk.votes("open", "U3", "rejected") is not None  # who takes their yes back
    assert await desk.status("open") == "rejected"


async def test_a_no_can_be_taken_back_while_more_are_needed(desk: Desk) -> None:
    await desk.propose("open", quorum=2, rejections=2)
    assert await desk.votes("open", "U2", "rejected") is None
    assert await desk.votes("open", "U2", "approved") is None
    decided = await desk.votes("open", "U3", "approved")
    assert decided is not None
    assert decided.decision == "approved"
    assert await desk.kinds() == ["proposed_action", "voted", "voted", "action_decided"]


async def test_of_thirty_votes_at_once_one_wins(desk: Desk) -> None:
    await desk.propose("open")
    clicks = [
        Click(action_id="open", user=f"U{number}", decision="approved" if number % 2 else "rejected") for number in range(30)
    ]
    settled = await asyncio.gather(*(desk.core.store.settle(desk.lease, 1, number, one) for number, one in enumerate(clicks)))

    [winner] = [step for steps, _ in settled for step in steps]
    assert isinstance(winner, ActionDecided)
    assert await desk.core.sql("SELECT status, decided_by FROM action") == [(winner.decision, winner.by)]
    assert await desk.core.sql('SELECT decision, "user" FROM vote') == [(winner.decision, winner.by)]
    assert await desk.kinds() == ["proposed_action", "action_decided"]


# ---------------------------------------------------------------------------------------------- an approval and its run


async def started_with(desk: Desk, user: str = "U2", *, approves: bool = True, digest: str = DIGEST) -> list[str]:
    """A click with which the run is to start; the kinds of the steps that this came to."""
    click = Click(action_id="open", user=user, decision="approved" if approves else "rejected")
    steps, left_seconds = await desk.core.store.settle(desk.lease, desk.seq, 0, click, None, (start("open"), digest))
    assert left_seconds > 0
    desk.seq += len(steps)
    return [step.kind for step in steps]


async def test_an_approval_and_the_start_of_its_run_are_written_together(desk: Desk) -> None:
    await desk.propose("open")
    assert await started_with(desk) == ["action_decided", "tool_started"]
    assert await desk.kinds() == ["proposed_action", "action_decided", "tool_started"]
    assert await desk.core.sql("SELECT status, started_at = decided_at FROM action") == [("running", True)]
    assert not await desk.starts("open")  # nobody passes the gate a second time
    audited = await desk.core.sql("SELECT kind FROM audit ORDER BY seq DESC LIMIT 3")  # which no test can empty
    assert [kind for (kind,) in reversed(audited)] == ["ask", "decision", "claim"]


async def test_a_vote_that_settles_nothing_starts_nothing(desk: Desk) -> None:
    await desk.propose("open", quorum=2)
    assert await started_with(desk) == ["voted"]
    assert await desk.status("open") == "pending"
    assert await started_with(desk, "U3") == ["action_decided", "tool_started"]


async def test_a_no_and_an_approval_of_something_else_start_nothing(desk: Desk) -> None:
    await desk.propose("open", rejections=2)
    assert await started_with(desk, approves=False) == ["voted"]
    assert await started_with(desk, "U3", digest="of another call") == ["action_decided"]
    assert await desk.status("open") == "approved"
    assert await desk.starts("open")  # it is asked about at its gate


async def test_a_no_that_settles_starts_nothing(desk: Desk) -> None:
    await desk.propose("open")
    assert await started_with(desk, approves=False) == ["action_decided"]
    assert await desk.status("open") == "rejected"
    assert not await desk.starts("open")


async def test_a_start_that_comes_too_late_is_none(desk: Desk) -> None:
    await desk.propose("open", lasts=timedelta(milliseconds=-1))
    assert await started_with(desk) == []
    assert await desk.status("open") == "pending"


async def test_a_vote_on_another_sessions_action_changes_nothing(desk: Desk) -> None:
    await desk.propose("open")
    other = await desk.core.hold(place(2))
    assert await desk.votes("open", "U2", lease=other) is None
    assert await desk.status("open") == "pending"


# ---------------------------------------------------------------------------------------------- ends without a yes


async def test_an_action_expires_by_the_databases_clock_only(desk: Desk) -> None:
    await desk.propose("open")
    assert await desk.closes("open", "expired") is None
    assert await desk.status("open") == "pending"
    assert await desk.kinds() == ["proposed_action"]

    await desk.age("open", "expires_at", HOUR.total_seconds())
    decided = await desk.closes("open", "expired")
    assert decided is not None
    assert (decided.decision, await desk.status("open")) == ("expired", "expired")


@pytest.mark.parametrize(
    ("status", "decision", "ends"),
    [
        ("pending", "expired", True),
        ("pending", "withdrawn", True),
        ("pending", "undeliverable", True),
        ("approved", "withdrawn", True),  # before it began
        ("approved", "expired", False),
        ("approved", "undeliverable", False),
        *[(status, "withdrawn", False) for status in ("rejected", "running", "succeeded", "unknown", "refused")],
    ],
)
async def test_only_what_has_not_begun_is_closed(desk: Desk, status: str, decision: Decision, ends: bool) -> None:
    await desk.propose("late", lasts=-HOUR)
    await desk.core.sql("UPDATE action SET status = %s", status)
    assert (await desk.closes("late", decision) is not None) == ends
    assert await desk.status("late") == (decision if ends else status)


# ---------------------------------------------------------------------------------------------- the last gate


async def test_an_approved_call_starts_once(desk: Desk) -> None:
    await desk.propose("open")
    await desk.votes("open", "U2")
    started = await asyncio.gather(
        *(desk.core.store.start_action(desk.lease, 2, start("open"), DIGEST) for _ in range(10)),
    )
    assert [left_seconds is not None for left_seconds in started].count(True) == 1
    assert await desk.status("open") == "running"
    assert await desk.kinds() == ["proposed_action", "action_decided", "tool_started"]


@pytest.mark.parametrize("status", ["pending", "rejected", "expired", "withdrawn", "running", "succeeded", "unknown"])
async def test_what_is_not_approved_does_not_start(desk: Desk, status: str) -> None:
    await desk.propose("open")
    await desk.core.sql("UPDATE action SET status = %s, decided_at = now()", status)
    assert not await desk.starts("open")
    assert await desk.kinds() == ["proposed_action"]


async def test_a_call_with_other_arguments_than_those_that_were_shown_does_not_start(desk: Desk) -> None:
    await desk.propose("open")
    await desk.votes("open", "U2")
    assert not await desk.starts("open", digest="something-else")
    assert await desk.status("open") == "approved"


@pytest.mark.parametrize(("minutes", "starts"), [(14, True), (16, False)])
async def test_an_approval_lasts_for_fifteen_minutes(desk: Desk, minutes: int, starts: bool) -> None:
    await desk.propose("open")
    await desk.votes("open", "U2")
    await desk.age("open", "decided_at", minutes * 60)
    assert await desk.starts("open") == starts


async def test_another_session_cannot_start_the_call(desk: Desk) -> None:
    await desk.propose("open")
    await desk.votes("open", "U2")
    other = Desk(desk.core, await desk.core.hold(place(2)), place(2))
    assert not await other.starts("open")


# ---------------------------------------------------------------------------------------------- unknown outcomes


async def test_a_call_runs_again_only_when_its_first_run_cannot_be_under_way_any_more(desk: Desk) -> None:
    await desk.propose("lost")
    await desk.loses("lost")
    await desk.age("lost", "started_at", 50)
    assert not await desk.hears("lost", "run_again", limit_seconds=60)
    assert await desk.status("lost") == "unknown"

    await desk.age("lost", "started_at", 20)
    assert await desk.hears("lost", "run_again", limit_seconds=60)
    assert await desk.status("lost") == "approved"
    assert await desk.starts("lost")


@pytest.mark.parametrize(("answer", "status"), [("happened", "succeeded"), ("leave", "refused")])
async def test_a_persons_word_on_an_outcome_counts_at_once_and_once(desk: Desk, answer: OutcomeAnswer, status: str) -> None:
    await desk.propose("lost")
    await desk.loses("lost")
    assert await desk.hears("lost", answer, limit_seconds=3600)
    assert not await desk.hears("lost", "run_again", limit_seconds=0)
    assert await desk.status("lost") == status
    assert not await desk.starts("lost")


async def test_a_run_without_a_card_whose_outcome_is_unknown_is_asked_about_like_any_other(desk: Desk) -> None:
    jotted = proposal("jotted").model_copy(update={"ran": True})
    await desk.core.store.append(desk.lease, desk.seq, [jotted])
    desk.seq += 1
    assert await desk.status("jotted") == "unknown"
    assert await desk.votes("jotted", "U2") is None  # there is nothing to approve
    assert not await desk.starts("jotted")
    assert not await desk.hears("jotted", "run_again", limit_seconds=60)  # it was started at this moment, or before
    await desk.age("jotted", "started_at", 70)
    assert await desk.hears("jotted", "run_again", limit_seconds=60)
    assert await desk.starts("jotted")
    kinds = await desk.core.sql("SELECT kind FROM audit WHERE action_id = 'jotted' ORDER BY seq")
    assert kinds == [("ask",), ("outcome_told",), ("claim",)]
