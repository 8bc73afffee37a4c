"""The card, as a person in a hurry reads it: everything is there, nothing is live, and nothing can be forged."""

import json
import re
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel

from agent.decide.moves import Card, Cards
from agent.types import Change, Magnitude, Preview, Verdict, Wording
from bot.cards.block_kit import SlackBlock
from bot.cards.cards import card_blocks, card_text, headline, question_blocks, question_text
from bot.cards.review import details_view, review_view
from bot.sandbox.slack.blocks import message_faults, view_faults
from bot.sandbox.slack.reading import read_blocks
from tests.unit.shown import TOOLS, always, buttons, card, menu, shown, tool


def blocks_of(one: Card, **options: Any) -> list[SlackBlock]:
    return card_blocks(Cards((one,)), TOOLS, **options)


def read(one: Card, **options: Any) -> str:
    """The card as it is read, line by line."""
    return read_blocks(blocks_of(one, **options), {})


def argument_lines(blocks: list[SlackBlock]) -> list[str]:
    """The lines and boxes of the arguments, as texts."""
    [block] = [block for block in blocks if block.get("block_id") == "arguments:A1"]
    return ["".join(part["text"] for part in element["elements"]) for element in block["elements"]]


# ---------------------------------------------------------------------------------------------- arguments


def test_short_values_stand_on_one_line() -> None:
    [line] = argument_lines(blocks_of(card({"customer": "ada@example.com", "quantity": 2, "note": ""})))
    assert line == 'customer: ada@example.com · quantity: 2 · note: ""'


def test_many_short_values_are_lines_of_one_table() -> None:
    [table] = argument_lines(blocks_of(card({f"size_{number}": number for number in range(9)})))
    assert table.splitlines()[:2] == ["size_0  0", "size_1  1"]


@pytest.mark.parametrize("note", ["hi\namount  5000", "hi · amount: 5000"])
def test_a_value_cannot_pass_itself_off_as_another_argument(note: str) -> None:
    line, title, forged = argument_lines(blocks_of(card({"amount": 5, "note": note})))
    assert line == "amount: 5"
    assert (title, forged) == ("note", note)  # in a separate box, under its own name


class Order(BaseModel):
    """What to order for whom."""

    customer: str
    quantity: int
    note: str = ""
    gift: bool = False


ORDERS = {"order": replace(tool("order", verb="Place order", named=("quantity",)), arguments=Order)}


def order_lines(customer: str, quantity: int, **more: Any) -> list[str]:
    """The lines of the arguments of an order whose headline a preview has found."""
    preview = Preview(headline=f"Order {quantity} × Widget Pro for {customer}")
    one = card({"customer": customer, "quantity": quantity, **more}, "order", preview=preview)
    return argument_lines(card_blocks(Cards((one,)), ORDERS))


def test_what_the_headline_names_is_said_once_and_a_default_that_is_nothing_in_words() -> None:
    assert order_lines("ada@example.com", 12, note="", gift=False) == ["customer: ada@example.com · gift: false · no note"]
    assert order_lines("ada@example.com", 12, note="By noon") == ["customer: ada@example.com · note: By noon"]


@pytest.mark.parametrize("customer", ["12", "Ada 12", "12 × Widget Pro for Ada"])
def test_what_the_headline_may_name_for_another_reason_is_said_again(customer: str) -> None:
    [line] = order_lines(customer, 12)
    assert "quantity: 12" in line


@pytest.mark.parametrize("name", ["a\nquantity", "\u202eytitnauq", "qu\u200bantity", "quantity ", "qu\u0430ntity", ""])
def test_a_name_that_is_not_a_plain_word_stands_in_quotes(name: str) -> None:
    [line] = argument_lines(blocks_of(card({"quantity": 1, name: 2})))
    first, second = line.split(" · ")
    assert first == "quantity: 1"
    assert second.startswith('"')


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
    assert list(several) == ["approve", "review", "one_by_one"]
    assert menu(blocks_of(card({"to": "b" * 5_000}, "mail"), may_grant=always)) == ["edit:A1", "details:A1"]


def test_more_arguments_than_a_message_holds_are_counted() -> None:
    blocks = blocks_of(card({f"{number}{'k' * 100}": "v" * 60 for number in range(400)}))
    left = re.search(r"(\d+) further arguments do not fit here", shown(blocks))
    assert left
    assert len(argument_lines(blocks)[0].splitlines()) + int(left[1]) == 400
    assert "review" in buttons(blocks)


# ---------------------------------------------------------------------------------------------- the order of a card

STOCK = (Change(what="stock", before="7", after="5"), Change(what="total", after="$10"))
FULL = card(
    {"to": "C-1", "amount": 5},
    "mail",
    preview=Preview(
        headline="Send to Ada",
        changes=STOCK,
        magnitude=Magnitude(number=Decimal("588.00"), of="USD"),
    ),
    sources=("web page example.com", "file prices.csv"),
    said="The customer asked for it.",
    edited_by="U2",
)


def test_a_card_is_read_from_what_happens_to_who_decides() -> None:
    assert read(FULL, may_grant=always).splitlines() == [
        "Send to Ada · $588.00",
        "to: C-1 · amount: 5",
        "Would change stock 7 → 5 · total $10",
        ":warning: Proposed after reading: web page example.com, file prices.csv",
        "Asked by @U1 · needs a full member of this conversation · until 2026-11-22 00:00 UTC",
        "Edited by @U2: the votes started anew.",
        "[Send · $588] [Reject] [… Edit… · Always allow… · Details]",
    ]


def test_a_part_that_is_empty_is_not_there() -> None:
    assert read(card({"a": 1}, "order")).splitlines() == [
        "Place order: order",
        "a: 1",
        "Takes it out of stock. Can be cancelled.",
        "Asked by @U1 · needs a full member of this conversation · until 2026-11-22 00:00 UTC",
        "[Place order] [Reject] [… Edit… · Details]",
    ]


def test_all_that_the_card_has_no_room_for_is_in_its_details() -> None:
    view = details_view(
        replace(FULL, preview=Preview(headline="Send to Ada", changes=STOCK, bound={"to": {"id": 7}})), TOOLS["mail"]
    )
    assert view_faults(view) == []
    titles = ["In one line", "to", "amount", "Would change: stock, before", "By which rule", "Which tool", "It stands for: to"]
    lines = read_blocks(view["blocks"], {}).splitlines()
    assert [line for line in lines if line in titles] == titles
    assert {"default", "mail (write)", '{"id": 7}', "d" * 64, "The customer asked for it."} <= set(lines)


@pytest.mark.parametrize(
    ("magnitude", "words"),
    [
        (Magnitude(number=Decimal("12.50"), of="USD"), "$12.50"),
        (Magnitude(number=Decimal("1234567.00"), of="EUR"), "€1,234,567"),
        (Magnitude(number=Decimal("-3.00"), of="GBP"), "-£3"),
        (Magnitude(number=Decimal("20"), of="CHF"), "20 CHF"),
        (Magnitude(number=Decimal("1"), of="rows"), "1 row"),
        (Magnitude(number=Decimal("1200"), of="rows"), "1,200 rows"),
    ],
)
def test_the_button_says_how_much(magnitude: Magnitude, words: str) -> None:
    one = card({"to": "Ada"}, "mail", preview=Preview(magnitude=magnitude))
    assert buttons(blocks_of(one))["approve"]["text"]["text"] == f"Send · {words}"


@pytest.mark.parametrize("forged", ["Pay Bob · $0.00", '"Pay Bob', "Pay Bob ·"])
def test_a_headline_cannot_look_like_one_with_another_amount(forged: str) -> None:
    preview = Preview(headline=forged, magnitude=Magnitude(number=Decimal("588.00"), of="USD"))
    assert headline(card({}, preview=preview), None) == f"{json.dumps(forged, ensure_ascii=False)} · $588.00"
    assert headline(card({}, preview=Preview(headline=forged)), None) == json.dumps(forged, ensure_ascii=False)


def test_a_verb_that_names_an_amount_is_no_button() -> None:
    wording = Wording(effect="write", verb="Pay · $0")
    assert list(buttons(blocks_of(card({}, wording=wording)))) == ["review", "reject"]


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
    assert 'Would change price "5 → 7" → "9\\nstock⟨2 spaces⟩1 → 2"' in read(card({}, preview=forged))


def test_words_of_others_stand_on_one_line_under_their_label() -> None:
    forged = card({}, said="ok\nTo be decided by @U9", sources=("a\n:lock: b",), look="pending")
    assert ':warning: Proposed after reading: "a\\n:lock: b"' in read(forged).splitlines()
    assert "ok" not in read(forged)  # the model's own words are in Details, labelled


def test_sources_that_are_too_long_say_how_much_is_left() -> None:
    one = card({}, sources=("s" * 200, *(f"web page {number}" for number in range(100))))
    text = read(one)
    assert "s (200 characters), web page 0" in text
    assert "review" in buttons(blocks_of(one))
    assert "web page 99" in shown(review_view(one, None))
    assert re.search(r"web page \d+, and \d\d more", text)


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
    assert card_text(Cards((card({"to": "<!here>"}, "mail"),)), TOOLS) == "<@U1> asks: Send to &lt;!here&gt;"
    two = Verdict(answer="ask", rule="", quorum=2)
    assert card_text(Cards((replace(FULL, verdict=two, voters=("U7",)),)), TOOLS) == "<@U1> asks: Send to Ada, $588 (1 of 2)"
    assert card_text(Cards((card({}, "mail", look="expired"),)), TOOLS) == "Expired: Send to None"


def test_the_question_says_who_may_answer_it_and_shows_everything() -> None:
    asked = card({"to": "Ada", "text": "t" * 5_000}, "mail")
    blocks = question_blocks(asked, TOOLS["mail"])
    assert message_faults(blocks) == []
    assert list(buttons(blocks)) == ["happened", "run_again", "leave", "show_all"]
    assert "To be answered by any full member of this conversation." in shown(blocks)
    assert question_text(asked, TOOLS["mail"]) == "Outcome unknown: Send to Ada"
