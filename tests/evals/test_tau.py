"""Tasks of the tau benchmarks, through the bot with approvals on: the data ends as recorded, cards ask about each write."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic import JsonValue

from bot.config.refusal import Refusal
from bot.eval.cases import Case
from bot.eval.judging import Judged, judge
from bot.eval.playing import Model, Stage, play
from bot.eval.tau import read_tau
from bot.stores.embedded_home import Servers
from tests.evals.tau_bench import write

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


COUNTER = '''
class Count:
    def invoke(data, table, by):
        """Add to a counter."""
        if by > 9:
            raise ValueError("too many")
        data[table]["n"] += by
        return str(data[table]["n"])

    def get_info():
        parts = {"table": {"type": "string"}, "by": {"type": "integer"}}
        schema = {"type": "object", "properties": parts, "required": ["table", "by"]}
        return {"function": {"name": "count", "description": "Add to a counter.", "parameters": schema}}


class GetNothing:
    def invoke(data):
        return "nothing"

    def get_info():
        return {"function": {"name": "get_nothing", "description": "Get nothing.", "parameters": {"type": "object"}}}


ALL_TOOLS = [Count, GetNothing]
'''
COUNTED = """
from types import SimpleNamespace as Row


def call(by):
    return Row(name="count", kwargs={"table": "a", "by": by})


TASKS_TEST = [
    Row(instruction="Count to five.", actions=[call(2), call(3), call(2), call(-2)], outputs=["5"]),
    Row(instruction="Count.", actions=[call(10), Row(name="get_nothing", kwargs={}), call(1), call(-1)], outputs=[]),
]
"""


@pytest.mark.parametrize("number", [0, 1])
async def test_a_checkout_of_the_public_benchmark_becomes_a_folder(number: int, stage: Stage, tmp_path: Path) -> None:
    """Its files are not here, so these have their shape: tables, classes with `invoke` and `get_info`, and rows of gold calls."""
    retail = tmp_path / "checkout" / "tau_bench" / "envs" / "retail"
    (retail / "data").mkdir(parents=True)
    (retail / "data" / "a.json").write_text('{"n": 0, "m": 7}')
    (retail / "tools").mkdir()
    (retail / "tools" / "__init__.py").write_text(COUNTER)
    (retail / "tasks_test.py").write_text(COUNTED)
    folder = tmp_path / "folder"
    assert write(tmp_path / "checkout", "retail", folder) == 2
    case = read_tau(folder).cases[number]
    unchanged: list[JsonValue] = []
    changed: list[JsonValue] = ["a/n"]
    ends: Mapping[str, JsonValue] = [{"a/n": 5, "changed": changed}, {"changed": unchanged}][number]
    assert (case.ends_with, case.asks) == (ends, ["count"] * (4, 3)[number])
    found, _ = await play(case, read_tau(folder), stage, Model())
    assert judge(case, found).wrong == []
    other = case.model_copy(update={"ends_with": {**ends, "changed": ["a/m"]}})
    assert [wrong.partition(":")[0] for wrong in judge(other, found).wrong] == ["changed at the end"]


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
