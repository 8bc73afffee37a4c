"""SIGSTOP at every boundary until another process has taken the session over, then SIGCONT.

The woken process thinks that no time has passed: it holds a lease that ran out, has an answer in its hands, was about to
send. It must write no row, make no post and start no tool call.
"""

import asyncio
import time

import aiohttp
import pytest

from tests.chaos.boundaries import found, nearly_all, spread, try_each
from tests.chaos.conftest import NewStage
from tests.chaos.proxies import Forward, Message
from tests.chaos.run import Run
from tests.chaos.stage import BotProcess, Stage, until

SAMPLE = 8
AWAKE_STATEMENTS = 5  # sent to Postgres after the thaw: its worker looks for work once a second


@pytest.mark.parametrize(
    "most",
    [
        pytest.param(SAMPLE, id="a sample", marks=pytest.mark.timeout(1200)),
        pytest.param(None, id="every boundary", marks=[pytest.mark.chaos, pytest.mark.timeout(3600)]),
    ],
)
async def test_a_woken_process_does_nothing_more(
    new_stage: NewStage, capsys: pytest.CaptureFixture[str], most: int | None
) -> None:
    boundaries = await found(new_stage)
    chosen = spread(boundaries, most)
    reached = await try_each(chosen, lambda boundary: frozen_run(new_stage, boundary))
    with capsys.disabled():
        print(f"\nSIGSTOP: {reached} of the {len(boundaries)} boundaries were tried.")
    assert nearly_all(reached, len(chosen))


async def frozen_run(new_stage: NewStage, boundary: Message) -> bool:
    """Play the run, freeze its process at the boundary, let another one take over, thaw it. False: the run was over before."""
    async with new_stage() as stage:
        proxies, environment = await stage.proxies()
        first = await stage.start(environment)
        heir: list[asyncio.Task[BotProcess]] = []

        async def strike(message: Message, forward: Forward) -> None:
            if message.direction == "out":
                await forward()
                first.freeze()
            else:
                first.freeze()
                await forward()
            run.due_from = float("inf")  # nobody is there until the other process is
            heir.append(asyncio.create_task(stage.start()))
            run.due_from = (await heir[0]).ready_at

        proxies.count(boundary.number, strike)
        run = await Run.begin(stage)
        await run.approve()
        await run.rest()
        if not heir:
            proxies.count()  # from here on nobody is frozen
            return False
        await heir[0]
        await run.rest()

        rows, charges, thawed_at = await everything(stage), stage.ledger.lines, time.monotonic()
        first.thaw()
        await ready(first)

        async def awake() -> bool:
            return len(proxies.since(thawed_at, "postgres", "out")) >= AWAKE_STATEMENTS

        await until(awake)
        assert await everything(stage) == rows
        assert stage.ledger.lines == charges
        assert proxies.since(thawed_at, "ledger", "out") == []
        assert [str(one) for one in proxies.since(thawed_at, "slack", "out") if b"/api/chat." in one.data] == []

        await run.tell()
        await run.check()
        return True


async def everything(stage: Stage) -> list[list[tuple[object, ...]]]:
    """Every row of the core."""
    return [
        await stage.rows("SELECT * FROM session ORDER BY id"),
        await stage.rows("SELECT seq, epoch, body::text, made_at FROM step ORDER BY session_id, seq"),
        await stage.rows("SELECT id, body::text, taken_at FROM inbox ORDER BY id"),
        await stage.rows("SELECT id, status, decided_by, decided_at, started_at FROM action ORDER BY id"),
        await stage.rows("SELECT * FROM vote ORDER BY action_id"),
    ]


async def ready(bot: BotProcess) -> None:
    """Until it answers, and is connected to Slack and its stores."""
    async with aiohttp.ClientSession() as client:

        async def ok() -> bool:
            async with client.get(f"http://127.0.0.1:{bot.port}/readyz") as answer:
                return answer.status == 200

        await until(ok)
