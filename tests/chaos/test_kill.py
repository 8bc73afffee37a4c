"""kill -9 at every boundary of one approved run: never run twice, never lost, answered or asked about within 15 s."""

import asyncio

import pytest

from tests.chaos.boundaries import Kill, found, kills, nearly_all, spread, try_each
from tests.chaos.conftest import NewStage
from tests.chaos.proxies import Forward, Message
from tests.chaos.run import Run
from tests.chaos.stage import BotProcess

SAMPLE = 16


@pytest.mark.parametrize(
    "most",
    [
        pytest.param(SAMPLE, id="a sample", marks=pytest.mark.timeout(1200)),
        pytest.param(None, id="every boundary", marks=[pytest.mark.chaos, pytest.mark.timeout(3600)]),
    ],
)
async def test_a_killed_process_changes_nothing(
    new_stage: NewStage, capsys: pytest.CaptureFixture[str], most: int | None
) -> None:
    boundaries = await found(new_stage)
    every = kills(boundaries)
    chosen = spread(every, most)
    reached = await try_each(chosen, lambda kill: killed_run(new_stage, kill))
    with capsys.disabled():
        print(f"\nkill -9: {reached} of the {len(every)} moments before and after {len(boundaries)} boundaries were tried.")
    assert nearly_all(reached, len(chosen))


async def killed_run(new_stage: NewStage, kill: Kill) -> bool:
    """Play the run, kill its process at the boundary, and start another one. False: the run was over before."""
    async with new_stage() as stage:
        proxies, environment = await stage.proxies()
        first = await stage.start(environment)
        heir: list[asyncio.Task[BotProcess]] = []

        async def strike(_: Message, forward: Forward) -> None:
            if kill.moment == "after":
                await forward()
            first.kill()
            run.due_from = float("inf")  # nobody is there until the other process is
            heir.append(asyncio.create_task(stage.start()))
            run.due_from = (await heir[0]).ready_at

        proxies.count(kill.at.number, strike)
        run = await Run.begin(stage)
        await run.approve()
        await run.rest()
        proxies.count()  # from here on nobody is killed
        if heir:
            await heir[0]
            await run.rest()
        await run.tell()
        await run.check()
        return bool(heir)
