"""Conditions that cannot be decided for a call: whatever is unclear makes policy stricter, and what is clear is exact."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.approvals.condition import Condition, UnclearConditionError
from agent.approvals.policy import Policy, Rule
from agent.approvals.strictest import strictest
from agent.tool.definition import Effect, Tool
from agent.types import Approvers, Asker, Escalation, Verdict
from tests.profiles import examples
from tests.unit.policies import (
    BY_TEXT,
    MEANT,
    PEOPLE,
    Meant,
    arguments,
    askers,
    exact,
    may_decide,
    policies,
    restrictions,
    tool,
    tools,
)

ANN = Asker(users=("UA",), channel="C1")
MOMENTS = (0, 29, 30, 58, 59, 60, 3599)
ORDER = tool()


def judged(*rules: Rule, asker: Asker = ANN, **arguments: Any) -> Verdict:
    """The verdict on a call of ORDER."""
    return Policy(rules).judge(ORDER, arguments, asker)


def when(text: str, answer: Any = "ask", **more: Any) -> Rule:
    """A rule with this condition."""
    return Rule(tool=ORDER.name, when=Condition(text), answer=answer, **more)


# ---------------------------------------------------------------------------------------------- what holds then


@examples(4)
@given(policies, tools, arguments, arguments, askers, st.sampled_from(PEOPLE))
def test_nobody_settles_what_they_could_not_with_every_unclear_condition_decided_strictly(
    policy: Policy, of: Tool, first: Mapping[str, Any], edited: Mapping[str, Any], asker: Asker, editor: str
) -> None:
    """For the call as it came, and as somebody edited it, who counts as one of those who asked."""
    together = asker.model_copy(update={"users": tuple(dict.fromkeys((*asker.users, editor)))})
    for values, who in ((first, asker), (edited, together)):
        verdict, must = policy.judge(of, values, who), restrictions(policy, of, values, who)
        if must is None:
            assert verdict.answer == "refuse"
        elif must:
            assert verdict.answer in ("ask", "refuse")
        if must and verdict.answer == "ask":
            assert verdict.quorum >= max(rule.quorum for rule in must)
            for seconds in MOMENTS:
                could = {user for user in PEOPLE if may_decide(user, verdict, who.users, seconds)}
                for rule in must:
                    assert could <= {user for user in PEOPLE if may_decide(user, rule, who.users, seconds)}


@given(policies, tools, arguments, st.sampled_from(PEOPLE))
def test_where_all_conditions_are_clear_the_first_rule_that_matches_speaks_alone(
    policy: Policy, of: Tool, values: Mapping[str, Any], user: str
) -> None:
    asker = Asker(users=(user,), channel="C1")
    covering = [rule for rule in policy.rules if rule.covers(of)]
    truths = [True if rule.when is None else BY_TEXT[rule.when.text].truth(values, user) for rule in covering]
    if True not in truths or None in truths[: truths.index(True)]:
        return
    rule, verdict = covering[truths.index(True)], policy.judge(of, values, asker)
    if verdict.answer != "refuse":  # which it may be for want of people
        said = (verdict.answer, verdict.rule, verdict.approvers, verdict.quorum, verdict.escalation)
        expected = Verdict(answer=rule.answer, rule="") if rule.answer != "ask" else rule
        assert said == (rule.answer, str(rule), expected.approvers, expected.quorum, expected.escalation)


PAYROLL = (
    when("args.note.contains('payroll')", "refuse", name="rule 1"),
    Rule(tool=ORDER.name, approvers=Approvers(users=("UB", "UC"), requester=False), quorum=2, name="rule 2"),
)


def test_a_refusal_that_is_unclear_refuses_and_says_what_is_missing() -> None:
    verdict = judged(*PAYROLL)
    assert verdict.answer == "refuse"
    assert "rule 1: shop__order when args.note.contains('payroll') (args.note is missing, so it counts" in verdict.rule
    assert judged(*PAYROLL, note=None).answer == "refuse"
    assert (judged(*PAYROLL, note="rent").answer, judged(*PAYROLL, note="rent").quorum) == ("ask", 2)


def test_an_allowance_that_is_unclear_allows_nothing_and_is_named() -> None:
    verdict = judged(when("args.table == 'public'", "allow", name="rule 1"), table="public\0salaries")
    assert (verdict.answer, verdict.approvers) == ("ask", Approvers(channel_members=True))
    assert verdict.rule.endswith("; rule 1 does not allow it, since args.table holds a NUL character")


FINANCE = Approvers(users=("UB", "UC"))


@pytest.mark.parametrize(
    ("behind", "holds"),
    [
        (None, {"answer": "ask", "approvers": FINANCE, "quorum": 2}),  # the default speaks only where no rule does
        (Rule(tool="*", answer="allow"), {"answer": "ask", "approvers": FINANCE}),
        (Rule(tool="*", answer="refuse"), {"answer": "refuse"}),
        (when("args.other > 1", "refuse"), {"answer": "refuse"}),  # as unclear as the first
        (when("args.n > 1", "refuse"), {"answer": "ask", "approvers": FINANCE}),  # surely not
        (
            Rule(tool="*", approvers=Approvers(users=("UC", "UD", "UB"), requester=False), quorum=1, expires_seconds=60),
            {"answer": "ask", "approvers": Approvers(users=("UB", "UC"), requester=False), "quorum": 2, "expires_seconds": 60},
        ),
        (Rule(tool="*", approvers=Approvers(users=("UD",))), {"answer": "refuse"}),  # nobody is named by both
        (Rule(tool="*", approvers=Approvers(users=("UC", "UD"))), {"answer": "refuse"}),  # one is, and two must approve
        (Rule(tool="*", approvers=FINANCE, post_to="C9", reason="b"), {"post_to": "C9", "reason": "a; b"}),
    ],
)
def test_behind_a_question_that_is_unclear_the_other_rules_hold_too(behind: Rule | None, holds: Mapping[str, Any]) -> None:
    first = when("args.missing > 1", approvers=FINANCE, quorum=2, reason="a")
    verdict = judged(*filter(None, [first, behind]), n=1)
    assert {name: getattr(verdict, name) for name in holds} == holds


def test_rules_that_name_nobody_in_common_are_refused_with_both_in_the_sentence() -> None:
    first = when("args.missing > 1", approvers=FINANCE, name="rule 1")
    verdict = judged(first, Rule(tool="*", approvers=Approvers(users=("UD",)), name="rule 2"))
    assert verdict.rule == (
        "rule 1: shop__order when args.missing > 1 (args.missing is missing, so it counts as matched) and rule 2: *; "
        "nobody is left who may approve it"
    )


def test_an_escalation_stays_only_where_every_rule_has_one() -> None:
    later = Escalation(after_seconds=30, to=Approvers(users=("UC", "UD")))
    latest = Escalation(after_seconds=50, to=Approvers(users=("UD",), channel_members=True))
    first = Verdict(answer="ask", rule="a", escalation=later)
    other = first.model_copy(update={"rule": "b", "escalation": latest})
    assert strictest([first, other]).escalation == Escalation(after_seconds=50, to=Approvers(users=("UD",)))
    assert strictest([first, other.model_copy(update={"escalation": None})]).escalation is None
    assert strictest([first, other.model_copy(update={"expires_seconds": 50})]).escalation is None


@pytest.mark.parametrize(
    ("text", "values", "why"),
    [
        ("args.note == 'x'", {}, "args.note is missing"),
        ("args['a b'] == 'x'", {}, "args.a b is missing"),
        ("args.o.k == 'x'", {"o": {}}, "k is missing"),
        ("args.n > 1", {"n": None}, "args.n is null"),
        ("args.n > args.m", {"n": None, "m": None}, "args.m and args.n are null"),
        ("args.o.k > 1", {"o": {"k": None}}, "a value is null"),
        ("args.n > 1", {"n": 2**64}, "args.n is a whole number beyond 64 bits"),
        ("args.n > 1", {"n": 1, "o": {"k": [0, -(2**63) - 1]}}, "args.o.k[1] is a whole number beyond 64 bits"),
        ("args.n > 9007199254740992.0", {"n": 2**53 + 1}, "args.n is too long a whole number to compare with decimal ones"),
        ("args.n > args.m", {"n": 2**53 + 1, "m": 0.5}, "args.n is too long a whole number to compare with decimal ones"),
        ("args.n > 1.0", {"n": float("inf")}, "args.n is not a finite number"),
        ("args.t == 'x'", {"t": ["a", "b\0"]}, "args.t[1] holds a NUL character"),
        ("args.t == 'x'", {"t": "x", "t\0y": 1}, "a name in args holds a NUL character"),
        ("args.t == 'x'", {"t": "\udc00"}, "args.t holds half a character"),
        ("args.t", {"t": "true"}, 'it comes to "true", not true or false'),
        ("requester == 'UA'", {}, None),
        ("args.t == 'x' || requester == 'UA'", {"t": "x"}, None),
        ("args.id == 123456789012345678", {"id": 123456789012345678}, None),
        ("args.m > 0.1", {"m": 0.5, "id": 123456789012345679}, None),
    ],
)
def test_why_a_condition_is_unclear_is_said_in_terms_of_the_call(text: str, values: Mapping[str, Any], why: str | None) -> None:
    if why is None:
        assert Condition(text).holds(values, "UA", "C1")
        return
    with pytest.raises(UnclearConditionError) as unclear:
        Condition(text).holds(values, "UA", "C1")
    assert str(unclear.value) == why


def test_a_list_too_long_to_be_looked_through_is_unclear() -> None:
    long = when("args.l.all(a, args.l.all(b, args.l.all(c, args.l.all(d, a + b + c + d < 100))))", "refuse")
    assert judged(long, l=list(range(20))).answer == "refuse"


def test_a_condition_that_does_not_look_at_the_arguments_is_clear_whatever_they_hold() -> None:
    assert judged(when("channel == 'C1'", "allow"), t="a\0b", n=2**70).answer == "allow"


# ---------------------------------------------------------------------------------------------- what is clear is exact

any_text = st.text(st.characters(codec=None) | st.sampled_from("\0ab\u0301é\U0001f600\ud800\u200d"), max_size=12)


def quoted(text: str) -> str:
    """A text as CEL writes it."""
    return "'" + "".join(f"\\U{ord(character):08x}" for character in text) + "'"


AGREEING: Mapping[str, Callable[[str, str], bool]] = {
    "args.t == {}": lambda text, part: text == part,
    "args.t != {}": lambda text, part: text != part,
    "args.t.contains({})": lambda text, part: part in text,
    "args.t.startsWith({})": lambda text, part: text.startswith(part),
    "args.t.endsWith({})": lambda text, part: text.endswith(part),
    "args.t in [{}, 'b']": lambda text, part: text in (part, "b"),
    "size(args.t) <= size({})": lambda text, part: len(text) <= len(part),
    "args.t < {}": lambda text, part: text < part,
}


@examples(3)
@given(any_text, any_text, st.data())
@example("public\0salaries", "public", None)
def test_conditions_agree_with_python_on_every_text_or_are_unclear(text: str, part: str, data: Any) -> None:
    if data is not None and text and data.draw(st.booleans()):
        start = data.draw(st.integers(0, len(text)))
        part = text[start : data.draw(st.integers(start, len(text)))]
    if not exact(part.replace("\0", "")):
        return  # half a character is no text in CEL: such a condition is refused when it is read
    for condition, means in AGREEING.items():
        compiled = Condition(condition.format(quoted(part)))
        if exact(text):
            assert compiled.holds({"t": text}, "UA", "C1") is means(text, part), condition
        else:
            with pytest.raises(UnclearConditionError):
                compiled.holds({"t": text}, "UA", "C1")


numbers = (
    st.integers(-(2**65), 2**65) | st.integers(-5, 5) | st.floats(allow_nan=False) | st.sampled_from([2**53, 2**53 + 1, 0.1])
)


beside = st.integers(2**53, 2**64).map(lambda number: (number, float(number - 1)))


@given(st.tuples(numbers, numbers) | beside)
@example((2**53 + 1, 2.0**53))
def test_conditions_agree_with_python_on_every_number_or_are_unclear(pair: tuple[float, float]) -> None:
    left, right = pair
    for sign, means in {"<": left < right, "==": left == right, ">=": left >= right}.items():
        try:
            assert Condition(f"args.a {sign} args.b").holds({"a": left, "b": right}, "UA", "C1") is means
        except UnclearConditionError:
            assert max(abs(left), abs(right)) > 2**53


@given(st.sampled_from(MEANT), arguments, st.sampled_from([*PEOPLE, ""]))
def test_what_the_generated_conditions_mean_is_what_cel_says(meant: Meant, values: Mapping[str, Any], user: str) -> None:
    try:
        said = Condition(meant.text).holds(values, user, "C1")
    except UnclearConditionError:
        said = None
    assert said is meant.truth(values, user)


# ---------------------------------------------------------------------------------------------- which tools


@pytest.mark.parametrize(
    ("pattern", "effect", "name", "of", "covered"),
    [
        ("github__*", (), "github__create_issue", Effect.WRITE, True),
        ("github__*", (), "github_create_issue", Effect.WRITE, False),
        ("github__*", (), "my_github__x", Effect.WRITE, False),
        ("github__get", (), "github__get_file", Effect.READ, False),
        ("github__*", (Effect.READ, Effect.EGRESS), "github__get", Effect.EGRESS, True),
        ("github__*", (Effect.READ, Effect.EGRESS), "github__push", Effect.WRITE, False),
        ("*", (Effect.IRREVERSIBLE,), "wipe", Effect.IRREVERSIBLE, True),
        ("*", (), "wipe", Effect.READ, True),
        ("a.c", (), "abc", Effect.READ, False),
    ],
)
def test_a_star_at_the_end_means_every_name_that_begins_so(
    pattern: str, effect: tuple[Effect, ...], name: str, of: Effect, covered: bool
) -> None:
    rule = Rule(tool=pattern, effect=effect, answer="refuse")
    assert rule.covers(replace(ORDER, name=name, effect=of)) is covered
    refused = Policy((rule,)).judge(tool(name, of), {}, ANN).answer == "refuse"
    assert refused is covered
