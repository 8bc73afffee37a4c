"""What a bounded process is asked to do in these tests."""

import os
import re
import resource
import signal
import stat
import subprocess
import sys
import threading
from typing import Any


def echo(data: bytes, *more: Any) -> dict[str, Any]:
    """Say what came."""
    return {"text": data.decode(), "more": list(more), "pid": os.getpid()}


def compute(data: bytes) -> None:
    """Never end."""
    while True:
        pass


def hold(data: bytes) -> None:
    """Never end, in one call of C that lets nothing else of Python run."""
    re.match(r"(a+)+$", "a" * 60 + "b")


def wait(data: bytes) -> None:
    """Never end, and listen to nobody."""
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, signal.SIG_IGN)
    threading.Event().wait()


def swell(data: bytes) -> int:
    """Take ten times what was given, in GB."""
    return len(bytearray(int(data) * 10**9))


def hoard(data: bytes) -> None:
    """Take more and more."""
    kept: list[bytearray] = []
    while True:
        kept.append(bytearray(10**6))


def chat(data: bytes) -> str:
    """Answer a million times what came."""
    return data.decode() * 10**6


def raises(data: bytes) -> None:
    """Fail with the words of its author."""
    raise ValueError(data.decode())


def nest(data: bytes) -> list[Any]:
    """Answer what JSON cannot say."""
    answer: list[Any] = []
    answer.append(answer)
    return answer


def crash(data: bytes) -> None:
    """Take the process down."""
    os.kill(os.getpid(), signal.SIGSEGV)


def babble(data: bytes) -> None:
    """Say what is no answer, and end."""
    os.write(0, b"\0\0\0\4{{{{")
    os._exit(0)


def boast(data: bytes) -> None:
    """Announce more than anybody could take."""
    os.write(0, b"\xff\xff\xff\xff")
    threading.Event().wait()


def surroundings(data: bytes) -> dict[str, Any]:
    """Say what can be seen from there."""
    listing = "/proc/self/fd" if sys.platform == "linux" else "/dev/fd"
    shown = {int(name) for name in os.listdir(listing)}
    return {
        "environment": dict(os.environ),
        "open": {str(number): _kind(number) for number in sorted(shown) if _is_open(number)},
        "folder": os.getcwd(),
        "memory": resource.getrlimit(resource.RLIMIT_AS)[0],
    }


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _kind(number: int) -> str:
    mode = os.fstat(number).st_mode
    return "socket" if stat.S_ISSOCK(mode) else "device" if stat.S_ISCHR(mode) else "other"


def write(data: bytes) -> None:
    """Leave something in a file."""
    with open(data.decode(), "wb", buffering=0) as file:
        file.write(b"left")


def start(data: bytes) -> int:
    """Start a program."""
    return subprocess.run(["/bin/true"], check=True).returncode
