"""Bugs planted into the bots of a short run: the judge of long runs finds each of them, and nothing where there is none."""

import re
from random import Random

import pytest

from tests.chaos.all_at_once import REST_SECONDS, played
from tests.chaos.conftest import NewStage
from tests.chaos.plants import BUGS, PLANT
from tests.chaos.weather import SLACK_CODES

SECONDS = 60.0  # of a storm; each bug is found some times in it
SEEDS = ("1", "2", "3")  # what runs side by side is left to chance, so one that was missed is looked for again


@pytest.mark.chaos
@pytest.mark.timeout(len(SEEDS) * (SECONDS + 2 * REST_SECONDS))
@pytest.mark.parametrize("name", BUGS)
async def test_the_judge_finds_a_planted_bug(name: str, new_stage: NewStage, capsys: pytest.CaptureFixture[str]) -> None:
    bug = BUGS[name]
    for seed in SEEDS:
        async with new_stage() as stage:
            stage.further_environment = {PLANT: name}
            findings, figures = await played(stage, Random(seed), SECONDS, bug.methods or tuple(SLACK_CODES))
        found = [finding for finding in findings if re.search(bug.found, finding)]
        with capsys.disabled():
            print(f"\n{name}, seed {seed}: {len(found)} of {len(findings)} findings, in {figures}")
        if found:
            return
    pytest.fail(f"{len(SEEDS)} runs did not find it")


@pytest.mark.chaos
@pytest.mark.timeout(SECONDS + 2 * REST_SECONDS)
async def test_the_judge_finds_nothing_where_nothing_is_planted(new_stage: NewStage) -> None:
    async with new_stage() as stage:
        findings, figures = await played(stage, Random("1"), SECONDS)
    assert not findings, figures
