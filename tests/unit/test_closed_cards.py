"""A decided card is two lines: what it was and what came of it, by whom and when. The rest is in its details."""

import json
from dataclasses import replace
from typing import Any

import pytest

from agent.decide.moves import Cards
from bot.cards.cards import card_blocks
from bot.cards.review import details_view
from bot.sandbox.slack.reading import read_blocks
from tests.unit.shown import NOW, buttons, card, shown, tool
from tests.unit.test_cards import FULL, blocks_of, read


@pytest.mark.parametrize(
    ("look", "fields", "words"),
    [
        ("approved", {}, "Approved by @U7, @U8 · 00:00 UTC · Running now."),
        ("succeeded", {}, "Approved by @U7, @U8 · 00:00 UTC · Done."),
        ("failed", {}, "Approved by @U7, @U8 · 00:00 UTC · It failed."),
        ("unknown", {}, "Its outcome is unknown"),
        ("left", {}, "Its outcome stays unknown"),
        ("refused", {}, "Not run by @U7, @U8 · 00:00 UTC · The approval no longer holds."),
        ("rejected", {"rejecters": ("U5", "U2")}, "Rejected by @U5, @U2 · 00:00 UTC · Nothing was run."),
        ("rejected", {}, "Rejected by @U2 · 00:00 UTC · Nothing was run."),
        ("expired", {"decided_by": ""}, "Expired · 00:00 UTC · Nobody decided in time; nothing was run."),
        ("withdrawn", {}, "Withdrawn by @U2 · 00:00 UTC · Nothing was run."),
        ("edited", {}, "Edited by @U2 · 00:00 UTC · Proposed anew; nothing was run."),
    ],
)
def test_a_closed_card_says_in_two_lines_who_and_what_came_of_it(look: Any, fields: dict[str, Any], words: str) -> None:
    given: dict[str, Any] = {"look": look, "voters": ("U7", "U8"), "decided_by": "U2", "decided_at": NOW, **fields}
    closed = card({"a": "b" * 5_000}, "mail", **given)
    headline, details, below = read(closed).splitlines()
    assert headline.endswith(" Send to None")
    assert details == "[Details]"
    assert words in below
    assert buttons(blocks_of(closed)).keys() == {"details"}


def test_a_closed_card_shows_the_reason_or_what_went_wrong() -> None:
    assert read(card({}, look="rejected", reason="too dear")).endswith("Nothing was run. too dear")
    problem = json.dumps({"ok": False, "error": "timeout", "detail": "The shop did not answer."})
    assert read(card({}, look="failed", result=problem)).endswith("It failed. The shop did not answer.")
    long = card({}, look="rejected", reason="r" * 3_000)
    assert read(long).endswith("r…")
    assert "r" * 2_800 in shown(details_view(long, None))


def test_a_closed_card_names_what_came_of_it_and_its_details_have_the_rest() -> None:
    ordering = {"order": tool("order", verb="Place order", receipt="id")}
    result = json.dumps({"ok": True, "result": {"id": "ORD-1", "note": "left at the door"}})
    closed = card({}, "order", look="succeeded", result=result, preview=FULL.preview)
    assert read_blocks(card_blocks(Cards((closed,)), ordering), {}).startswith("✅ Send to Ada · $588.00 · ORD-1\n")
    assert "left at the door" in shown(details_view(closed, ordering["order"]))
    forged = replace(closed, result=result.replace("ORD-1", "ORD-1 · $0.00"))
    assert "ORD-1" not in read_blocks(card_blocks(Cards((forged,)), ordering), {})
