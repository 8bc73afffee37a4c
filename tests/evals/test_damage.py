"""What a golden set is there for: each piece of damage makes the replayed eval fail, and the case that shows it is named.

The recordings are those that lie beside the set, so no key and no model is needed.
"""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from bot.eval.cases import GoldenSet
from bot.eval.golden_files import read_set
from bot.eval.judging import Judged, judge
from bot.eval.playing import Model, Stage, play
from bot.eval.recordings import read_recording
from bot.stores.embedded_home import Servers
from tests.conftest import REPOSITORY
from tests.evals.plants import DAMAGE

FOLDER = REPOSITORY / "prompts" / "assistant" / "golden"
Replayed = Callable[[str], Awaitable[Judged]]


@pytest.fixture(scope="module")
def golden() -> GoldenSet:
    """The set."""
    return read_set(FOLDER)


@pytest.fixture
def replayed(golden: GoldenSet, database_url: str, redis_url: str, tmp_path: Path) -> Replayed:
    """Plays a case with its recorded answers."""
    cases = {case.case: case for case in golden.cases}

    async def replay(name: str) -> Judged:
        recording = read_recording(FOLDER, name)
        assert recording is not None
        stage = Stage(Servers(database_url, redis_url), tmp_path)
        played, _ = await play(cases[name], golden, stage, Model(tape=recording.tape))
        return judge(cases[name], played)

    return replay


@pytest.mark.parametrize("name", sorted({damage.case for damage in DAMAGE.values()}))
async def test_a_case_passes_as_long_as_nothing_is_damaged(name: str, replayed: Replayed) -> None:
    assert (await replayed(name)).wrong == []


@pytest.mark.parametrize("name", DAMAGE)
async def test_damage_is_shown_by_a_case(name: str, replayed: Replayed, monkeypatch: pytest.MonkeyPatch) -> None:
    damage = DAMAGE[name]
    damage.plant(monkeypatch)
    wrong = "\n".join((await replayed(damage.case)).wrong)
    assert wrong
    assert re.search(damage.wrong, wrong), wrong


def test_there_are_thirty_kinds_of_damage_and_each_has_its_case(golden: GoldenSet) -> None:
    assert len(DAMAGE) >= 30
    assert {damage.case for damage in DAMAGE.values()} <= {case.case for case in golden.cases}
