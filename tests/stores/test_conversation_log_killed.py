"""The conversation log, written by real processes that are killed in the midst of it."""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from tests.profiles import examples
from tests.stores.core import Core, opened_core, place, until
from tests.stores.test_conversation_log import PEOPLE, append, expected, history, in_the_log, with_pins


@pytest.mark.chaos
@pytest.mark.hypothesis
@pytest.mark.timeout(3600)
@examples(0.01, HealthCheck.function_scoped_fixture)
@given(seed=st.integers(0, 2**32))
def test_processes_that_are_killed_in_the_midst_of_it_leave_the_log_whole(core_database_url: str, seed: int) -> None:
    """kill -9 of a real process, wherever it is; the next one goes on. The last one is not killed."""
    bodies = [body for number in range(25) for body in history(seed + number)]
    asyncio.run(write_by_processes(core_database_url, bodies, Random(seed)))


async def write_by_processes(url: str, bodies: Sequence[Mapping[str, Any]], chance: Random) -> None:
    """Have the log of these steps written by one process after the other."""
    async with opened_core(url) as core:
        await core.hold(place())
        await with_pins(core, bodies)
        await append(core, bodies)
        killed = await killed_while_behind(core, chance)
        found = await in_the_log(core)
    assert killed
    assert [(each.seq, each.role) for each in found] == [(seq, role) for seq, role, _ in expected(bodies)]
    assert not any(person in json.dumps([each.words for each in found]) for person in PEOPLE)


async def killed_while_behind(core: Core, chance: Random) -> int:
    """Start a process and kill it, until the log is whole; how many were killed."""
    killed = 0
    while await behind(core):
        async with writer(core) as process:
            written = await core.sql("SELECT seq FROM conversation_position")
            while await core.sql("SELECT seq FROM conversation_position") == written:
                assert process.returncode is None
                await asyncio.sleep(0.001)  # another process's work: no event of ours
            if killed < 8:
                await asyncio.sleep(chance.random() * 0.02)
                process.kill()
                killed += 1
            else:
                await until(partial(caught_up, core))
    return killed


async def behind(core: Core) -> bool:
    return not await caught_up(core)


async def caught_up(core: Core) -> bool:
    [(position, last)] = await core.sql("SELECT (SELECT max(seq) FROM conversation_position), (SELECT max(seq) FROM step)")
    return position == last


@asynccontextmanager
async def writer(core: Core) -> AsyncGenerator[asyncio.subprocess.Process]:
    """A process that writes the log; gone at the end, if it still runs."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.stores.log_writer", core.database_url)
    try:
        yield process
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
        await process.wait()
