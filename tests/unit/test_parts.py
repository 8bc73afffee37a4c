"""A long answer in parts: all of it, none too long, code and tables whole wherever that can be."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.session.message_parts import LEAST_CHARACTERS, PART_CHARACTERS, closed, split
from tests.profiles import examples

WORDS = st.lists(st.sampled_from(["lamp", "order", "the", "of", "*bold*", "x" * 40, "ä", "<"]), min_size=1, max_size=900).map(
    " ".join
)
HEAD = "| part | stock |\n|---|---:|"
ROWS = st.integers(1, 900).map(lambda count: "\n".join(f"| part {number} | {number} |" for number in range(count)))
TABLES = ROWS.map(lambda rows: f"{HEAD}\n{rows}")
MARKS = st.sampled_from(["```python", "~~~~", "  ```"])
LINES = st.lists(st.sampled_from(["x = 1", "", "    return x", "| no | table |", "# " + "long " * 40]), max_size=800)


def fenced(mark: str, lines: list[str]) -> str:
    return "\n".join([mark, *lines, mark.replace("python", "")])


CODE = st.builds(fenced, MARKS, LINES)
ONE_LONG_WORD = st.integers(1, 30_000).map(lambda length: "y" * length)
ANSWERS = st.lists(st.one_of(WORDS, TABLES, CODE, ONE_LONG_WORD), min_size=1, max_size=12).map("\n\n".join)
AGAIN = re.compile(r"\| part \| stock \||\|---\|---:\||\s*(```(python)?|~~~~)")  # what may be said again where a part begins


@examples(1.5)
@given(ANSWERS)
def test_parts_hold_all_of_it_and_fit(answer: str) -> None:
    parts = split(answer)
    assert all(len(part) <= PART_CHARACTERS for part in parts)

    def letters(text: str) -> str:
        kept = [line for line in text.splitlines() if not AGAIN.fullmatch(line)]
        return re.sub(r"\s", "", "".join(kept))

    assert letters("\n".join(parts)) == letters(answer)


@examples(1.5)
@given(ANSWERS)
def test_the_beginning_of_an_answer_is_the_beginning_of_its_first_part(answer: str) -> None:
    """So it can be shown before the end is known."""
    shown = answer.lstrip()[:LEAST_CHARACTERS].rstrip()
    assert split(answer.strip())[0].startswith(shown)


@examples(1.5)
@given(ANSWERS)
def test_code_is_code_and_a_table_is_a_table_in_every_part(answer: str) -> None:
    for part in split(answer):
        mark = ""
        before = ""
        for line in part.splitlines():
            opening = re.match(r"\s*(`{3,}|~{3,})", line)
            if mark:
                mark = "" if line.strip() == mark else mark
            elif opening is not None:
                mark = opening[1]
            elif line.startswith("| part ") and line != HEAD.splitlines()[0]:
                assert before.startswith("|"), "a row without a table above it"
            before = line
        assert not mark, "code that is not closed"


def test_what_fits_stays_as_it_is() -> None:
    assert split("  A\n\n\n```\ncut") == ("  A\n\n\n```\ncut",)
    assert split("") == ("",)


def test_a_paragraph_is_cut_only_where_it_must_be() -> None:
    one, two = "a " * 3_500, "b " * 3_500
    assert split(f"{one.strip()}\n\n{two.strip()}") == (one.strip(), two.strip())


def test_code_goes_on_under_its_own_mark() -> None:
    code = "\n".join(f"line {number}" for number in range(2_000))
    first, second = split(f"````js title=x\n{code}\n````")
    assert first.endswith("\n````")
    assert second.startswith("````js title=x\nline ")


def test_a_table_goes_on_under_its_titles() -> None:
    rows = "\n".join(f"| {number} | something |" for number in range(900))
    first, second = split(f"Look:\n\n| number | what |\n| --- | --- |\n{rows}")
    assert first.startswith("Look:\n\n| number | what |")
    assert second.startswith("| number | what |\n| --- | --- |\n| ")
    assert first.splitlines()[-1].endswith("| something |")


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("Look:\n\n```python\nx = 1", "Look:\n\n```python\nx = 1\n```"),
        ("```\nx\n```", "```\nx\n```"),
        ("```\nx\n```\nand", "```\nx\n```\nand"),
        ("words", "words"),
        ("", ""),
    ],
)
def test_code_that_is_cut_off_is_closed(text: str, whole: str) -> None:
    assert closed(text) == whole
