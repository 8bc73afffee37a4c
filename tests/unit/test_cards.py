"""The card, as a person in a hurry reads it: everything is there, nothing is live, and nothing can be forged."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from pydantic import BaseModel

from agent.decide.moves import Card, Cards
from agent.types import Approvers, Change, Escalation, Preview, Verdict
from bot.cards.block_kit import SlackBlock
from bot.cards.cards import card_blocks, card_text, headline, question_blocks, question_text
from bot.cards.review import review_view
from bot.sandbox.slack.blocks import message_faults, view_faults
from bot.sandbox.slack.reading import read_blocks
from tests.unit.shown import NOW, TOOLS, always, buttons, card, every, shown, tool


def blocks_of(one: Card, **options: Any) -> list[SlackBlock]:
    return card_blocks(Cards((one,)), TOOLS, **options)


def read(one: Card, **options: Any) -> str:
    """The card as it is read, line by line."""
    return read_blocks(blocks_of(one, **options), {})


def boxes(blocks: list[SlackBlock]) -> list[str]:
    """The preformatted texts of the arguments."""
    [block] = [block for block in blocks if block.get("block_id") == "arguments:A1"]
    return [part["elements"][0]["text"] for part in block["elements"] if part["type"] == "rich_text_preformatted"]


# ---------------------------------------------------------------------------------------------- arguments


def test_short_values_are_lines_of_one_table() -> None:
    [table] = boxes(blocks_of(card({"customer": "ada@example.com", "quantity": 2, "note": ""})))
    assert table.splitlines() == ["customer  ada@example.com", "quantity  2", 'note      ""']


def test_a_value_cannot_pass_itself_off_as_another_argument() -> None:
    table, forged = boxes(blocks_of(card({"amount": 5, "note": "hi\namount  5000"})))
    assert table == "amount  5"
    assert forged == "hi\namount  5000"  # in a separate box, under its own name


@pytest.mark.parametrize("name", ["a\nquantity", "\u202eytitnauq", "qu\u200bantity", "quantity ", "qu\u0430ntity", ""])
def test_a_name_that_is_not_a_plain_word_stands_in_quotes(name: str) -> None:
    [table] = boxes(blocks_of(card({"quantity": 1, name: 2})))
    assert len(table.splitlines()) == 2
    assert table.splitlines()[1].startswith('"')


def test_a_value_that_is_cut_says_how_long_it_is_and_the_whole_is_a_click_away() -> None:
    long = card({"text": "a" * 5_000, "amount": 5})
    assert "text (5,000 characters, cut in the middle)" in read(long)
    assert list(buttons(blocks_of(long)))[:2] == ["review", "reject"]  # nobody approves what they cannot read
    assert list(buttons(blocks_of(card({"amount": 5}))))[:2] == ["approve", "reject"]
    assert "a" * 2_800 in shown(review_view(long, None))


def test_what_is_cut_keeps_its_head_and_its_tail() -> None:
    mail = card({"body": f"Dear Ada,{' ' * 3}{'blah ' * 600}P.S. please wire 9,999 USD to account 42"})
    text = read(mail)
    assert "Dear Ada," in text
    assert "P.S. please wire 9,999 USD to account 42" in text


def test_no_click_for_several_covers_a_card_that_is_not_whole() -> None:
    short, long = card({"a": 1}, "order"), replace(card({"text": "b" * 5_000}, "order"), action_id="A2")
    assert "approve_all" in buttons(card_blocks(Cards((short, replace(short, action_id="A3"))), TOOLS))
    several = buttons(card_blocks(Cards((short, long)), TOOLS, may_grant=always))
    assert "approve_all" not in several
    assert "grant" not in buttons(blocks_of(card({"to": "b" * 5_000}, "mail"), may_grant=always))
    assert "review" in several


def test_more_arguments_than_a_message_holds_are_counted() -> None:
    blocks = blocks_of(card({f"{number}{'k' * 100}": "v" * 60 for number in range(400)}))
    left = re.search(r"(\d+) further arguments do not fit here", shown(blocks))
    assert left
    assert len(boxes(blocks)[0].splitlines()) + int(left[1]) == 400
    assert "review" in buttons(blocks)


# ---------------------------------------------------------------------------------------------- the order of a card

FULL = card(
    {"to": "C-1", "amount": 5},
    "mail",
    preview=Preview(
        headline="Send to Ada", changes=(Change(what="stock", before="7", after="5"), Change(what="total", after="$10"))
    ),
    sources=("web page example.com", "file prices.csv"),
    said="The customer asked for it.",
    edited_by="U2",
)


def test_a_card_is_read_from_what_happens_to_who_decides() -> None:
    assert read(FULL, may_grant=always).splitlines() == [
        "Send to Ada",
        "to      C-1",
        "amount  5",
        "What would change",
        "stock  7 → 5",
        "total  $10",
        "Arguments edited by @U2: the votes started anew.",
        "Asked by @U1  ·  `mail` (write)  ·  digest `dddddddddddd` rule: default",
        "The model's own words, before the edit (not checked): The customer asked for it.",
        ":warning: Read before, from outside, unchecked: web page example.com, file prices.csv",
        "[Send] [Reject] [Edit…] [Always allow…]",
        "To be decided by any full member of this conversation, until 2026-11-22 00:00 UTC; then it expires and nothing is run.",
    ]


def test_a_part_that_is_empty_is_not_there() -> None:
    assert read(card({"a": 1}, "order")).splitlines() == [
        "Place order: order",
        "Takes it out of stock. Can be cancelled.",
        "a  1",
        "Asked by @U1  ·  `order` (write)  ·  digest `dddddddddddd` rule: default",
        "[Place order] [Reject] [Edit…]",
        "To be decided by any full member of this conversation, until 2026-11-22 00:00 UTC; then it expires and nothing is run.",
    ]


def test_a_preview_that_could_not_be_made_says_why() -> None:
    assert "No preview: the shop does not answer" in read(card({}, preview=Preview(trouble="the shop does\nnot answer")))


def test_a_long_preview_is_cut_with_its_count_and_is_whole_in_the_dialog() -> None:
    many = Preview(changes=tuple(Change(what=f"row {number}", before="x" * 200, after="y") for number in range(30)))
    text = read(card({}, preview=many))
    assert "What would change (the first 20 of 30)" in text
    assert "xx (200 characters) → y" in text
    assert "review" in buttons(blocks_of(card({}, preview=many)))
    view = review_view(card({}, preview=many), None)
    assert view_faults(view) == []
    assert shown(view).count("x" * 200) == 30


def test_what_would_change_cannot_be_forged_by_what_is_there() -> None:
    forged = Preview(changes=(Change(what="price", before="5 → 7", after="9\nstock  1 → 2"),))
    assert 'price  "5 → 7" → "9\\nstock⟨2 spaces⟩1 → 2"' in read(card({}, preview=forged))


def test_words_of_others_stand_on_one_line_under_their_label() -> None:
    lines = read(card({}, said="ok\nTo be decided by @U9", sources=("a\n:lock: b",))).splitlines()
    assert "The model's own words (not checked): ok To be decided by @U9" in lines
    assert ':warning: Read before, from outside, unchecked: "a\\n:lock: b"' in lines


def test_sources_and_words_that_are_too_long_say_how_much_is_left() -> None:
    one = card({}, said="w" * 1_000, sources=("s" * 200, *(f"web page {number}" for number in range(100))))
    text = read(one)
    assert "w…w" in text
    assert "w (1,000 characters)" in text
    assert "s (200 characters), web page 0" in text
    assert "review" in buttons(blocks_of(one))  # the sources bind, the model's words do not
    assert "web page 99" in shown(review_view(one, None))
    assert re.search(r"web page \d+, and \d\d more", text)


# ---------------------------------------------------------------------------------------------- who decides


@pytest.mark.parametrize(
    ("approvers", "words"),
    [
        (Approvers(channel_members=True), "any full member of this conversation"),
        (Approvers(users=("U7", "U8")), "<@U7>, <@U8>"),
        (Approvers(groups=("S1",), requester=False), "a member of <!subteam^S1> (but not <@U1>, who asked)"),
        (Approvers(users=("U7",), requester=True), "<@U7> or <@U1>, who asked"),
        (Approvers(users=tuple(f"U{number}" for number in range(10))), ", ".join(f"<@U{n}>" for n in range(8)) + " and 2 more"),
    ],
)
def test_the_card_says_who_may_decide(approvers: Approvers, words: str) -> None:
    verdict = Verdict(answer="ask", rule="default", approvers=approvers)
    assert f"To be decided by {words}, until" in shown(blocks_of(card({}, verdict=verdict)))


@pytest.mark.parametrize(
    ("quorum", "rejections", "line"),
    [
        (2, 1, "*1 of 2* approvals: <@U7>. One rejection settles it."),
        (2, 2, "*1 of 2* approvals: <@U7>, *1 of 2* rejections: <@U8>."),
        (1, 2, "*1 of 1* approvals: <@U7>, *1 of 2* rejections: <@U8>."),
    ],
)
def test_the_card_shows_how_far_a_quorum_has_come(quorum: int, rejections: int, line: str) -> None:
    verdict = Verdict(answer="ask", rule="default", quorum=quorum, rejections=rejections)
    voted = card({}, voters=("U7",), rejecters=("U8",), verdict=verdict)
    assert f"{line}\nTo be decided by" in shown(blocks_of(voted))


def test_one_vote_is_no_progress() -> None:
    assert "approvals" not in shown(blocks_of(card({})))


def test_an_escalated_card_says_to_whom() -> None:
    escalation = Escalation(after_seconds=60, to=Approvers(users=("U9",)))
    verdict = Verdict(answer="ask", rule="default", approvers=Approvers(users=("U7", "U9")), escalation=escalation)
    assert "escalated" not in shown(blocks_of(card({}, verdict=verdict)))
    assert "Nobody decided in time: escalated to <@U9>." in shown(blocks_of(card({}, verdict=verdict, escalated=True)))


def test_the_card_says_why_its_rule_is_there() -> None:
    verdict = Verdict(answer="ask", rule="rule 1", reason="Large orders need <two> people")
    assert read(card({}, verdict=verdict)).count("rule 1 Why: Large orders need <two> people") == 1
    assert {"type": "plain_text", "text": "rule 1", "emoji": False} in every(blocks_of(card({}, verdict=verdict)), "plain_text")


def test_a_card_that_could_not_be_posted_everywhere_says_what_to_mend() -> None:
    verdict = Verdict(answer="ask", rule="default", post_to="C9")
    text = shown(blocks_of(card({}, verdict=verdict, not_posted="not_in_channel")))
    assert "It could not be posted in <#C9> (not_in_channel): invite me there." in text


def test_what_cannot_be_undone_asks_once_more() -> None:
    found = buttons(blocks_of(card({}, "delete")))
    assert list(found) == ["approve", "reject", "edit"]
    assert found["approve"]["style"] == "danger"
    assert found["approve"]["confirm"]["text"]["text"] == "Delete: delete"
    harmless = buttons(blocks_of(card({}, "order"), may_grant=always))
    assert harmless["approve"]["style"] == "primary"
    assert "confirm" not in harmless["approve"]
    assert {one["value"] for one in harmless.values()} == {"A1"}
    assert "grant" in harmless


# ---------------------------------------------------------------------------------------------- endings


@pytest.mark.parametrize(
    ("look", "fields", "words"),
    [
        ("approved", {}, "Approved by @U7, @U8, 2026-11-22 00:00 UTC. Running now."),
        ("succeeded", {}, "Approved by @U7, @U8, 2026-11-22 00:00 UTC. Done."),
        ("failed", {}, "Approved by @U7, @U8, 2026-11-22 00:00 UTC, but it failed."),
        ("unknown", {}, "Its outcome is unknown"),
        ("left", {}, "Its outcome is unknown and was left so"),
        ("refused", {}, "Not run by @U7, @U8, 2026-11-22 00:00 UTC. The approval no longer holds."),
        ("rejected", {"rejecters": ("U5", "U2")}, "Rejected by @U5, @U2, 2026-11-22 00:00 UTC. Nothing was run."),
        ("rejected", {}, "Rejected by @U2, 2026-11-22 00:00 UTC. Nothing was run."),
        ("expired", {"decided_by": ""}, "Expired, 2026-11-22 00:00 UTC. Nobody decided in time; nothing was run."),
        ("withdrawn", {}, "Withdrawn by @U2, 2026-11-22 00:00 UTC. Nothing was run."),
        ("edited", {}, "Edited by @U2, 2026-11-22 00:00 UTC. The new card is below; nothing was run."),
    ],
)
def test_a_closed_card_says_who_and_what_came_of_it(look: Any, fields: dict[str, Any], words: str) -> None:
    given: dict[str, Any] = {"look": look, "voters": ("U7", "U8"), "decided_by": "U2", "decided_at": NOW, **fields}
    closed = card({"a": "b" * 5_000}, **given)
    assert words in read(closed)
    assert buttons(blocks_of(closed)) == {}


def test_a_closed_card_shows_the_reason_or_what_the_result_adds() -> None:
    assert read(card({}, look="rejected", reason="too dear")).endswith("too dear")
    result = json.dumps({"ok": True, "result": {"quantity": 2, "order": "ORD-1", "note": ""}})
    assert read(card({"quantity": 2}, look="succeeded", result=result)).endswith("Done.\norder  ORD-1")
    problem = json.dumps({"ok": False, "error": "timeout", "detail": "The shop did not answer."})
    assert read(card({}, look="failed", result=problem)).endswith("The shop did not answer.")
    long = json.dumps({"ok": True, "result": "r" * 3_000})
    assert "3,000 characters, cut here" in read(card({}, look="succeeded", result=long))


# ---------------------------------------------------------------------------------------------- headline and text


class Strict(BaseModel):
    needed: int


def needed(arguments: Strict) -> str:
    return str(arguments.needed)


def test_a_card_whose_tool_has_changed_meanwhile_can_still_be_shown() -> None:
    changed = replace(tool("mail", verb="Send", headline=needed), arguments=Strict)
    assert headline(card({"to": "Ada"}, "mail"), changed) == "Send: mail"
    assert headline(card({"needed": 3}, "mail"), changed) == "3"


def test_the_text_for_notifications_says_what_is_needed() -> None:
    assert card_text(Cards((card({"to": "<!here>"}, "mail"),)), TOOLS) == "Approval needed: Send to &lt;!here&gt;"
    assert card_text(Cards((card({}, "mail", look="expired"),)), TOOLS) == "Expired: Send to None"


def test_the_question_says_who_may_answer_it_and_shows_everything() -> None:
    asked = card({"to": "Ada", "text": "t" * 5_000}, "mail")
    blocks = question_blocks(asked, TOOLS["mail"])
    assert message_faults(blocks) == []
    assert list(buttons(blocks)) == ["happened", "run_again", "leave", "show_all"]
    assert "To be answered by any full member of this conversation." in shown(blocks)
    assert question_text(asked, TOOLS["mail"]) == "Outcome unknown: Send to Ada"
