"""What policy says where several people asked, and of who is left to decide."""

from collections.abc import Set
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.approvals.condition import Condition, UnclearConditionError
from agent.approvals.policy import DAY_SECONDS, Rule
from agent.types import Approvers, Asker, Escalation
from tests.unit.test_policy import ANN, FINANCE, judged


def test_several_who_asked_together_are_judged_one_by_one_and_the_strictest_holds() -> None:
    both = Asker(users=("UANN", "UBEN"), channel="C1")
    trusted = Rule(tool="order", when=Condition("requester == 'UANN'"), answer="allow")
    barred = Rule(tool="order", when=Condition("requester == 'UBEN'"), answer="refuse")
    assert judged(trusted, asker=both).answer == "ask"
    assert judged(trusted, barred, asker=both).answer == "refuse"
    two = Rule(tool="order", when=Condition("requester == 'UBEN'"), quorum=2)
    assert judged(two, asker=both).quorum == 2


NOBODY = "nobody is left who may approve it"


def test_people_for_whom_there_are_different_approvers_cannot_ask_together() -> None:
    own = Rule(tool="order", when=Condition("requester == 'UANN'"), approvers=FINANCE, name="rule 1")
    verdict = judged(own, asker=Asker(users=("UANN", "UBEN"), channel="C1"))
    assert verdict.answer == "refuse"
    assert verdict.rule == "rule 1: order when requester == 'UANN' and default (one member approves each write call); " + NOBODY
    assert judged(own).approvers == FINANCE


def test_a_call_that_nobody_could_approve_is_refused_at_once() -> None:
    rule = Rule(tool="order", approvers=Approvers(users=("UFIN", "UBOSS"), requester=False), quorum=2)
    assert judged(rule).answer == "ask"
    boss = judged(rule, asker=Asker(users=("UBOSS",), channel="C1"))
    assert (boss.answer, boss.rule) == ("refuse", "order; fewer than 2 of those who may approve it are left")
    own = Rule(tool="order", approvers=Approvers(users=("UANN",), requester=True), quorum=2)
    assert judged(own).answer == "refuse"
    assert judged(own, asker=Asker(users=("UBEN",), channel="C1")).answer == "ask"
    with_group = Rule(tool="order", approvers=Approvers(groups=("S1",), requester=False), quorum=9)
    assert judged(with_group).answer == "ask"  # how many a group has is only known at the click


def test_people_brought_in_by_an_escalation_count_among_those_who_are_left() -> None:
    later = Escalation(after_seconds=60, to=Approvers(users=("UCEO",)))
    rule = Rule(tool="order", approvers=Approvers(users=("UFIN", "UBOSS"), requester=False), quorum=2, escalation=later)
    boss = judged(rule, asker=Asker(users=("UBOSS",), channel="C1"))
    assert (boss.answer, boss.approvers, boss.escalation) == ("ask", rule.approvers, later)
    both = judged(rule, asker=Asker(users=("UBOSS", "UCEO"), channel="C1"))  # the rule keeps out everybody who asked
    assert (both.answer, both.rule) == ("refuse", "order; fewer than 2 of those who may approve it are left")
    to_a_group = replace(rule, escalation=Escalation(after_seconds=60, to=Approvers(groups=("S1",))))
    assert judged(to_a_group, asker=Asker(users=("UBOSS", "UFIN"), channel="C1")).answer == "ask"
    too_late = replace(rule, escalation=Escalation(after_seconds=DAY_SECONDS, to=Approvers(users=("UCEO",))))
    assert judged(too_late, asker=Asker(users=("UBOSS",), channel="C1")).answer == "refuse"


def test_where_fewer_are_left_than_must_reject_all_of_them_are_enough() -> None:
    rule = Rule(tool="order", approvers=Approvers(users=("UFIN", "UBOSS"), requester=False), rejections=2)
    assert judged(rule).rejections == 2
    assert judged(rule, asker=Asker(users=("UBOSS",), channel="C1")).rejections == 1
    assert judged(replace(rule, approvers=Approvers(channel_members=True)), asker=ANN).rejections == 2


def test_what_a_rule_says_of_its_question_is_in_the_verdict() -> None:
    later = Escalation(after_seconds=60, to=FINANCE)
    for when in (None, Condition("args.missing > 1")):
        verdict = judged(
            Rule(tool="order", when=when, rejections=2, remind_seconds=30, escalation=later, post_to="C9", expires_seconds=90)
        )
        assert (verdict.answer, verdict.rejections, verdict.remind_seconds) == ("ask", 2, 30)
        assert (verdict.escalation, verdict.post_to, verdict.expires_seconds) == (later, "C9", 90)


LATER = Escalation(after_seconds=60, to=FINANCE)


@pytest.mark.parametrize(
    ("of_ben", "strictest"),
    [
        ({"escalation": LATER}, {"escalation": None}),  # for Ann nobody comes in later
        ({"rejections": 2}, {"rejections": 1}),
        ({"remind_seconds": 60, "post_to": "C9"}, {"answer": "ask"}),
        ({"escalation": LATER, "quorum": 2}, {"answer": "ask", "escalation": None, "quorum": 2}),  # all that both say
        ({"rejections": 2, "quorum": 2}, {"answer": "ask", "rejections": 1, "quorum": 2}),
    ],
)
def test_the_strictest_of_two_questions(of_ben: dict[str, Any], strictest: dict[str, Any]) -> None:
    rules = (Rule(tool="order", when=Condition("requester == 'UBEN'"), **of_ben), Rule(tool="order"))
    for users in (("UANN", "UBEN"), ("UBEN", "UANN")):
        verdict = judged(*rules, asker=Asker(users=users, channel="C1"))
        assert {name: getattr(verdict, name) for name in strictest} == strictest


conditions = st.sampled_from([None, "args.n > 1", "args.n < 3", "args.missing > 1", "requester == 'UA'", "true", "false"])
rules = st.builds(
    Rule,
    tool=st.sampled_from(["order", "other"]),
    when=conditions.map(lambda text: Condition(text) if text else None),
    answer=st.sampled_from(["allow", "ask", "refuse"]),
    approvers=st.sampled_from(
        [
            Approvers(channel_members=True),
            Approvers(groups=("S1",), requester=False),
            Approvers(users=("UA", "UB"), requester=False),
            Approvers(users=("UC",), requester=True),
        ]
    ),
    quorum=st.integers(1, 3),
    rejections=st.integers(1, 2),
    escalation=st.sampled_from([None, LATER]),
)


def _for_one(policy: list[Rule], n: int, user: str) -> str:
    """The reference: an answer for one person, read off the rules."""
    for rule in policy:
        if rule.tool != "order":
            continue
        try:
            if rule.when is None or rule.when.holds({"n": n}, user, "C1"):
                return rule.answer
        except UnclearConditionError:
            return "ask"
    return "ask"


@given(st.lists(rules, max_size=5), st.integers(0, 4), st.frozensets(st.sampled_from(["UA", "UB", "UC"]), min_size=1))
def test_together_nobody_is_allowed_more_than_alone(policy: list[Rule], n: int, users: Set[str]) -> None:
    answer = judged(*policy, asker=Asker(users=tuple(sorted(users)), channel="C1"), n=n).answer
    alone = {_for_one(policy, n, user) for user in users}
    assert answer != "allow" or alone == {"allow"}
    assert answer == "refuse" or "refuse" not in alone
