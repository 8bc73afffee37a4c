"""What tests share: real stores, no network, and how many examples are tried (`tests.profiles`)."""

import itertools
import shutil
import sys
import tempfile
from collections.abc import Iterator
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

REPOSITORY = Path(__file__).parents[1]
TOLD = "told"  # what a test has to say at the end of the run, as a property that it records


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


@pytest.fixture(scope="session")
def stores() -> Iterator[Servers]:
    """An embedded Postgres and Redis of this test run's own."""
    folder = Path(tempfile.mkdtemp(prefix="signoff-test-"))
    folder.chmod(0o711)  # for root, whose Postgres runs as another user
    home = Home(folder / "home", allow_fake=True)  # where no Redis can be had, its imitation does for most tests
    try:
        with home.servers() as servers:
            yield servers
    finally:
        shutil.rmtree(folder)


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
    made = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
    _administer(stores, made)
    yield _database(stores, name)
    _administer(stores, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _database(stores: Servers, name: str) -> str:
    """The URL of another database on the same server."""
    return stores.database_url.replace("/postgres?", f"/{name}?")


def _administer(stores: Servers, statement: sql.Composed) -> None:
    with psycopg.connect(make_conninfo(stores.database_url), autocommit=True) as connection:
        connection.execute(statement)
