"""What a person can type or set so that `signoff demo` cannot begin: one sentence with the mend, and exit status 2."""

import os
import stat
from pathlib import Path

import pytest

from bot.config.refusal import Refusal
from bot.stores.embedded.postgres import add_system_user
from tests.signoff import refused


@pytest.mark.parametrize("port", ["99999", "-5", "65536"])
async def test_what_is_no_port(tmp_path: Path, port: str) -> None:
    said = await refused("demo", tmp_path, {}, "--no-browser", "--port", port)
    assert said == f"--port {port} is no port: give a number from 0, which takes any free one, to 65535."
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("command", ["demo", "migrate"])
async def test_a_home_that_is_a_file(tmp_path: Path, command: str) -> None:
    (tmp_path / "home").write_text("notes")
    said = await refused(command, tmp_path, {"SIGNOFF_HOME": str(tmp_path / "home")})
    assert "cannot be used (" in said
    assert "set SIGNOFF_HOME to a folder that you may write in" in said
    assert (tmp_path / "home").read_text() == "notes"


@pytest.mark.parametrize("home", ["/proc/signoff", "/dev/null/signoff", "/proc"])
async def test_a_home_where_nothing_can_be_written(tmp_path: Path, home: str) -> None:
    said = await refused("demo", tmp_path, {"SIGNOFF_HOME": home})
    assert said.startswith(home)
    assert "set SIGNOFF_HOME to a folder that you may write in" in said


def test_without_useradd_root_is_told_what_is_needed(tmp_path: Path) -> None:
    with pytest.raises(
        Refusal, match=r"needs a system user signoff-test, and useradd is not on PATH, nor in /usr/sbin: add that user"
    ):
        add_system_user("signoff-test", str(tmp_path))


def test_a_useradd_that_fails_is_said(tmp_path: Path) -> None:
    program = tmp_path / "useradd"
    program.write_text("#!/bin/sh\necho no >&2\nexit 1\n")
    os.chmod(program, stat.S_IRWXU)
    with pytest.raises(Refusal, match="useradd cannot add it"):
        add_system_user("signoff-test", f"/nowhere{os.pathsep}{tmp_path}")
