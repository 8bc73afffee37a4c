"""A few bounded processes and what they are asked. Each is started when it is first needed, and used again while it behaves."""

import asyncio
import atexit
import json
import logging
import math
import os
import socket
import struct
import subprocess
import sys
import threading
from asyncio import AbstractEventLoop
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from agent.errors import BoundedError, BrokenInputError, TooLargeError, TooSlowError

log = logging.getLogger(__name__)

MOST_PROCESSES = 2  # at once; further calls wait
MEMORY_BYTES = 512 * 2**20  # of a process's address space, of which Python and its libraries take about 100 MB
MOST_DATA_BYTES = 64 * 2**20
MOST_CALLS = 200  # of a process: what parsers leave behind in memory goes with it
START_SECONDS = 60.0  # until a process has imported what it is to call, on a machine that is busy
CHILD = Path(__file__).with_name("child.py")
KEPT = ("LD_LIBRARY_PATH",)  # of our environment: without it some Pythons do not start

T = TypeVar("T")
JsonValue = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Limits:
    """What one call may take: seconds from when its process has the function, and bytes of the answer as JSON."""

    seconds: float = 10.0
    answer_bytes: int = 8 * 2**20


class Processes:
    """At most `most` processes at once, each with `memory_bytes` and for `most_calls`. Belongs to no event loop: a process
    outlives the one it was started from."""

    def __init__(self, most: int = MOST_PROCESSES, memory_bytes: int = MEMORY_BYTES, most_calls: int = MOST_CALLS) -> None:
        self._most = most
        self._memory_bytes = memory_bytes
        self._most_calls = most_calls
        self._idle: list[_Process] = []
        self._all: set[_Process] = set()
        self._turns: WeakKeyDictionary[AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()
        atexit.register(self.end)

    async def run(self, function: Callable[..., T], data: bytes, *arguments: JsonValue, limits: Limits) -> T:
        """See `run_bounded`."""
        if len(data) > MOST_DATA_BYTES:
            raise TooLargeError(f"it has {len(data):,} bytes, and at most {MOST_DATA_BYTES:,} can be read")
        call = {
            "function": f"{function.__module__}:{function.__qualname__}",
            "arguments": arguments,
            "answer_bytes": limits.answer_bytes,
            "cpu_seconds": math.ceil(limits.seconds),
        }
        async with self._turns.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(self._most)):
            process = self._taken()
            try:
                answer = await process.answer(call, data, limits)
            except BaseException:
                self._give_up(process)  # it may be anywhere in its work
                raise
            if "value" in answer and process.calls < self._most_calls:
                self._idle.append(process)
            else:
                self._give_up(process)  # nobody knows what it was left in
        match answer:
            case {"value": value}:
                return value
            case {"large": why}:
                raise TooLargeError(why)
            case _:
                log.warning("%s raised %s", call["function"], answer["broken"])
                raise BrokenInputError

    def pids(self) -> set[int]:
        """Return the ids of the processes that live."""
        return {process.pid for process in self._all}

    def end(self) -> None:
        """Kill them all, whatever they do."""
        for process in list(self._all):
            self._give_up(process)
        self._idle.clear()

    def _taken(self) -> "_Process":
        while self._idle:
            if (process := self._idle.pop()).lives:
                return process
            self._give_up(process)
        process = _Process(self._memory_bytes)
        self._all.add(process)
        return process

    def _give_up(self, process: "_Process") -> None:
        self._all.discard(process)
        process.kill()


class _Process:
    """One of them, and our end of the conversation with it."""

    def __init__(self, memory_bytes: int) -> None:
        told = {"parent": os.getpid(), "memory_bytes": memory_bytes, "path": [os.path.abspath(place) for place in sys.path]}
        self._conversation, theirs = socket.socketpair()
        self._conversation.setblocking(False)
        self.calls = 0
        try:
            with theirs:
                self._running = subprocess.Popen(
                    [sys.executable, "-I", "-B", str(CHILD), json.dumps(told)],
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    cwd="/",
                    env={name: os.environ[name] for name in KEPT if name in os.environ},
                )
        except OSError as error:
            self._conversation.close()
            log.warning("no process can be started: %s", error)
            raise BoundedError("what reads it cannot be started") from None

    @property
    def pid(self) -> int:
        return self._running.pid

    @property
    def lives(self) -> bool:
        return self._running.poll() is None

    def kill(self) -> None:
        """End it now. Reaping it takes as long as the kernel needs to take its memory back, so nobody waits for that."""
        self._conversation.close()
        self._running.kill()
        threading.Thread(target=self._running.wait, name="reap", daemon=True).start()

    async def answer(self, call: dict[str, Any], data: bytes, limits: Limits) -> dict[str, Any]:
        """Return the process's answer: JSON with `value`, `large` or `broken`. Raises TooSlowError, TooLargeError and
        BrokenInputError."""
        self.calls += 1
        try:
            async with _within(START_SECONDS, BoundedError(f"what reads it did not start within {START_SECONDS:g} s")):
                await self._send_frame(json.dumps(call).encode())
                if instead := await self._heard(limits.answer_bytes):
                    return json.loads(instead)
            async with _within(limits.seconds, TooSlowError(f"reading it takes longer than {limits.seconds:g} s")):
                await self._send_frame(data)
                return json.loads(await self._heard(limits.answer_bytes))
        except (OSError, ValueError):  # it is gone, or says what is no JSON
            log.warning("the process of %s broke off", call["function"])
            raise BrokenInputError from None

    async def _send_frame(self, message: bytes) -> None:
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(self._conversation, struct.pack(">I", len(message)))
        await loop.sock_sendall(self._conversation, message)

    async def _heard(self, most_bytes: int) -> bytes:
        (size,) = struct.unpack(">I", await self._received(4))
        if size > most_bytes:
            raise TooLargeError(f"what it holds has more than {most_bytes:,} bytes")
        return await self._received(size)

    async def _received(self, size: int) -> bytes:
        data = bytearray(size)
        at = 0
        with memoryview(data) as view:
            while at < size:
                got = await asyncio.get_running_loop().sock_recv_into(self._conversation, view[at:])
                if not got:
                    raise ConnectionResetError
                at += got
        return bytes(data)


@asynccontextmanager
async def _within(seconds: float, otherwise: BoundedError) -> AsyncGenerator[None]:
    """Hold the block to a time. Raises `otherwise`."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise otherwise from None


PROCESSES = Processes()


async def run_bounded(function: Callable[..., T], data: bytes, *arguments: JsonValue, limits: Limits | None = None) -> T:
    """Return what `function(data, *arguments)` returns in a bounded process, once that went through JSON: no tuples, no classes.

    The function stands at the top of its module, which should import little: the process imports it too. Raises BoundedError,
    whose text says why in words that fit behind "it was not read:", as TooSlowError, TooLargeError (memory or output) or
    BrokenInputError (the function raised, or took its process down).
    """
    return await PROCESSES.run(function, data, *arguments, limits=limits or Limits())
