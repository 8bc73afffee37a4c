"""Whether an approval still counts when policy has changed: only a stricter outcome asks anew."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, example, given
from hypothesis import strategies as st

from agent.approvals.deciders import widened, wider
from agent.approvals.policy import DAY_SECONDS, suffices
from agent.types import Approvers, Escalation, Verdict
from tests.profiles import examples

PEOPLE = ("UA", "UB", "UC", "UD")
GROUPS = ("S1", "S2")
COURSES = 10  # of votes, tried with each pair of verdicts
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
        """The reference: docs/guide/policy.md, and the words of `Approvers`."""
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
    """What becomes of a card under this verdict, when these votes come in, each by somebody else."""
    said: list[bool] = []
    for vote in votes:
        if vote.counts(verdict):
            said.append(vote.yes)
        if said.count(False) >= verdict.rejections:
            return "rejected"
        if said.count(True) >= verdict.quorum:
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


def approvers_with(*requester: bool | None) -> st.SearchStrategy[Approvers]:
    return st.builds(
        Approvers,
        users=st.frozensets(st.sampled_from(PEOPLE)).map(lambda users: tuple(sorted(users))),
        groups=st.sets(st.sampled_from(GROUPS)).map(lambda groups: tuple(sorted(groups))),
        channel_members=st.booleans(),
        requester=st.sampled_from(requester),
    )


def verdicts_with(*answer: str) -> st.SearchStrategy[Verdict]:
    return st.builds(
        Verdict,
        answer=st.sampled_from(answer),
        rule=st.sampled_from(["rule 1", "rule 2"]),
        approvers=approver_sets,
        quorum=st.integers(1, 3),
        rejections=st.integers(1, 2),
        expires_seconds=st.sampled_from([60, 3600, 7200]),
        remind_seconds=st.sampled_from([None, 30]),
        escalation=st.none() | st.builds(Escalation, after_seconds=st.sampled_from([60, 3600]), to=further),
        post_to=st.sampled_from(["", "C9"]),
    )


approver_sets = approvers_with(True, False, None)
further = approvers_with(True, None)  # an escalation keeps nobody out: in signoff.yaml that is refused
asked = verdicts_with("ask")
PARTS = sorted(set(Verdict.model_fields) - {"approvers"})
SETS = sorted(Approvers.model_fields)


@st.composite
def changed(draw: st.DrawFn) -> tuple[Verdict, Verdict]:
    """A verdict that asks, and the same with few of its parts changed: unlike ones seldom suffice for each other."""
    before, other = draw(asked), draw(verdicts_with("allow", "ask", "refuse"))
    parts = draw(st.sets(st.sampled_from(PARTS), max_size=2))
    sets = draw(st.sets(st.sampled_from(SETS), max_size=1)) | draw(st.sets(st.sampled_from(SETS), max_size=1))
    approvers = before.approvers.model_copy(update={name: getattr(other.approvers, name) for name in sets})
    return before, before.model_copy(update={name: getattr(other, name) for name in parts} | {"approvers": approvers})


def approvals(verdict: Verdict, chance: Random) -> Sequence[Vote]:
    """Return votes in their order that approve a card of this verdict, the last of them settling it; none if they do not."""
    votes: list[Vote] = []
    for user in chance.sample(PEOPLE, len(PEOPLE)):
        counting = [
            (voter, seconds)
            for voter in VOTERS
            for seconds in MOMENTS
            if voter.user == user and voter.may_decide(verdict, seconds)
        ]
        if counting:
            voter, seconds = chance.choice(counting)
            votes.append(Vote(voter, chance.random() < 0.7, seconds))
    votes.sort(key=lambda vote: (vote.seconds, vote.yes))
    lengths = (length for length in range(1, len(votes) + 1) if outcome(verdict, votes[:length]) != "pending")
    settled = votes[: next(lengths, 0)]
    return settled if outcome(verdict, settled) == "approved" else []


# ---------------------------------------------------------------------------------------------- asked again?

OWN = Verdict(answer="ask", rule="own", approvers=Approvers(users=("UA",), requester=True))
LATER = Escalation(after_seconds=60, to=Approvers(users=("UB",)))


@examples(3)
@given(changed())
@example((OWN, OWN.model_copy(update={"approvers": Approvers(users=("UA",))})))
def test_every_vote_that_could_have_counted_counts_now_or_it_is_asked_anew(pair: tuple[Verdict, Verdict]) -> None:
    approved, now = pair
    if suffices(approved, now) and now.answer != "allow":
        assert now.answer == "ask"
        votes = [Vote(voter, True, seconds) for voter in VOTERS for seconds in MOMENTS]
        assert [vote for vote in votes if vote.counts(approved) and not vote.counts(now)] == []


@examples(1, HealthCheck.filter_too_much)
@given(changed(), st.integers(0, 2**32))
def test_those_who_were_enough_then_are_enough_now_or_it_is_asked_anew(pair: tuple[Verdict, Verdict], seed: int) -> None:
    """Votes that approved a card would have approved it under policy as it is now, the rejections among them included."""
    approved, now = pair
    assume(suffices(approved, now) and now.answer != "allow")
    chance = Random(seed)  # draws of hypothesis would take most of the time
    for _ in range(COURSES):
        if votes := approvals(approved, chance):
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
