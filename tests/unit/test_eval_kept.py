"""The file of a run: what was finished stays finished, however the last line ends; and two runs are never mixed."""

from pathlib import Path

import pytest

from bot.config.refusal import Refusal
from bot.eval.kept import Kept
from tests.unit.eval_cases import played
from tests.unit.test_eval_figures import RUN, finished

LINES_OF_THEIR_OWN = "one\u2028two\x85three ü"  # characters that some take for ends of lines


def kept_cases(kept: Kept) -> list[tuple[str, int]]:
    return [(one.case, one.repeat) for one in kept.finished()]


def test_what_is_added_is_there_again(tmp_path: Path) -> None:
    kept = Kept.of(tmp_path, RUN)
    added = [finished("a", 0, played(answer=LINES_OF_THEIR_OWN)), finished("a", 1)]
    for one in added:
        kept.add(one)
    assert [one.model_dump_json() for one in Kept.of(tmp_path, RUN).finished()] == [one.model_dump_json() for one in added]
    assert kept.about() == RUN


@pytest.mark.parametrize("cut", [1, 2, 40, -3], ids=lambda cut: f"cut at {cut}")
def test_a_line_that_was_cut_off_is_as_if_it_was_not_there(tmp_path: Path, cut: int) -> None:
    kept = Kept.of(tmp_path, RUN)
    kept.add(finished("a", 0))
    whole = kept.path.read_bytes()
    kept.add(finished("b", 0, played(answer="ü")))
    more = kept.path.read_bytes()[len(whole) :]
    end = more.index("ü".encode()) + 1 if cut == 1 else cut  # 1: in the middle of a letter
    kept.path.write_bytes(whole + more[:end])
    assert kept_cases(kept) == [("a", 0)]
    kept.add(finished("b", 0))
    kept.add(finished("c", 0))
    assert kept_cases(kept) == [("a", 0), ("b", 0), ("c", 0)]


@pytest.mark.parametrize(
    "other",
    [
        {"golden": "desk"},
        {"golden_digest": "h"},
        {"prompt": "assistant@3"},
        {"prompt_digest": "q"},
        {"model": "claude-opus"},
        {"played": "model"},
        {"tested": "u"},
        {"code": "d"},
    ],
)
def test_results_of_something_else_go_into_another_file(tmp_path: Path, other: dict[str, str]) -> None:
    kept = Kept.of(tmp_path, RUN)
    kept.add(finished("a", 0))
    assert Kept.of(tmp_path, RUN.model_copy(update=other)).finished() == []
    assert kept_cases(kept) == [("a", 0)]


def test_fresh_begins_without_what_was_finished(tmp_path: Path) -> None:
    Kept.of(tmp_path, RUN).add(finished("a", 0))
    assert Kept.of(tmp_path, RUN, fresh=True).finished() == []


def test_one_command_at_a_time_writes_a_file(tmp_path: Path) -> None:
    kept = Kept.of(tmp_path, RUN)
    with kept.held():
        with pytest.raises(Refusal, match=r"Another `signoff eval` writes .*\.jsonl: wait for it, or end it\."), kept.held():
            pytest.fail("two hold it")
        with pytest.raises(Refusal, match="Another"):
            Kept.of(tmp_path, RUN, fresh=True)
        kept.add(finished("a", 0))
    with kept.held():
        assert kept_cases(kept) == [("a", 0)]
