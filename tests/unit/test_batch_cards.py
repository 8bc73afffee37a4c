"""Several actions in one message: each is seen, decided and closed alone."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from agent.decide.moves import Card, Cards
from agent.types import Approvers, Change, Preview, Verdict
from bot.cards.block_kit import SlackBlock
from bot.cards.cards import card_blocks, card_text
from bot.sandbox.slack.reading import read_blocks
from tests.unit.shown import NOW, TOOLS, buttons, card, every, shown

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


def test_each_row_has_its_own_arguments_buttons_and_state() -> None:
    blocks = rows(order(1, verdict=TWO_OF_THEM, voters=("U7",)), order(2, look="rejected", decided_by="U8"), order(3))
    assert read_blocks(blocks, {}).splitlines() == [
        "2 of 3 actions to decide",
        "Each of them: Takes it out of stock. Can be cancelled.",
        "Asked by @U1  ·  `order` (write) rule: default",
        "1. Place order: order",
        "quantity  1",
        "digest `dddddddddddd`",
        "[Place order] [Reject] [Edit…]",
        "*1 of 2* approvals: @U7. One rejection settles it.",
        "2. Place order: order",
        "quantity  2",
        "digest `dddddddddddd`",
        ":no_entry: Rejected by @U8. Nothing was run.",
        "3. Place order: order",
        "quantity  3",
        "digest `dddddddddddd`",
        "[Place order] [Reject] [Edit…]",
        "To be decided by any full member of this conversation, until 2026-11-22 00:00 UTC; then it expires and nothing is run.",
    ]
    assert decide_blocks(blocks) == {"decide:A1": ["approve", "reject", "edit"], "decide:A3": ["approve", "reject", "edit"]}
    for block in blocks:
        if block["type"] == "actions":
            assert {f"decide:{one['value']}" for one in block["elements"]} == {block["block_id"]}


def test_what_differs_between_rows_stands_at_each_of_them() -> None:
    mail = card({"to": "Ada"}, "mail", "A2", verdict=BOSS, requesters=("U2",))
    later = order(3, requesters=("U2",))
    lines = read_blocks(rows(order(1), mail, replace(later, expires_at=NOW + timedelta(hours=1))), {}).splitlines()
    assert lines[:2] == ["3 actions to decide", "1. Place order: order"]
    assert lines.count("Takes it out of stock. Can be cancelled.") == 2
    assert [line.partition(" ")[0] for line in lines if "digest" in line] == ["Asked"] * 3
    untils = [line.partition("until ")[2][:16] for line in lines if line.startswith("To be decided by")]
    assert untils == ["2026-11-22 00:00", "2026-11-22 00:00", "2026-11-22 01:00"]


def test_deadlines_a_moment_apart_are_told_once_as_the_earliest() -> None:
    text = read_blocks(rows(replace(order(1), expires_at=NOW + timedelta(seconds=30)), order(2)), {})
    assert text.count("To be decided by") == 1
    assert "until 2026-11-22 00:00 UTC" in text.splitlines()[-1]
    hours = read_blocks(rows(replace(order(1), expires_at=NOW + timedelta(hours=1)), order(2)), {})
    assert hours.count("To be decided by") == 2


def test_the_last_one_open_says_itself_who_may_decide() -> None:
    lines = read_blocks(rows(order(1), order(2, look="rejected", decided_by="U8")), {}).splitlines()
    at = lines.index("[Place order] [Reject] [Edit…]")
    assert lines[at + 1].startswith("To be decided by any full member")


def test_a_decided_row_keeps_what_ran_and_drops_what_would_change() -> None:
    preview = Preview(headline="Order the lamp", changes=(Change(what="stock", before="7", after="5"),))
    open_row = read_blocks(rows(order(1), order(2, preview=preview)), {})
    closed = read_blocks(rows(order(1), order(2, preview=preview, look="succeeded")), {})
    assert "stock  7 → 5" in open_row
    assert "quantity  2" in closed
    assert "stock" not in closed.replace("Takes it out of stock", "")


def test_what_is_said_of_the_turn_is_said_once() -> None:
    beside: dict[str, Any] = {"said": "Both are wanted.", "sources": ("web page example.com",)}
    lines = read_blocks(rows(order(1, **beside), order(2, **beside)), {}).splitlines()
    assert lines[3] == ":warning: Read before, from outside, unchecked: web page example.com"
    assert lines[-3:-1] == ["The model's own words (not checked): Both are wanted.", "[Approve all 2]"]
    assert sum("Both are wanted" in line for line in lines) == 1


def test_all_are_approved_with_one_click_that_names_each() -> None:
    blocks = rows(order(1), order(2, look="expired"), card({"to": "Ada"}, "mail", "A3"), order(4))
    [approve] = [one for one in every(blocks, "button") if one["action_id"] == "approve_all"]
    assert approve["value"] == "A1,A3,A4"
    assert approve["text"]["text"] == "Approve all 3"
    assert approve["confirm"]["text"]["text"].splitlines() == ["• Place order: order", "• Send to Ada", "• Place order: order"]


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
        (order(2), card({}, "order", "A" * 2_000)),
    ],
    ids=["one", "one open", "approvers", "quorum", "rejections", "escalated", "irreversible", "gone", "too long"],
)
def test_all_are_not_approved_at_once_where_they_differ_or_cannot_be_undone(others: tuple[Card, ...]) -> None:
    assert "approve_all" not in buttons(rows(order(1), *others))


def test_all_are_not_approved_at_once_where_other_people_are_excluded() -> None:
    mine, edited = order(1, verdict=NOT_WHO_ASKED), order(2, verdict=NOT_WHO_ASKED, requesters=("U1", "U2"))
    assert "approve_all" not in buttons(rows(mine, edited))
    assert "approve_all" in buttons(rows(mine, replace(edited, requesters=("U1",))))


def test_what_cannot_be_undone_and_is_decided_already_is_in_nobodys_way() -> None:
    assert "approve_all" in buttons(rows(order(1), order(2), card({}, "delete", "A3", look="succeeded")))


def test_one_long_row_is_not_cut_for_the_sake_of_short_ones() -> None:
    long = card({"text": "t" * 1_200}, "mail", "A1")
    assert "t" * 1_200 in shown(rows(long, order(2), order(3), order(4), order(5)))


def test_the_text_for_notifications_names_each_action() -> None:
    text = card_text(Cards((order(1), card({"to": "Ada"}, "mail", "A2", look="succeeded"))), TOOLS)
    assert text == "1 of 2 actions to decide. Approval needed: Place order: order; Succeeded: Send to Ada"
    closed = card_text(Cards((order(1, look="expired"), order(2, look="expired"))), TOOLS)
    assert closed.startswith("2 actions, all of them decided. Expired")
