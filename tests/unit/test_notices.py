"""What the bot says while actions wait: what for, who is asked, and that a message approves nothing."""

from typing import Any, Literal

import pytest

from agent.decide.moves import Card, Notice
from agent.types import Approvers, Escalation, Verdict
from bot.cards.block_kit import SlackBlock
from bot.cards.messages import notice_blocks, notice_text
from bot.sandbox.slack.blocks import message_faults
from bot.sandbox.slack.reading import read_blocks
from tests.unit.shown import TOOLS, buttons, card, live, shown

HOSTILE = "<!channel> *<https://evil.example|Ada>* `x` \u202e"
BOSSES = Verdict(
    answer="ask",
    rule="default",
    approvers=Approvers(users=("U7", "U8"), groups=("S1",)),
    escalation=Escalation(after_seconds=60, to=Approvers(users=("U9",), groups=("S2",))),
)


def blocks_of(subject: Literal["waiting", "reminder", "escalated", "allowed"], *cards: Card, **options: Any) -> list[SlackBlock]:
    blocks = notice_blocks(Notice(subject, cards=cards), TOOLS, **options)
    assert blocks is not None
    return blocks


def mail(action_id: str = "A1", to: str = "Ada", **fields: Any) -> Card:
    return card({"to": to}, "mail", action_id, **fields)


def test_a_message_while_a_card_waits_is_told_what_for_and_offered_a_way_on() -> None:
    blocks = blocks_of("waiting", mail(), card({}, "order", "A2"))
    text = read_blocks(blocks, {})
    assert text.startswith("I am waiting for a decision on Send to Ada; Place order: order\n")
    assert "Your message is queued" in text
    assert "It approves nothing" in text
    withdraw = buttons(blocks)["withdraw"]
    assert (withdraw["text"]["text"], withdraw["value"]) == ("Withdraw and continue", "A1,A2")


def test_what_waits_for_is_never_withdrawn_by_half() -> None:
    assert "withdraw" not in buttons(blocks_of("waiting", mail("A" * 1_500), mail("B" * 1_500)))
    many = blocks_of("waiting", *(mail(f"A{number:023}") for number in range(70)))
    assert message_faults(many) == []
    assert buttons(many)["withdraw"]["value"].count(",") == 69
    assert "and 65 more" in shown(many)


def test_a_reminder_notifies_those_who_have_not_voted() -> None:
    text = shown(blocks_of("reminder", mail(verdict=BOSSES, voters=("U8",))))
    assert "Still waiting: \nSend to Ada" in text.replace("text\n", "")
    assert "To be decided by <@U7> or a member of <!subteam^S1>, until <!date^" in text
    assert "<@U8>" not in text
    assert "<@U8>" in shown(blocks_of("reminder", mail(verdict=BOSSES, voters=("U7", "U8"))))


def test_a_reminder_of_an_unknown_outcome_has_no_deadline() -> None:
    text = shown(blocks_of("reminder", mail(verdict=BOSSES, look="unknown")))
    assert "It is still unknown what became of:" in text
    assert "say on the question above what happened: <@U7>" in text
    assert "until" not in text


def test_an_escalation_notifies_the_further_approvers() -> None:
    text = shown(blocks_of("escalated", mail(verdict=BOSSES)))
    assert "Escalated: may be decided by <@U9> or a member of <!subteam^S2> too, until <!date^" in text
    assert "U7" not in text


@pytest.mark.parametrize("subject", ["waiting", "reminder", "escalated", "allowed"])
def test_nothing_in_a_notice_is_live_but_those_who_are_asked(subject: Any) -> None:
    hostile = mail(to=HOSTILE, verdict=BOSSES, decided_by="U7")
    blocks = blocks_of(subject, hostile, mail("A2", decided_by="U7"))
    assert message_faults(blocks) == []
    assert live(blocks) == []
    text = notice_text(Notice(subject, cards=(hostile,)), TOOLS)
    assert "&lt;!channel&gt;" in text
    assert "<!channel>" not in text
    assert "<https" not in text


@pytest.mark.parametrize("subject", ["waiting", "reminder", "escalated", "allowed"])
def test_a_notice_is_masked(subject: Any) -> None:
    def mask(text: str) -> str:
        return text.replace("Ada", "[name]")

    assert "Ada" not in shown(blocks_of(subject, mail(), mask=mask))
    assert "Ada" not in notice_text(Notice(subject, cards=(mail(),)), TOOLS, mask)
    assert "[name]" in shown(blocks_of(subject, mail(), mask=mask))


def test_the_text_of_a_notice_says_the_same_as_its_blocks() -> None:
    assert notice_text(Notice("reminder", cards=(mail(verdict=BOSSES),)), TOOLS).startswith(
        "Still waiting: Send to Ada. To be decided by <@U7>, <@U8> or a member of <!subteam^S1>, until"
    )
    assert notice_text(Notice("waiting"), TOOLS).startswith("I am waiting for a decision on something")
    assert notice_blocks(Notice("too_long", length=13_000), TOOLS) is None
