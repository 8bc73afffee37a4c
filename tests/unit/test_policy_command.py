"""What `signoff policy check` says of a policy, and which rule speaks for a call."""

from pathlib import Path

import pytest

from tests.signoff import says
from tests.unit.test_policy_check import GOOD

pytestmark = pytest.mark.usefixtures("here")


def content(text: str, name: str = "signoff.yaml") -> None:
    """The file as a whole."""
    Path(name).write_text(text)


def write(*lines: str) -> None:
    """signoff.yaml with these lines as its policy; the first of them is line 2."""
    content("\n".join(["policy:", *(f"  {line}" for line in lines)]))


def policy_check(*arguments: str) -> tuple[int, list[str], str]:
    """Exit status, lines and errors of `signoff policy check`."""
    return says("policy", "check", *arguments)


def test_promotions_are_rules_and_a_pack_like_any_other() -> None:
    content("agents: {assistant: {tools: [catalog, prompts]}}\npromotion: {channel: C0123}\n")
    assert policy_check() == (0, ["2 rules, and nothing to mend."], "")
    status, told, _ = policy_check("--tool", "promote_prompt", "--args", '{"prompt": "assistant", "version": 2}')
    assert status == 0
    assert told[-1] == "verdict: ask: members of the conversation; 2 must approve, within 24h"


def test_a_good_file_has_nothing_to_mend() -> None:
    content(GOOD)
    assert policy_check() == (0, ["4 rules, and nothing to mend."], "")


def test_all_that_is_wrong_is_said_with_its_line() -> None:
    write(
        "- tool: create_oder",
        "- tool: create_order",
        "  wen: args.quantity > 1",
        "- tool: create_order",
        "  approvers: {users: [U1], groups: [ada]}",
        "- tool: create_order",
        "  verdict: refuse",
    )
    status, lines, err = policy_check()
    assert (status, err) == (1, "")
    assert [line.split(": ")[0] for line in lines] == [f"signoff.yaml, line {number}" for number in (2, 4, 6, 7)]
    assert "there is no tool create_oder" in lines[0]
    assert "`wen` of rule 2 of `policy` is not a setting" in lines[1]
    assert "`approvers.groups.0` of rule 3 of `policy` should be the id of a Slack user group" in lines[2]
    assert "never reached: the one of line 3 speaks for every call of it" in lines[3]


def test_mistakes_in_the_later_keys_are_found_like_those_in_the_others() -> None:
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
    status, lines, err = policy_check()
    assert (status, err) == (1, "")
    assert [line.split(": ")[0] for line in lines] == [f"signoff.yaml, line {number}" for number in (5, 8, 10, 10)]
    assert "`escalate.afer` of rule 1 of `policy` is not a setting: the ones there are after and to" in lines[0]
    assert "never reached: the one of line 2 speaks for every call of it" in lines[1]
    assert "`escalate.to` adds nobody who may not decide from the start" in lines[2]
    assert "there is no tool create_oder" in lines[3]


def test_packs_that_are_not_there_are_found_in_every_agent() -> None:
    content("agents:\n  a:\n    tools: [catalog]\n  b:\n    tools:\n      - slack\n      - nosuch\n      - mcp:gone\n")
    status, lines, _ = policy_check()
    assert status == 1
    assert [line.partition(", which")[0] for line in lines] == [
        "signoff.yaml, line 7: agent `b` wants the tool pack `nosuch`",
        "signoff.yaml, line 8: agent `b` wants the tool pack `mcp:gone`",
    ]


def test_a_file_that_cannot_be_read_is_refused() -> None:
    content("policy: [")
    status, lines, err = policy_check()
    assert (status, lines) == (2, [])
    assert err.startswith("signoff.yaml, line 1: this is not YAML")


def test_a_call_is_explained() -> None:
    content(GOOD.replace("quantity <= 2", "quantity <= args.stock") + "    reason: Somebody should have a look\n")
    arguments = '{"customer": "ada@example.com", "sku": "WGT-001", "quantity": 11}'
    status, lines, _ = policy_check("--tool", "create_order", "--args", arguments, "--requester", "U1", "--channel", "C1")
    assert (status, lines) == (
        0,
        [
            "rule 1 of signoff.yaml, line 2: create_order when args.quantity > 10: true, matches",
            "decided by: rule 1 of signoff.yaml, line 2: create_order when args.quantity > 10",
            "verdict: ask: U1 or W2 or members of the user group S1 or members of the conversation, but not the requester; "
            "2 must approve, within 30m",
        ],
    )
    status, lines, _ = policy_check("--tool", "create_order", "--args", '{"quantity": 2}')
    unclear = "rule 2 of signoff.yaml, line 7: create_order when args.quantity <= args.stock"
    assert (status, lines) == (
        0,
        [
            "rule 1 of signoff.yaml, line 2: create_order when args.quantity > 10: false",
            f"{unclear}: unclear, since args.stock is missing: counts as not matched",
            "rule 4 of signoff.yaml, line 12: create_order: matches every call",
            "decided by: rule 4 of signoff.yaml, line 12: create_order; rule 2 of signoff.yaml, line 7 does not allow it, "
            "since args.stock is missing",
            "reason: Somebody should have a look",
            "verdict: ask: members of the conversation; 1 must approve, within 24h",
            "note: a session would not come to ask: create_order was not run. customer: Field required; sku: Field required",
        ],
    )


def test_all_that_a_rule_says_of_its_question_is_explained() -> None:
    write(
        "- tool: create_order",
        "  approvers: {users: [U1, U2]}",
        "  rejections: 2",
        "  remind: 90m",
        "  escalate: {after: 4h, to: {users: [U9], requester: true}}",
        "  post_to: C0999",
    )
    status, lines, _ = policy_check("--tool", "create_order", "--args", '{"quantity": 2}', "--requester", "U1")
    assert (status, lines[2]) == (
        0,
        "verdict: ask: U1 or U2; 1 must approve, within 24h; 2 rejections settle it; "
        "a reminder after 90m, and each further wait is twice as long; after 4h also U9 or the requester; "
        "the card stands in C0999 too",
    )


def test_a_call_without_a_rule_is_explained_too() -> None:
    assert policy_check("--tool", "search_product_catalog", "--args", '{"query": "lamp"}') == (
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
def test_a_question_that_cannot_be_meant_is_refused(arguments: list[str], sentence: str) -> None:
    status, lines, err = policy_check(*arguments)
    assert (status, lines) == (2, [])
    assert err.startswith(sentence)
