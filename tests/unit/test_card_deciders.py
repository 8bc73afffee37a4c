"""Who decides, as the card says it; how far they have come; and what they press."""

import pytest

from agent.types import Approvers, Escalation, Verdict
from bot.cards.review import details_view
from bot.sandbox.slack.reading import read_blocks
from tests.unit.shown import always, buttons, card, every, menu, shown
from tests.unit.test_cards import blocks_of, read


@pytest.mark.parametrize(
    ("approvers", "words"),
    [
        (Approvers(channel_members=True), "a full member of this conversation"),
        (Approvers(users=("U7", "U8")), "<@U7>, <@U8>"),
        (Approvers(groups=("S1",), requester=False), "a member of <!subteam^S1> other than <@U1>"),
        (Approvers(users=("U7",), requester=True), "<@U7> or <@U1>, who asked"),
        (Approvers(users=tuple(f"U{number}" for number in range(10))), ", ".join(f"<@U{n}>" for n in range(8)) + " and 2 more"),
    ],
)
def test_the_card_says_who_may_decide(approvers: Approvers, words: str) -> None:
    verdict = Verdict(answer="ask", rule="default", approvers=approvers)
    assert f" · needs {words} · until" in shown(blocks_of(card({}, verdict=verdict)))


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (Verdict(answer="ask", rule="", quorum=2), "needs 2 full members of this conversation"),
        (
            Verdict(answer="ask", rule="", quorum=2, approvers=Approvers(channel_members=True, requester=False)),
            "needs 2 full members of this conversation other than <@U1>",
        ),
        (Verdict(answer="ask", rule="", quorum=2, approvers=Approvers(users=("U7", "U8"))), "needs 2 of <@U7>, <@U8>"),
        (Verdict(answer="ask", rule="", rejections=2), "needs a full member of this conversation, 2 to reject"),
    ],
)
def test_the_card_says_how_many_it_needs(verdict: Verdict, words: str) -> None:
    assert f" · {words} · until" in shown(blocks_of(card({}, verdict=verdict)))


@pytest.mark.parametrize(
    ("quorum", "rejections", "line"),
    [
        (2, 1, "*1 of 2* approvals: <@U7>."),
        (2, 2, "*1 of 2* approvals: <@U7>, *1 of 2* rejections: <@U8>."),
        (1, 2, "*1 of 1* approvals: <@U7>, *1 of 2* rejections: <@U8>."),
    ],
)
def test_the_card_shows_how_far_a_quorum_has_come(quorum: int, rejections: int, line: str) -> None:
    verdict = Verdict(answer="ask", rule="default", quorum=quorum, rejections=rejections)
    voted = card({}, voters=("U7",), rejecters=("U8",), verdict=verdict)
    assert f"\n{line}" in shown(blocks_of(voted))


def test_one_vote_is_no_progress() -> None:
    assert "approvals" not in shown(blocks_of(card({})))


def test_an_escalated_card_says_to_whom() -> None:
    escalation = Escalation(after_seconds=60, to=Approvers(users=("U9",)))
    verdict = Verdict(answer="ask", rule="default", approvers=Approvers(users=("U7", "U9")), escalation=escalation)
    assert "escalated" not in shown(blocks_of(card({}, verdict=verdict)))
    assert "Nobody decided in time: escalated to <@U9>." in shown(blocks_of(card({}, verdict=verdict, escalated=True)))


def test_the_card_says_why_its_rule_is_there() -> None:
    verdict = Verdict(answer="ask", rule="rule 1", reason="Large orders need <two> people")
    said = {"type": "plain_text", "text": "Why: Large orders need <two> people", "emoji": False}
    assert said in every(blocks_of(card({}, verdict=verdict)), "plain_text")
    assert "rule 1" not in read(card({}, verdict=verdict))
    assert "rule 1" in read_blocks(details_view(card({}, verdict=verdict), None)["blocks"], {})


def test_a_card_that_could_not_be_posted_everywhere_says_what_to_mend() -> None:
    verdict = Verdict(answer="ask", rule="default", post_to="C9")
    text = shown(blocks_of(card({}, verdict=verdict, not_posted="not_in_channel")))
    assert "It could not be posted in <#C9> (not_in_channel): invite me there." in text


def test_what_cannot_be_undone_says_so_and_asks_once_more() -> None:
    blocks = blocks_of(card({}, "delete", sources=("inbox of support",)))
    found = buttons(blocks)
    assert list(found) == ["approve", "reject"]
    assert found["approve"]["style"] == "danger"
    assert found["approve"]["confirm"]["text"]["text"] == "Delete: delete\nProposed after reading: inbox of support"
    assert "This cannot be undone. It is gone." in read_blocks(blocks, {}).splitlines()
    harmless = buttons(blocks_of(card({}, "order"), may_grant=always))
    assert harmless["approve"]["style"] == "primary"
    assert "confirm" not in harmless["approve"]
    assert {one["value"] for one in harmless.values()} == {"A1"}


def test_what_is_done_more_seldom_is_in_the_menu() -> None:
    assert menu(blocks_of(card({}, "order"), may_grant=always)) == ["edit:A1", "always:A1", "details:A1"]
    assert menu(blocks_of(card({}, "order"))) == ["edit:A1", "details:A1"]
