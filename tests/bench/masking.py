"""`make bench masking PATH`: how much of a labelled set is masked, how much beside it, and how long that takes.

PATH is a file of JSON Lines, one {full_text, spans: [{entity_type, start_position, end_position}]} a line: the format of
presidio-research, one text a line. A label is found if all of it is masked, whatever as. Over-masking is the share of the
characters without a label that is masked, blanks not counted.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel
from rich.console import Console
from rich.table import Table

from agent.masking.finders import fast_patterns, patterns
from agent.masking.names import MODEL, names_finder, names_installed
from agent.masking.placeholders import NOTHING_SEEN, mask
from agent.masking.spans import Finder, Span, apart
from agent.masking.wanted import DEFAULT_NAMES, Names, WantedMasks
from tests.bench.latency import percentile

# What is to be reached (issue 14): without names, and with them.
TARGETS = {"EMAIL_ADDRESS": 1.0, "IBAN_CODE": 1.0, "US_SSN": 1.0, "IP_ADDRESS": 1.0, "DOMAIN_NAME": 1.0, "KEY": 1.0}
TARGETS_BELOW = {"CREDIT_CARD": 0.95, "PHONE_NUMBER": 0.80, "PERSON": 0.65, "NRP": 0.69}  # the last two with names
MOST_BESIDE = 0.015
LINES = {
    "without anything": "the embedded stores are up, and the loop goes on with what it holds",
    "with ids and times": "session T0123ABC:C0123ABC:1700000000.123456 was claimed under epoch 12 in 0.35 s",
    "with personal data": "anna@example.com, +44 7700 900123, DE89 3704 0044 0532 0130 00, 10.1.2.3, Bearer abcDEF123456",
}


class Label(BaseModel):
    """Where something is, and what."""

    entity_type: str
    start_position: int
    end_position: int


class Labelled(BaseModel):
    """A text with labels."""

    full_text: str
    spans: tuple[Label, ...]


@dataclass(frozen=True, slots=True)
class Reached:
    """Of a set: how many of each label there are and were found, the share masked beside them, and milliseconds a KB."""

    found: Mapping[str, tuple[int, int]]
    beside: float
    ms_per_kb: float


def read(path: Path) -> Sequence[Labelled]:
    """Return the set in a file. Raises ValueError where a line is not as it should be."""
    return [Labelled.model_validate_json(line) for line in path.read_text().splitlines() if line.strip()]


def reached(of: Sequence[Labelled], find: Finder) -> Reached:
    """Look for everything in each text."""
    found: dict[str, list[bool]] = defaultdict(list)
    unlabelled = masked_beside = characters = 0
    began = time.perf_counter()
    spans = [apart(find(one.full_text)) for one in of]
    took = time.perf_counter() - began
    for one, here in zip(of, spans, strict=True):
        masked = {at for span in here for at in range(span.start, span.end)}
        labelled = set[int]()
        for label in one.spans:
            places = range(label.start_position, label.end_position)
            labelled.update(places)
            found[label.entity_type].append(all(at in masked or not one.full_text[at].isalnum() for at in places))
        beside = {at for at, character in enumerate(one.full_text) if not character.isspace()} - labelled
        unlabelled += len(beside)
        masked_beside += len(beside & masked)
        characters += len(one.full_text)
    counts = {label: (len(each), sum(each)) for label, each in found.items()}
    return Reached(counts, masked_beside / max(1, unlabelled), took / max(1, characters) * 1024 * 1000)


def as_it_comes() -> Finder:
    """Return Presidio's own engine, with the same model and everything that it looks for by default."""
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import NlpEngineProvider

    models = {"nlp_engine_name": "spacy", "models": [{"lang_code": "en", "model_name": MODEL}]}
    engine = AnalyzerEngine(nlp_engine=NlpEngineProvider(nlp_configuration=models).create_engine())
    return lambda text: [Span(each.start, each.end, each.entity_type) for each in engine.analyze(text, "en")]


def engines() -> Mapping[str, Finder]:
    """Return what is compared."""
    find = patterns(WantedMasks())

    def with_names(names: Sequence[Names]) -> Finder:
        named = names_finder(names)
        return lambda text: [*find(text), *named(text)]

    if not names_installed():
        return {"patterns": find}
    every: Sequence[Names] = (*DEFAULT_NAMES, "organisations")
    return {
        "patterns": find,
        "with names": with_names(DEFAULT_NAMES),
        "and organisations": with_names(every),
        "Presidio as it comes": as_it_comes(),
    }


def masking(path: Path, console: Console) -> None:
    """Measures and prints."""
    of = read(path)
    results = {name: reached(of, find) for name, find in engines().items()}
    console.print(result_table(results))
    console.print(line_table())
    if not names_installed():
        console.print("Without signoff[names] names are not looked for, and Presidio has no model.", style="dim")


def result_table(results: Mapping[str, Reached]) -> Table:
    """What was found, by label."""
    table = Table(title="\nHow much of what is labelled is masked whole", title_justify="left")
    for name in ("", "labels", "to reach", *results):
        table.add_column(name, justify="right" if name else "left")
    labels = sorted({label for one in results.values() for label in one.found})
    for label in labels:
        target = {**TARGETS, **TARGETS_BELOW}.get(label)
        shares = [one.found[label] for one in results.values()]
        cells = [f"{found / there:.3f}" for there, found in shares]
        table.add_row(label, str(shares[0][0]), "" if target is None else f"{target:.2f}", *cells)
    table.add_section()
    table.add_row("masked beside", "", f"{MOST_BESIDE:.1%}", *(f"{one.beside:.2%}" for one in results.values()))
    table.add_row("ms a KB", "", "", *(f"{one.ms_per_kb:.1f}" for one in results.values()))
    return table


def line_table() -> Table:
    """What a line of the log takes."""
    table = Table(title="\nA line of the log", title_justify="left")
    for name in ("", "p50, µs", "p99, µs"):
        table.add_column(name, justify="right" if name else "left")
    find = fast_patterns(WantedMasks())
    for name, line in LINES.items():
        took_us = _took_us(lambda line=line: mask(line, NOTHING_SEEN, find))
        table.add_row(name, f"{percentile(took_us, 50):.0f}", f"{percentile(took_us, 99):.0f}")
    return table


def _took_us(work: Callable[[], object], times: int = 2_000) -> Sequence[float]:
    took = list[float]()
    for _ in range(times):
        began = time.perf_counter()
        work()
        took.append(1e6 * (time.perf_counter() - began))
    return took
