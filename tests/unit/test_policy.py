"""What policy says of a call: the first rule that matches, never a laxer reading, and what cannot be known asks."""

from collections.abc import Set
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from agent.condition import Condition, ConditionError, UnclearConditionError
from agent.policy import DAY_SECONDS, Policy, Rule
from agent.tool import Effect, Tool
from agent.types import Approvers, Asker, Escalation, Verdict


class Anything(BaseModel, extra="allow"):
    """Arguments of every shape: they are validated before policy sees them."""


async def never(arguments: Any, context: Any) -> dict[str, Any]:
    """Handlers are not run here."""
    raise AssertionError


def tool(name: str = "order", effect: Effect = Effect.WRITE) -> Tool:
    """A tool of this effect."""
    return Tool(name=name, description=name, arguments=Anything, handler=never, effect=effect)


ANN = Asker(users=("UANN",), channel="C1")
FINANCE = Approvers(users=("UFIN", "UBOSS"))


def judged(*rules: Rule, asker: Asker = ANN, effect: Effect = Effect.WRITE, **arguments: Any) -> Verdict:
    """The verdict for a call of `order`."""
    return Policy(rules, ("docs.example.com",)).judge(tool(effect=effect), arguments, asker)


# ---------------------------------------------------------------------------------------------- which rule


def test_without_a_rule_reads_run_and_everything_else_asks_a_member_of_the_conversation() -> None:
    assert judged(effect=Effect.READ).answer == "allow"
    for effect in (Effect.EGRESS, Effect.WRITE, Effect.IRREVERSIBLE):
        verdict = judged(effect=effect)
        assert (verdict.answer, verdict.quorum, verdict.expires_seconds) == ("ask", 1, DAY_SECONDS)
        assert verdict.approvers == Approvers(channel_members=True)


def test_an_egress_call_runs_only_where_all_its_hosts_are_allowed_and_the_rule_names_them() -> None:
    allowed, strange = "https://docs.example.com/a", "https://evil.example/"
    cases: list[tuple[dict[str, Any], str, str]] = [
        ({"url": allowed}, "allow", "egress runs for allowed hosts: docs.example.com"),
        ({"url": strange}, "ask", "to a host that is not allowed: evil.example"),
        ({"url": allowed, "then": [{"a": strange}]}, "ask", "to a host that is not allowed: evil.example"),
        ({"url": allowed, "then": "//evil.example@x"}, "ask", "that does not clearly say to which host"),
        ({"query": "secrets"}, "ask", "that does not clearly say to which host"),
    ]
    for arguments, answer, words in cases:
        verdict = judged(effect=Effect.EGRESS, **arguments)
        assert verdict.answer == answer, arguments
        assert words in verdict.rule
    for effect in (Effect.WRITE, Effect.IRREVERSIBLE):  # an allowed host makes no write a read
        assert judged(effect=effect, url=allowed).answer == "ask"
    assert judged(Rule(tool="order", answer="refuse"), effect=Effect.EGRESS, url=allowed).answer == "refuse"
    assert judged(Rule(tool="order", answer="allow"), effect=Effect.EGRESS, url=strange).answer == "allow"


def test_the_first_rule_that_matches_wins_and_is_named() -> None:
    rules = (
        Rule(tool="order", when=Condition("args.quantity > 10"), approvers=FINANCE, quorum=2, name="rule 1"),
        Rule(tool="order", when=Condition("args.quantity > 5"), answer="refuse", name="rule 2"),
        Rule(tool="order", answer="allow", name="rule 3"),
    )
    many = judged(*rules, quantity=11)
    assert (many.answer, many.approvers, many.quorum) == ("ask", FINANCE, 2)
    assert many.rule == "rule 1: order when args.quantity > 10"
    assert (judged(*rules, quantity=6).answer, judged(*rules, quantity=6).rule) == (
        "refuse",
        "rule 2: order when args.quantity > 5",
    )
    assert (judged(*rules, quantity=1).answer, judged(*rules, quantity=1).rule) == ("allow", "rule 3: order")


@pytest.mark.parametrize("name", ["orders", "order_", "Order", "ord", "shop__order", "*", ".*"])
def test_names_match_exactly(name: str) -> None:
    assert judged(Rule(tool=name, answer="allow")).answer == "ask"


def test_a_rule_holds_for_reads_too() -> None:
    assert judged(Rule(tool="order", answer="refuse"), effect=Effect.READ).answer == "refuse"


def test_conditions_see_who_asks_and_where() -> None:
    rules = (
        Rule(tool="order", when=Condition("requester == 'UANN' && channel == 'C1'"), answer="allow"),
        Rule(tool="order", answer="refuse"),
    )
    assert judged(*rules).answer == "allow"
    assert judged(*rules, asker=Asker(users=("UBEN",), channel="C1")).answer == "refuse"
    assert judged(*rules, asker=Asker(users=("UANN",), channel="C2")).answer == "refuse"


# ---------------------------------------------------------------------------------------------- what cannot be known


@pytest.mark.parametrize("answer", ["allow", "refuse", "ask"])
@pytest.mark.parametrize(
    ("condition", "arguments"),
    [
        ("args.missing > 1", {}),
        ("args.n > 1", {"n": "2"}),
        ("args.n > 1", {"n": None}),
        ("args.n + 1 > 0", {"n": 2**63 - 1}),
        ("args.n > 1", {"n": 2**70}),
        ("10 / args.n > 1", {"n": 0}),
        ("args.n", {"n": 1}),
        ("!(args.n > 100.0)", {"n": float("nan")}),
        ("args.text == 'x'", {"text": "\ud800"}),
        ("timestamp(args.text) > timestamp('2026-01-01T00:00:00Z')", {"text": "tomorrow"}),
        ("args.text.matches(args.text)", {"text": "("}),
        ("args.l.all(a, args.l.all(b, args.l.all(c, args.l.all(d, a + b + c + d < 100))))", {"l": list(range(20))}),
    ],
)
def test_a_condition_that_cannot_be_evaluated_asks(condition: str, arguments: dict[str, Any], answer: Any) -> None:
    verdict = judged(
        Rule(tool="order", when=Condition(condition), answer=answer), Rule(tool="order", answer="allow"), **arguments
    )
    assert (verdict.answer, verdict.approvers) == ("ask", Approvers(channel_members=True))
    assert verdict.rule.endswith("(this could not be evaluated, so it asks)")


def test_a_question_whose_condition_cannot_be_evaluated_keeps_its_approvers() -> None:
    verdict = judged(Rule(tool="order", when=Condition("args.missing"), approvers=FINANCE, quorum=2, expires_seconds=60))
    assert (verdict.answer, verdict.approvers, verdict.quorum, verdict.expires_seconds) == ("ask", FINANCE, 2, 60)


def test_who_asked_is_not_known_everywhere() -> None:
    nobody = Asker(users=(), channel="C1")
    assert judged(Rule(tool="order", when=Condition("requester != 'UBEN'"), answer="allow"), asker=nobody).answer == "ask"
    assert judged(Rule(tool="order", when=Condition("channel == 'C1'"), answer="allow"), asker=nobody).answer == "allow"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "column 1: mismatched input '<EOF>'"),
        ("args.n >", "column 9: mismatched input '<EOF>'"),
        ("arguments.n > 1", "column 10: undeclared reference to 'arguments.n'"),
        ("user == 'U1'", "column 1: undeclared reference to 'user'"),
        ("now() > 1", "column 4: undeclared reference to 'now'"),
        ("requester > 3", "column 11: found no matching overload for '_>_' applied to '(string, int)'"),
        ("1 + 1", "it gives INT, not true or false"),
        ("channel", "it gives STRING, not true or false"),
        ("args.n = 1", "column 8: token recognition error at: '= '"),
        ("(" * 3000 + "true" + ")" * 3000, "Expression recursion limit exceeded. limit: 32"),
    ],
)
def test_what_is_no_condition_is_found_when_it_is_read(text: str, why: str) -> None:
    with pytest.raises(ConditionError) as wrong:
        Condition(text)
    assert str(wrong.value) == why


@pytest.mark.parametrize(
    ("text", "arguments", "holds"),
    [
        ("args.n > 10.5", {"n": 11}, True),
        ("args.price == 10", {"price": 10.0}, True),
        ("args.flag == 1", {"flag": True}, False),
        ("has(args.note) && args.note != ''", {}, False),
        ("args.missing > 1 || true", {}, True),
        ("size(args.text) == 1", {"text": "\U0001f600"}, True),
        ("args.lines.exists(line, line.sku in ['A', 'B'])", {"lines": [{"sku": "C"}, {"sku": "B"}]}, True),
        ("args.to.endsWith('@example.com')", {"to": "ada@example.com.evil.example"}, False),
        ("args.text.matches('(a+)+$')", {"text": "a" * 5000 + "b"}, False),
    ],
)
def test_conditions_mean_what_cel_says(text: str, arguments: dict[str, Any], holds: bool) -> None:
    assert Condition(text).holds(arguments, "U1", "C1") is holds


def test_a_condition_knows_which_arguments_it_reads() -> None:
    condition = Condition("args.a > 1 && args.b.c == 'args.d' && [1].exists(x, x == args.e) || has(args.f)")
    assert condition.arguments() == {"a", "b", "e", "f"}


# ---------------------------------------------------------------------------------------------- people


def test_several_who_asked_together_are_judged_one_by_one_and_the_strictest_holds() -> None:
    both = Asker(users=("UANN", "UBEN"), channel="C1")
    trusted = Rule(tool="order", when=Condition("requester == 'UANN'"), answer="allow")
    barred = Rule(tool="order", when=Condition("requester == 'UBEN'"), answer="refuse")
    assert judged(trusted, asker=both).answer == "ask"
    assert judged(trusted, barred, asker=both).answer == "refuse"
    two = Rule(tool="order", when=Condition("requester == 'UBEN'"), quorum=2)
    assert judged(two, asker=both).quorum == 2


def test_people_for_whom_there_are_different_approvers_cannot_ask_together() -> None:
    own = Rule(tool="order", when=Condition("requester == 'UANN'"), approvers=FINANCE, name="rule 1")
    verdict = judged(own, asker=Asker(users=("UANN", "UBEN"), channel="C1"))
    assert verdict.answer == "refuse"
    assert "no approval could satisfy all of these for the people who asked together" in verdict.rule
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


def test_whoever_an_escalation_brings_in_counts_among_those_who_are_left() -> None:
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
        ({"escalation": LATER, "quorum": 2}, {"answer": "refuse"}),  # neither approval satisfies the other
        ({"rejections": 2, "quorum": 2}, {"answer": "refuse"}),
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
