"""A process that plays cases reaches this machine only: whatever a tool tries, nothing is written anywhere else.

What the environment says of other places is gone by then (`bot.eval.running`). What is left to stop is an address in a tool's
code. An audit hook sees every socket of Python, every name that it looks up, whichever library wants it, and every program that
is started: only our own two are, which reach out nowhere. A library in C that connects to a number without a name is not seen,
nor are stores on this machine whose address and password a tool's code holds: keep such tools out of evals.
"""

import sys
from collections.abc import Sequence
from typing import Any, cast

from agent.bounded.pool import CHILD
from bot.eval import tickets

HERE = frozenset({"localhost", "::1", "127.0.0.1", ""})
PROGRAMS = frozenset({str(CHILD), str(tickets.__file__)})  # what parses strangers' input, and the ticket desk
TO_AN_ADDRESS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
TO_A_NAME = frozenset({"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"})
STARTING = frozenset({"os.system", "os.exec", "os.posix_spawn", "os.spawn", "pty.spawn"})


class NotFromHereError(RuntimeError):
    """Something was to be reached or started that an eval keeps away from."""


def confine() -> None:
    """Keep this process to this machine, for the rest of its life."""
    sys.addaudithook(_keep_in)


def _keep_in(event: str, arguments: tuple[Any, ...]) -> None:
    if event in STARTING or (event == "subprocess.Popen" and not _ours(arguments[0], arguments[1])):
        raise NotFromHereError(f"An eval starts no programs, and {arguments[0]!r} is one: let the case do without it.")
    host: Any = ""
    if event in TO_AN_ADDRESS and isinstance(arguments[1], tuple):  # others are paths of unix sockets, or connected already
        host = cast(tuple[Any, ...], arguments[1])[0]
    elif event in TO_A_NAME:
        host = arguments[0] or ""
    name = host.decode() if isinstance(host, bytes) else str(host)
    if name not in HERE and not name.startswith("127."):
        raise NotFromHereError(f"An eval reaches this machine only, and {name} is another one: let the case do without it.")


def _ours(program: Any, arguments: Sequence[Any]) -> bool:
    """Return whether a program is this Python with a file of ours: with another, or with code, it could reach anywhere."""
    file = next((str(each) for each in arguments[1:] if not str(each).startswith("-")), "")
    return str(program) == sys.executable and file in PROGRAMS
