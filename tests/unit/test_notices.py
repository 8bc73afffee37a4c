"""What the bot says while actions wait: what for, who is asked, and that a message approves nothing."""

from dataclasses import replace
from typing import Any

import pytest

from agent.decide.moves import Card, CardNotice, Notice
from agent.session.steps import NoticeLook
from agent.types import Approvers, Escalation, Verdict
from bot.cards.block_kit import SlackBlock
from bot.cards.messages import notice_blocks, notice_text
from bot.cards.notices import ENDED_IN_SEVERAL_WAYS, card_notice_blocks, card_notice_text
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


Look = NoticeLook  # what a notice says
WAITS, REMINDS = Look(waits=("A1",), queued=1), Look(waits=("A1",), reminders=1)
ESCALATED = Look(waits=("A1",), reminders=1, escalated=("A1",))
KINDS = [CardNotice((), look) for look in (WAITS, REMINDS, ESCALATED)] + [Notice("reminder")]


def blocks_of(look: NoticeLook, *cards: Card, **options: Any) -> list[SlackBlock]:
    return card_notice_blocks(CardNotice(cards, look), TOOLS, **options)


def drawn(kind: CardNotice | Notice, *cards: Card, **options: Any) -> tuple[list[SlackBlock], str]:
    """The blocks and the text of a notice about these."""
    notice = replace(kind, cards=cards)
    if isinstance(notice, CardNotice):
        return card_notice_blocks(notice, TOOLS, **options), card_notice_text(notice, TOOLS, **options)
    blocks = notice_blocks(notice, TOOLS, **options)
    assert blocks is not None
    return blocks, notice_text(notice, TOOLS, **options)


def mail(action_id: str = "A1", to: str = "Ada", **fields: Any) -> Card:
    return card({"to": to}, "mail", action_id, **fields)


def test_a_message_while_a_card_waits_is_told_what_for_and_offered_a_way_on() -> None:
    blocks = blocks_of(WAITS, mail(), card({}, "order", "A2"))
    text = read_blocks(blocks, {})
    assert text.startswith("I am waiting for a decision on Send to Ada; Place order: order\n")
    assert "Your message is queued" in text
    assert "It approves nothing" in text
    withdraw = buttons(blocks)["withdraw"]
    assert (withdraw["text"]["text"], withdraw["value"]) == ("Withdraw and continue", "A1,A2")
    assert "3 messages are queued" in shown(blocks_of(Look(waits=("A1",), queued=3), mail()))


def test_what_waits_for_is_never_withdrawn_by_half() -> None:
    assert "withdraw" not in buttons(blocks_of(WAITS, mail("A" * 1_500), mail("B" * 1_500)))
    many = blocks_of(WAITS, *(mail(f"A{number:023}") for number in range(70)))
    assert message_faults(many) == []
    assert buttons(many)["withdraw"]["value"].count(",") == 69
    assert "and 65 more" in shown(many)


def test_a_reminder_notifies_those_who_have_not_voted() -> None:
    text = shown(blocks_of(REMINDS, mail(verdict=BOSSES, voters=("U8",))))
    assert "Still waiting: \nSend to Ada" in text.replace("text\n", "")
    assert "Since <!date^" in text
    assert "To be decided by <@U7> or a member of <!subteam^S1>, until <!date^" in text
    assert "<@U8>" not in text
    assert "<@U8>" in shown(blocks_of(REMINDS, mail(verdict=BOSSES, voters=("U7", "U8"))))


def test_a_reminder_of_an_unknown_outcome_has_no_deadline() -> None:
    text = shown(drawn(Notice("reminder"), mail(verdict=BOSSES, look="unknown"))[0])
    assert "It is still unknown what became of:" in text
    assert "say on the question above what happened: <@U7>" in text
    assert "until" not in text


def test_an_escalation_notifies_the_further_approvers() -> None:
    text = shown(blocks_of(ESCALATED, mail(verdict=BOSSES)))
    assert "Nobody decided in time: " in text
    assert "Escalated: may be decided by <@U9> or a member of <!subteam^S2> too, until <!date^" in text
    assert "U7" not in text


@pytest.mark.parametrize(
    ("ended", "line"),
    [
        ({"look": "succeeded", "voters": ("U7", "U8")}, "Approved by <@U7>, <@U8>."),
        ({"look": "rejected", "decided_by": "U7", "rejecters": ("U7",)}, "Rejected by <@U7> · Nothing was run."),
        ({"look": "withdrawn", "decided_by": "U1"}, "Withdrawn by <@U1> · Nothing was run."),
        ({"look": "expired", "voters": ("U7",)}, "Expired · Nobody decided in time; nothing was run."),
        ({"look": "edited", "decided_by": "U1", "voters": ("U7",)}, "Edited by <@U1> · Proposed anew; nothing was run."),
    ],
)
def test_what_is_over_is_one_line_without_buttons(ended: dict[str, Any], line: str) -> None:
    blocks, text = drawn(CardNotice((), Look()), mail(**ended), mail("A2", **ended))
    assert (read_blocks(blocks, {}), text, buttons(blocks)) == (line.replace("<@", "@").replace(">", ""), line, {})
    assert drawn(CardNotice((), Look()), mail(**ended), mail("A2", look="failed"))[1] == ENDED_IN_SEVERAL_WAYS


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_in_a_notice_is_live_but_those_who_are_asked(kind: CardNotice | Notice) -> None:
    hostile = mail(to=HOSTILE, verdict=BOSSES, decided_by="U7")
    blocks, _ = drawn(kind, hostile, mail("A2", decided_by="U7"))
    assert message_faults(blocks) == []
    assert live(blocks) == []
    _, text = drawn(kind, hostile)
    assert "&lt;!channel&gt;" in text
    assert "<!channel>" not in text
    assert "<https" not in text


@pytest.mark.parametrize("kind", KINDS)
def test_a_notice_is_masked(kind: CardNotice | Notice) -> None:
    def mask(text: str) -> str:
        return text.replace("Ada", "[name]")

    blocks, text = drawn(kind, mail(), mask=mask)
    assert "Ada" not in shown(blocks)
    assert "Ada" not in text
    assert "[name]" in shown(blocks)


def test_the_text_of_a_notice_says_the_same_as_its_blocks() -> None:
    text = drawn(CardNotice((), REMINDS), mail(verdict=BOSSES))[1]
    assert text.startswith("Still waiting: Send to Ada. Since <!date^")
    assert "To be decided by <@U7>, <@U8> or a member of <!subteam^S1>, until" in text
    assert drawn(CardNotice((), WAITS), mail())[1].startswith(
        "I am waiting for a decision on Send to Ada. Your message is queued"
    )
    assert notice_blocks(Notice("too_long", length=13_000), TOOLS) is None
