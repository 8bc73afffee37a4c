"""Processes that outlive the one that started them, and waiting for them."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bot.config.refusal import Refusal

START_SECONDS = 60.0  # a server that replays its log after a crash on a slow disk needs a while


def run_detached(module: str, folder: Path, *, log: Path) -> None:
    """Run `python -m module folder` in a process that is not our child; the module calls `leave_parent` first."""
    with log.open("ab") as output:
        subprocess.run(
            [sys.executable, "-m", module, folder],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=Path(__file__).parents[3],  # where the package `bot` is
            check=True,
        )


def leave_parent() -> None:
    """Move the caller to a separate session: the terminal's Ctrl-C does not reach it, and nobody has to reap it."""
    if os.fork():
        os._exit(0)
    os.setsid()


def until(condition: Callable[[], bool], complaint: str, seconds: float = START_SECONDS) -> None:
    """Block until the condition holds. Raises Refusal with the complaint if it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Refusal(complaint)
        time.sleep(0.02)
