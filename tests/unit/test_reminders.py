"""A thread is reminded at the times of its rule, later where quiet hours hold, and never before it is known where people are."""

from datetime import time, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agent.approvals.quiet_hours import QuietHours
from agent.decide.facts import Facts
from agent.decide.for_cards import card_moves, due_at
from agent.decide.for_notices import notice_moves
from agent.decide.moves import FindZones, Post, ShowCard, ShowNotice
from agent.decide.reminders import ReminderClock, next_reminder_at, reminded_in_thread, reminders_due
from agent.session.post_keys import PostKey
from agent.session.state import Session
from agent.session.steps import CardShown, OutcomeTold, Posted, PostStarted, Step, Voted
from agent.types import Approvers
from tests.profiles import examples
from tests.unit.test_approver_moves import BEFORE, asked
from tests.unit.test_machine import ANSWERED, APPROVED, NOW, REPLIED, RETURNED, RUNNING, STARTED

MIDNIGHT_TO_NOON = QuietHours(time(0), time(12))  # the card was brought before people at midnight, by UTC
LOST = RETURNED.model_copy(update={"outcome": "unknown"})
SAID = REPLIED.model_copy(update={"content": ({"type": "text", "text": "Well."},), "stop_reason": "end_turn"})
MENTION: dict[str, Any] = {"remind_seconds": 3600, "notify": "mention"}


def clock(**zones: str) -> ReminderClock:
    return ReminderClock(MIDNIGHT_TO_NOON, Facts(zones=frozenset(zones.items())))


def keys(session: Session, hours: float, clock: ReminderClock) -> list[str]:
    """What is to be said in the thread so long after the card was brought before people."""
    at = BEFORE + timedelta(hours=hours)
    found = (*notice_moves(session, 0, at, clock), *card_moves(session, at, clock))
    return [str(move.key) for move in found if isinstance(move, Post | ShowNotice | FindZones)]


def test_a_thread_is_reminded_once_the_first_of_those_whom_the_rule_names_is_awake() -> None:
    session = asked(**MENTION)
    assert keys(session, 1, ReminderClock()) == ["notice:A1:1"]
    assert keys(session, 0.9, clock()) == []  # Slack is not asked before there is something to remind of
    assert keys(session, 1, clock()) == ["zones:thread:A1"]
    berlin = clock(U2="Europe/Berlin", U8="Atlantic/Azores")
    assert keys(session, 1, berlin) == []
    assert due_at(session, BEFORE + timedelta(hours=1), berlin) == BEFORE + timedelta(hours=11)
    assert keys(session, 11, berlin) == ["notice:A1:1"]
    alone = asked(Voted(action_id="A1", by="U2"), quorum=2, **MENTION)
    assert keys(alone, 11, berlin) == []  # where the other one is it is ten
    assert keys(alone, 13, berlin) == ["notice:A1:1"]


def test_where_a_rule_names_nobody_it_is_the_clock_of_who_asked() -> None:
    session = asked(approvers=Approvers(groups=("S1",), channel_members=True), **MENTION)
    assert reminded_in_thread(session.actions["A1"]) == ["U1"]
    assert keys(session, 2, clock(U1="Asia/Tokyo")) == []
    assert keys(session, 3, clock(U1="Asia/Tokyo")) == ["notice:A1:1"]


def test_people_are_asked_again_what_became_of_a_call_when_they_are_awake() -> None:
    key = PostKey("question", "A1", 1)
    session = asked(APPROVED, RUNNING, LOST, PostStarted(key=key), Posted(key=key, ts="8.0"), **MENTION)
    assert keys(session, 25, ReminderClock()) == ["remind_outcome:A1:1"]
    assert keys(session, 25, clock()) == ["zones:thread:A1"]
    here = clock(U8="Europe/Berlin", U2="Asia/Tokyo")  # who said yes is not asked; there it is two in the night
    assert due_at(session, NOW + timedelta(hours=1), here) == NOW + timedelta(hours=11)
    assert keys(session, 25, here) == []
    assert keys(session, 35, here) == ["remind_outcome:A1:3"]  # one word, however many were missed


def test_a_call_that_was_run_again_and_lost_again_is_asked_about_again_at_the_times_of_the_rule() -> None:
    first, second = PostKey("question", "A1", 1), PostKey("question", "A1", 2)
    reminder = PostKey("remind_outcome", "A1", 1)
    steps: list[Step] = [APPROVED, RUNNING, LOST]
    for key in (first, reminder):
        steps += [PostStarted(key=key), Posted(key=key, ts="8.0")]
    again = OutcomeTold(action_id="A1", by="U2", answer="run_again", told_at=NOW + timedelta(hours=2))
    steps += [STARTED, SAID, *ANSWERED, again, RUNNING, LOST, PostStarted(key=second), Posted(key=second, ts="9.0")]
    assert due_at(asked(*steps, **MENTION), NOW + timedelta(hours=2)) == NOW + timedelta(hours=3)


ZONES = st.sampled_from(["UTC", "Europe/Berlin", "Pacific/Auckland", "America/New_York", "Asia/Kolkata", ""])
TIMES = st.times().map(lambda at: at.replace(second=0, microsecond=0))


@examples(2)
@given(
    begin=TIMES, end=TIMES, weekends=st.booleans(), zones=st.tuples(ZONES, ZONES), every=st.integers(60, 40_000), data=st.data()
)
def test_the_next_reminder_is_due_when_it_is_said_to_be_and_not_a_moment_before(
    begin: time, end: time, weekends: bool, zones: tuple[str, str], every: int, data: st.DataObject
) -> None:
    quiet = QuietHours(begin, end, weekends) if begin != end else None
    clock = ReminderClock(quiet, Facts(zones=frozenset(zip(("U2", "U8"), zones, strict=True))))
    session = asked(remind_seconds=every, notify="mention")
    [action] = session.actions.values()
    at = next_reminder_at(action, clock)
    assert at is not None
    assert reminders_due(action, at, clock) > action.reminders
    assert reminders_due(action, at - timedelta(seconds=1), clock) == action.reminders
    later = at + timedelta(seconds=data.draw(st.integers(0, 200_000)))
    assert reminders_due(action, later, clock) >= reminders_due(action, at, clock)


def test_one_reminder_of_a_question_stands_and_goes_once_it_is_answered() -> None:
    question, reminder = PostKey("question", "A1", 1), PostKey("remind_outcome", "A1", 1)
    steps: list[Step] = [APPROVED, RUNNING, LOST, PostStarted(key=question), Posted(key=question, ts="8.0")]
    steps += [CardShown(action_id="A1", look="unknown"), PostStarted(key=reminder), Posted(key=reminder, ts="9.0")]
    [post] = [move for move in card_moves(asked(*steps, **MENTION), NOW + timedelta(hours=3)) if isinstance(move, Post)]
    assert (str(post.key), post.instead_of) == ("remind_outcome:A1:2", "9.0")
    told = OutcomeTold(action_id="A1", by="U2", answer="happened", told_at=NOW + timedelta(hours=2))
    answered = asked(*steps, STARTED, SAID, *ANSWERED, told, **MENTION)
    [show] = [move for move in card_moves(answered, NOW + timedelta(hours=2)) if isinstance(move, ShowCard)]
    assert show.gone == ("9.0",)
    assert asked(*steps, STARTED, SAID, *ANSWERED, told, CardShown(action_id="A1", look="succeeded"), **MENTION).actions == {}
