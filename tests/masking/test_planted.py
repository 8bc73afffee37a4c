"""Whatever is planted anywhere in a text is gone once it is masked, and masking what is masked changes nothing."""

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.masking import NOTHING_SEEN, TeamPattern, WantedMasks, mask, mask_json
from agent.masking.finders import fast_patterns, patterns
from tests.masking.planted import KINDS, PLACES, WORDS
from tests.profiles import examples

FIND, FAST = patterns(WantedMasks()), fast_patterns(WantedMasks())


def spellings(value: str) -> set[str]:
    """What of a value must not be left: as it stands, for a URL, for JSON."""
    secret = value.removeprefix("password: ")
    return {secret, quote(secret, safe=""), secret.replace("\n", "\\n")}


@pytest.mark.parametrize("kind", KINDS)
@examples(0.5)
@given(data=st.data())
def test_what_is_planted_is_gone(kind: str, data: st.DataObject) -> None:
    value = data.draw(KINDS[kind])
    place = data.draw(st.sampled_from([name for name in PLACES if kind != "PASSWORD" or name != "in a URL"]))
    before, after = data.draw(WORDS), data.draw(WORDS)
    text = before + PLACES[place](value) + after
    for find in (FIND, FAST):
        masked = mask(text, NOTHING_SEEN, find)
        assert not any(spelling in masked.text for spelling in spellings(value)), masked.text
        assert mask(masked.text, masked.seen, find) == masked


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "note", "to"]), inner, max_size=3),
    max_leaves=6,
)


def holding(value: str) -> st.SearchStrategy[Any]:
    """JSON of some depth that holds the value in one leaf."""
    leaf = st.tuples(WORDS, WORDS).map(lambda around: f"{around[0]} {value} {around[1]}")
    return st.recursive(
        leaf,
        lambda inner: st.tuples(JSON, inner).map(list) | st.tuples(JSON, inner).map(lambda two: {"note": two[0], "list": two[1]}),
        max_leaves=4,
    )


@examples(1)
@given(data=st.data())
def test_json_keeps_its_shape_and_loses_what_was_planted(data: st.DataObject) -> None:
    value = data.draw(st.one_of(*KINDS.values()))
    given_json = data.draw(holding(value))
    masked = mask_json(given_json, NOTHING_SEEN, FIND)
    assert not any(spelling in str(masked.value) for spelling in spellings(value))
    assert shape(masked.value) == shape(given_json)
    assert mask_json(masked.value, masked.seen, FIND) == masked


def shape(value: Any) -> Any:
    """Return JSON without its texts."""
    match value:
        case dict():
            return {name: shape(item) for name, item in value.items()}  # pyright: ignore[reportUnknownVariableType]
        case list():
            return [shape(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
        case str():
            return ""
        case _:
            return value


# Their neighbours decide whether these match, and a placeholder may be a new one.
AT_THE_EDGES = patterns(WantedMasks(patterns=(TeamPattern("FIRST", "^ ?[0-9]{4}"), TeamPattern("LAST", "[a-z]+ $"))))
ODD = ["[EMAIL_1]", "[", "]", "@", "a.b", "a@b.co ", "4111111111111111", " 1234", " ", "+1 ", "_"]


@examples(1)
@given(st.text(max_size=200) | st.lists(st.sampled_from(ODD)).map("".join))
@example("1234 ann@example.com 1234 by ben@example.com")
@example("ann@example.com 1234")
def test_masking_what_is_masked_changes_nothing_whatever_it_is(text: str) -> None:
    for find in (FIND, AT_THE_EDGES):
        masked = mask(text, NOTHING_SEEN, find)
        assert mask(masked.text, masked.seen, find) == masked
        assert mask(masked.text, NOTHING_SEEN, find).text == masked.text
