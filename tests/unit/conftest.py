"""A unit test starts no process, opens no socket and no database: what does belongs to another folder of tests."""

import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from bot.config.settings import Settings

PROCESSES = ("subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.exec", "os.spawn", "os.system")
OUTSIDE = {*PROCESSES, "socket.connect", "socket.bind", "sqlite3.connect"}

_seen: list[str] | None = None  # by the test that runs; None between tests


def refuse_the_outside(event: str, arguments: tuple[Any, ...]) -> None:
    """Note and refuse what a unit test must not do. An audit hook cannot be taken off: it does nothing between these tests."""
    if _seen is not None and event in OUTSIDE:
        _seen.append(f"{event} {arguments[:2]}")
        raise RuntimeError(f"A unit test must not do this: {event}. Move it to the folder where such tests are.")


sys.addaudithook(refuse_the_outside)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to be in, and an empty environment."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Watch one test, and fail it even where the code under test has swallowed the refusal."""
    global _seen
    _seen = seen = []
    try:
        result = yield
    finally:
        _seen = None
    if seen:
        pytest.fail(f"A unit test reached outside: {seen}", pytrace=False)
    return result
