"""A bot as a child process that is started again whenever it is killed, as a supervisor does in production."""

import asyncio
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

KEPT_CHARACTERS = 200_000  # of the log, for those who look at it
LINES_SHOWN = 400


class BotProcess:
    """One bot, whatever its process is at the moment.

    What it says on standard error goes on to ours, and its end is kept in memory.
    """

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._killed: list[int] = []
        self._ending = False
        self._said: deque[str] = deque()
        self._said_characters = 0

    async def run(self, command: Sequence[str], environment: Mapping[str, str], changed: Callable[[], None]) -> int:
        """Run the bot until it ends by itself or `end` is called; return its exit status. A killed one is started again.

        It runs in a separate session: a Ctrl-C reaches us first, and we end it while its workspace is still there. `changed` is
        called when another process is the bot.
        """
        while True:
            self._process = await asyncio.create_subprocess_exec(
                *command,
                env=environment,
                stdin=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
            changed()
            await self._listen(self._process)
            status = await self._process.wait()
            if status >= 0 or self._ending:
                return status
            self._keep_end(f"-- process {self._process.pid} was killed ({signal.Signals(-status).name}); another one starts --\n")

    def kill(self) -> bool:
        """End the process as `kill -9` does, so that it can do nothing more. Return whether there was one."""
        if self._process is None or self._process.returncode is not None:
            return False
        self._killed.append(self._process.pid)
        self._process.kill()
        return True

    async def end(self) -> None:
        """End the bot in good order, for good."""
        self._ending = True
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()

    def state(self) -> dict[str, Any]:
        """Return its process id, how often it was killed here, and the id of the last one that was."""
        pid = self._process.pid if self._process is not None else None
        return {"pid": pid, "kills": len(self._killed), "killed_pid": self._killed[-1] if self._killed else None}

    def last_lines(self) -> list[str]:
        """Return the end of what it said."""
        return "".join(self._said).splitlines()[-LINES_SHOWN:]

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        while said := await process.stderr.read(65_536):
            text = said.decode(errors="replace")
            await asyncio.to_thread(_pass_on, text)
            self._keep_end(text)

    def _keep_end(self, text: str) -> None:
        self._said.append(text)
        self._said_characters += len(text)
        while self._said_characters > KEPT_CHARACTERS:
            self._said_characters -= len(self._said.popleft())


def _pass_on(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


def follow_the_demo() -> None:
    """Wait until the process at the other end of standard input is gone, however it ended, and end this one."""
    os.read(0, 1)  # nothing is ever written there
    os.kill(os.getpid(), signal.SIGTERM)
