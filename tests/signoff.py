"""The command `signoff`: as a separate process, which nothing of this test's environment reaches, or in this process."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeAlias

from typer.testing import CliRunner

from bot.cli import cli

REPOSITORY = Path(__file__).parents[1]
Environment: TypeAlias = dict[str, str]


@asynccontextmanager
async def signoff(
    *arguments: str, folder: Path, environment: Mapping[str, str], module: str = "bot.cli"
) -> AsyncGenerator[asyncio.subprocess.Process]:
    """The running command, in a folder that holds no `.env` but what the test wrote; killed at the end if it still runs."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
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
    result = CliRunner().invoke(cli, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout.splitlines(), result.stderr
