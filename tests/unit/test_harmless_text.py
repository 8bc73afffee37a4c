"""What strangers write: on a card everything invisible is seen; in a post what writing needs stays as it is."""

import re
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.decide.moves import Cards
from agent.text import OTHER_DEFAULT_IGNORABLE, SEEN_FORMATS, VARIATION_SELECTORS, default_ignorable
from agent.types import Change
from bot.cards.block_kit import SlackBlock
from bot.cards.cards import card_blocks
from bot.cards.harmless_text import FSI, PDI, cut, readable, unisolated, visible
from bot.cards.values import change_text, unmasked, value_text
from tests.unit.shown import TOOLS, card, texts_of

ALL = [chr(code) for code in range(sys.maxunicode + 1)]
TEXTS = st.text(st.characters(exclude_categories=[]) | st.sampled_from("\u200d\u200c\ufe0f\u202e\u2066\u05d0\u0627 \t\n5👩🚀"))
RANK = "approved_by  the CFO"

# What was named as passing through: Khmer vowels, Mongolian selectors, a reserved format character, specials, tags.
NAMED = "\u17b4\u17b5\u180b\u180c\u180d\u180f\u2065\ufff0\ufff8\u034f\u115f\u1160\u3164\uffa0\U000e0000\U000e0080\U000e0fff\u00ad"


def test_of_all_code_points_those_that_are_drawn_as_nothing_are_ignorable() -> None:
    ignorable = {character for character in ALL if default_ignorable(character)}
    assert len(ignorable) == 4174  # DerivedCoreProperties.txt, "Total code points" of Default_Ignorable_Code_Point
    formats = {character for character in ALL if unicodedata.category(character) == "Cf"}
    seen = {chr(code) for first, last in SEEN_FORMATS for code in range(first, last + 1)}
    assert formats - seen <= ignorable
    assert not seen & ignorable
    for first, last in (*OTHER_DEFAULT_IGNORABLE, *VARIATION_SELECTORS):
        assert {chr(code) for code in range(first, last + 1)} <= ignorable
    assert set(NAMED) <= ignorable
    assert not any(unicodedata.category(character)[0] in "PSN" for character in ignorable)


def test_of_all_code_points_a_card_shows_each_or_spells_it_out() -> None:
    shown = unisolated(visible("|\n".join(character for character in ALL if character not in "\n|"))).split("|\n")
    for character, line in zip((character for character in ALL if character not in "\n|"), shown, strict=True):
        category = unicodedata.category(character)
        unseen = default_ignorable(character) or category in ("Cf", "Cc", "Cs", "Co", "Zl", "Zp", "Zs") or character == "\u2800"
        spelled = f"⟨U+{ord(character):04X}⟩" if unseen or character in "⟨⇥⏎" else character
        assert line == {" ": "⟨1 space⟩" if line != " " else " ", "\t": "⇥"}.get(character, spelled)


@given(TEXTS)
def test_on_a_card_nothing_is_invisible_and_what_runs_leftwards_is_isolated(text: str) -> None:
    for line in visible(text).split("\n"):
        inside = unisolated(line)
        assert line in (inside, f"{FSI}{inside}{PDI}")
        assert not any(default_ignorable(character) for character in inside)
        reordering = any(unicodedata.bidirectional(character) in ("R", "AL", "AN") for character in inside)
        assert reordering == line.startswith(FSI)
        assert not re.search(r"[^\t\n ][ \t]{4}", inside)


@given(TEXTS, st.integers(2, 40))
def test_a_cut_leaves_no_isolate_open(text: str, most: int) -> None:
    short = cut(visible(text), most)
    assert len(short) <= max(most, 2)
    for line in short.split("\n"):
        assert line.count(FSI) == line.count(PDI)


def test_cells_of_right_to_left_letters_do_not_change_places() -> None:
    before, after = "\u05d05", "900\u05d0"
    what, left, right = change_text(Change(what="amount", before=before, after=after), unmasked)
    assert (what, left, right) == ("amount", f"{FSI}{before}{PDI}", f"{FSI}{after}{PDI}")


@pytest.mark.parametrize("text", [f"5{' ' * 34}{RANK}", f"5\u00a0\u00a0\u3000{RANK}", f"5\t\t\t\t{RANK}", f"5  {RANK}"])
def test_no_value_can_pass_for_another_row(text: str) -> None:
    blocks: list[SlackBlock] = card_blocks(Cards((card({"amount": text, "note": "x"}, "mail"),)), TOOLS)
    lines = [line for each in texts_of(blocks) for line in each.split("\n")]
    [row] = [line for line in lines if "approved_by" in line]
    assert re.search(r'"5|5⟨|5\t⟨', row), row
    assert not re.search(r"  approved_by", row) or row.lstrip().removeprefix("amount").lstrip().startswith('"')
    assert len(re.findall(" {3,}", row)) <= 1  # the one behind the argument's name


def test_runs_of_spaces_are_counted_and_indentation_stays() -> None:
    assert value_text(f"5{' ' * 34}{RANK}", unmasked) == f'"5⟨34 spaces⟩{RANK}"'
    assert visible("def f():\n    return 1\n") == "def f():\n    return 1⏎"
    assert visible("a\n" + " " * 60 + "b") == "a\n⟨60 spaces⟩b"
    assert value_text("two  spaces", unmasked) == '"two  spaces"'


# ---------------------------------------------------------------------------------------------- posts

PLAIN = [
    *("\u26a0\ufe0f", "\u2764\ufe0f", "1\ufe0f\u20e3", "#\ufe0f\u20e3", "\u00a9\ufe0e", "\u2139\ufe0f", "\U0001f1e9\U0001f1ea"),
    *("\U0001f469\u200d\U0001f680", "\U0001f469\U0001f3fd\u200d\U0001f680", "\U0001f3f3\ufe0f\u200d\U0001f308"),
    *("\U0001f469\u200d\u2764\ufe0f\u200d\U0001f468", "\U0001f937\u200d\u2642\ufe0f", "\U0001fae8"),
    "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
    *(
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "\u0915\u094d\u200d\u0937",
        "\u0d28\u0d4d\u200d",
        "\u0dc1\u0dca\u200d\u0dbb\u0dd3",
    ),
    *("\u05e9\u05dc\u05d5\u05dd", "日本語　と", "caf\u00e9\u00a0!", "a\tb\n  c"),
]
SPELLED = [
    *(
        "a\u200bb",
        "a\u200db",
        "a\u200cb",
        "a\ufe0fb",
        "1\ufe0f2",
        "a\u202eb",
        "a\u2066b",
        "\u26a0\ufe0f\ufe0f",
        "\u0645\u200c\u200c",
    ),
    *(
        "\U0001f469\u200d",
        "\U0001f469\u200da",
        "\U0001f3f4\U000e0061\U000e007f",
        "a\U000e0041",
        "\u3164",
        "\u00ad",
        "\ufeff",
        "\x1b",
    ),
    *("\u200d\U0001f680", "\ufe0f", "\U0001f680\U000e0100"),
]


@pytest.mark.parametrize("text", PLAIN)
def test_what_writing_needs_stays_in_a_post(text: str) -> None:
    assert readable(text) == text
    assert readable(f"See {text} now") == f"See {text} now"


@pytest.mark.parametrize("text", SPELLED)
def test_whatever_else_is_invisible_is_spelled_out_in_a_post(text: str) -> None:
    assert "⟨U+" in readable(text)


@given(TEXTS)
def test_what_stays_invisible_in_a_post_has_its_reason_beside_it(text: str) -> None:
    for found in re.finditer("[\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e0fff]{2,}", readable(text)):
        assert set(found[0]) <= {"\u200d"} or found[0][-1] == "\U000e007f"


@given(TEXTS, TEXTS)
def test_what_is_shown_of_a_text_that_goes_on_stays_as_it_is(begun: str, further: str) -> None:
    assert readable(begun + further).startswith(readable(begun, over=False))
    assert readable(begun + further, over=False).startswith(readable(begun, over=False))
