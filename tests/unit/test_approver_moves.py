"""Who hears of a card, when, how often, and that nobody is told what is not so any more."""

from collections.abc import Sequence
from datetime import time, timedelta
from typing import Any

import pytest

from agent.approvals.digest import action_digest
from agent.approvals.quiet_hours import QuietHours
from agent.decide.facts import NOTHING_FOUND, Facts
from agent.decide.for_approvers import approver_moves, reminded_at, told_by_mention, told_directly
from agent.decide.for_nudges import nudge_move
from agent.decide.moves import DirectMessage, FindZones, Move, Post, ShowDirect, TurnAway
from agent.session.evolve import replace
from agent.session.inbox import Nudge
from agent.session.post_keys import PostKey
from agent.session.rules import Rules
from agent.session.state import Session
from agent.session.steps import CardShown, DirectShown, Nudged, Posted, PostStarted, Step, Voted
from agent.types import Approvers, Wording
from tests.unit.simulated_rules import TOOLS
from tests.unit.test_machine import APPROVED, NOW, PROPOSED, WAITING, after

BOSSES = Approvers(users=("U2", "U8"))
REJECTED = APPROVED.model_copy(update={"decision": "rejected"})
BEFORE = NOW - timedelta(hours=24)  # the card was brought before people


def asked(*steps: Step, approvers: Approvers = BOSSES, **verdict: Any) -> Session:
    """A session whose card waits for these people."""
    changed = PROPOSED.model_copy(update={"verdict": PROPOSED.verdict.model_copy(update={"approvers": approvers, **verdict})})
    return after(*(changed if step is PROPOSED else step for step in WAITING), *steps)


def told(user: str, number: int = 0, *, error: str = "") -> tuple[Step, Step]:
    """A direct message that is there, or was refused."""
    key = PostKey("dm", "A1", number, user)
    return PostStarted(key=key), Posted(key=key, ts="" if error else "7.0", error=error)


def moves(session: Session, hours: float = 0.1, facts: Facts = NOTHING_FOUND, **rules: Any) -> list[Move]:
    return approver_moves(session, Rules({}, **rules), BEFORE + timedelta(hours=hours), facts)


def keys(found: Sequence[Move]) -> list[str]:
    return [str(move.key) for move in found if isinstance(move, Post | ShowDirect | FindZones)]


def test_those_whom_the_rule_names_are_told_once() -> None:
    assert keys(moves(asked())) == ["dm:A1:0:U2", "dm:A1:0:U8"]
    assert keys(moves(asked(*told("U2")))) == ["dm:A1:0:U8"]
    assert keys(moves(asked(*told("U2"), *told("U8")))) == []
    [post] = [move for move in moves(asked(*told("U2"), told("U8")[0])) if isinstance(move, Post)]
    assert post.found  # it may be there
    assert post.to == "U8"


@pytest.mark.parametrize(
    ("session", "users"),
    [
        (asked(approvers=Approvers(channel_members=True)), ()),
        (asked(approvers=Approvers(groups=("S1",))), ()),
        (asked(approvers=Approvers(users=("U1", "U2"))), ("U1", "U2")),  # who asked may decide
        (asked(approvers=Approvers(users=("U1", "U2"), requester=False)), ("U2",)),
        (asked(Voted(action_id="A1", by="U2"), quorum=2), ("U8",)),
        (asked(notify="mention"), ()),
        (asked(notify="none"), ()),
        (asked(approvers=Approvers(users=tuple(f"U{number}" for number in range(11)))), ()),
        (asked(APPROVED), ()),
    ],
)
def test_who_may_decide_now_and_has_not_is_told_directly(session: Session, users: tuple[str, ...]) -> None:
    assert told_directly(session, session.actions["A1"]) == users


def test_who_asked_in_a_direct_message_has_the_card_there() -> None:
    session = asked(approvers=Approvers(users=("U1", "U2")))
    session = replace(session, place=session.place.model_copy(update={"channel": "D1"}))
    assert told_directly(session, session.actions["A1"]) == ("U2",)
    [post] = [move for move in moves(session) if isinstance(move, Post)]
    assert isinstance(post.content, DirectMessage)
    assert post.content.card_at == ("", "")  # nobody else can open it


@pytest.mark.parametrize(
    ("session", "whom"),
    [
        (asked(approvers=Approvers(users=("U2",), groups=("S1",))), ("<!subteam^S1>",)),
        (asked(approvers=Approvers(users=("U2",), groups=("S1",)), notify="mention"), ("<@U2>", "<!subteam^S1>")),
        (asked(approvers=Approvers(users=("U2",), groups=("S1",)), notify="none"), ()),
        (asked(*told("U2", error="cannot_dm_bot")), ("<@U2>",)),
    ],
)
def test_a_nudge_mentions_those_whom_no_direct_message_reaches(session: Session, whom: tuple[str, ...]) -> None:
    assert told_by_mention(session, session.actions["A1"]) == whom


def test_the_copy_of_a_card_is_there_before_anybody_is_told() -> None:
    copy = PostKey("copy", "A1")
    assert moves(asked(post_to="C9")) == []
    [first, _] = moves(asked(PostStarted(key=copy), Posted(key=copy, ts="5.0"), post_to="C9"))
    assert isinstance(first, Post)
    assert isinstance(first.content, DirectMessage)
    assert first.content.card_at == ("C9", "5.0")


def test_a_message_about_what_is_decided_is_brought_up_to_date_and_then_left() -> None:
    session = asked(*told("U2"), *told("U8", error="user_disabled"), APPROVED)
    [move] = moves(session)
    assert isinstance(move, ShowDirect)
    assert (move.to, move.ts, move.over) == ("U2", "7.0", ("A1",))
    assert moves(asked(*told("U2"), APPROVED, DirectShown(key=move.message, over=move.over))) == []
    begun = told("U2")[0]
    assert keys(moves(asked(begun, APPROVED))) == ["dm:A1:0:U2"]  # it may be there, and look open


def test_what_is_over_is_not_forgotten_before_everybody_who_was_told_hears_so() -> None:
    over = (*told("U2"), REJECTED, CardShown(action_id="A1", look="rejected"))
    [move] = moves(asked(*over))
    assert isinstance(move, ShowDirect)
    assert asked(*over, DirectShown(key=move.message, over=move.over)).actions == {}


def test_how_people_are_told_changes_no_digest() -> None:
    """Cards that wait since before there was such a setting stay approved as they were shown."""
    digests = {
        action_digest(
            "S1",
            TOOLS["pay"],
            {"n": 1},
            PROPOSED.verdict.model_copy(update={"notify": notify}),
            Wording(effect="write", verb="Pay"),
        )
        for notify in ("dm", "mention", "none")
    }
    assert len(digests) == 1


def test_reminders_come_below_the_message_at_the_times_of_the_rule() -> None:
    session = asked(*told("U2"), *told("U8"), remind_seconds=3600)
    assert keys(moves(session)) == []
    assert reminded_at(session, BEFORE, Rules({}), NOTHING_FOUND) == BEFORE + timedelta(hours=1)
    [post, _] = moves(session, hours=1)
    assert isinstance(post, Post)
    assert (str(post.key), post.thread_ts) == ("dm:A1:1:U2", "7.0")
    reminded = asked(*told("U2"), *told("U8"), *told("U2", 1), *told("U8", 1), remind_seconds=3600)
    assert keys(moves(reminded, hours=2.9)) == []
    assert keys(moves(reminded, hours=3)) == ["dm:A1:2:U2", "dm:A1:2:U8"]
    assert keys(moves(session, hours=7)) == ["dm:A1:3:U2", "dm:A1:3:U8"]  # one word, however many were missed


def test_a_reminder_waits_until_it_is_known_where_somebody_is_and_no_quiet_hours_hold_there() -> None:
    quiet = QuietHours(time(0), time(12))  # the card was brought before people at midnight, by UTC
    session = asked(*told("U2"), *told("U8"), remind_seconds=3600)
    assert keys(moves(session, hours=1, quiet_hours=quiet)) == ["zones:A1"]
    here = Facts(zones=frozenset({("U2", "UTC"), ("U8", "Asia/Tokyo")}))  # where it is nine hours later
    assert keys(moves(session, hours=1, facts=here, quiet_hours=quiet)) == []
    assert reminded_at(session, BEFORE + timedelta(hours=1), Rules({}, quiet_hours=quiet), here) == BEFORE + timedelta(hours=3)
    assert keys(moves(session, hours=3, facts=here, quiet_hours=quiet)) == ["dm:A1:2:U8"]
    assert keys(moves(session, hours=12, facts=here, quiet_hours=quiet)) == ["dm:A1:3:U2", "dm:A1:3:U8"]


def nudge(session: Session, hours: float, user: str = "U1") -> TurnAway:
    move = nudge_move(session, 7, Nudge(user=user, action_ids=("A1",)), BEFORE + timedelta(hours=hours))
    assert isinstance(move, TurnAway)
    return move


def test_those_who_asked_nudge_once_an_hour() -> None:
    session = asked(*told("U2"), *told("U8"))
    assert "only they may nudge" in nudge(session, 1, "U5").text
    [step] = nudge(session, 1).steps
    assert isinstance(step, Nudged)
    again = asked(*told("U2"), *told("U8"), step)
    assert keys(moves(again, hours=1)) == ["dm:A1:1:U2", "dm:A1:1:U8"]
    assert nudge(again, 1.75).steps == ()
    assert nudge(again, 1.75).text.endswith("again in 15 minutes.")
    assert nudge(again, 2).steps
    assert "Nothing of this is waiting" in nudge(asked(APPROVED), 1).text
    assert "nobody to be nudged" in nudge(asked(notify="none"), 1).text


def test_a_nudge_after_somebody_has_decided_changes_nothing() -> None:
    session = asked(APPROVED, Nudged(action_id="A1", by="U1", nudged_at=NOW))
    assert session.actions["A1"].nudges == ()
