"""Masks of a card: what they hide is hidden everywhere, and the card says so."""

import json
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from agent.decide.moves import Cards
from agent.types import Change, Preview
from bot.cards.cards import card_blocks, card_text, question_blocks, question_text
from bot.cards.review import details_view
from bot.cards.values import unmasked
from tests.unit.shown import NOW, TOOLS, buttons, card, every, shown, tool
from tests.unit.test_cards import Strict, argument_lines, blocks_of, read

SECRET = "4111-1111"
CARELESS = card(
    {"to": f"x{SECRET}", "list": [{SECRET: SECRET}], "number": 41111111, SECRET: f"{'a' * 1_195}{SECRET}"},
    "mail",
    preview=Preview(
        headline=f"Charge {SECRET}", changes=(Change(what=SECRET, before=SECRET, after="a" * 55 + SECRET),), trouble=SECRET
    ),
    sources=(f"file {SECRET}",),
    said="w" * 296 + SECRET,
    reason=SECRET,
)


def mask(text: str) -> str:
    return text.replace(SECRET, "[card]").replace(SECRET.replace("-", ""), "[card]")


def leaks(blocks: Any) -> list[str]:
    """Texts that hold the beginning of what was to be masked: more than that is hardly left where a cut came first."""
    return [one for one in re.findall(r"4111?-?1?\S*", shown(blocks)) if one]


@pytest.mark.parametrize("look", ["pending", "succeeded", "failed", "rejected"])
def test_a_mask_hides_it_everywhere_also_where_the_text_is_cut(look: Any) -> None:
    results = {"succeeded": {"ok": True, "result": {"card": SECRET, SECRET: 41111111}}, "failed": {"ok": False, "detail": SECRET}}
    one = replace(CARELESS, look=look, result=json.dumps(results[look]) if look in results else "")
    assert leaks(blocks_of(one)) != []
    assert leaks(blocks_of(one, mask=mask)) == []
    assert leaks(question_blocks(one, TOOLS["mail"], mask)) == []
    assert SECRET not in card_text(Cards((one,)), TOOLS, mask) + question_text(one, TOOLS["mail"], mask)
    assert leaks(details_view(one, TOOLS["mail"], mask)) == []
    assert "Personal data is hidden here." in shown(details_view(one, TOOLS["mail"], mask))
    assert leaks(details_view(one, TOOLS["mail"])) != []  # whole, for those who may decide
    assert "d" * 64 in shown(details_view(one, TOOLS["mail"], mask))


def test_a_card_that_hides_something_says_so_and_offers_the_whole() -> None:
    secret, plain = card({"to": SECRET}, "order"), card({"to": "Ada"}, "order")
    assert "Personal data is hidden here. Review has it whole, for those who may decide." in read(secret, mask=mask)
    assert "review" in buttons(blocks_of(secret, mask=mask))
    assert "hidden" not in read(plain, mask=mask)
    assert "review" not in buttons(blocks_of(plain, mask=mask))
    assert "hidden" not in read(secret, mask=unmasked)
    closed = replace(secret, look="expired")
    assert SECRET not in read(closed, mask=mask)
    assert "Personal data is hidden here." in shown(details_view(closed, TOOLS["order"], mask))


def test_the_name_of_an_argument_that_the_tool_declares_is_never_masked() -> None:
    strict = {"mail": replace(tool("mail"), arguments=Strict)}
    blocks = card_blocks(Cards((card({"needed": 1, "other": 2}, "mail"),)), strict, mask=lambda text: "*" * len(text))
    assert argument_lines(blocks) == ['needed: * · "*****": *']


def test_a_mask_is_asked_about_whole_values() -> None:
    asked: list[str] = []

    def remembering(text: str) -> str:
        asked.append(text)
        return text

    long = card({"text": "t" * 9_000}, said="s" * 9_000, sources=("o" * 9_000,))
    blocks_of(long, mask=remembering)
    assert {"t" * 9_000, "o" * 9_000} <= set(asked)
    asked.clear()
    details_view(long, None, remembering)
    assert {"t" * 9_000, "s" * 9_000, "o" * 9_000} <= set(asked)


def test_until_is_a_time_in_the_readers_own_zone() -> None:
    later = replace(card({}), expires_at=NOW + timedelta(hours=4))
    [until] = [one["text"] for one in every(blocks_of(later), "mrkdwn") if "Asked by" in one["text"]]
    assert "<!date^1795320000^{date_short_pretty} at {time}|2026-11-22 04:00 UTC>" in until
