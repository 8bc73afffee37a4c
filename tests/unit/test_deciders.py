"""Who may decide: one pure judgement, which clicks, the Home tab and the words of a card share."""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.approvals.deciders import FULL_MEMBERS, Membership, PersonFacts, deciders_of, may_decide, why_not_asked
from agent.errors import DelayedError, UnclearError
from agent.reports.home_overview import Waiting
from agent.session.steps import ProposedAction
from agent.store.action_seen import ActionSeen
from agent.types import Approvers, Escalation, Place, Verdict
from bot.config.sections import PeopleSection
from bot.home.home_tab import MOST_LISTS, AskedOnce
from bot.home.home_tab import may_decide_now as may_decide_at_home
from bot.slack.people import decides, membership_of

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PLACE = Place(team="T1", channel="C1", thread_ts="1700000000.000100")
PEOPLE, LISTS = ("U1", "U2", "U3"), ("C1", "S1", "S2")

approvers_of_any_kind = st.builds(
    Approvers,
    users=st.lists(st.sampled_from(PEOPLE), unique=True).map(tuple),
    groups=st.lists(st.sampled_from(LISTS[1:]), unique=True).map(tuple),
    channel_members=st.booleans(),
    requester=st.sampled_from([None, True, False]),
)


MEMBERSHIPS: tuple[Membership, ...] = ("member", "guest", "external", "bot", "inactive")


@dataclass(frozen=True)
class Click:
    """Somebody clicks, on a card that these people asked for; `inside`: where Slack says that they are."""

    user: str
    membership: Membership
    inside: frozenset[str]
    approvers: Approvers
    requesters: frozenset[str]

    def may_count(self) -> bool:
        """The reference, sentence by sentence (docs/guide/policy.md, Who may ask and decide, and the words of `Approvers`)."""
        named = self.user in self.approvers.users
        asked = self.user in self.requesters
        if self.membership in ("bot", "inactive"):
            return False  # no people, or none any more
        if self.membership in ("guest", "external") and not named:
            return False  # "they decide only where a rule names them by id"
        if asked and self.approvers.requester is False:
            return False  # "`requester: false` shuts all of them out"
        if asked and self.approvers.requester:
            return True
        in_a_group = any(group in self.inside for group in self.approvers.groups)
        in_the_conversation = self.approvers.channel_members and "C1" in self.inside
        return named or in_a_group or in_the_conversation


clicks = st.builds(
    Click,
    user=st.sampled_from(PEOPLE),
    membership=st.sampled_from(MEMBERSHIPS),
    inside=st.frozensets(st.sampled_from(LISTS)),
    approvers=approvers_of_any_kind,
    requesters=st.frozensets(st.sampled_from(PEOPLE)),
)


@given(clicks, st.data())
def test_nobody_decides_but_whom_the_rules_let_and_silence_leaves_it_open(click: Click, data: st.DataObject) -> None:
    deciders = deciders_of(click.approvers, sorted(click.requesters))
    facts = PersonFacts(click.user)
    answers = [may_decide(facts, deciders, "C1")]
    for what in data.draw(st.permutations(("membership", *LISTS))):  # Slack says it in any order
        if what == "membership":
            facts = replace(facts, membership=click.membership)
        else:
            facts = facts.listed(what, inside=what in click.inside)
        answers.append(may_decide(facts, deciders, "C1"))
    assert answers[-1] is click.may_count()
    given = [answer for answer in answers if answer is not None]
    assert answers == [None] * (len(answers) - len(given)) + [answers[-1]] * len(given)


class Asked:
    """What Slack says of one click, and what it was asked."""

    def __init__(self, click: Click, silent: frozenset[str]) -> None:
        self.click, self.silent, self.asked = click, silent, list[str]()

    async def membership(self, user: str) -> Membership | None:
        """None where Slack is silent."""
        self.asked.append("membership")
        return None if "membership" in self.silent else self.click.membership

    async def holds(self, list_id: str, user: str) -> bool | None:
        """None where Slack is silent."""
        self.asked.append(list_id)
        return None if list_id in self.silent else list_id in self.click.inside


@given(clicks, st.frozensets(st.sampled_from(("membership", *LISTS))))
async def test_where_slack_is_silent_nobody_decides_who_might_not(click: Click, silent: frozenset[str]) -> None:
    slack = Asked(click, silent)
    answer = await decides(slack, click.user, deciders_of(click.approvers, sorted(click.requesters)), "C1")
    assert answer in (None, click.may_count())
    assert answer is not None or silent & set(slack.asked)
    assert len(slack.asked) == len(set(slack.asked))
    assert answer is not True or "membership" in slack.asked  # a yes is never without having asked who that is now


@pytest.mark.parametrize(
    ("user", "membership"),
    [
        ({"id": "U1", "team_id": "T1"}, "member"),
        ({"id": "U1", "team_id": "T1", "is_admin": True, "is_stranger": False}, "member"),
        ({"id": "U1", "team_id": "E1", "enterprise_user": {"id": "U1", "teams": ["T9", "T1"]}}, "member"),
        ({"id": "U1", "team_id": "E1", "enterprise_user": {"id": "U1", "teams": ["T9"]}}, "external"),
        ({"id": "U1", "team_id": "T1", "is_restricted": True}, "guest"),
        ({"id": "U1", "team_id": "T1", "is_restricted": True, "is_ultra_restricted": True}, "guest"),
        ({"id": "U1", "team_id": "T2"}, "external"),  # in a channel that we share with them: no stranger
        ({"id": "U1", "team_id": "T2", "is_restricted": True}, "external"),
        ({"id": "U1", "team_id": "T1", "is_stranger": True}, "external"),
        ({"id": "U1"}, "external"),
        ({"id": "U1", "team_id": "T1", "deleted": True}, "inactive"),
        ({"id": "U1", "team_id": "T1", "is_bot": True}, "bot"),
        ({"id": "U1", "team_id": "T1", "is_bot": False, "is_workflow_bot": True}, "bot"),
        ({"id": "USLACKBOT", "team_id": "T1", "is_bot": False}, "bot"),
    ],
)
def test_what_slacks_object_of_a_person_means(user: dict[str, Any], membership: Membership) -> None:
    assert membership_of(user, "T1") == membership


@pytest.mark.parametrize("membership", MEMBERSHIPS)
def test_only_full_members_ask_unless_the_configuration_lets_others(membership: Membership) -> None:
    assert bool(why_not_asked(membership, FULL_MEMBERS)) is (membership != "member")
    let = PeopleSection(guests="ask", external="ask").askers()
    assert bool(why_not_asked(membership, let)) is (membership in ("bot", "inactive"))
    assert PeopleSection(guests="ask").askers() == {"member", "guest"}
    assert PeopleSection().askers() == {"member"}


# ---------------------------------------------------------------------------------------------- in the Home tab


def seen(verdict: Verdict, expires_at: datetime = NOW) -> ActionSeen:
    """What U1 asked for in C1, and waits."""
    proposed = ProposedAction(
        action_id="A1",
        call_id="call",
        tool="pay",
        arguments={},
        verdict=verdict,
        digest="d" * 64,
        requesters=("U1",),
        expires_at=expires_at,
    )
    return ActionSeen(proposed, PLACE, "pending", "", None)


class Slack:
    """Lists of people, each question counted; what is not there cannot be asked."""

    def __init__(self, **lists: set[str]) -> None:
        self.lists = lists
        self.people: dict[str, Membership] = {f"U{number}": "member" for number in range(1, 10)}
        self.asked: Counter[str] = Counter()
        self.error: Exception = UnclearError("no answer")

    async def membership(self, user: str) -> Membership:
        """What the person is here."""
        self.asked[user] += 1
        if user not in self.people:
            raise self.error
        return self.people[user]

    async def listed(self, list_id: str) -> frozenset[str]:
        """The people on it."""
        self.asked[list_id] += 1
        if list_id not in self.lists:
            raise self.error
        return frozenset(self.lists[list_id])


async def may(slack: Slack, approvers: Approvers, user: str = "U2") -> bool | None:
    """Whether this person may decide what U1 asked for in C1."""
    verdict = Verdict(answer="ask", rule="default", approvers=approvers)
    return await may_decide_at_home(AskedOnce(slack), Waiting(seen(verdict)), user, NOW)


@pytest.mark.parametrize(
    ("approvers", "user", "answer"),
    [
        (Approvers(channel_members=True), "U2", True),
        (Approvers(channel_members=True), "U3", False),
        (Approvers(groups=("S1", "S2")), "U4", True),
        (Approvers(groups=("S1", "S2")), "U2", False),
        (Approvers(users=("U9",)), "U9", True),
        (Approvers(users=("U9",)), "U2", False),
        (Approvers(channel_members=True, requester=False), "U1", False),
        (Approvers(users=("U9",), requester=True), "U1", True),
        (Approvers(channel_members=True), "U1", True),
        (Approvers(), "U2", False),
    ],
)
async def test_who_may_decide_is_judged_as_a_click_is(approvers: Approvers, user: str, answer: bool) -> None:
    assert await may(Slack(C1={"U1", "U2"}, S1={"U3"}, S2={"U4"}), approvers, user) is answer


@pytest.mark.parametrize(
    ("approvers", "answer"),
    [
        (Approvers(channel_members=True), None),
        (Approvers(channel_members=True, groups=("S1",)), True),  # one yes is enough
        (Approvers(channel_members=True, groups=("S2",)), None),  # and the list that is missing may hold another
        (Approvers(users=("U2",), channel_members=True), True),
    ],
)
async def test_a_list_that_slack_does_not_give_is_never_a_yes(approvers: Approvers, answer: bool | None) -> None:
    assert await may(Slack(S1={"U2"}, S2={"U3"}), approvers) is answer


async def test_slack_is_asked_once_for_each_list() -> None:
    slack = Slack(C1={"U2"}, S1={"U2"})
    asked = AskedOnce(slack)
    for _ in range(3):
        assert await asked.holds("C1", "U2") is True
        assert await asked.holds("S1", "U3") is False
        assert await asked.holds("S9", "U2") is None
    assert slack.asked == {"C1": 1, "S1": 1, "S9": 1}


async def test_slack_is_not_asked_for_more_lists_than_it_can_bear() -> None:
    slack = Slack(**{f"C{number}": {"U2"} for number in range(MOST_LISTS + 10)})
    asked = AskedOnce(slack)
    found = [await asked.holds(f"C{number}", "U2") for number in range(MOST_LISTS + 10)]
    assert found == [*[True] * MOST_LISTS, *[None] * 10]
    assert await asked.holds("C0", "U2") is True
    assert sum(slack.asked.values()) == MOST_LISTS


async def test_when_slack_asks_to_wait_it_is_left_alone() -> None:
    slack = Slack(C2={"U2"})
    slack.error = DelayedError(30)
    asked = AskedOnce(slack)
    assert await asked.holds("C1", "U2") is None
    assert await asked.holds("C2", "U2") is None
    assert slack.asked == {"C1": 1}


def test_after_its_escalation_further_people_may_decide() -> None:
    to = Approvers(users=("U9",))
    verdict = Verdict(answer="ask", rule="default", approvers=Approvers(users=("U2",), requester=False), expires_seconds=3600)
    escalating = verdict.model_copy(update={"escalation": Escalation(after_seconds=600, to=to)})
    action = seen(escalating, NOW + timedelta(seconds=3600))  # it was proposed now
    assert action.approvers(NOW + timedelta(seconds=599)) == verdict.approvers
    widened = Approvers(users=("U2", "U9"), requester=False)  # those who asked stay out
    assert action.approvers(NOW + timedelta(seconds=600)) == widened
    assert seen(verdict).approvers(NOW) == verdict.approvers
