"""What the policy check finds in rules: what does nothing, what is never reached, what nobody can approve."""

from pathlib import Path
from typing import Any

import pytest
from psycopg_pool import AsyncConnectionPool
from pydantic import BaseModel

from agent.approvals.condition import Condition
from agent.approvals.policy import Policy, Rule
from agent.tool.definition import Effect, Tool, registry
from agent.tool.json_schema import json_arguments
from agent.types import Approvers, Escalation
from bot.agents.packs import tool_packs
from bot.agents.policy_check import lint, name_problems
from bot.config.file import Config, load_config

GOOD = """\
policy:
  - tool: create_order
    when: "args.quantity > 10"
    approvers: {users: [U1, W2], groups: [S1], channel_members: true, requester: false}
    quorum: 2
    expires: 30m
  - tool: create_order
    when: "args.quantity <= 2"
    verdict: allow
  - tool: search_product_catalog
    verdict: refuse
  - tool: create_order
"""


TOOLS = registry(tool_packs(AsyncConnectionPool(open=False), Config())["catalog"])


class Nothing(BaseModel):
    """No arguments."""


async def never(arguments: Any, context: Any) -> dict[str, Any]:
    """Handlers are not run here."""
    raise AssertionError


def found(*rules: Rule, tools: Any = TOOLS) -> list[tuple[int, str]]:
    """What the lint says, by line."""
    return [(problem.line, problem.wrong) for problem in lint(Policy(rules), tools)]


def test_rules_that_do_what_they_seem_to_are_not_complained_about(here: Path) -> None:
    Path("signoff.yaml").write_text(GOOD)
    assert found(*load_config().policy.rules) == []


def test_an_unknown_tool_is_found() -> None:
    [(line, wrong)] = found(Rule(tool="create_oder", answer="refuse", line=7))
    assert (line, wrong) == (
        7,
        "there is no tool create_oder: did you mean create_order? the tools are create_order, get_order_status, "
        "search_product_catalog",
    )


def test_an_unknown_argument_is_found() -> None:
    [(line, wrong)] = found(Rule(tool="create_order", when=Condition("args.quantty > 1 || args.note == 'args.x'"), line=3))
    assert (line, wrong) == (3, "args.quantty is no argument of create_order: there are customer, sku, quantity, note")


@pytest.mark.parametrize(
    ("earlier", "later", "why"),
    [
        (None, "args.quantity > 1", "speaks for every call of it"),
        (None, None, "speaks for every call of it"),
        ("args.quantity > 1", "args.quantity > 1", "has the same condition"),
        ("args.quantity > 1", "args.quantity > 2", None),
        ("args.quantity > 1", None, None),
    ],
)
def test_a_rule_that_is_never_reached_is_found(earlier: str | None, later: str | None, why: str | None) -> None:
    rules = [
        Rule(tool="create_order", when=Condition(text) if text else None, line=line) for text, line in ((earlier, 2), (later, 5))
    ]
    between = Rule(tool="get_order_status", line=4)
    expected = [(5, f"this rule for create_order is never reached: the one of line 2 {why}")] if why else []
    assert found(rules[0], between, rules[1]) == expected


@pytest.mark.parametrize(
    ("approvers", "to", "adds"),
    [
        (Approvers(users=("U1", "U2")), Approvers(users=("U2",)), False),
        (Approvers(users=("U1",)), Approvers(users=("U1", "U9")), True),
        (Approvers(groups=("S1",), channel_members=True), Approvers(groups=("S1",)), False),
        (Approvers(channel_members=True), Approvers(users=("U9",)), True),  # who need not be in the conversation
        (Approvers(users=("U1",)), Approvers(channel_members=True), True),
        (Approvers(users=("U1",), requester=True), Approvers(requester=True), False),
        (Approvers(users=("U1",)), Approvers(requester=True), True),
        (Approvers(users=("U1", "U3"), requester=False), Approvers(users=("U1",)), False),
    ],
)
def test_an_escalation_that_adds_nobody_is_found(approvers: Approvers, to: Approvers, adds: bool) -> None:
    rule = Rule(tool="create_order", approvers=approvers, escalation=Escalation(after_seconds=60, to=to), line=3)
    wrong = "`escalate.to` adds nobody who may not decide from the start: name others, or remove it"
    assert found(rule) == ([] if adds else [(3, wrong)])


def test_those_who_asked_may_be_let_in_for_what_cannot_be_undone() -> None:
    final = Tool(name="pay", description="", arguments=Nothing, handler=never, effect=Effect.IRREVERSIBLE)
    assert found(Rule(tool="pay", approvers=Approvers(requester=True)), tools=registry([final])) == []


@pytest.mark.parametrize(
    ("earlier", "rule", "shadowed"),
    [
        ([("create_*", ())], ("create_order", ()), "the one of line 1 speaks for every call of it"),
        ([("create_*", ())], ("create_*", (Effect.WRITE,)), "the one of line 1 speaks for every call of it"),
        ([("*", (Effect.WRITE,))], ("create_order", ()), "those of lines 1 speak for every call of it"),
        ([("create_*", ()), ("*", (Effect.READ,))], ("*", ()), "those of lines 1, 2 speak for every call of it"),
        ([("*", (Effect.READ,))], ("create_order", ()), None),
        ([("create_order", ())], ("create_*", ()), "those of lines 1 speak for every call of it"),
        ([("create_order", ())], ("*", ()), None),
    ],
)
def test_rules_that_are_never_reached_for_what_they_cover_are_found(
    earlier: list[tuple[str, tuple[Effect, ...]]], rule: tuple[str, tuple[Effect, ...]], shadowed: str | None
) -> None:
    rules = [Rule(tool=name, effect=effect, line=line) for line, (name, effect) in enumerate([*earlier, rule], start=1)]
    wrong = [(len(rules), f"this rule for {rule[0]} is never reached: {shadowed}")] if shadowed else []
    assert found(*rules) == wrong


def test_a_prefix_or_an_effect_that_no_tool_has_is_found() -> None:
    assert found(Rule(tool="github__*", line=2), Rule(tool="create_order", effect=(Effect.READ,), line=3)) == [
        (2, "there is no tool whose name begins with github__: the tools are " + ", ".join(TOOLS)),
        (3, "no call of create_order has one of the effects read: what is there is write"),
    ]
    assert lint(Policy((Rule(tool="github__x*"), Rule(tool="git*"))), TOOLS, ["github__"]) == []


SERVERS = registry(
    [
        Tool(name=name, description="", arguments=json_arguments(schema), handler=never)
        for name, schema in {
            "git__push": {"properties": {"to": {"type": "string"}, "force": {"type": ["boolean", "null"]}}, "required": ["to"]},
            "git__tag": {"properties": {"name": {"type": "string"}}},
        }.items()
    ]
)


@pytest.mark.parametrize(
    ("pattern", "when", "answer", "wrong"),
    [
        ("git__push", "args.to == 'main'", "refuse", None),
        (
            "git__push",
            "args.force",
            "refuse",
            "args.force may be missing in a call of git__push, and then this rule refuses",
        ),
        (
            "git__push",
            "has(args.force) && args.force",
            "ask",
            "args.force may be null in a call of git__push, and then",
        ),
        ("git__push", "has(args.force) && args.force != null && args.force", "refuse", None),
        ("git__push", "'force' in args && null == null && args.force == null", "refuse", None),
        (
            "git__*",
            "args.to == 'main'",
            "allow",
            "args.to may be missing in a call of git__tag, and then this rule allows",
        ),
        ("git__*", "has(args.to) && args.to == 'main'", "allow", None),
        ("git__*", "args['nme'] == 'v1'", "ask", "args.nme is no argument of git__*: there are to, force, name"),
        ("git__*", "has(args.nme)", "ask", "args.nme is no argument of git__*: there are to, force, name"),
    ],
)
def test_arguments_that_may_be_missing_or_null_are_looked_for_first(
    pattern: str, when: str, answer: Any, wrong: str | None
) -> None:
    rule = Rule(tool=pattern, when=Condition(when.replace("null_", "null")), answer=answer, line=3)
    said = found(rule, tools=SERVERS)
    assert [line for line, _ in said] == ([3] if wrong else [])
    assert not wrong or said[0][1].startswith(wrong)


def test_defaults_of_a_python_tool_are_filled_in_and_only_its_null_is_looked_for() -> None:
    class Note(BaseModel):
        amount: int = 1
        note: str | None = None

    note = registry([Tool(name="note", description="", arguments=Note, handler=never)])
    assert found(Rule(tool="note", when=Condition("args.amount > 1")), tools=note) == []
    [(_, wrong)] = found(Rule(tool="note", when=Condition("args.note == 'x'"), answer="allow"), tools=note)
    mend = "and then this rule allows nothing: write `args.note != null && ...`"
    assert wrong == f"args.note may be null in a call of note, {mend}"


@pytest.mark.parametrize(
    ("rule", "left"),
    [
        (
            Rule(tool="create_order", approvers=Approvers(users=("U1", "U2"), requester=False), quorum=2),
            "1 is left where `quorum` is 2",
        ),
        (Rule(tool="create_order", approvers=Approvers(users=("U1",), requester=False)), "0 are left where `quorum` is 1"),
        (Rule(tool="create_order", approvers=Approvers(users=("U1", "U2"), requester=False)), None),
        (Rule(tool="create_order", approvers=Approvers(users=("U1",), groups=("S1",), requester=False)), None),
        (Rule(tool="create_order", approvers=Approvers(users=("U1", "U2")), quorum=2), None),
    ],
)
def test_approvers_who_are_too_few_where_one_of_them_asks_are_found(rule: Rule, left: str | None) -> None:
    said = found(rule)
    assert len(said) == (1 if left else 0)
    assert not left or f"asks for is always refused: `requester: false` shuts out the requester, and {left}" in said[0][1]


def test_a_bot_that_starts_names_rules_that_do_nothing(caplog: pytest.LogCaptureFixture) -> None:
    name_problems(Policy((Rule(tool="create_oder", answer="refuse", line=7),)), TOOLS)
    assert "signoff.yaml, line 7: there is no tool create_oder" in caplog.text
