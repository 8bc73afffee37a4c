"""Whether an approval still counts when policy has changed: only a stricter outcome asks anew."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.policy import DAY_SECONDS, suffices, widened, wider
from agent.types import Approvers, Escalation, Verdict

PEOPLE = ("UA", "UB", "UC")
GROUPS = ("S1", "S2")
MOMENTS = (0, 59, 60, 61, 3599, 3600)  # around what the verdicts below are made of

# ---------------------------------------------------------------------------------------------- the reference


@dataclass(frozen=True)
class Voter:
    """Somebody who clicks, and what Slack would say of them."""

    user: str
    groups: Set[str]
    member: bool
    requester: bool

    def is_among(self, approvers: Approvers) -> bool:
        """The reference: DESIGN, Approvals, and the words of `Approvers`."""
        if self.requester and approvers.requester is not None:
            return approvers.requester
        in_group = bool(self.groups & set(approvers.groups))
        return self.user in approvers.users or in_group or (approvers.channel_members and self.member)

    def may_decide(self, verdict: Verdict, seconds: int) -> bool:
        """Whether a click counts when the card has waited so long."""
        if seconds >= verdict.expires_seconds or (self.requester and verdict.approvers.requester is False):
            return False
        later = verdict.escalation
        brought_in = later is not None and seconds >= later.after_seconds and self.is_among(later.to)
        return self.is_among(verdict.approvers) or brought_in


@dataclass(frozen=True)
class Vote:
    """A click on Approve or Reject."""

    by: Voter
    yes: bool
    seconds: int

    def counts(self, verdict: Verdict) -> bool:
        return self.by.may_decide(verdict, self.seconds)


def outcome(verdict: Verdict, votes: Sequence[Vote]) -> str:
    """What becomes of a card under this verdict, when these votes come in."""
    said: dict[Voter, bool] = {}
    for vote in votes:
        if vote.counts(verdict):
            said[vote.by] = vote.yes and said.get(vote.by, True)  # a yes can be taken back, a no cannot
        if list(said.values()).count(False) >= verdict.rejections:
            return "rejected"
        if list(said.values()).count(True) >= verdict.quorum:
            return "approved"
    return "pending"


VOTERS = [
    Voter(user, frozenset(groups), member, requester)
    for user in PEOPLE
    for groups in ((), ("S1",), ("S2",), GROUPS)
    for member in (False, True)
    for requester in (False, True)
]

# ---------------------------------------------------------------------------------------------- what is drawn

approver_sets = st.builds(
    Approvers,
    users=st.frozensets(st.sampled_from(PEOPLE)).map(lambda users: tuple(sorted(users))),
    groups=st.sets(st.sampled_from(GROUPS)).map(lambda groups: tuple(sorted(groups))),
    channel_members=st.booleans(),
    requester=st.sampled_from([True, False, None]),
)
# An escalation keeps nobody out: signoff.yaml has it refused.
further = approver_sets.filter(lambda approvers: approvers.requester is not False)
escalations = st.none() | st.builds(Escalation, after_seconds=st.sampled_from([60, 3600]), to=further)
verdicts = st.builds(
    Verdict,
    answer=st.sampled_from(["allow", "ask", "ask", "ask", "refuse"]),
    rule=st.sampled_from(["rule 1", "rule 2"]),
    approvers=approver_sets,
    quorum=st.integers(1, 3),
    rejections=st.integers(1, 2),
    expires_seconds=st.sampled_from([60, 3600, 7200]),
    remind_seconds=st.sampled_from([None, 30]),
    escalation=escalations,
    post_to=st.sampled_from(["", "C9"]),
)
asked = verdicts.filter(lambda verdict: verdict.answer == "ask")
SETS = st.sets(st.sampled_from(["users", "groups", "channel_members", "requester"]), max_size=2)


@st.composite
def changed(draw: st.DrawFn) -> tuple[Verdict, Verdict]:
    """A verdict that asks, and the same with few of its parts changed: unlike ones seldom suffice for each other."""
    before, other = draw(asked), draw(verdicts)
    parts = draw(st.sets(st.sampled_from(sorted(set(Verdict.model_fields) - {"approvers"})), max_size=2))
    approvers = before.approvers.model_copy(update={name: getattr(other.approvers, name) for name in draw(SETS)})
    return before, before.model_copy(update={name: getattr(other, name) for name in parts} | {"approvers": approvers})


@st.composite
def cast(draw: st.DrawFn, verdict: Verdict) -> Sequence[Vote]:
    """Votes on a card of this verdict that counted, in their order, each by a person of their own or by one who voted before."""
    several = [draw(st.sampled_from([voter for voter in VOTERS if voter.user == user])) for user in PEOPLE]
    votes = st.builds(
        Vote, by=st.sampled_from(several), yes=st.sampled_from([True, True, False]), seconds=st.sampled_from(MOMENTS)
    )
    return sorted(
        (vote for vote in draw(st.lists(votes, min_size=1, max_size=6)) if vote.counts(verdict)), key=lambda vote: vote.seconds
    )


# ---------------------------------------------------------------------------------------------- asked again?

OWN = Verdict(answer="ask", rule="own", approvers=Approvers(users=("UA",), requester=True))
LATER = Escalation(after_seconds=60, to=Approvers(users=("UB",)))


@settings(max_examples=500)
@given(changed())
@example((OWN, OWN.model_copy(update={"approvers": Approvers(users=("UA",))})))
def test_every_vote_that_could_have_counted_counts_now_or_it_is_asked_anew(pair: tuple[Verdict, Verdict]) -> None:
    approved, now = pair
    if suffices(approved, now) and now.answer != "allow":
        assert now.answer == "ask"
        votes = [Vote(voter, True, seconds) for voter in VOTERS for seconds in MOMENTS]
        assert [vote for vote in votes if vote.counts(approved) and not vote.counts(now)] == []


@settings(max_examples=1000)
@given(st.data())
def test_whoever_were_enough_then_are_enough_now_or_it_is_asked_anew(data: st.DataObject) -> None:
    """Votes that approved a card would have approved it under policy as it is now, the rejections among them included."""
    approved, now = data.draw(changed())
    votes = data.draw(cast(approved))
    if outcome(approved, votes) == "approved" and suffices(approved, now) and now.answer != "allow":
        assert (now.answer, outcome(now, votes)) == ("ask", "approved")


@given(asked)
def test_what_did_not_change_is_not_asked_again(verdict: Verdict) -> None:
    changes = {"rule": "the same on another line", "remind_seconds": 45, "post_to": "C7"}
    assert suffices(verdict, verdict.model_copy(update=changes))


TWO = Verdict(answer="ask", rule="before", approvers=Approvers(users=("UA",)), quorum=2, rejections=2)
ESCALATED = TWO.model_copy(update={"escalation": LATER})


@pytest.mark.parametrize(
    ("before", "changes", "holds"),
    [
        (TWO, {"answer": "allow"}, True),
        (TWO, {"answer": "refuse"}, False),
        (TWO, {"quorum": 1}, True),
        (TWO, {"quorum": 3}, False),
        (TWO, {"rejections": 3}, True),
        (TWO, {"rejections": 1}, False),  # one may have been cast, and it would have settled it
        (TWO, {"expires_seconds": 2 * DAY_SECONDS}, True),
        (TWO, {"expires_seconds": 60}, False),
        (TWO, {"approvers": Approvers(users=("UA", "UB"), channel_members=True, requester=True)}, True),
        (TWO, {"approvers": Approvers(users=("UB",))}, False),
        (TWO, {"approvers": Approvers(users=("UA",), requester=False)}, False),
        (TWO, {"remind_seconds": 60, "post_to": "C9"}, True),
        (TWO, {"escalation": LATER}, True),
        (ESCALATED, {"escalation": None}, False),  # UB may have approved
        (ESCALATED, {"escalation": None, "approvers": Approvers(users=("UA", "UB"))}, True),
        (ESCALATED, {"escalation": Escalation(after_seconds=30, to=LATER.to)}, True),
        (ESCALATED, {"escalation": Escalation(after_seconds=90, to=LATER.to)}, False),
        (ESCALATED, {"escalation": Escalation(after_seconds=60, to=Approvers(users=("UB", "UC")))}, True),
        (ESCALATED, {"escalation": Escalation(after_seconds=60, to=Approvers(users=("UC",)))}, False),
        (ESCALATED, {"approvers": Approvers(users=("UA",), requester=False)}, False),
        (ESCALATED, {"approvers": Approvers(users=("UC",))}, False),
        (ESCALATED, {"approvers": Approvers(), "escalation": Escalation(after_seconds=60, to=Approvers(users=PEOPLE))}, False),
        (ESCALATED.model_copy(update={"expires_seconds": 60}), {"escalation": None}, True),  # it never came to that
    ],
)
def test_only_a_stricter_outcome_asks_anew(before: Verdict, changes: dict[str, Any], holds: bool) -> None:
    assert suffices(before, before.model_copy(update=changes)) is holds


# ---------------------------------------------------------------------------------------------- after an escalation


@given(approver_sets, further)
def test_after_an_escalation_both_sets_may_decide_but_those_who_asked_stay_out_where_the_rule_says_so(
    approvers: Approvers, to: Approvers
) -> None:
    for voter in VOTERS:
        kept_out = voter.requester and approvers.requester is False
        assert voter.is_among(widened(approvers, to)) is (not kept_out and (voter.is_among(approvers) or voter.is_among(to)))


def test_an_escalation_that_would_keep_out_those_who_asked_lets_in_nobody_who_is_in_neither_set() -> None:
    assert widened(Approvers(users=("UA",)), Approvers(users=("UB",), requester=False)).requester is False
    assert widened(Approvers(users=("UA",), requester=True), Approvers(users=("UB",), requester=False)).requester is True


@given(approver_sets, approver_sets)
def test_approvers_are_wider_if_somebody_may_be_in_them_alone(approvers: Approvers, than: Approvers) -> None:
    if not wider(approvers, than):
        assert [voter for voter in VOTERS if voter.is_among(approvers) and not voter.is_among(than)] == []
