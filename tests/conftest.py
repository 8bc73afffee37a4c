"""What tests share: real stores, no network, and how many examples are tried (`tests.profiles`)."""

import gc
import itertools
import shutil
import sys
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from redis import Redis

import migrations
from bot.stores.embedded_home import Home, Servers
from tests import profiles as profiles  # registered before anything is collected

# What is imported and collected stays. To look through it for garbage, again and again, is a quarter of the time until the first
# test begins: so that is done after the collection, and never for what was there by then.
gc.disable()

REPOSITORY = Path(__file__).parents[1]
MEMORY = Path("/dev/shm")  # files that are only in memory, on Linux
ROOM_BYTES = 2 * 2**30  # for the servers of all processes of a test run: each takes up to 0.4 GB
TOLD = "told"  # what a test has to say at the end of the run, as a property that it records


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, Any, Any]:
    """Look for garbage from here on."""
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What tests had to say: their figures, wherever they ran."""
    for report in (*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")):
        for name, value in report.user_properties:
            if name == TOLD:
                terminalreporter.write_line(str(value))


def refuse_the_network(event: str, arguments: tuple[Any, ...]) -> None:
    """Tests reach this machine only. An audit hook sees every socket of Python, whichever library opened it."""
    host: str | None = None
    if event == "socket.connect" and not isinstance(arguments[1], str | bytes):  # those are paths of unix sockets
        host = str(arguments[1][0])
    elif event == "socket.getaddrinfo" and arguments[0]:
        host = str(arguments[0])
    if host is not None and host not in ("localhost", "::1") and not host.startswith("127."):
        raise RuntimeError(f"A test wanted to reach {host}: the network is off in tests.")


sys.addaudithook(refuse_the_network)


@contextmanager
def folder_for_servers() -> Generator[Path]:
    """A folder for embedded servers, gone at the end.

    It is in memory where there is room: a database is 300 files, and to make and drop them on a disk takes longer than most
    tests that need one.
    """
    in_memory = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM_BYTES
    folder = Path(tempfile.mkdtemp(prefix="signoff-test-", dir=MEMORY if in_memory else None))
    folder.chmod(0o711)  # for root, whose Postgres runs as another user
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def stores() -> Iterator[Servers]:
    """An embedded Postgres and Redis of this test run's own."""
    with folder_for_servers() as folder:
        home = Home(folder / "home", allow_fake=True)  # where no Redis can be had, its imitation does for most tests
        with home.servers() as servers:
            yield servers


@pytest.fixture(scope="session")
def migrated_template(stores: Servers) -> str:
    """Name of a migrated database that nobody connects to, so that others can be copied from it."""
    name = "migrated"
    _administer(stores, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    migrations.upgrade(_database(stores, name))
    return name


_numbers = itertools.count(1)


@pytest.fixture
def empty_database_url(stores: Servers) -> Iterator[str]:
    """A database with nothing in it, dropped after the test."""
    yield from _fresh_database(stores, "template0")


@pytest.fixture
def database_url(stores: Servers, migrated_template: str) -> Iterator[str]:
    """A migrated database for this test alone, dropped after it."""
    yield from _fresh_database(stores, migrated_template)


@pytest.fixture
def redis_url(stores: Servers) -> str:
    """An empty Redis for this test alone."""
    with Redis.from_url(stores.redis_url) as redis:  # pyright: ignore[reportUnknownMemberType]  # redis leaves kwargs untyped
        redis.execute_command("FLUSHALL")  # pyright: ignore[reportUnknownMemberType]
    return stores.redis_url


def _fresh_database(stores: Servers, template: str) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    # As files, in memory: half of the work of a copy that goes through the write-ahead log, as it does otherwise.
    made = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(sql.Identifier(name), sql.Identifier(template))
    _administer(stores, made)
    yield _database(stores, name)
    _administer(stores, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _database(stores: Servers, name: str) -> str:
    """The URL of another database on the same server."""
    return stores.database_url.replace("/postgres?", f"/{name}?")


def _administer(stores: Servers, statement: sql.Composed) -> None:
    with psycopg.connect(make_conninfo(stores.database_url), autocommit=True) as connection:
        connection.execute(statement)
