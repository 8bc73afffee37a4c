"""Tasks of the tau benchmarks, through the bot with approvals on: the data ends as recorded, cards ask about each write."""

from pathlib import Path

import pytest

from bot.config.refusal import Refusal
from bot.eval.cases import Case
from bot.eval.judging import Judged, judge
from bot.eval.playing import Model, Stage, play
from bot.eval.tau import read_tau
from bot.stores.embedded_home import Servers

FOLDER = Path(__file__).parent / "tau"
TASKS = {case.case: case for case in read_tau(FOLDER).cases}


@pytest.fixture
def stage(database_url: str, redis_url: str, tmp_path: Path) -> Stage:
    """Stores for one task."""
    return Stage(Servers(database_url, redis_url), tmp_path)


async def played(case: Case, stage: Stage) -> Judged:
    """A task, by its gold calls."""
    found, _ = await play(case, read_tau(FOLDER), stage, Model())
    return judge(case, found)


@pytest.mark.parametrize("name", TASKS)
async def test_the_data_ends_as_recorded_and_cards_ask_about_each_write(name: str, stage: Stage) -> None:
    judged = await played(TASKS[name], stage)
    assert judged.wrong == []
    assert set(TASKS[name].asks) <= {"lend_book", "take_back"}


async def test_another_end_is_named(stage: Stage) -> None:
    task = TASKS["task-0"]
    books = {"B1": {"title": "The Art of Computer Programming", "in": 7}}
    judged = await played(task.model_copy(update={"ends_with": {"books": books}}), stage)
    assert [wrong.partition(":")[0] for wrong in judged.wrong] == ["books at the end"]


async def test_a_write_that_is_not_made_is_named(stage: Stage) -> None:
    task = TASKS["task-1"]
    judged = await played(task.model_copy(update={"plays": [*task.plays[:1], *task.plays[2:]]}), stage)
    assert any("calls take_back: it was not called" in wrong for wrong in judged.wrong)
    assert any(wrong.startswith("readers at the end") for wrong in judged.wrong)


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    (tmp_path / "tools.py").write_text((FOLDER / "tools.py").read_text())
    with pytest.raises(Refusal, match=r"data\.json does not exist"):
        read_tau(tmp_path)
    (tmp_path / "data.json").write_text("{}")
    (tmp_path / "tasks.json").write_text('[{"id": 1, "instruction": "x", "actions": [{"name": "burn_book"}]}]')
    with pytest.raises(Refusal, match=r"Task 1 calls burn_book, which tools\.py does not have"):
        read_tau(tmp_path)
    (tmp_path / "tasks.json").write_text('[{"id": 1}]')
    with pytest.raises(Refusal, match="is no list of tasks"):
        read_tau(tmp_path)
