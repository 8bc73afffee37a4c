"""The policy section of signoff.yaml: what is read, what is refused, and what `signoff policy check` says of it."""

from pathlib import Path
from typing import Any

import pytest
from psycopg_pool import AsyncConnectionPool
from pydantic import BaseModel

from agent.condition import Condition
from agent.policy import Policy, Rule
from agent.tool import Effect, Result, Tool, registry
from agent.types import Approvers
from bot.config import load_config
from bot.packs import tool_packs
from bot.policy_check import hold_to, lint
from bot.refusal import Refusal
from tests.signoff import signoff

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


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def content(text: str) -> None:
    """signoff.yaml as a whole."""
    Path("signoff.yaml").write_text(text)


def write(*lines: str) -> None:
    """signoff.yaml with these lines as its policy; the first of them is line 2."""
    content("\n".join(["policy:", *(f"  {line}" for line in lines)]))


async def policy_check(here: Path, *arguments: str) -> tuple[int | None, list[str], str]:
    """Exit status, lines and errors of `signoff policy check`, as a person runs it."""
    async with signoff("policy", "check", *arguments, folder=here, environment={}) as process:
        out, err = (part.decode() for part in await process.communicate())
    return process.returncode, out.splitlines(), err


# ---------------------------------------------------------------------------------------------- what is read


def test_rules_are_read_with_their_lines(here: Path) -> None:
    Path("signoff.yaml").write_text(GOOD)
    assert load_config().policy == Policy(
        (
            Rule(
                tool="create_order",
                when=Condition("args.quantity > 10"),
                approvers=Approvers(users=("U1", "W2"), groups=("S1",), channel_members=True, requester=False),
                quorum=2,
                expires_seconds=30 * 60,
                name="rule 1 of signoff.yaml, line 2",
                line=2,
            ),
            Rule(
                tool="create_order",
                when=Condition("args.quantity <= 2"),
                answer="allow",
                name="rule 2 of signoff.yaml, line 7",
                line=7,
            ),
            Rule(tool="search_product_catalog", answer="refuse", name="rule 3 of signoff.yaml, line 10", line=10),
            Rule(tool="create_order", name="rule 4 of signoff.yaml, line 12", line=12),
        )
    )


def test_a_rule_names_itself_on_one_line(here: Path) -> None:
    write("- tool: pay", "  when: |", "    args.amount > 10", "    && channel == 'C1'")
    [rule] = load_config().policy.rules
    assert str(rule) == "rule 1 of signoff.yaml, line 2: pay when args.amount > 10 && channel == 'C1'"


@pytest.mark.parametrize(("text", "seconds"), [("4s", 4), ("30m", 1800), ("24h", 86_400), ("7d", 604_800)])
def test_durations(here: Path, text: str, seconds: int) -> None:
    write(f"- {{tool: pay, expires: {text}}}")
    assert load_config().policy.rules[0].expires_seconds == seconds


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ("{verdict: refuse}", "`tool` of rule 1 of `policy` is missing: add it"),
        ("pay", "rule 1 of `policy` should be a mapping"),
        (
            "{tool: pay, quorom: 2}",
            "`quorom` of rule 1 of `policy` is not a setting: the ones there are tool, when, verdict, app",
        ),
        (
            "{tool: pay, approvers: {user: [U1]}}",
            "`approvers.user` of rule 1 of `policy` is not a setting: the ones there are us",
        ),
        ("{tool: pay, verdict: deny}", "`verdict` of rule 1 of `policy` should be 'ask', 'allow' or 'refuse'"),
        ("{tool: pay, when: true}", "`when` of rule 1 of `policy` should be a CEL expression in quotes"),
        ("{tool: pay, when: }", "`when` of rule 1 of `policy` should be a CEL expression in quotes"),
        (
            "{tool: pay, when: arg.x > 1}",
            "`when` of rule 1 of `policy` cannot be a condition over args, requester and channel: column",
        ),
        ("{tool: pay, when: 'args.x > 1 ||'}", "`when` of rule 1 of `policy` cannot be a condition"),
        ("{tool: pay, quorum: 0}", "`quorum` of rule 1 of `policy` should be greater than or equal to 1"),
        ("{tool: pay, quorum: '2'}", "`quorum` of rule 1 of `policy` should be a valid integer"),
        ("{tool: pay, expires: 30}", "`expires` of rule 1 of `policy` should be a duration such as 4s, 30m, 24h or 7d"),
        ("{tool: pay, expires: 0s}", "`expires` of rule 1 of `policy` should be a duration"),
        ("{tool: pay, expires: 1h30m}", "`expires` of rule 1 of `policy` should be a duration"),
        ("{tool: pay, expires: 366d}", "`expires` of rule 1 of `policy` should be a duration"),
        ("{tool: pay, approvers: }", "`approvers` of rule 1 of `policy` should be a mapping"),
        ("{tool: pay, approvers: {}}", "`approvers` of rule 1 of `policy` names nobody who could approve"),
        ("{tool: pay, approvers: {requester: false}}", "`approvers` of rule 1 of `policy` names nobody who could approve"),
        ("{tool: pay, approvers: {users: [], channel_members: false}}", "`approvers` of rule 1 of `policy` names nobody"),
        (
            "{tool: pay, approvers: {users: [ada]}}",
            "`approvers.users.0` of rule 1 of `policy` should be the id of a Slack user, such",
        ),
        (
            "{tool: pay, approvers: {groups: [U1]}}",
            "`approvers.groups.0` of rule 1 of `policy` should be the id of a Slack user gr",
        ),
        (
            "{tool: pay, approvers: {channel_members: 1}}",
            "`approvers.channel_members` of rule 1 of `policy` should be a valid bool",
        ),
        (
            "{tool: pay, approvers: {users: [U1, U1]}, quorum: 2}",
            "`quorum` of rule 1 of `policy` is 2, but `approvers` are 1 at most",
        ),
        (
            "{tool: pay, approvers: {users: [U1], requester: true}, quorum: 3}",
            "`quorum` of rule 1 of `policy` is 3, but `approvers` ",
        ),
        ("{tool: pay, verdict: allow, approvers: {users: [U1]}}", "`approvers` of rule 1 of `policy` is for rules that ask, and"),
        (
            "{tool: pay, verdict: refuse, quorum: 2}",
            "`quorum` of rule 1 of `policy` is for rules that ask, and `verdict: refuse`",
        ),
        (
            "{tool: pay, verdict: allow, expires: 4s}",
            "`expires` of rule 1 of `policy` is for rules that ask, and `verdict: allow`",
        ),
        ("{tool: pay, tool: pay}", "`policy.tool` is there twice: remove one of the two"),
        ("{tool: pay, remind: 1h}", "`policy.remind` is not supported by this version yet: remove it"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused_with_its_line(here: Path, rule: str, sentence: str) -> None:
    Path("signoff.yaml").write_text(f"policy:\n\n  - {rule}\n")
    with pytest.raises(Refusal) as refused:
        load_config()
    assert str(refused.value).startswith(f"signoff.yaml, line 3: {sentence}")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", ["policy:", "policy: refuse", "policy: {tool: pay}"])
def test_policy_is_a_list(here: Path, text: str) -> None:
    Path("signoff.yaml").write_text(text)
    with pytest.raises(Refusal, match=r"^signoff.yaml, line 1: `policy` should be a list of rules"):
        load_config()


def test_the_line_is_that_of_the_key(here: Path) -> None:
    write("- tool: pay", "- tool: pay", "  verdict: ask", "  approvers:", "    users:", "      - U1", "      - ada")
    with pytest.raises(Refusal, match=r"^signoff.yaml, line 8: `approvers.users.1` of rule 2 "):
        load_config()


def test_enough_approvers_are_enough(here: Path) -> None:
    write(
        "- {tool: a, approvers: {users: [U1, U2], requester: false}, quorum: 2}",
        "- {tool: b, approvers: {users: [U1], requester: true}, quorum: 2}",
        "- {tool: c, approvers: {users: [U1], groups: [S1]}, quorum: 5}",
        "- {tool: d, quorum: 3}",
    )
    assert [rule.quorum for rule in load_config().policy.rules] == [2, 2, 5, 3]


# ---------------------------------------------------------------------------------------------- what is found in it

TOOLS = registry(tool_packs(AsyncConnectionPool(open=False))["catalog"])


class Nothing(BaseModel):
    """No arguments."""


async def never(arguments: Any, context: Any) -> dict[str, Any]:
    """Handlers are not run here."""
    raise AssertionError


async def told(arguments: Any, context: Any) -> Result | None:
    """A reconcile that is not asked here."""
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
        "there is no tool create_oder: the tools are create_order, get_order_status, search_product_catalog",
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


@pytest.mark.parametrize("effect", [Effect.WRITE, Effect.IRREVERSIBLE])
def test_a_write_whose_lost_outcome_nobody_could_tell_is_not_allowed(effect: Effect) -> None:
    lost = Tool(name="pay", description="", arguments=Nothing, handler=never, effect=effect)
    policy = Policy((Rule(tool="pay", answer="allow", line=4),))
    with pytest.raises(
        Refusal, match=r"^signoff.yaml, line 4: `verdict: allow` cannot be kept for pay, because a run whose result"
    ):
        hold_to(policy, registry([lost]))
    assert found(*policy.rules, tools=registry([lost]))[0][0] == 4
    keyed = Tool(name="pay", description="", arguments=Nothing, handler=never, effect=effect, idempotent=True)
    hold_to(policy, registry([keyed]))
    looked_up = Tool(name="pay", description="", arguments=Nothing, handler=never, effect=effect, reconcile=told)
    hold_to(policy, registry([looked_up]))


def test_a_bot_that_starts_names_rules_that_do_nothing(caplog: pytest.LogCaptureFixture) -> None:
    hold_to(Policy((Rule(tool="create_oder", answer="refuse", line=7),)), TOOLS)
    assert "signoff.yaml, line 7: there is no tool create_oder" in caplog.text


# ---------------------------------------------------------------------------------------------- the command


async def test_a_good_file_has_nothing_to_mend(here: Path) -> None:
    content(GOOD)
    assert await policy_check(here) == (0, ["4 rules, and nothing to mend."], "")


async def test_all_that_is_wrong_is_said_with_its_line(here: Path) -> None:
    write(
        "- tool: create_oder",
        "- tool: create_order",
        "  wen: args.quantity > 1",
        "- tool: create_order",
        "  approvers: {users: [U1], groups: [ada]}",
        "- tool: create_order",
        "  verdict: refuse",
    )
    status, lines, err = await policy_check(here)
    assert (status, err) == (1, "")
    assert [line.split(": ")[0] for line in lines] == [f"signoff.yaml, line {number}" for number in (2, 4, 6, 7)]
    assert "there is no tool create_oder" in lines[0]
    assert "`wen` of rule 2 of `policy` is not a setting" in lines[1]
    assert "`approvers.groups.0` of rule 3 of `policy` should be the id of a Slack user group" in lines[2]
    assert "never reached: the one of line 3 speaks for every call of it" in lines[3]


async def test_a_file_that_cannot_be_read_is_refused(here: Path) -> None:
    content("policy: [")
    status, lines, err = await policy_check(here)
    assert (status, lines) == (2, [])
    assert err.startswith("signoff.yaml, line 1: this is not YAML")


async def test_a_call_is_explained(here: Path) -> None:
    content(GOOD.replace("quantity <= 2", "quantity <= args.stock"))
    arguments = '{"customer": "ada@example.com", "sku": "WGT-001", "quantity": 11}'
    status, lines, _ = await policy_check(
        here, "--tool", "create_order", "--args", arguments, "--requester", "U1", "--channel", "C1"
    )
    assert (status, lines) == (
        0,
        [
            "rule 1 of signoff.yaml, line 2: create_order when args.quantity > 10: true, matches",
            "decided by: rule 1 of signoff.yaml, line 2: create_order when args.quantity > 10",
            "verdict: ask: U1 or W2 or members of the user group S1 or members of the conversation, but not whoever asked; "
            "2 must approve, within 30m",
        ],
    )
    status, lines, _ = await policy_check(here, "--tool", "create_order", "--args", '{"quantity": 2}')
    unclear = "rule 2 of signoff.yaml, line 7: create_order when args.quantity <= args.stock"
    assert (status, lines) == (
        0,
        [
            "rule 1 of signoff.yaml, line 2: create_order when args.quantity > 10: false",
            f'{unclear}: could not be evaluated (Key not found in map : "stock"), which counts as matched and asks',
            f"decided by: {unclear} (this could not be evaluated, so it asks)",
            "verdict: ask: members of the conversation; 1 must approve, within 24h",
            "note: a session would not come to ask: create_order was not run. customer: Field required; sku: Field required",
        ],
    )


async def test_a_call_without_a_rule_is_explained_too(here: Path) -> None:
    assert await policy_check(here, "--tool", "search_product_catalog", "--args", '{"query": "lamp"}') == (
        0,
        ["no rule for search_product_catalog", "decided by: default (reads run)", "verdict: allow: it runs, and nobody is asked"],
        "",
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--tool", "pay"], "There is no tool pay: the tools are create_order, get_order_status, search_product_catalog.\n"),
        (["--tool", "create_order", "--args", "quantity"], "--args is not JSON"),
        (["--tool", "create_order", "--args", "[1]"], "--args should be a JSON object"),
    ],
)
async def test_a_question_that_cannot_be_meant_is_refused(here: Path, arguments: list[str], sentence: str) -> None:
    status, lines, err = await policy_check(here, *arguments)
    assert (status, lines) == (2, [])
    assert err.startswith(sentence)
