"""A server that is a program: started here, spoken to over its standard input and output, a line a message, and ended.

The SDK's own transport reads a line however long it is; this one gives a program up that writes without end.
"""

import asyncio
import os
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import Any, Self, cast

from mcp.client.stdio import get_default_environment
from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter

from tools.mcp.server import Local

MOST_BYTES = 64 * 1024 * 1024  # of one message
GRACE_SECONDS = 2.0  # to end by itself, once its input is closed; then once more, when it is asked to
LAST_WORDS_CHARACTERS = 300
# A program gets these of our environment, PATH and HOME and the like, and what was named for it. Nothing else.
KEPT = ("LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "TZ")


class LastWords:
    """What a program writes to its standard error: the end of it is kept, to say why it died."""

    def __init__(self) -> None:
        self.trouble = ""  # what is known of why it was given up
        self._text = b""
        self._read, write = os.pipe()
        os.set_blocking(self._read, False)
        self.file = os.fdopen(write, "w")
        asyncio.get_running_loop().add_reader(self._read, self._take)

    def _take(self) -> None:
        with suppress(BlockingIOError):
            self._text = (self._text + os.read(self._read, 65_536))[-4_096:]

    def line(self) -> str:
        """The last line that says something, cut."""
        if not self.file.closed:
            self._take()
        lines = [line.strip() for line in self._text.decode(errors="replace").splitlines() if line.strip()]
        return lines[-1][-LAST_WORDS_CHARACTERS:] if lines else ""

    def close(self) -> None:
        """Nothing more is read; what was said is kept."""
        self._take()
        asyncio.get_running_loop().remove_reader(self._read)
        os.close(self._read)
        self.file.close()


class Stream:
    """What both directions have in common: they are closed with the program."""

    async def aclose(self) -> None:
        """Nothing to do: the program's end closes it."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> bool | None:
        return None


class Heard(Stream):
    """What the program says. A line that is no message is told as the error that it is; one without end ends it all."""

    def __init__(self, out: asyncio.StreamReader, last_words: LastWords, over: asyncio.Event) -> None:
        self._out, self._last_words, self._over = out, last_words, over

    async def receive(self) -> SessionMessage | Exception:
        """The next message."""
        return await anext(self)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        try:
            line = await self._out.readuntil(b"\n")
        except asyncio.LimitOverrunError:
            self._last_words.trouble = f"it sent a message of more than {MOST_BYTES:,} bytes"
            self._over.set()
            raise StopAsyncIteration from None
        except (asyncio.IncompleteReadError, OSError):
            self._over.set()
            raise StopAsyncIteration from None
        try:
            return SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
        except ValueError as error:
            return error


class Told(Stream):
    """What the program is told."""

    def __init__(self, input: asyncio.StreamWriter, over: asyncio.Event) -> None:
        self._input, self._over = input, over

    async def send(self, item: SessionMessage, /) -> None:
        """One message. A program that takes no more in is given up."""
        try:
            self._input.write(item.message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n")
            await self._input.drain()
        except OSError:
            self._over.set()


@asynccontextmanager
async def running(program: Local, last_words: LastWords, over: asyncio.Event) -> AsyncGenerator[tuple[Heard, Told]]:
    """The program, for as long as the block runs; `over` is set when nothing more comes from it. It and whatever it started
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
    try:
        yield Heard(process.stdout, last_words, over), Told(process.stdin, over)
    finally:
        await _whatever_comes(asyncio.create_task(_end(process)))


async def _whatever_comes(work: asyncio.Task[None]) -> None:
    """Until it is done, also when whoever waits for it is cancelled meanwhile."""
    cancelled: asyncio.CancelledError | None = None
    while not work.done():
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled


async def _end(process: Process) -> None:
    """Ask it, then make it: its input is closed, it is asked to end, it is killed."""
    assert process.stdin is not None
    assert process.stdout is not None
    unread = asyncio.create_task(_unread(process.stdout))  # a program that waits to be read does not end
    process.stdin.close()
    try:
        if not await _ended(process):
            _signal(process, signal.SIGTERM)
            if not await _ended(process):
                _signal(process, signal.SIGKILL)
                await _ended(process)
    finally:
        unread.cancel()
        cast(Any, process)._transport.close()  # the pipes may be held open by what it started


async def _unread(out: asyncio.StreamReader) -> None:
    with suppress(OSError):
        while await out.read(65_536):
            pass


async def _ended(process: Process) -> bool:
    """Whether it ends in time. `wait` would also wait for everybody who has its pipes."""
    try:
        async with asyncio.timeout(GRACE_SECONDS):
            while process.returncode is None:  # noqa: ASYNC110  # asyncio sets no event for it
                await asyncio.sleep(0.01)
    except TimeoutError:
        return False
    return True


def _signal(process: Process, what: signal.Signals) -> None:
    """To it and to all that it started: they are of one process group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, what)
