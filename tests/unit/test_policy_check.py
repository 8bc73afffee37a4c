"""What `signoff policy check` says of a policy: rules that do nothing, and which rule speaks for a call."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from psycopg_pool import AsyncConnectionPool
from pydantic import BaseModel

from agent.condition import Condition
from agent.policy import Policy, Rule
from agent.tool import Effect, Result, Tool, registry
from agent.types import Approvers, Escalation
from bot.config import Config, load_config
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


def content(text: str, name: str = "signoff.yaml") -> None:
    """The file as a whole."""
    Path(name).write_text(text)


def write(*lines: str) -> None:
    """signoff.yaml with these lines as its policy; the first of them is line 2."""
    content("\n".join(["policy:", *(f"  {line}" for line in lines)]))


async def policy_check(here: Path, *arguments: str) -> tuple[int | None, list[str], str]:
    """Exit status, lines and errors of `signoff policy check`, as a person runs it."""
    async with signoff("policy", "check", *arguments, folder=here, environment={}) as process:
        out, err = (part.decode() for part in await process.communicate())
    return process.returncode, out.splitlines(), err


# ---------------------------------------------------------------------------------------------- what is found in it

TOOLS = registry(tool_packs(AsyncConnectionPool(open=False), Config())["catalog"])


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
        (Approvers(users=("U1",), requester=False), Approvers(users=("U1",)), False),
    ],
)
def test_an_escalation_that_adds_nobody_is_found(approvers: Approvers, to: Approvers, adds: bool) -> None:
    rule = Rule(tool="create_order", approvers=approvers, escalation=Escalation(after_seconds=60, to=to), line=3)
    wrong = "`escalate.to` adds nobody who may not decide from the start: name others, or remove it"
    assert found(rule) == ([] if adds else [(3, wrong)])


def test_those_who_asked_may_be_let_in_for_what_cannot_be_undone() -> None:
    final = Tool(name="pay", description="", arguments=Nothing, handler=never, effect=Effect.IRREVERSIBLE)
    assert found(Rule(tool="pay", approvers=Approvers(requester=True)), tools=registry([final])) == []


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


async def test_mistakes_in_the_later_keys_are_found_like_those_in_the_others(here: Path) -> None:
    write(
        "- tool: create_order",
        "  remind: 1h",
        "  escalate:",
        "    afer: 4h",
        "    after: 4h",
        "    to: {users: [U9]}",
        "- tool: create_order",
        "  post_to: C0999",
        "- tool: create_oder",
        "  escalate: {after: 4h, to: {channel_members: true}}",
    )
    status, lines, err = await policy_check(here)
    assert (status, err) == (1, "")
    assert [line.split(": ")[0] for line in lines] == [f"signoff.yaml, line {number}" for number in (5, 8, 10, 10)]
    assert "`escalate.afer` of rule 1 of `policy` is not a setting: the ones there are after and to" in lines[0]
    assert "never reached: the one of line 2 speaks for every call of it" in lines[1]
    assert "`escalate.to` adds nobody who may not decide from the start" in lines[2]
    assert "there is no tool create_oder" in lines[3]


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


async def test_all_that_a_rule_says_of_its_question_is_explained(here: Path) -> None:
    write(
        "- tool: create_order",
        "  approvers: {users: [U1, U2]}",
        "  rejections: 2",
        "  remind: 90m",
        "  escalate: {after: 4h, to: {users: [U9], requester: true}}",
        "  post_to: C0999",
    )
    status, lines, _ = await policy_check(here, "--tool", "create_order", "--args", '{"quantity": 2}', "--requester", "U1")
    assert (status, lines[2]) == (
        0,
        "verdict: ask: U1 or U2; 1 must approve, within 24h; 2 rejections settle it; "
        "a reminder after 90m, and each further wait is twice as long; after 4h also U9 or whoever asked; "
        "the card stands in C0999 too",
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
        (
            ["--tool", "pay"],
            "There is no tool pay: the tools are create_order, fetch_page, get_order_status, read_output, "
            "search_product_catalog, slack_find_person, slack_post_message, slack_read_thread, slack_search_messages.\n",
        ),
        (["--tool", "create_order", "--args", "quantity"], "--args is not JSON"),
        (["--tool", "create_order", "--args", "[1]"], "--args should be a JSON object"),
    ],
)
async def test_a_question_that_cannot_be_meant_is_refused(here: Path, arguments: list[str], sentence: str) -> None:
    status, lines, err = await policy_check(here, *arguments)
    assert (status, lines) == (2, [])
    assert err.startswith(sentence)


async def test_tools_of_mcp_servers_are_known_and_those_of_one_that_is_down_are_not_complained_about(here: Path) -> None:
    servers = {"time": {"command": sys.executable, "args": ["-m", "mcp_server_time"]}, "gone": {"command": "no-such-program"}}
    mcp_file = json.dumps({"mcpServers": servers})
    content(mcp_file, ".mcp.json")
    rules = ["time__convert_time", "time__convert_tme", "gone__anything", "other__anything"]
    write(*(f"- {{tool: {name}}}" for name in rules))
    status, out, _ = await policy_check(here)
    assert status == 1
    assert [line.partition(":")[0] for line in out] == ["signoff.yaml, line 3", "signoff.yaml, line 5"]
    status, out, _ = await policy_check(here, "--tool", "time__get_current_time", "--args", '{"timezone": "UTC"}')
    assert "verdict: allow: it runs, and nobody is asked" in out
