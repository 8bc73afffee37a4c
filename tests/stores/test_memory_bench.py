"""The bench of recall on a set that is small enough to know what it must say."""

import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from agent.embeddings.wordllama import WordLlama
from tests.bench.memory import Recalled, category_table, fill, gained, interval, read, recall_table, recalled
from tests.bench.paraphrases import know, pairs, told_again
from tests.stores.core import Core

TURNS = (
    ("A", "1", "May", "Ann", "I bought a lamp for my desk."),
    ("A", "2", "May", "Ben", "Which colour?"),
    ("A", "3", "May", "Ann", "It is green."),
    ("A", "4", "June", "Ann", "We flew to Lisbon."),
    ("B", "1", "May", "Cem", "The lamp is broken."),
    *(("A", f"filler {n}", f"day {n}", "Ben", f"Nothing of note happened, number {n}.") for n in range(20)),
)
QUESTIONS = (
    ("A", "q1", "plain", "Who bought the lamp?", ["1"]),
    ("A", "q2", "neighbour", "What colour has the lamp of the desk?", ["3"]),
    ("A", "q3", "meaning", "Where did they go by aeroplane?", ["4"]),
    ("B", "q4", "plain", "What is wrong with the lamp?", ["1"]),
)


def write(folder: Path, turns: Sequence[Any] = TURNS, questions: Sequence[Any] = QUESTIONS) -> Path:
    """Write a set."""
    turn = ("conv", "id", "date", "speaker", "text")
    question = ("conv", "id", "category", "question", "evidence")
    for name, keys, rows in (("turns", turn, turns), ("questions", question, questions)):
        lines = [json.dumps(dict(zip(keys, row, strict=True))) + "\n" for row in rows]
        (folder / f"{name}.jsonl").write_text("".join(lines))
    return folder


@pytest.fixture
async def memory(core: Core) -> AsyncIterator[Core]:
    """A core whose memory is empty, before and after."""
    await core.sql("TRUNCATE memory RESTART IDENTITY CASCADE")
    yield core
    await core.sql("TRUNCATE memory RESTART IDENTITY CASCADE")


async def test_it_says_what_words_meaning_and_both_find(memory: Core, tmp_path: Path) -> None:
    of, embedder = read(write(tmp_path)), WordLlama()
    await fill(memory.pool, of.turns, embedder)
    by_words, _ = await recalled(memory.pool, of.questions, embedder, words=True, meaning=False)
    by_meaning, _ = await recalled(memory.pool, of.questions, embedder, words=False, meaning=True)
    by_both, took_ms = await recalled(memory.pool, of.questions, embedder, words=True, meaning=True)

    assert [one.found for one in by_words] == [{5: 1.0, 10: 1.0}, {5: 1.0, 10: 1.0}, {5: 0.0, 10: 0.0}, {5: 1.0, 10: 1.0}]
    assert by_meaning[2].found == by_both[2].found == {5: 1.0, 10: 1.0}
    assert [one.found[5] for one in by_both] == [1.0] * 4
    measured = {"full text": (by_words, took_ms), "both": (by_both, took_ms)}
    assert recall_table(embedder.model, measured).row_count == 3
    assert list(gained(measured, 5)) == [0.0, 0.0, 1.0, 0.0]
    assert category_table({name: results for name, (results, _) in measured.items()}).row_count == 3


def test_a_label_that_names_no_turn_is_found(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="evidence of question q5"):
        read(write(tmp_path, questions=[*QUESTIONS, ("B", "q5", "plain", "Who?", ["3"])]))


def test_the_interval_holds_the_mean_and_narrows_with_more_questions() -> None:
    few, many = interval([0.0, 1.0] * 10), interval([0.0, 1.0] * 1000)
    assert few[1] < many[1] < few[0] == many[0] == 0.5 < many[2] < few[2]
    assert interval([1.0] * 10) == (1.0, 1.0, 1.0)


def test_categories_are_counted_apart() -> None:
    results = [Recalled("one", {5: 1.0, 10: 1.0}), Recalled("two", {5: 0.0, 10: 0.0}), Recalled("two", {5: 0.0, 10: 1.0})]
    table = category_table({"both": results})
    assert [list(column.cells) for column in table.columns][:2] == [["one", "two"], ["1", "2"]]


async def test_it_says_which_facts_told_in_other_words_find_what_is_known(memory: Core) -> None:
    of, embedder = pairs()[:2], WordLlama()
    lost = of[1].model_copy(update={"again": [of[1].near]})
    results = await told_again(memory.pool, [of[0], lost], await know(memory.pool, of, embedder), embedder)
    assert [(one.shown, one.first, one.apart) for one in results] == [
        (True, True, True),
        (True, True, True),
        (True, False, False),
    ]


def test_what_is_told_again_is_in_other_words_and_what_is_near_is_another_fact() -> None:
    told = [(pair.fact, *pair.again, pair.near) for pair in pairs()]
    assert len(told) > 50
    assert all(len({text.casefold() for text in texts}) == 4 for texts in told)
