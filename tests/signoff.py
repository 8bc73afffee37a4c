"""The command `signoff`: as a separate process, which nothing of this test's environment reaches, or in this process."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeAlias

import pytest
from typer.testing import CliRunner

from bot.cli import cli

REPOSITORY = Path(__file__).parents[1]
KEPT = frozenset({"PATH", "HOME", "LANG"})  # of this test's environment
Environment: TypeAlias = dict[str, str]


@asynccontextmanager
async def signoff(
    *arguments: str, folder: Path, environment: Mapping[str, str], module: str = "bot.cli"
) -> AsyncGenerator[asyncio.subprocess.Process]:
    """The running command, in a folder that holds no `.env` but what the test wrote; killed at the end if it still runs."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *arguments),
        cwd=folder,
        env={**kept, "PYTHONPATH": str(REPOSITORY), **environment},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def refused(command: str, folder: Path, environment: Mapping[str, str], *more: str) -> str:
    """What the command says on standard error when it refuses: one sentence, with exit status 2."""
    async with signoff(command, *more, folder=folder, environment=environment) as process:
        out, err = (part.decode() for part in await process.communicate())
    assert (process.returncode, out) == (2, ""), err
    assert "Traceback" not in err
    assert err.endswith(".\n")
    assert err.count("\n") == 1, err
    return err.strip()


def says(*arguments: str) -> tuple[int, list[str], str]:
    """Return exit status, lines and errors of a command that needs no separate process. It reads this test's environment."""
    status, out, err = _invoked(arguments)
    return status, out.splitlines(), err


async def ran(*arguments: str, folder: Path, environment: Mapping[str, str], answer: str = "") -> tuple[int, str, str]:
    """Return exit status, output and errors of a command that is about what it says, and not about its process.

    It runs in a thread, for it starts an event loop, in a folder as that of `signoff`, and finds the same environment.
    `answer` is what it reads on its standard input. A process would spend seconds on imports.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name in {*os.environ} - KEPT:
            patch.delenv(name)
        for name, value in environment.items():
            patch.setenv(name, value)
        return await asyncio.to_thread(_invoked, arguments, answer)


def _invoked(arguments: Sequence[str], answer: str = "") -> tuple[int, str, str]:
    result = CliRunner().invoke(cli, arguments, input=answer)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr
