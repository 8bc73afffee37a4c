"""Halves of characters from outside: joined or replaced, so that everything can be stored and sent on."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.text import whole, whole_escapes

UNITS = st.text(st.characters(exclude_categories=[]) | st.sampled_from("\ud83d\ude00"))  # surrogates included


@pytest.mark.parametrize(
    ("torn", "mended"),
    [
        ("\ud83d\ude00", "😀"),
        ("a \ud83d b", "a \ufffd b"),
        ("\ude00\ud83d", "\ufffd\ufffd"),
        ({"k\ud83d": ["\ud83d", {"n": 10**30, "x": None}]}, {"k\ufffd": ["\ufffd", {"n": 10**30, "x": None}]}),
    ],
)
def test_pairs_are_joined_and_halves_replaced(torn: object, mended: object) -> None:
    assert whole(torn) == mended


@given(UNITS)
def test_whatever_comes_can_be_written_afterwards_and_good_text_stays_as_it_is(text: str) -> None:
    assert whole(text).encode().decode() == whole(text)
    assert whole(whole(text)) == whole(text)
    if not any("\ud800" <= letter <= "\udfff" for letter in text):
        assert whole(text) is text


@given(UNITS)
def test_spelled_halves_are_replaced_and_nothing_else_is(text: str) -> None:
    spelled = json.dumps({"note": text, "path": "C:\\ud83d"})
    assert json.loads(whole_escapes(spelled)) == whole({"note": text, "path": "C:\\ud83d"})
