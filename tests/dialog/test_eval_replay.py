"""A case played by the real bot and replayed: the same bot asks the same, and whatever is different is said by its place."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from bot.eval.cases import GoldenSet
from bot.eval.golden_files import read_set
from bot.eval.happened import Played
from bot.eval.judging import judge
from bot.eval.playing import DATABASE, KEY, Model, Stage, play
from bot.eval.recordings import Recording, path_of, read_recording, write_recording
from bot.eval.subject import with_version
from bot.eval.tape import PASSED_ON, Tape
from bot.stores.embedded_home import Servers
from tests.dialog.eval_set import LAMP_CASE, LAMPS, write_set

Change = Callable[[Path], None]


def play_once(folder: Path, stage: Stage, model: Model, prompt: str = "assistant") -> tuple[GoldenSet, Played, Tape]:
    """Play the first case of a set."""
    golden, _ = with_version(read_set(folder), prompt, None)
    played, tape = asyncio.run(play(golden.cases[0], golden, stage, model))
    return golden, played, tape


@pytest.fixture(scope="module")
def recording(stores: Servers, migrated_template: str, tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """The case as it is recorded when its lines are played, read from its file."""
    folder = tmp_path_factory.mktemp("recorded")
    with psycopg.connect(stores.database_url, autocommit=True) as connection:
        made = sql.SQL("CREATE DATABASE recorded TEMPLATE {}").format(sql.Identifier(migrated_template))
        connection.execute(made)
        servers = Servers(stores.database_url.replace("/postgres?", "/recorded?"), stores.redis_url)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(DATABASE, "")
            golden, played, tape = play_once(write_set(folder / "set", LAMP_CASE), Stage(servers, folder), Model())
        connection.execute("DROP DATABASE recorded WITH (FORCE)")
    judged = judge(golden.cases[0], played)
    assert judged.passed, judged.wrong
    write_recording(folder, "lamp-ordered", Recording(passed=True, tape=tape))
    text = path_of(folder, "lamp-ordered").read_text()
    assert KEY not in text
    assert {name for one in tape.exchanges for name in one.headers} <= {*PASSED_ON}
    found = read_recording(folder, "lamp-ordered")
    assert found is not None
    return found


@pytest.fixture
def stage(database_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Where a case is played."""
    monkeypatch.setenv(DATABASE, "")
    return Stage(Servers(database_url, redis_url), tmp_path)


def replaced(old: str, new: str) -> Change:
    """Change the tool file."""

    def change(folder: Path) -> None:
        assert old in LAMPS
        (folder / "lamps.py").write_text(LAMPS.replace(old, new))

    return change


def case(**other: Any) -> Change:
    """Change the case."""

    def change(folder: Path) -> None:
        (folder / "cases.yaml").write_text(json.dumps([{**LAMP_CASE, **other}]))

    return change


def unchanged(folder: Path) -> None:
    """Change nothing."""


OTHER_WORDS = [{**LAMP_CASE["talk"][0], "says": "Where is Luna?"}, LAMP_CASE["talk"][1]]
OTHER_DECISION = [LAMP_CASE["talk"][0], {"who": "ben", "does": "reject", "tool": "create_order", "reason": "too many"}]
NOBODY_DECIDES = [LAMP_CASE["talk"][0]]


@pytest.mark.parametrize(
    ("change", "prompt", "drift"),
    [
        (unchanged, "assistant", ""),
        (unchanged, "assistant@1", "request 1: its system is another one"),
        (replaced("Find a lamp by its name.", "Find a lamp."), "assistant", "request 1: its tools are others"),
        (replaced("name: str)", "name: str, floor: int = 0)"), "assistant", "request 1: its tools are others"),
        (replaced('"kitchen"', '"hall"'), "assistant", "request 2: message 3 of 3 is another one than in the recording (3)"),
        (case(talk=OTHER_WORDS), "assistant", "request 1: message 1 of 1 is another one than in the recording (1)"),
        (case(talk=OTHER_DECISION), "assistant", "request 3: message 5 of 5 is another one than in the recording (5)"),
        (case(talk=NOBODY_DECIDES), "assistant", "1 of the recorded answers were not asked for"),
    ],
    ids=["nothing", "prompt", "description", "schema", "result", "words", "decision", "nobody decides"],
)
def test_a_replay_drifts_where_something_is_different(
    recording: Recording, stage: Stage, tmp_path: Path, change: Change, prompt: str, drift: str
) -> None:
    folder = write_set(tmp_path / "set", LAMP_CASE)
    # The recording names the tools by what the model is shown of them, so another folder is no difference.
    change(folder)
    golden, played, _ = play_once(folder, stage, Model(tape=recording.tape), prompt)
    assert played.drift == drift
    judged = judge(golden.cases[0], played)
    assert judged.passed is (drift == ""), judged.wrong
    assert (f"the model was asked as recorded: {drift}" in judged.wrong) is (drift != "")
