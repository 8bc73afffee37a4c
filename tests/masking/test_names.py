"""Texts that are read together, or were read before, are masked as each would be that is read alone for the first time."""

import json
from typing import Any

import pytest

from agent.masking import names
from agent.masking.names import names_finder, names_installed
from agent.masking.remembered import RememberedSpans
from agent.masking.spans import Span
from agent.masking.wanted import DEFAULT_NAMES, WantedMasks
from agent.masking.worker import mask_there

needs_model = pytest.mark.skipif(not names_installed(), reason="signoff[names] is not installed")
TEXTS = (
    "Angela Merkel wrote from Berlin.",
    "search_product_catalog",
    "",
    "Angela Merkel wrote from Bern.",
    "The French said so to John Smith, who lives in Paris; Maria Schmidt did not.",
    '{"customer_name": "Ada Byron", "note": ""}',
)


@pytest.fixture
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was read before."""
    monkeypatch.setattr(names, "_REMEMBERED", RememberedSpans())


@needs_model
@pytest.mark.usefixtures("forgetful")
def test_texts_that_are_read_together_have_the_names_that_each_has_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    find = names_finder(DEFAULT_NAMES)
    alone = [find(text) for text in TEXTS]
    monkeypatch.setattr(names, "_REMEMBERED", RememberedSpans())
    names.look_ahead(TEXTS)
    assert [find(text) for text in TEXTS] == alone
    assert sum(map(len, alone)) >= 6
    assert [span.kind for span in names_finder(["places"])(TEXTS[0])] == ["PLACE"]  # of what was read for other kinds, too


def masked(value: Any) -> Any:
    """JSON as a bounded process masks it."""
    return mask_there(json.dumps({"value": value, "seen": []}).encode(), WantedMasks(names=DEFAULT_NAMES).to_json())["value"]


@needs_model
@pytest.mark.usefixtures("forgetful")
def test_a_text_that_comes_again_is_not_read_again_and_is_masked_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    value = {"text": TEXTS[0], "calls": [{"name": TEXTS[1], "input": {"to": TEXTS[4], "count": 3}}]}
    first = masked(value)
    assert first["text"] == "[PERSON_1] wrote from [PLACE_1]."

    def never() -> Any:
        raise AssertionError("the model is asked again")

    monkeypatch.setattr(names, "_model", never)
    with pytest.raises(AssertionError, match="asked again"):
        masked(TEXTS[3])
    assert masked(value) == first


def test_what_was_asked_for_least_lately_is_forgotten() -> None:
    remembered = RememberedSpans(2)
    remembered.keep("one", [Span(0, 3, "PERSON")])
    remembered.keep("two", [])
    assert remembered.get("one") == (Span(0, 3, "PERSON"),)
    remembered.keep("three", [])
    assert ("one" in remembered, "two" in remembered, "three" in remembered) == (True, False, True)
    assert remembered.get("two") is None
