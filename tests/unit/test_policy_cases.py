"""`signoff policy test`: cases that a team keeps beside its policy, and a sentence for each difference."""

import re
from pathlib import Path

import pytest

from tests.signoff import says

POLICY = """\
policy:
  - tool: create_order
    when: "args.quantity > 100"
    verdict: refuse
    reason: The warehouse is too small
  - tool: create_order
    when: "args.quantity > 10"
    approvers: {users: [U1, U2], requester: false}
    quorum: 2
  - tool: "create_*"
    effect: [write]
    approvers: {groups: [S1], channel_members: true}
"""
CASE = """\
- name: {name}
  call: {{tool: create_order, arguments: {{customer: ada@example.com, sku: WGT-001, quantity: {quantity}}}}}
  requester: {requester}
  expect: {{{expect}}}
"""
GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "policy.md"


@pytest.fixture(autouse=True)
def with_policy(here: Path) -> None:
    """A folder with a policy."""
    Path("signoff.yaml").write_text(POLICY)


def policy_test(text: str) -> tuple[int, list[str], str]:
    """Exit status, lines and errors of the command on a file with this text."""
    Path("cases.yaml").write_text(text)
    return says("policy", "test", "cases.yaml")


def case(quantity: int, expect: str, name: str = "a case", requester: str = "U9") -> str:
    """One case of an order."""
    return CASE.format(name=name, quantity=quantity, expect=expect, requester=requester)


def test_cases_that_are_as_expected_are_counted() -> None:
    text = "".join(
        [
            case(101, "verdict: refuse, rule: 1"),
            case(11, "verdict: ask, rule: 2, quorum: 2, approvers: {users: [U2, U1]}, requester: false"),
            case(11, "verdict: refuse, rule: [2]", requester="[U9, U1]"),  # one of the two who could approve asks
            case(1, "verdict: ask, rule: 3, approvers: {groups: [S1], channel_members: true}, requester: true"),
            "- {call: {tool: search_product_catalog, arguments: {query: lamp}}, expect: {verdict: allow, rule: default}}\n",
        ]
    )
    assert policy_test(text) == (0, ["5 cases, all as expected."], "")


@pytest.mark.parametrize(
    ("quantity", "expect", "wrong"),
    [
        (101, "verdict: ask, quorum: 2", "has the verdict refuse, not ask"),
        (11, "rule: 3", "is decided by rule 2, not by rule 3"),
        (11, "rule: default", "is decided by rule 2, not by the default"),
        (11, "rule: [1, 2]", "is decided by rule 2, not by rules 1 and 2"),
        (11, "quorum: 1", "needs 2 approvals, not 1"),
        (11, "approvers: {users: [U1]}", "may be approved by U1, U2, not by U1"),
        (11, "requester: true", "does not let the requester decide"),
        (1, "requester: false", "lets the requester decide"),
        (1, "approvers: {users: [U1]}", "may be approved by S1, members of the conversation, not by U1"),
        (0, "verdict: ask", "never comes to policy: create_order was not run. quantity: Input should be greater than"),
    ],
)
def test_each_difference_is_a_sentence_with_the_line_and_the_rule(quantity: int, expect: str, wrong: str) -> None:
    status, lines, err = policy_test(case(1, "verdict: ask") + case(quantity, expect))
    assert (status, err, len(lines)) == (1, "", 1)
    assert lines[0].startswith(f"cases.yaml, line 5: “a case” {wrong}")
    assert quantity == 0 or ": it is decided by rule " in lines[0]


def test_what_a_user_group_decides_is_said_to_depend_on_it() -> None:
    Path("signoff.yaml").write_text("policy: [{tool: create_order, approvers: {groups: [S1]}}]")
    _, [line], _ = policy_test(case(1, "requester: true"))
    assert "“a case” lets the requester decide only where they are in one of its user groups" in line


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("- {call: {tool: nosuch}, expect: {verdict: ask}}", "a call of nosuch in line 1 calls nosuch, which is not there: "),
        (
            "- call: {tool: create_order}\n  expect:\n    verdct: ask",
            "cases.yaml, line 3: `expect.verdct` of case 1: it is not known here",
        ),
        ("- call: {tool: create_order}", "cases.yaml, line 1: `expect` of case 1: it is missing: add it."),
        ("call: {}", "cases.yaml, line 1: the file: it should be a list of cases"),
        ("- [", "cases.yaml, line 1: this is not YAML"),
        ("- {call: {tool: a, tool: b}, expect: {}}", "cases.yaml, line 1: `call.tool` is there twice"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused(text: str, sentence: str) -> None:
    status, lines, err = policy_test(text)
    assert (status, lines) == (2, [])
    assert err.replace("\n", " ").startswith(sentence)


def test_a_file_that_is_not_there_is_refused() -> None:
    status, _, err = says("policy", "test", "gone.yaml")
    assert (status, err.strip()) == (2, "gone.yaml does not exist: name a file of cases.")


def test_the_cases_that_the_guide_shows_hold_for_the_policy_beside_them() -> None:
    [policy, cases] = re.findall(r"```yaml\n# (?:signoff|policy_cases)\.yaml\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    Path("signoff.yaml").write_text(policy)
    status, lines, err = policy_test(cases)
    assert (status, err) == (0, ""), lines
