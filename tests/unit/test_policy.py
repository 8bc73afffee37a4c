"""What policy says of a call: the first rule that matches, never a laxer reading, and what cannot be known asks."""

from typing import Any

import pytest
from pydantic import BaseModel

from agent.approvals.condition import Condition, ConditionError
from agent.approvals.policy import DAY_SECONDS, Policy, Rule
from agent.tool.definition import Effect, Tool
from agent.types import Approvers, Asker, Verdict


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
        assert verdict.approvers == Approvers(channel_members=True, requester=False if effect is Effect.IRREVERSIBLE else None)


@pytest.mark.parametrize("said", [None, True, False])
@pytest.mark.parametrize("direct", [True, False])
@pytest.mark.parametrize("effect", list(Effect))
def test_what_cannot_be_undone_takes_somebody_who_did_not_ask(effect: Effect, direct: bool, said: bool | None) -> None:
    rule = Rule(tool="order", approvers=FINANCE.model_copy(update={"requester": said}))
    asker = Asker(users=("UFIN", "UED"), channel="D1" if direct else "C1")  # Ed edited what Fin had asked for
    ruled = judged(rule, asker=asker, effect=effect).approvers
    another = effect is Effect.IRREVERSIBLE and not direct
    assert ruled.requester is (False if another and said is None else said)
    default = judged(asker=asker, effect=effect).approvers
    assert default.requester is (False if another else None)


def test_what_cannot_be_undone_is_refused_where_only_those_who_asked_are_named() -> None:
    alone = Rule(tool="order", approvers=Approvers(users=("UANN",)))
    assert judged(alone, effect=Effect.WRITE).answer == "ask"
    assert judged(alone, effect=Effect.IRREVERSIBLE).answer == "refuse"
    themselves = Rule(tool="order", approvers=Approvers(users=("UANN",), requester=True))
    assert judged(themselves, effect=Effect.IRREVERSIBLE).answer == "ask"


def test_an_egress_call_runs_only_where_all_its_hosts_are_allowed_and_the_rule_names_them() -> None:
    allowed, strange = "https://docs.example.com/a", "https://evil.example/"
    cases: list[tuple[dict[str, Any], str, str]] = [
        ({"url": allowed}, "allow", "egress runs for allowed hosts: docs.example.com"),
        ({"url": strange}, "ask", "to a host that is not allowed: evil.example"),
        ({"url": allowed, "then": [{"a": strange}]}, "ask", "to a host that is not allowed: evil.example"),
        ({"url": allowed, "then": "//evil.example@x"}, "ask", "that does not clearly say to which host"),
        ({"query": "secrets"}, "ask", "what it is asked may leave the tool's own server"),
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


@pytest.mark.parametrize("name", ["orders", "order_", "Order", "ord", "shop__order", "", "order.", ".*"])
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
def test_a_condition_that_cannot_be_evaluated_makes_policy_stricter(
    condition: str, arguments: dict[str, Any], answer: Any
) -> None:
    rules = (Rule(tool="order", when=Condition(condition), answer=answer), Rule(tool="order", answer="allow"))
    verdict = judged(*rules, **arguments)
    assert verdict.answer == answer  # of the first rule, and where that would allow, of the second
    assert verdict.rule.endswith("so it counts as matched)") or answer == "allow"
    assert judged(rules[0], **arguments).answer == {"allow": "ask", "refuse": "refuse", "ask": "ask"}[answer]


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
