"""What reads strangers' bytes is held to its limits, and takes nothing with it when it goes; the loop goes on meanwhile."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from agent.bounded import BoundedError, BrokenInputError, Limits, Processes, TooLargeError, TooSlowError, pool
from tests.bounded import readers
from tests.bounded.ticks import ticking
from tests.patience import PATIENCE_SECONDS

REPOSITORY = Path(__file__).parents[2]
PATIENCE = Limits(seconds=60.0)
LIMITS = Limits(seconds=2.0, answer_bytes=100_000)
linux = pytest.mark.skipif(sys.platform != "linux", reason="the kernel does that on Linux alone")


@pytest.fixture
def processes() -> Iterator[Processes]:
    """Two of them, for this test alone."""
    processes = Processes(2)
    yield processes
    processes.end()


async def pid_of(processes: Processes) -> int:
    """Return which process answers."""
    return (await processes.run(readers.echo, b"", limits=PATIENCE))["pid"]


def lives(pid: int) -> bool:
    """Does it still run? One that nobody has asked for its end is over all the same."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def until_gone(*pids: int) -> None:
    """Wait for what happens in the kernel."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while any(map(lives, pids)):  # noqa: ASYNC110  # another process's end is no event of this loop
            await asyncio.sleep(0.01)


async def test_a_process_answers_in_json_and_is_used_again(processes: Processes) -> None:
    assert processes.pids() == set()  # nothing is started before it is needed
    answer = await processes.run(readers.echo, "é".encode(), 1, None, "x", limits=PATIENCE)
    assert answer == {"text": "é", "more": [1, None, "x"], "pid": answer["pid"]}
    assert answer["pid"] != os.getpid()
    assert await pid_of(processes) == answer["pid"]
    assert processes.pids() == {answer["pid"]}


@pytest.mark.parametrize("reader", [readers.compute, readers.hold, readers.wait])
async def test_one_that_overruns_is_killed_and_the_loop_goes_on(processes: Processes, reader: Callable[[bytes], Any]) -> None:
    first = await pid_of(processes)
    async with ticking() as ticks:
        with pytest.raises(TooSlowError, match=r"^reading it takes longer than 2 s$"):
            await processes.run(reader, b"", limits=LIMITS)
    assert ticks.longest_gap_seconds < LIMITS.seconds
    await until_gone(first)
    assert await pid_of(processes) != first


@pytest.mark.parametrize(
    ("reader", "data", "error", "why"),
    [
        (readers.chat, b"x", TooLargeError, "what it holds has more than 100,000 bytes"),
        (readers.boast, b"", TooLargeError, "what it holds has more than 100,000 bytes"),
        (readers.crash, b"", BrokenInputError, "it is damaged, or made in a way that cannot be read"),
        (readers.babble, b"", BrokenInputError, "it is damaged, or made in a way that cannot be read"),
        (readers.nest, b"", BrokenInputError, "it is damaged, or made in a way that cannot be read"),
        (readers.raises, b"secret words", BrokenInputError, "it is damaged, or made in a way that cannot be read"),
    ],
)
async def test_what_goes_wrong_is_one_of_three_errors_and_the_next_call_is_well(
    processes: Processes,
    reader: Callable[[bytes], Any],
    data: bytes,
    error: type[BoundedError],
    why: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with pytest.raises(error) as raised:
        await processes.run(reader, data, limits=Limits(60.0, LIMITS.answer_bytes))
    assert str(raised.value) == why
    assert "secret" not in caplog.text
    assert await pid_of(processes) in processes.pids()
    assert len(processes.pids()) == 1


@linux
@pytest.mark.parametrize("reader", [readers.swell, readers.hoard])
async def test_memory_ends_too(processes: Processes, reader: Callable[[bytes], Any]) -> None:
    with pytest.raises(TooLargeError, match=r"^it takes more memory than it may$"):
        await processes.run(reader, b"1", limits=PATIENCE)
    assert await pid_of(processes) in processes.pids()


async def test_what_is_too_large_is_not_even_sent(processes: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "MOST_DATA_BYTES", 3)
    with pytest.raises(TooLargeError, match=r"^it has 4 bytes, and at most 3 can be read$"):
        await processes.run(readers.echo, b"1234", limits=PATIENCE)
    assert processes.pids() == set()


async def test_a_large_file_arrives_whole_while_the_loop_goes_on(processes: Processes) -> None:
    text = "0123456789" * 700_000
    async with ticking() as ticks:
        answer = await processes.run(readers.echo, text.encode(), limits=PATIENCE)
    assert answer["text"] == text
    assert ticks.longest_gap_seconds < PATIENCE.seconds


async def test_a_process_inherits_no_secret_no_socket_and_no_file(
    processes: Processes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-secret")
    monkeypatch.setenv("PYTHONSTARTUP", "/nowhere")
    ours, theirs = socket.socketpair()
    with ours, theirs, (tmp_path / "open").open("w") as file:
        for number in (ours.fileno(), theirs.fileno(), file.fileno()):
            os.set_inheritable(number, True)
        seen = await processes.run(readers.surroundings, b"", limits=PATIENCE)
    assert set(seen["environment"]) <= {"LC_CTYPE", *pool.KEPT, "__CF_USER_TEXT_ENCODING"}  # what Python and macOS set
    assert seen["open"] == {"0": "socket", "1": "device", "2": "device"}
    assert seen["folder"] == "/"


async def test_a_process_leaves_nothing_in_files(processes: Processes, tmp_path: Path) -> None:
    with pytest.raises(BrokenInputError):
        await processes.run(readers.write, str(tmp_path / "left").encode(), limits=PATIENCE)
    assert (tmp_path / "left").read_bytes() == b""


async def test_who_is_cancelled_takes_the_process_along(processes: Processes) -> None:
    first = await pid_of(processes)
    call = asyncio.create_task(processes.run(readers.hold, b"", limits=PATIENCE))
    await asyncio.sleep(0.05)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await until_gone(first)
    assert await pid_of(processes) != first


async def test_no_more_than_two_run_at_once_and_the_others_wait(processes: Processes) -> None:
    answers = await asyncio.gather(*(processes.run(readers.echo, b"", limits=PATIENCE) for _ in range(20)))
    assert len({answer["pid"] for answer in answers}) <= 2
    assert len(processes.pids()) <= 2


async def test_one_that_died_while_nobody_needed_it_is_replaced(processes: Processes) -> None:
    first = await pid_of(processes)
    os.kill(first, signal.SIGKILL)
    await until_gone(first)
    assert await pid_of(processes) != first


async def test_a_process_is_replaced_after_so_many_calls() -> None:
    processes = Processes(most_calls=3)
    pids = [await pid_of(processes) for _ in range(6)]
    assert len(set(pids[:3])) == len(set(pids[3:])) == 1
    assert len(set(pids)) == 2


async def test_where_none_can_be_started_that_is_said(processes: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(BoundedError, match=r"^what reads it cannot be started$"):
        await processes.run(readers.echo, b"", limits=PATIENCE)
    assert processes.pids() == set()


def test_a_process_outlives_the_event_loop(processes: Processes) -> None:
    assert asyncio.run(pid_of(processes)) == asyncio.run(pid_of(processes))


# ---------------------------------------------------------------------------------------- when ours ends, however it ends

OURS = """
    import asyncio, os, signal
    from agent.bounded import Limits
    from agent.bounded.pool import PROCESSES
    from tests.bounded import readers

    async def main():
        answer = await PROCESSES.run(readers.echo, b"", limits=Limits(60))
        print(answer["pid"], flush=True)
        if {stops}:
            asyncio.get_running_loop().call_later(0.2, os.kill, os.getpid(), signal.SIGSTOP)
        if {busy}:
            await PROCESSES.run(readers.hold, b"", limits=Limits({seconds}))
        if {idle}:
            await asyncio.Event().wait()

    asyncio.run(main())
"""


def started(
    *, busy: bool = False, idle: bool = False, stops: bool = False, seconds: float = 60.0
) -> tuple["subprocess.Popen[str]", int]:
    """Return a process of ours, and the bounded one that it started."""
    program = textwrap.dedent(OURS.format(busy=busy, idle=idle, stops=stops, seconds=seconds))
    ours = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", program], cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert ours.stdout is not None
    return ours, int(ours.stdout.readline())


async def until_computing(pid: int) -> None:
    """Wait until it has spent some processor time on its call."""
    process = psutil.Process(pid)
    before = process.cpu_times().user
    async with asyncio.timeout(PATIENCE_SECONDS):
        while process.cpu_times().user < before + 0.2:  # noqa: ASYNC110  # as above
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("busy", [False, pytest.param(True, marks=linux)])
async def test_it_is_gone_when_ours_was_killed(busy: bool) -> None:
    ours, bounded = started(busy=busy, idle=True)
    with ours:
        if busy:
            await until_computing(bounded)
        ours.kill()
    await until_gone(bounded)


async def test_it_is_gone_when_ours_ends_and_ours_ends_in_silence() -> None:
    ours, bounded = started()
    assert ours.communicate(timeout=60) == ("", "")
    await until_gone(bounded)


async def test_it_ends_by_itself_where_ours_stands_still() -> None:
    ours, bounded = started(busy=True, stops=True, seconds=1.0)
    with ours:
        try:
            await until_gone(bounded)
            assert psutil.Process(ours.pid).status() == psutil.STATUS_STOPPED
        finally:
            ours.kill()
