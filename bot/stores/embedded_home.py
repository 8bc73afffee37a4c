"""SIGNOFF_HOME: the folder with the embedded Postgres and Redis, which every process that names the same folder shares.

Who uses the servers holds a shared lock on the file `users`; the kernel drops it when a process ends, however it ends.
A process that gets that lock alone knows that nobody is left, and stops the servers. Starting, stopping and looking happen one
at a time, under the lock on the file `gate`. A small process, the guard, looks once a second, for when the last user
was killed; were the guard killed too, the next user finds the servers running, uses them and stops them at its end.
"""

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bot.config.refusal import Refusal
from bot.stores.embedded import EmbeddedServer, FakeRedis, Postgres, Redis
from bot.stores.embedded.processes import leave_parent, run_detached

GUARD_LOOKS_SECONDS = 1.0
FAKE_NOTE = "There is no redis-server here: fakeredis stands in for it and forgets everything when the last process ends."

NO_START = "The embedded stores in {} do not start ({}): mend that, or set DATABASE_URL and REDIS_URL to your own."


@dataclass(frozen=True)
class Servers:
    """Where the stores are, embedded or the person's own."""

    database_url: str
    redis_url: str
    notes: tuple[str, ...] = ()
    """Sentences for the person at the terminal."""


class Home:
    """One home folder. `allow_fake`: where no Redis program exists, one in memory will do (for `signoff demo`)."""

    def __init__(self, path: Path, *, allow_fake: bool = False) -> None:
        self.path = path.resolve()
        self.postgres = Postgres(self.path / "postgres")
        self.redis = Redis(self.path / "redis")
        self.fake_redis = FakeRedis(self.path / "fakeredis")
        self._fake = allow_fake and Redis.program() is None

    @contextmanager
    def servers(self, database_url: str | None = None, redis_url: str | None = None) -> Generator[Servers]:
        """Hold the stores, running until the block ends: the given ones as they are, embedded ones for those that are None.

        Blocks for about a second when it makes a new home and less when it starts the servers of an old one: enter it
        before the event loop runs, or in a thread. Raises Refusal.
        """
        wanted: list[EmbeddedServer] = []
        if not database_url:
            wanted.append(self.postgres)
        if not redis_url:
            wanted.append(self.fake_redis if self._fake else self.redis)
        with self._used(wanted):
            yield Servers(
                database_url=database_url or self.postgres.url,
                redis_url=redis_url or wanted[-1].url,
                notes=(FAKE_NOTE,) if self._fake and not redis_url else (),
            )

    @contextmanager
    def _used(self, wanted: list[EmbeddedServer]) -> Generator[None]:
        if not wanted:
            yield
            return
        self._make()
        with self._file("users") as users:
            try:
                with self._gate():
                    fcntl.flock(users, fcntl.LOCK_SH)
                    self._post_guard()
                    try:
                        for server in wanted:
                            server.start()
                    except (OSError, subprocess.CalledProcessError) as error:  # a program that is not there, or fails
                        raise Refusal(NO_START.format(self.path, error)) from None
                yield
            finally:
                with self._gate():
                    fcntl.flock(users, fcntl.LOCK_UN)
                    self._stop_if_unused()

    def _make(self) -> None:
        try:
            # For root others may pass through, since its Postgres runs as another user; each folder inside is private.
            self.path.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
            for name in ("gate", "users", "guard"):
                (self.path / name).touch(mode=0o600)
        except OSError as error:
            why = os.strerror(error.errno or 0)
            raise Refusal(f"{self.path} cannot be used ({why}): set SIGNOFF_HOME to a folder that you may write in.") from None

    def _stop_if_unused(self) -> bool:
        """Call with the gate held. True if nobody uses the servers; they are stopped then."""
        with self._file("users") as users:
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            for server in (self.fake_redis, self.redis, self.postgres):
                if server.running():
                    server.stop()
            return True

    @contextmanager
    def _gate(self) -> Generator[None]:
        with self._file("gate") as gate:
            fcntl.flock(gate, fcntl.LOCK_EX)
            yield

    @contextmanager
    def _file(self, name: str) -> Generator[int]:
        # Each opening has a separate lock, so two users in one process count as two. Children do not inherit it. Not
        # made where it is missing: the guard must not bring a removed home back.
        number = os.open(self.path / name, os.O_RDWR)
        try:
            yield number
        finally:
            os.close(number)

    def _post_guard(self) -> None:
        with self._file("guard") as place:
            try:
                fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return  # one is there
        run_detached("bot.stores.embedded_home", self.path, log=self.path / "guard.log")

    def guard(self) -> None:
        """Wait until nobody uses the servers, however the last user ended, and stop them: this is what the guard does."""
        with self._file("guard") as place:
            try:
                fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            with suppress(FileNotFoundError):  # the whole home was removed
                while not self._alone():
                    time.sleep(GUARD_LOOKS_SECONDS)

    def _alone(self) -> bool:
        with self._gate():
            return self._stop_if_unused()


if __name__ == "__main__":
    leave_parent()
    Home(Path(sys.argv[1])).guard()
