"""Whether enough people can approve: counted for a card that is about to be posted, and for a rule by doctor."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from agent.approvals.deciders import Membership
from agent.types import Approvers, Escalation, Verdict
from bot.slack.enough import Lacking, absent, too_few


class Office:
    """A workspace in which everybody is active who is not named."""

    def __init__(self, standings: Mapping[str, Membership], lists: Mapping[str, Sequence[str]]) -> None:
        self._standings = standings
        self._lists = lists
        self.asked: list[str] = []

    async def membership(self, user: str) -> Membership:
        """See `Directory`."""
        self.asked.append(user)
        return self._standings.get(user, "member")

    async def listed(self, list_id: str) -> frozenset[str]:
        """See `Directory`."""
        self.asked.append(list_id)
        return frozenset(self._lists.get(list_id, ()))


def office() -> Office:
    """One with somebody of every kind."""
    standings: Mapping[str, Membership] = {"UGONE": "inactive", "UEXT": "external", "UBOT": "bot", "UGUEST": "guest"}
    return Office(standings, {"C1": ("UA", "UB", "UBOT", "UGUEST"), "C2": ("UA", "UBOT"), "S1": ("UA", "UC"), "S2": ()})


def asking(quorum: int = 1, later: Approvers | None = None, **approvers: object) -> Verdict:
    """A verdict that asks these."""
    escalation = Escalation(after_seconds=60, to=later) if later else None
    return Verdict(answer="ask", rule="", approvers=Approvers.model_validate(approvers), quorum=quorum, escalation=escalation)


GROUP = Approvers(groups=("S2",))


@pytest.mark.parametrize(
    ("verdict", "channel", "few"),
    [
        (asking(channel_members=True), "C1", None),
        (asking(channel_members=True, requester=False), "C1", None),
        (asking(channel_members=True, requester=False), "C2", (0, [Lacking("UA", "asked")])),
        (asking(2, channel_members=True), "C1", None),
        (asking(3, channel_members=True), "C1", (2, [Lacking("UGUEST", "guest")])),
        (asking(groups=("S2",)), "C1", (0, [Lacking("S2", "empty")])),
        (asking(groups=("S1",), requester=False), "C1", None),
        (asking(2, groups=("S1",), requester=False), "C1", (1, [Lacking("UA", "asked")])),
        (asking(2, groups=("S1",)), "C1", None),  # who asked is one of the group
        (asking(users=("UGONE",)), "C1", (0, [Lacking("UGONE", "inactive")])),
        (asking(users=("UGONE", "UEXT")), "C1", None),
        (asking(users=("UGONE", "UGUEST")), "C1", None),  # a guest who is named by id
        (asking(users=("UGONE",), requester=True), "C1", None),
        (asking(users=("UGONE",), later=Approvers(users=("UD",))), "C1", None),
        (
            asking(users=("UGONE",), later=Approvers(groups=("S2",))),
            "C1",
            (0, [Lacking("UGONE", "inactive"), Lacking("S2", "empty")]),
        ),
    ],
)
def test_who_can_approve_is_counted_up_to_the_quorum(
    verdict: Verdict, channel: str, few: tuple[int, Sequence[Lacking]] | None
) -> None:
    assert asyncio.run(too_few(verdict, ("UA",), channel, office())) == few


def test_slack_is_not_asked_where_the_requester_may_decide() -> None:
    here = office()
    assert asyncio.run(too_few(asking(channel_members=True), ("UA",), "C1", here)) is None
    assert here.asked == []


def test_a_crowd_is_not_looked_up_one_by_one() -> None:
    crowd = Office({f"U{number}": "guest" for number in range(500)}, {"C1": [f"U{number}" for number in range(500)]})
    assert asyncio.run(too_few(asking(channel_members=True, requester=False), ("UA",), "C1", crowd)) is None
    assert len(crowd.asked) < 30


def test_who_is_named_and_not_there_is_found_no_matter_who_asks() -> None:
    approvers = Approvers(users=("UA", "UGONE", "UEXT", "UGUEST"), groups=("S1", "S2", "S9"))
    assert [f"{one.id} {one.why}" for one in asyncio.run(absent(approvers, office()))] == [
        "UGONE inactive",
        "S2 empty",
        "S9 empty",
    ]
