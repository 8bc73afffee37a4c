"""The demo's bot as a supervised child: killed, it comes back; ended or ending by itself, it does not."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable

from bot.sandbox.bot_process import BotProcess
from tests.patience import PATIENCE_SECONDS

LIVES = "import os, sys, time; print('I am', os.getpid(), file=sys.stderr, flush=True); time.sleep(3600)"


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110  # what a child says is no event of this loop
            await asyncio.sleep(0)


def running(bot: BotProcess, script: str, changed: Callable[[], None] = lambda: None) -> asyncio.Task[int]:
    return asyncio.create_task(bot.run([sys.executable, "-c", script], dict(os.environ), changed))


async def test_a_killed_one_is_started_again_by_itself() -> None:
    bot, starts = BotProcess(), list[object]()
    run = running(bot, LIVES, lambda: starts.append(bot.state()["pid"]))
    await until(lambda: len(bot.last_lines()) == 1)
    first = bot.state()["pid"]
    assert bot.kill()
    await until(lambda: len(bot.last_lines()) == 3)
    second = bot.state()["pid"]
    assert bot.state() == {"pid": second, "kills": 1, "killed_pid": first}
    assert bot.last_lines() == [
        f"I am {first}",
        f"-- process {first} was killed (SIGKILL); another one starts --",
        f"I am {second}",
    ]
    assert starts == [first, second]
    await bot.end()
    assert await run == -signal.SIGTERM
    assert not bot.kill()


async def test_one_that_others_kill_is_started_again_too() -> None:
    bot = BotProcess()
    run = running(bot, LIVES)
    await until(lambda: len(bot.last_lines()) == 1)
    os.kill(bot.state()["pid"], signal.SIGKILL)
    await until(lambda: len(bot.last_lines()) == 3)
    assert bot.state()["kills"] == 0
    await bot.end()
    await run


async def test_one_that_ends_by_itself_is_not() -> None:
    assert await running(BotProcess(), "import sys; sys.exit(3)") == 3


async def test_of_a_long_log_the_end_is_kept() -> None:
    bot = BotProcess()
    script = "import sys; [print(n, 'x' * 1000, file=sys.stderr) for n in range(1000)]"
    assert await running(bot, script) == 0
    lines = bot.last_lines()
    assert lines[-1].split()[0] == "999"
    assert len(lines) < 400
