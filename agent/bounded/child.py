"""The other side of `pool`: one bounded process, started by path with `python -I -B`. It needs the standard library alone.

A message is four bytes with its length and so many bytes. For each call comes one with what is to be called, in JSON; then this
process imports that and answers an empty one; then come the bytes to be read, and it answers JSON with one key:
`value`, `large` (why it is too much) or `broken` (the name of an exception's type; its text may quote what was read).
"""

import ctypes
import importlib
import json
import os
import resource
import signal
import struct
import sys
from typing import Any

CONVERSATION = 0  # our standard input is a socket; the other two lead nowhere
PR_SET_PDEATHSIG = 1  # linux/prctl.h
MOST_OPEN_FILES = 64  # imports open some


def main() -> None:
    """Limit this process, then answer calls until the one that started it is gone."""
    told: dict[str, Any] = json.loads(sys.argv[1])
    _end_with(told["parent"])
    _limit(told["memory_bytes"])
    sys.path[:] = told["path"]
    while (call := _heard()) is not None:
        _run_call(json.loads(call))


def _end_with(parent: int) -> None:
    """End an idle process with its conversation. One that computes does not look: the kernel ends it, where it can."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C reaches us too, and is not for us
    if sys.platform == "linux":
        # "Parent" is the thread that started us: that of an event loop, which lives as long as its process or needs us no more.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before it could be waited for
        os._exit(0)


def _limit(memory_bytes: int) -> None:
    limits = {resource.RLIMIT_CORE: 0, resource.RLIMIT_FSIZE: 0, resource.RLIMIT_NOFILE: MOST_OPEN_FILES}
    if sys.platform == "linux":  # elsewhere the kernel does not hold the first, and counts the second otherwise
        limits |= {resource.RLIMIT_AS: memory_bytes, resource.RLIMIT_NPROC: 0}
    for limit, most in limits.items():
        resource.setrlimit(limit, (most, most))


def _run_call(call: dict[str, Any]) -> None:
    module, _, name = call["function"].partition(":")
    try:
        function = getattr(importlib.import_module(module), name)
    except Exception as error:
        _send_frame(json.dumps({"broken": type(error).__name__}).encode())
        return
    _send_frame(b"")
    data = _heard()
    _spend_at_most(call["cpu_seconds"])
    try:
        answer = json.dumps({"value": function(data, *call["arguments"])}, ensure_ascii=False).encode()
        if len(answer) > call["answer_bytes"]:
            answer = json.dumps({"large": f"what it holds has more than {call['answer_bytes']:,} bytes"}).encode()
    except MemoryError:
        answer = b'{"large": "it takes more memory than it may"}'
    except Exception as error:
        answer = json.dumps({"broken": type(error).__name__}).encode()
    _send_frame(answer)


def _spend_at_most(seconds: int) -> None:
    """Limit processor time from now on, also where nobody is left to end this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + seconds + 1, hard))


def _heard() -> bytes | None:
    """Return the next message; None when the other side is gone."""
    head = _received(4)
    return None if head is None else _received(struct.unpack(">I", head)[0])


def _received(size: int) -> bytes | None:
    data = bytearray(size)
    at = 0
    with memoryview(data) as view:
        while at < size:
            got = os.readv(CONVERSATION, [view[at:]])
            if not got:
                return None
            at += got
    return bytes(data)


def _send_frame(message: bytes) -> None:
    with memoryview(struct.pack(">I", len(message)) + message) as view:
        at = 0
        while at < len(view):
            at += os.write(CONVERSATION, view[at:])


if __name__ == "__main__":
    main()
