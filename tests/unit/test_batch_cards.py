"""Several actions in one message: each is seen, decided and closed alone."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from agent.decide.moves import Card, Cards
from agent.session.inbox import Where
from agent.types import Approvers, Change, Magnitude, Preview, Verdict
from bot.cards.block_kit import SlackBlock
from bot.cards.cards import card_blocks, card_text
from bot.cards.values import unmasked
from bot.dialogs.carried import Carried, carried
from bot.dialogs.one_by_one import one_by_one_view
from bot.sandbox.slack.blocks import view_faults
from bot.sandbox.slack.reading import read_blocks
from tests.unit.shown import NOW, TOOLS, buttons, card, shown, tool

TWO_OF_THEM = Verdict(answer="ask", rule="default", quorum=2)


def rows(*cards: Card, **options: Any) -> list[SlackBlock]:
    return card_blocks(Cards(cards), TOOLS, **options)


def order(number: int, **fields: Any) -> Card:
    return card({"quantity": number}, "order", f"A{number}", **fields)


def decide_blocks(blocks: list[SlackBlock]) -> dict[str, list[str]]:
    """The action ids of what decides each open row, by block id."""
    return {
        str(block["block_id"]): [str(one["action_id"]) for one in block.get("elements", [block.get("accessory")])]
        for block in blocks
        if str(block.get("block_id", "")).startswith("decide:")
    }


def test_each_row_has_its_own_arguments_button_and_state() -> None:
    blocks = rows(order(1, verdict=TWO_OF_THEM, voters=("U7",)), order(2, look="rejected", decided_by="U8"), order(3))
    assert read_blocks(blocks, {}).splitlines() == [
        "2 of 3 actions to decide",
        "Each of them: Takes it out of stock. Can be cancelled.",
        "1. Place order: order",
        "[Place order]",
        "quantity: 1",
        "Asked by @U1 · needs 2 full members of this conversation · until 2026-11-22 00:00 UTC",
        "*1 of 2* approvals: @U7.",
        "⛔ 2. Place order: order",
        "[Details]",
        "Rejected by @U8 · Nothing was run.",
        "3. Place order: order",
        "[Place order]",
        "quantity: 3",
        "Asked by @U1 · needs a full member of this conversation · until 2026-11-22 00:00 UTC",
        "[One by one…]",
    ]
    assert decide_blocks(blocks) == {"decide:A1": ["approve"], "decide:A3": ["approve"]}
    for block in blocks:
        if str(block.get("block_id")).startswith("decide:"):
            assert f"decide:{block['accessory']['value']}" == block["block_id"]


def test_what_differs_between_rows_stands_at_each_of_them() -> None:
    mail = card({"to": "Ada"}, "mail", "A2", verdict=BOSS, requesters=("U2",))
    later = order(3, requesters=("U2",))
    lines = read_blocks(rows(order(1), mail, replace(later, expires_at=NOW + timedelta(hours=1))), {}).splitlines()
    assert lines[:2] == ["3 actions to decide", "1. Place order: order"]
    assert lines.count("Takes it out of stock. Can be cancelled.") == 2
    asked = [line for line in lines if line.startswith("Asked by")]
    assert [line.partition("until ")[2][:16] for line in asked] == ["2026-11-22 00:00", "2026-11-22 00:00", "2026-11-22 01:00"]


def test_deadlines_a_moment_apart_are_told_once_as_the_earliest() -> None:
    text = read_blocks(rows(replace(order(1), expires_at=NOW + timedelta(seconds=30)), order(2)), {})
    assert text.count("Asked by") == 1
    assert text.splitlines()[-2].endswith("until 2026-11-22 00:00 UTC")
    hours = read_blocks(rows(replace(order(1), expires_at=NOW + timedelta(hours=1)), order(2)), {})
    assert hours.count("Asked by") == 2


def test_the_last_one_open_says_itself_who_may_decide() -> None:
    lines = read_blocks(rows(order(1), order(2, look="rejected", decided_by="U8")), {}).splitlines()
    assert lines[lines.index("quantity: 1") + 2].startswith("Asked by @U1 · needs a full member")


def test_a_decided_row_is_two_lines() -> None:
    preview = Preview(headline="Order the lamp", changes=(Change(what="stock", before="7", after="5"),))
    open_row = read_blocks(rows(order(1), order(2, preview=preview)), {})
    closed = read_blocks(rows(order(1), order(2, preview=preview, look="succeeded", voters=("U7",))), {})
    assert "Would change stock 7 → 5" in open_row
    assert "✅ 2. Order the lamp\n[Details]\nApproved by @U7 · Done.\n" in closed
    assert "quantity: 2" not in closed


def test_what_was_read_before_is_said_once_and_the_model_s_words_are_in_details() -> None:
    beside: dict[str, Any] = {"said": "Both are wanted.", "sources": ("web page example.com",)}
    lines = read_blocks(rows(order(1, **beside), order(2, **beside)), {}).splitlines()
    assert lines[2] == ":warning: Proposed after reading: web page example.com"
    assert lines[-1] == "[Approve all 2] [One by one…]"
    assert not any("Both are wanted" in line for line in lines)


def test_all_are_approved_with_one_click_that_names_each() -> None:
    blocks = rows(order(1), order(2, look="expired"), card({"to": "Ada"}, "mail", "A3"), order(4))
    approve = buttons(blocks)["approve_all"]
    assert approve["value"] == "A1,A3,A4"
    assert approve["text"]["text"] == "Approve all 3"
    assert approve["confirm"]["text"]["text"].splitlines() == ["• Place order: order", "• Send to Ada", "• Place order: order"]


ORDERS = {"order": tool("order", verb="Place order", several="orders")}


def priced(number: int, amount: str, **fields: Any) -> Card:
    preview = Preview(headline=f"Order {number} × Lamp for Ada", magnitude=Magnitude(number=Decimal(amount), of="USD"))
    return order(number, preview=preview, **fields)


def test_several_orders_say_for_whom_and_what_they_come_to() -> None:
    blocks = card_blocks(Cards((priced(1, "20.00"), priced(2, "40.00"), priced(3, "205.00"))), ORDERS)
    lines = read_blocks(blocks, {}).splitlines()
    assert lines[0] == "3 orders for Ada · $265.00"
    assert lines[1] == "1. Order 1 × Lamp for Ada · $20.00"
    assert lines[-1] == "[Place all 3 · $265] [One by one…]"
    assert "• Order 3 × Lamp for Ada · $205.00" in buttons(blocks)["approve_all"]["confirm"]["text"]["text"]
    decided = card_blocks(Cards((priced(1, "20.00"), priced(2, "40.00", look="succeeded"))), ORDERS)
    assert read_blocks(decided, {}).splitlines()[0] == "1 of 2 orders for Ada · $20.00"


@pytest.mark.parametrize("name", ["Ada · $1.00", "\u05d0\u05d1", "Ada"])
def test_no_common_end_of_headlines_says_more_than_it_is(name: str) -> None:
    two = [replace(priced(number, "20.00"), preview=Preview(headline=f"Order {number} × Lamp for {name}")) for number in (1, 2)]
    heading = read_blocks(card_blocks(Cards(tuple(two)), ORDERS), {}).splitlines()[0]
    assert heading == ("2 orders for Ada" if name == "Ada" else "2 orders")


BOSS = Verdict(answer="ask", rule="default", approvers=Approvers(users=("U7",)))
NOT_WHO_ASKED = Verdict(answer="ask", rule="default", approvers=Approvers(channel_members=True, requester=False))


@pytest.mark.parametrize(
    "others",
    [
        (),
        (order(2, look="approved"),),
        (order(2, verdict=BOSS),),
        (order(2, verdict=TWO_OF_THEM),),
        (order(2, verdict=Verdict(answer="ask", rule="default", rejections=2)),),
        (order(2, escalated=True),),
        (order(2), card({}, "delete", "A3")),
        (order(2), card({}, "a tool that is gone", "A3")),
    ],
    ids=["one", "one open", "approvers", "quorum", "rejections", "escalated", "irreversible", "gone"],
)
def test_all_are_not_approved_at_once_where_they_differ_or_cannot_be_undone(others: tuple[Card, ...]) -> None:
    assert "approve_all" not in buttons(rows(order(1), *others))


def test_all_are_not_approved_at_once_where_other_people_are_excluded() -> None:
    mine, edited = order(1, verdict=NOT_WHO_ASKED), order(2, verdict=NOT_WHO_ASKED, requesters=("U1", "U2"))
    assert "approve_all" not in buttons(rows(mine, edited))
    assert "approve_all" in buttons(rows(mine, replace(edited, requesters=("U1",))))


def test_what_cannot_be_undone_and_is_decided_already_is_in_nobodys_way() -> None:
    assert "approve_all" in buttons(rows(order(1), order(2), card({}, "delete", "A3", look="succeeded")))


def test_a_row_that_has_no_room_for_a_long_value_is_read_in_its_dialog() -> None:
    long = card({"text": "t" * 1_200}, "mail", "A1")
    blocks = rows(long, order(2), order(3))
    assert decide_blocks(blocks) == {"decide:A1": ["review"], "decide:A2": ["approve"], "decide:A3": ["approve"]}
    assert "t… (1,200 characters)" not in shown(blocks)
    assert "(1,200 characters)" in shown(blocks)


def test_the_text_for_notifications_names_each_action() -> None:
    text = card_text(Cards((order(1), card({"to": "Ada"}, "mail", "A2", look="succeeded"))), TOOLS)
    assert text == "1 of 2 actions to decide. Approval needed: Place order: order; Succeeded: Send to Ada"
    closed = card_text(Cards((order(1, look="expired"), order(2, look="expired"))), TOOLS)
    assert closed.startswith("2 actions, none waits any more. Expired")


# ---------------------------------------------------------------------------------------------- one by one


def test_one_by_one_each_is_as_on_a_card_of_its_own() -> None:
    long, ended = card({"text": "t" * 1_200}, "mail", "A2"), order(3, look="rejected", decided_by="U8")
    view = one_by_one_view([order(1), long, ended], TOOLS, unmasked, Carried("A1,A2,A3"))
    assert view_faults(view) == []
    assert view["private_metadata"] == "A1,A2,A3"
    assert decide_blocks(view["blocks"]) == {
        "decide:A1": ["approve", "reject", "more"],
        "decide:A2": ["approve", "reject", "more"],
    }
    assert "t" * 1_200 in shown(view)
    assert "⛔ Place order: order" in shown(view)


@pytest.mark.parametrize("where", [None, Where(channel="C1"), Where(channel="C1", thread_ts="1.2")])
@pytest.mark.parametrize("among", ["", "A1,A2"])
def test_a_dialog_carries_back_what_it_was_given(where: Where | None, among: str) -> None:
    given = Carried("A1", where, among)
    assert carried({"view": {"private_metadata": given.written()}}) == given
