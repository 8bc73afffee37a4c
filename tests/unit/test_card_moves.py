"""Cards that are on their way while something happens to their actions: none is left standing as it was rendered."""

from datetime import datetime, timedelta

import pytest

from agent.decide.for_cards import QUICK_SECONDS, card, card_moves, due_at
from agent.decide.for_notices import notice_moves
from agent.decide.moves import Post, ShowCard
from agent.session.post_keys import PostKey
from agent.session.state import Session
from agent.session.steps import CardShown, Escalated, OutcomeTold, Posted, PostStarted, Voted
from agent.types import Approvers, Escalation, Look, OutcomeAnswer
from tests.unit.test_machine import (
    ANSWERED,
    APPROVED,
    NOW,
    PROPOSED,
    READY,
    REPLIED,
    RETURNED,
    RUNNING,
    STARTED,
    WAITING,
    after,
)

WITHDRAWN = APPROVED.model_copy(update={"decision": "withdrawn"})
SHOWN = CardShown(action_id="A1", look="withdrawn")
COPIED = PROPOSED.model_copy(update={"verdict": PROPOSED.verdict.model_copy(update={"post_to": "C9"})})
COPY = (PostStarted(key=PostKey("copy", "A1")), Posted(key=PostKey("copy", "A1"), ts="5.0"))


def next_card_moves(session: Session) -> list[str]:
    """Keys of what has to be posted or shown."""
    moves = card_moves(session, NOW - timedelta(hours=1))
    assert all(move.found for move in moves if isinstance(move, Post))
    return [str(move.key) for move in moves if isinstance(move, Post | ShowCard)]


def test_a_card_whose_action_was_withdrawn_while_it_was_being_posted_is_looked_for_and_closed() -> None:
    assert next_card_moves(after(*READY, WITHDRAWN)) == ["card:A1"]  # its post may have gone through
    posted = after(*READY, WITHDRAWN, Posted(key=PostKey("card", "A1"), ts="2.0"))
    assert next_card_moves(posted) == ["show:card:A1"]  # it stands there as an open one
    refused = after(*READY, WITHDRAWN, Posted(key=PostKey("card", "A1"), error="restricted_action"))
    assert (next_card_moves(refused), refused.actions) == ([], {})


def test_a_copy_that_was_rendered_before_its_action_was_withdrawn_is_closed_like_the_card() -> None:
    steps = [COPIED if step is PROPOSED else step for step in WAITING]
    assert next_card_moves(after(*steps, COPY[0], WITHDRAWN)) == ["copy:A1"]  # first it has to be known where it stands
    assert next_card_moves(after(*steps, COPY[0], WITHDRAWN, SHOWN, COPY[1])) == ["show:card:A1"]
    assert next_card_moves(after(*steps, *COPY, WITHDRAWN, SHOWN)) == []


def test_a_notice_that_is_being_posted_is_finished_under_its_key_also_where_nothing_is_left_to_say() -> None:
    key = PostKey("notice", "A1", 1)
    session = after(*WAITING, PostStarted(key=key))
    assert [(move.key, move.found) for move in notice_moves(session, 0, NOW) if isinstance(move, Post)] == [(key, True)]


def test_a_card_names_those_who_may_decide_by_now() -> None:
    verdict = PROPOSED.verdict.model_copy(update={"escalation": Escalation(after_seconds=60, to=Approvers(users=("U9",)))})
    steps = [PROPOSED.model_copy(update={"verdict": verdict}) if step is PROPOSED else step for step in WAITING]
    late = Escalated(action_id="A1", escalated_at=NOW)
    assert card(after(*steps).actions["A1"]).verdict.approvers.users == ()
    assert card(after(*steps, late).actions["A1"]).verdict.approvers.users == ("U9",)


def shown_at(session: Session, seconds: float) -> list[str]:
    """Keys of the cards that are brought up to date so long after the approval."""
    return [str(move.key) for move in card_moves(session, NOW + timedelta(seconds=seconds)) if isinstance(move, ShowCard)]


def test_a_card_that_was_just_approved_waits_a_moment_for_the_result_of_a_quick_call() -> None:
    approved, running = after(*WAITING, APPROVED), after(*WAITING, APPROVED, RUNNING)
    for session in (approved, running):
        assert shown_at(session, QUICK_SECONDS - 0.01) == []
        assert due_at(session, NOW) == NOW + timedelta(seconds=QUICK_SECONDS)  # nobody has to wake the session for it
        assert shown_at(session, QUICK_SECONDS) == ["show:card:A1"]
        assert due_at(session, NOW + timedelta(seconds=QUICK_SECONDS)) is None
    assert shown_at(after(*WAITING, APPROVED, RUNNING, RETURNED), 0.0) == ["show:card:A1"]  # it was quick
    assert shown_at(after(*WAITING, APPROVED.model_copy(update={"decision": "rejected"})), 0.0) == ["show:card:A1"]


QUESTION = PostKey("question", "A1", 1)
LOST = RETURNED.model_copy(update={"outcome": "unknown"})
SAID = REPLIED.model_copy(update={"content": ({"type": "text", "text": "Well."},), "stop_reason": "end_turn"})
ASKED_ABOUT = (APPROVED, RUNNING, LOST, PostStarted(key=QUESTION), Posted(key=QUESTION, ts="7.0"))
UNKNOWN_SHOWN = CardShown(action_id="A1", look="unknown")


@pytest.mark.parametrize(("answer", "look"), [("happened", "succeeded"), ("leave", "left"), ("run_again", "approved")])
def test_a_question_that_is_answered_shows_how_its_call_stands_until_that_is_over(answer: OutcomeAnswer, look: Look) -> None:
    told = OutcomeTold(action_id="A1", by="U1", answer=answer, told_at=NOW)
    steps = (*WAITING, *ASKED_ABOUT, UNKNOWN_SHOWN, STARTED, SAID, *ANSWERED, told)
    session = after(*steps)
    [show] = [move for move in card_moves(session, NOW + timedelta(minutes=1)) if isinstance(move, ShowCard)]
    assert show.places == (("C1", "2.0"),)
    assert [(ts, row.look) for ts, row in show.alone] == [("7.0", look)]
    shown = after(*steps, CardShown(action_id="A1", look=look))
    assert ("A1" in shown.actions) == (answer == "run_again")  # it is shown once more when that run is over


def test_a_question_about_a_call_without_a_card_is_closed_too() -> None:
    ran = PROPOSED.model_copy(update={"ran": True})
    freely = (STARTED, REPLIED, RUNNING.model_copy(update={"action_id": None}), LOST, ran, *ASKED_ABOUT[3:])
    told = OutcomeTold(action_id="A1", by="U1", answer="happened", told_at=NOW)
    session = after(WAITING[0], *freely, STARTED, SAID, *ANSWERED, told)
    [show] = [move for move in card_moves(session, NOW + timedelta(minutes=1)) if isinstance(move, ShowCard)]
    assert (show.places, [ts for ts, _ in show.alone]) == ((), ["7.0"])
    assert after(WAITING[0], *freely, STARTED, SAID, *ANSWERED, told, CardShown(action_id="A1", look="succeeded")).actions == {}


def test_what_people_read_of_a_second_lost_run_has_other_keys_than_of_the_first() -> None:
    wanted = Voted(action_id="A1", by="U3", decision="run_again")
    again = OutcomeTold(action_id="A1", by="U1", answer="run_again", told_at=NOW)
    said = (PostStarted(key=PostKey("again", "A1", 1)), Posted(key=PostKey("again", "A1", 1), ts="8.0"))
    first = (*WAITING, *ASKED_ABOUT, UNKNOWN_SHOWN, STARTED, SAID, *ANSWERED, wanted)
    assert next_card_moves_at(after(*first), NOW) == ["again:A1:1"]
    reminded = PostKey("remind_outcome", "A1", 1)
    told = (PostStarted(key=reminded), Posted(key=reminded, ts="9.0"))
    question = PostKey("question", "A1", 2)
    lost_again = (RUNNING, LOST, PostStarted(key=question), Posted(key=question, ts="10.0"), UNKNOWN_SHOWN)
    answered = [step.model_copy(update={"key": PostKey("answer", 2, 0)}) for step in ANSWERED]
    second = (*first, *said, *told, again, *lost_again, STARTED, SAID, *answered)
    assert next_card_moves_at(after(*second), NOW) == []
    assert next_card_moves_at(after(*second, wanted), NOW) == ["again:A1:2"]
    assert next_card_moves_at(after(*second), NOW + timedelta(days=1)) == ["remind_outcome:A1:2"]


def next_card_moves_at(session: Session, now: datetime) -> list[str]:
    """Keys of what has to be posted or shown at a moment."""
    return [str(move.key) for move in card_moves(session, now) if isinstance(move, Post | ShowCard)]
