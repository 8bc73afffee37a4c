"""How an action ends, on real Postgres: votes, deadlines, the last gate, and people's word on what nobody knows."""

import asyncio
from datetime import timedelta

import pytest

from agent.received import Click
from agent.steps import ActionDecided
from agent.types import Decision, OutcomeAnswer
from tests.stores.desk import DIGEST, HOUR, Desk, proposal, start
from tests.stores.heart import place

# ---------------------------------------------------------------------------------------------- votes


async def test_one_person_decides_and_it_is_on_record(desk: Desk) -> None:
    await desk.propose("open")
    decided = await desk.votes("open", "U2", "rejected", "Too many.")
    assert decided is not None
    assert (decided.decision, decided.by, decided.reason) == ("rejected", "U2", "Too many.")
    assert await desk.status("open") == "rejected"
    [*_, last] = await desk.heart.store.load(desk.lease)
    assert last.step == decided


async def test_a_vote_after_the_deadline_changes_nothing(desk: Desk) -> None:
    await desk.propose("late", lasts=timedelta(milliseconds=-1))
    assert await desk.votes("late", "U2") is None
    assert await desk.status("late") == "pending"
    assert await desk.heart.sql("SELECT * FROM vote") == []


async def test_a_vote_after_the_decision_changes_nothing(desk: Desk) -> None:
    await desk.propose("open")
    assert await desk.votes("open", "U2", "rejected") is not None
    assert await desk.votes("open", "U3", "approved") is None
    assert await desk.status("open") == "rejected"
    assert await desk.heart.sql('SELECT "user" FROM vote') == [("U2",)]


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
    settled = await asyncio.gather(*(desk.heart.store.settle(desk.lease, 1, number, one) for number, one in enumerate(clicks)))

    [winner] = [step for steps in settled for step in steps]
    assert isinstance(winner, ActionDecided)
    assert await desk.heart.sql("SELECT status, decided_by FROM action") == [(winner.decision, winner.by)]
    assert await desk.heart.sql('SELECT decision, "user" FROM vote') == [(winner.decision, winner.by)]
    assert await desk.kinds() == ["proposed_action", "action_decided"]


async def test_a_vote_on_another_sessions_action_changes_nothing(desk: Desk) -> None:
    await desk.propose("open")
    other = await desk.heart.hold(place(2))
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
    await desk.heart.sql("UPDATE action SET status = %s", status)
    assert (await desk.closes("late", decision) is not None) == ends
    assert await desk.status("late") == (decision if ends else status)


# ---------------------------------------------------------------------------------------------- the last gate


async def test_an_approved_call_starts_once(desk: Desk) -> None:
    await desk.propose("open")
    await desk.votes("open", "U2")
    started = await asyncio.gather(
        *(desk.heart.store.start_action(desk.lease, 2, start("open"), DIGEST) for _ in range(10)),
    )
    assert [left_seconds is not None for left_seconds in started].count(True) == 1
    assert await desk.status("open") == "running"
    assert await desk.kinds() == ["proposed_action", "action_decided", "tool_started"]


@pytest.mark.parametrize("status", ["pending", "rejected", "expired", "withdrawn", "running", "succeeded", "unknown"])
async def test_what_is_not_approved_does_not_start(desk: Desk, status: str) -> None:
    await desk.propose("open")
    await desk.heart.sql("UPDATE action SET status = %s, decided_at = now()", status)
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
    other = Desk(desk.heart, await desk.heart.hold(place(2)), place(2))
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
    await desk.heart.store.append(desk.lease, desk.seq, [jotted])
    desk.seq += 1
    assert await desk.status("jotted") == "unknown"
    assert await desk.votes("jotted", "U2") is None  # there is nothing to approve
    assert not await desk.starts("jotted")
    assert not await desk.hears("jotted", "run_again", limit_seconds=60)  # it was started at this moment, or before
    await desk.age("jotted", "started_at", 70)
    assert await desk.hears("jotted", "run_again", limit_seconds=60)
    assert await desk.starts("jotted")
    kinds = await desk.heart.sql("SELECT kind FROM audit WHERE action_id = 'jotted' ORDER BY seq")
    assert kinds == [("ask",), ("outcome_told",), ("claim",)]


# ---------------------------------------------------------------------------------------------- edits and grants


async def test_an_edit_ends_the_action_and_no_click_on_it_counts_any_more(desk: Desk) -> None:
    await desk.propose("open", quorum=2)
    await desk.votes("open", "U3")
    edited = await desk.edits("open", quantity=5)
    assert edited is not None
    assert (edited.by, edited.arguments) == ("U2", {"quantity": 5})
    assert await desk.status("open") == "edited"
    assert await desk.votes("open", "U4") is None
    assert not await desk.starts("open")
    assert await desk.edits("open", quantity=6) is None
    assert await desk.kinds() == ["proposed_action", "voted", "edited"]


@pytest.mark.parametrize("note", ["a NUL \0", "half a character \ud83e", "\\u0000", "Zoë 🦊"])
async def test_any_text_can_be_edited_in(desk: Desk, note: str) -> None:
    await desk.propose("open")
    edited = await desk.edits("open", note=note)
    assert edited is not None
    assert edited.arguments["note"] == note.replace("\ud83e", "\ufffd")
    [*_, last] = await desk.heart.store.load(desk.lease)
    assert last.step == edited


@pytest.mark.parametrize("status", ["late", "rejected", "approved"])
async def test_what_is_over_is_not_edited(desk: Desk, status: str) -> None:
    await desk.propose("open", lasts=-HOUR if status == "late" else HOUR)
    if status != "late":
        await desk.votes("open", "U2", status)
    before = await desk.status("open")
    assert await desk.edits("open", quantity=5) is None
    assert await desk.status("open") == before


async def test_a_grant_comes_with_the_approval_that_settles_the_action(desk: Desk) -> None:
    await desk.propose("open")
    assert await desk.grants("open") == ["action_decided", "granted"]
    assert await desk.heart.sql('SELECT granted_by, tool, most_uses, uses FROM "grant"') == [("U2", "create_order", 2, 0)]


@pytest.mark.parametrize("ended", ["needs two", "late", "decided"])
async def test_a_click_that_does_not_settle_the_action_gives_no_grant(desk: Desk, ended: str) -> None:
    await desk.propose("open", quorum=2 if ended == "needs two" else 1, lasts=-HOUR if ended == "late" else HOUR)
    if ended == "decided":
        await desk.votes("open", "U3", "rejected")
    assert "granted" not in await desk.grants("open")
    assert await desk.heart.sql('SELECT id FROM "grant"') == []
    if ended == "needs two":  # nor does the second of two approvals: policy wants two for each call
        assert await desk.grants("open", "U3") == ["action_decided"]


async def test_each_use_of_a_grant_is_counted_and_none_is_too_many(desk: Desk) -> None:
    await desk.propose("open")
    await desk.grants("open", most_uses=2)
    assert [await desk.runs_under("G-open", f"call-{number}") for number in range(3)] == [True, True, False]
    assert await desk.heart.sql('SELECT uses FROM "grant"') == [(2,)]
    assert (await desk.kinds()).count("tool_started") == 2


async def test_a_grant_that_was_revoked_or_is_over_lets_nothing_run(desk: Desk) -> None:
    for name in ("revoked", "over"):
        await desk.propose(name)
        await desk.grants(name, lasts=-HOUR if name == "over" else HOUR)
    await desk.heart.sql("""UPDATE "grant" SET revoked_at = now(), revoked_by = 'U2' WHERE id = 'G-revoked'""")
    assert not await desk.runs_under("G-revoked")
    assert not await desk.runs_under("G-over")
    assert "tool_started" not in await desk.kinds()


async def test_a_grant_of_another_session_lets_nothing_run(desk: Desk) -> None:
    await desk.propose("open")
    await desk.grants("open")
    await desk.heart.sql("""UPDATE "grant" SET session_id = 'T1:C1:77.0'""")
    assert not await desk.runs_under("G-open")
