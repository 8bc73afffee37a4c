"""A process that plays cases reaches this machine only: whatever a tool tries, nothing is written anywhere else.

What the environment says of other places is gone by then (`bot.eval.running`). What is left to stop is an address that stands in
a tool's code. An audit hook sees every socket that Python opens and every name that it looks up, whichever library wants it, and
every program that is started. A library in C that connects to a number without a name is not seen: keep such tools out of evals.
"""

import sys
from pathlib import Path
from typing import Any

HERE = frozenset({"localhost", "::1", "127.0.0.1", ""})
PROGRAMS = ("python",)  # the ticket desk, and processes of ours


class NotFromHereError(RuntimeError):
    """Something was to be reached or started that an eval keeps away from."""


def confine() -> None:
    """Keep this process to this machine, for the rest of its life."""
    sys.addaudithook(_keep_in)


def _keep_in(event: str, arguments: tuple[Any, ...]) -> None:
    host: Any = ""
    if event == "socket.connect" and not isinstance(arguments[1], str | bytes):  # those are paths of unix sockets
        host = arguments[1][0]
    elif event == "socket.getaddrinfo":
        host = arguments[0] or ""
    elif event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn") and not _ours(arguments[0]):
        raise NotFromHereError(f"An eval starts no programs, and {arguments[0]!r} is one: let the case do without it.")
    name = host.decode() if isinstance(host, bytes) else str(host)
    if name not in HERE and not name.startswith("127."):
        raise NotFromHereError(f"An eval reaches this machine only, and {name} is another one: let the case do without it.")


def _ours(program: Any) -> bool:
    name = Path(str(program)).name
    return str(program) == sys.executable or any(name.startswith(known) for known in PROGRAMS)
