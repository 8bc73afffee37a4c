"""A server that is a program: started here, spoken to over its standard input and output, a line a message, and ended.

The SDK's own transport reads a line however long it is; this one gives a program up that writes without end.
"""

import asyncio
import os
import re
import signal
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import Any, Self, cast

from mcp.client.stdio import get_default_environment
from mcp.shared.message import SessionMessage

from tools.mcp.messages import Calls, NotSentError, incoming, outgoing, read_messages
from tools.mcp.server import Local

MOST_BYTES = 64 * 1024 * 1024  # of one message
GRACE_SECONDS = 2.0  # to end by itself, once its input is closed; then once more, when it is asked to
LAST_WORDS_CHARACTERS = 300
# A program gets these of our environment, PATH and HOME and the like, and what was named for it. Nothing else.
KEPT = ("LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "TZ")

_NAMES_AN_ERROR = re.compile(r"\b\w*(?:Error|Exception)\b|\b(?:error|fatal|panic|cannot|could not)\b", re.IGNORECASE)
_OF_A_TRACE = re.compile(r"at |File \"|Node\.js v|npm (?:error|ERR!) (?:A complete log|code |errno |path )|[{}^~|]+$|\w+: .*,$")


class LastWords:
    """What a program writes to its standard error: the end of it is kept, to say why it died."""

    def __init__(self) -> None:
        self.trouble = ""  # what is known of why it was given up
        self._text = b""
        self._read, write = os.pipe()
        os.set_blocking(self._read, False)
        self.file = os.fdopen(write, "w")
        asyncio.get_running_loop().add_reader(self._read, self._take_output)

    def _take_output(self) -> None:
        with suppress(BlockingIOError):
            self._text = (self._text + os.read(self._read, 65_536))[-4_096:]

    def line(self) -> str:
        """Return the line that says why it ended, cut: the last that names an error, else the last that says something."""
        if not self.file.closed:
            self._take_output()
        lines = [line.strip() for line in self._text.decode(errors="replace").splitlines()]
        saying = [line for line in lines if line and not _OF_A_TRACE.match(line)]
        naming = [line for line in saying if _NAMES_AN_ERROR.search(line)]
        return next(reversed(naming or saying), "")[-LAST_WORDS_CHARACTERS:]

    def close(self) -> None:
        """Read nothing more; what was said is kept."""
        self._take_output()
        asyncio.get_running_loop().remove_reader(self._read)
        os.close(self._read)
        self.file.close()


class Stream:
    """What both directions have in common: they are closed with the program."""

    async def aclose(self) -> None:
        """Do nothing: the program's end closes it."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> bool | None:
        return None


class Heard(Stream):
    """What the program says. A line that is no message is left out; one that does not end ends it all, unless the program ends
    with it."""

    def __init__(self, out: asyncio.StreamReader, calls: Calls, last_words: LastWords, over: asyncio.Event) -> None:
        self._out, self._calls, self._last_words, self._over = out, calls, last_words, over
        self._read: deque[SessionMessage] = deque()  # of a line with several messages

    async def receive(self) -> SessionMessage | Exception:
        """Return the next message."""
        return await anext(self)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        while not self._read:
            line = await self._line()
            found = (incoming(one, self._calls) for one in await read_messages(line, cut=not line.endswith(b"\n")))
            self._read += [one for one in found if one is not None]
        return self._read.popleft()

    async def _line(self) -> bytes:
        try:
            return await self._out.readuntil(b"\n")
        except asyncio.LimitOverrunError:
            self._last_words.trouble = f"it sent a message of more than {MOST_BYTES:,} bytes"
        except asyncio.IncompleteReadError as error:  # it has ended
            if error.partial:
                return error.partial
        except OSError:
            pass
        self._over.set()
        raise StopAsyncIteration


class ProgramTold(Stream):
    """What the program is told."""

    def __init__(self, input: asyncio.StreamWriter, calls: Calls, over: asyncio.Event) -> None:
        self._input, self._calls, self._over = input, calls, over

    async def send(self, item: SessionMessage, /) -> None:
        """Send one message. A program that takes no more in is given up. Raises NotSentError where it had nothing of a call."""
        is_call = self._calls.sent(item.message)
        try:
            self._input.write(outgoing(item.message) + b"\n")
            if is_call and self._input.is_closing():  # closed before, or by this write's first try: nothing was written
                self._over.set()
                raise NotSentError("its program takes nothing in any more")
            await self._input.drain()
        except OSError:
            self._over.set()


@asynccontextmanager
async def running_program(
    program: Local, last_words: LastWords, over: asyncio.Event
) -> AsyncGenerator[tuple[Heard, ProgramTold]]:
    """Give the program, for as long as the block runs; `over` is set when nothing more comes from it. It and whatever it started
    are ended after that, also when this is cancelled. Raises OSError where it cannot be started."""
    environment = {name: os.environ[name] for name in KEPT if name in os.environ} | dict(program.environment)
    process = await asyncio.create_subprocess_exec(
        program.command,
        *program.arguments,
        env=get_default_environment() | environment,
        cwd=program.folder,
        stdin=PIPE,
        stdout=PIPE,
        stderr=last_words.file,
        start_new_session=True,
        limit=MOST_BYTES,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    calls = Calls()
    try:
        yield Heard(process.stdout, calls, last_words, over), ProgramTold(process.stdin, calls, over)
    finally:
        await _whatever_comes(asyncio.create_task(_end_process(process)))


async def _whatever_comes(work: asyncio.Task[None]) -> None:
    """Wait until it is done, also when the caller is cancelled meanwhile."""
    cancelled: asyncio.CancelledError | None = None
    while not work.done():
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled


async def _end_process(process: Process) -> None:
    """Ask it, then make it: its input is closed, it is asked to end, it is killed."""
    assert process.stdin is not None
    assert process.stdout is not None
    unread = asyncio.create_task(_unread(process.stdout))  # a program that waits to be read does not end
    process.stdin.close()
    try:
        if not await _program_ended(process):
            _signal(process, signal.SIGTERM)
            if not await _program_ended(process):
                _signal(process, signal.SIGKILL)
                await _program_ended(process)
    finally:
        unread.cancel()
        cast(Any, process)._transport.close()  # the pipes may be held open by what it started


async def _unread(out: asyncio.StreamReader) -> None:
    with suppress(OSError):
        while await out.read(65_536):
            pass


async def _program_ended(process: Process) -> bool:
    """Return whether it ends in time. `wait` would also wait for everybody who has its pipes."""
    try:
        async with asyncio.timeout(GRACE_SECONDS):
            while process.returncode is None:  # noqa: ASYNC110  # asyncio sets no event for it
                await asyncio.sleep(0.01)
    except TimeoutError:
        return False
    return True


def _signal(process: Process, what: signal.Signals) -> None:
    """Send a signal to it and to all that it started: they are of one process group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, what)
