"""The policy section of signoff.yaml: what is read, and the sentence with the line for what cannot be meant."""

from pathlib import Path

import pytest

from agent.approvals.condition import Condition
from agent.approvals.policy import Policy, Rule
from agent.tool.definition import Effect
from agent.types import Approvers, Escalation
from bot.config.file import load_config
from bot.config.refusal import Refusal

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
    approvers: {users: [U1, U2]}
    rejections: 2
    remind: 1h
    escalate: {after: 4h, to: {users: [U9], groups: [S2], requester: true}}
    post_to: C0999
  - {tool: "github__*", effect: [read, egress], verdict: allow, reason: It reads what is public}
"""


def write(*lines: str) -> None:
    """signoff.yaml with these lines as its policy; the first of them is line 2."""
    Path("signoff.yaml").write_text("\n".join(["policy:", *(f"  {line}" for line in lines)]))


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
            Rule(
                tool="create_order",
                approvers=Approvers(users=("U1", "U2")),
                rejections=2,
                remind_seconds=3600,
                escalation=Escalation(after_seconds=4 * 3600, to=Approvers(users=("U9",), groups=("S2",), requester=True)),
                post_to="C0999",
                name="rule 4 of signoff.yaml, line 12",
                line=12,
            ),
            Rule(
                tool="github__*",
                effect=(Effect.READ, Effect.EGRESS),
                answer="allow",
                reason="It reads what is public",
                name="rule 5 of signoff.yaml, line 18",
                line=18,
            ),
        )
    )


def test_a_rule_names_itself_on_one_line(here: Path) -> None:
    write("- tool: pay", "  when: |", "    args.amount > 10", "    && channel == 'C1'")
    [rule] = load_config().policy.rules
    assert str(rule) == "rule 1 of signoff.yaml, line 2: pay when args.amount > 10 && channel == 'C1'"
    write("- {tool: 'git__*', effect: [write, egress], when: 'true'}")
    assert str(load_config().policy.rules[0]) == "rule 1 of signoff.yaml, line 2: git__* (write, egress) when true"


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
            "`quorom` of rule 1 of `policy` is not a setting: the ones there are tool, effect, when, verdict, app",
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
        ("{tool: pay, quorum: '2'}", "`quorum` of rule 1 of `policy` should be a whole number, such as 10"),
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
            "`approvers.users.0` of rule 1 of `policy` should be a person's e-mail address in Slack or their id, such",
        ),
        (
            "{tool: pay, approvers: {groups: [U1]}}",
            "`approvers.groups.0` of rule 1 of `policy` should be the id of a Slack user gr",
        ),
        (
            "{tool: pay, approvers: {channel_members: 1}}",
            "`approvers.channel_members` of rule 1 of `policy` should be true or false",
        ),
        (
            "{tool: pay, approvers: {users: [U1, U1]}, quorum: 2}",
            "`quorum` of rule 1 of `policy` is 2, but `approvers` are 1 at most",
        ),
        (
            "{tool: pay, approvers: {users: [U1], requester: true}, quorum: 3}",
            "`quorum` of rule 1 of `policy` is 3, but `approvers` ",
        ),
        ("{tool: pay, tool: pay}", "`policy.tool` is there twice: remove one of the two"),
        (
            "{tool: pay, escalate: {afer: 4h, to: {users: [U9]}}}",
            "`escalate.afer` of rule 1 of `policy` is not a setting: the ones there are after and to",
        ),
        (
            "{tool: pay, escalate: {after: 4h, to: {user: [U9]}}}",
            "`escalate.to.user` of rule 1 of `policy` is not a setting: the ones there are users, groups, channel_m",
        ),
        ("{tool: pay, escalate: {to: {users: [U9]}}}", "`escalate.after` of rule 1 of `policy` is missing: add it"),
        ("{tool: pay, escalate: {after: 4h}}", "`escalate.to` of rule 1 of `policy` is missing: add it"),
        ("{tool: pay, escalate: 4h}", "`escalate` of rule 1 of `policy` should be a mapping"),
        ("{tool: pay, escalate: }", "`escalate` of rule 1 of `policy` is empty: give it a value, or remove it"),
        (
            "{tool: pay, escalate: {after: soon, to: {users: [U9]}}}",
            "`escalate.after` of rule 1 of `policy` should be a duration",
        ),
        ("{tool: pay, escalate: {after: 4h, to: {}}}", "`escalate.to` of rule 1 of `policy` names nobody who could approve"),
        (
            "{tool: pay, escalate: {after: 4h, to: {users: [eve]}}}",
            "`escalate.to.users.0` of rule 1 of `policy` should be a person's e-mail address in Slack or",
        ),
        (
            "{tool: pay, escalate: {after: 24h, to: {users: [U9]}}}",
            "`escalate` of rule 1 of `policy` never happens: `after` should be shorter than `expires`, which is 24h",
        ),
        (
            "{tool: pay, approvers: {users: [U1], requester: false}, escalate: {after: 4h, to: {requester: true}}}",
            "`escalate` of rule 1 of `policy` lets those who asked decide, but `approvers` keep them out",
        ),
        (
            "{tool: pay, escalate: {after: 4h, to: {users: [U9], requester: false}}}",
            "`escalate` of rule 1 of `policy` cannot keep out those who asked, it only adds people",
        ),
        (
            "{tool: pay, escalate: {after: 1h, after: 2h, to: {users: [U9]}}}",
            "`policy.escalate.after` is there twice: remove one of the two",
        ),
        ("{tool: pay, remind: hourly}", "`remind` of rule 1 of `policy` should be a duration such as 4s, 30m, 24h or 7d"),
        ("{tool: pay, remind: }", "`remind` of rule 1 of `policy` should be a duration such as 4s, 30m, 24h or 7d"),
        (
            "{tool: pay, remind: 1h, expires: 60m}",
            "`remind` of rule 1 of `policy` should be shorter than `expires`, which is 1h, or nobody is ever reminded",
        ),
        ("{tool: 'pay*x'}", "`tool` of rule 1 of `policy` should have a * at its end alone"),
        ("{tool: pay, effect: read}", "`effect` of rule 1 of `policy` should be a list"),
        ("{tool: pay, effect: []}", "`effect` of rule 1 of `policy` is empty, so the rule is for no call"),
        ("{tool: pay, effect: [reads]}", "`effect.0` of rule 1 of `policy` should be 'read', 'egress', 'write' or 'irrev"),
        ("{tool: pay, reason: ' '}", "`reason` of rule 1 of `policy` should be one line of at most 200 characters"),
        ("{tool: pay, reason: }", "`reason` of rule 1 of `policy` should be a text: put it in quotes"),
        ("{tool: pay, post_to: general}", "`post_to` of rule 1 of `policy` should be the id of a Slack channel, such as C012"),
        ("{tool: pay, post_to: U0999}", "`post_to` of rule 1 of `policy` should be the id of a Slack channel, such as C012"),
        ("{tool: pay, rejections: 0}", "`rejections` of rule 1 of `policy` should be greater than or equal to 1"),
        ("{tool: pay, rejections: yes}", "`rejections` of rule 1 of `policy` should be a whole number"),
        (
            "{tool: pay, approvers: {users: [U1, U2]}, rejections: 3}",
            "`rejections` of rule 1 of `policy` is 3, but `approvers` are 2 at most: name more of them, or ask fewer",
        ),
        (
            "{tool: pay, approvers: {users: [U1]}, escalate: {after: 4h, to: {users: [U1, U9]}}, quorum: 3}",
            "`quorum` of rule 1 of `policy` is 3, but `approvers` and those of `escalate` are 2 at most",
        ),
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused_with_its_line(here: Path, rule: str, sentence: str) -> None:
    Path("signoff.yaml").write_text(f"policy:\n\n  - {rule}\n")
    with pytest.raises(Refusal) as refused:
        load_config()
    assert str(refused.value).startswith(f"signoff.yaml, line 3: {sentence}")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("verdict", ["allow", "refuse"])
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("approvers", "{users: [U1]}"),
        ("quorum", "2"),
        ("rejections", "2"),
        ("expires", "4s"),
        ("remind", "1h"),
        ("escalate", "{after: 4h, to: {users: [U9]}}"),
        ("post_to", "C0999"),
    ],
)
def test_what_belongs_to_a_question_is_refused_where_nobody_is_asked(here: Path, key: str, value: str, verdict: str) -> None:
    write("- tool: pay", f"  verdict: {verdict}", f"  {key}: {value}")
    with pytest.raises(Refusal, match=rf"^signoff.yaml, line 4: `{key}` of rule 1 of `policy` is for rules that ask, and `verd"):
        load_config()


@pytest.mark.parametrize("text", ["policy:", "policy: refuse", "policy: {tool: pay}"])
def test_policy_is_a_list(here: Path, text: str) -> None:
    Path("signoff.yaml").write_text(text)
    with pytest.raises(Refusal, match=r"^signoff.yaml, line 1: `policy` should be a list of rules"):
        load_config()


def test_the_line_is_that_of_the_key(here: Path) -> None:
    write("- tool: pay", "- tool: pay", "  verdict: ask", "  approvers:", "    users:", "      - U1", "      - ada")
    with pytest.raises(Refusal, match=r"^signoff.yaml, line 8: `approvers.users.1` of rule 2 "):
        load_config()


def test_the_line_of_a_key_inside_an_escalation(here: Path) -> None:
    write("- tool: pay", "  escalate:", "    after: 4h", "    to:", "      users: [U9]", "      grups: [S1]")
    with pytest.raises(Refusal, match=r"^signoff.yaml, line 7: `escalate.to.grups` of rule 1 of `policy` is not a setting"):
        load_config()


def test_enough_approvers_are_enough(here: Path) -> None:
    write(
        "- {tool: a, approvers: {users: [U1, U2], requester: false}, quorum: 2}",
        "- {tool: b, approvers: {users: [U1], requester: true}, quorum: 2}",
        "- {tool: c, approvers: {users: [U1], groups: [S1]}, quorum: 5}",
        "- {tool: d, quorum: 3}",
        "- {tool: e, approvers: {users: [U1]}, escalate: {after: 1h, to: {users: [U9]}}, quorum: 2, rejections: 2}",
        "- {tool: f, approvers: {users: [U1]}, escalate: {after: 1h, to: {groups: [S1]}}, quorum: 4}",
        "- {tool: g, approvers: {users: [U1]}, escalate: {after: 1h, to: {requester: true}}, quorum: 2}",
    )
    assert [rule.quorum for rule in load_config().policy.rules] == [2, 2, 5, 3, 2, 4, 2]


def test_an_escalation_may_say_again_that_those_who_asked_stay_out(here: Path) -> None:
    write("- {tool: a, approvers: {users: [U1], requester: false}, escalate: {after: 1h, to: {users: [U9], requester: false}}}")
    [rule] = load_config().policy.rules
    assert rule.escalation == Escalation(after_seconds=3600, to=Approvers(users=("U9",), requester=False))
