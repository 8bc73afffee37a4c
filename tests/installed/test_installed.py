"""What is installed is the bot, whole, and nothing that only its demo and its tests need."""

import asyncio
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from zipfile import ZipFile

import pytest

from bot.config.manifest import read_manifest
from bot.sandbox import SlackSandbox
from bot.sandbox.model import Lines, ScriptedModel
from tests.installed.places import (
    REPOSITORY,
    build_wheel,
    command_of_the_image,
    environment,
    image_folder,
    install,
    production_packages,
)
from tests.samples import pdf

NO_DEMO = "The demo is not part of this installation: get Signoff's source, and run `make demo` in it.\n"


@dataclass(frozen=True)
class Installed:
    """Where the code is, the command that a person starts, and what it finds."""

    code: Path
    command: Path
    environment: Mapping[str, str]

    def start(self, *arguments: str, folder: Path) -> "subprocess.CompletedProcess[str]":
        """Return the command when it has ended."""
        return self.python(str(self.command), *arguments, folder=folder)

    def python(self, *arguments: str, folder: Path) -> "subprocess.CompletedProcess[str]":
        """Return what Python did that finds nothing but what is installed."""
        return subprocess.run(
            [sys.executable, "-S", *arguments],
            cwd=folder,
            env=dict(self.environment),
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("installed")


@pytest.fixture(scope="module")
def packages(folder: Path) -> Path:
    return production_packages(folder / "packages")


@pytest.fixture(scope="module")
def wheel(folder: Path) -> Path:
    return build_wheel(folder)


@pytest.fixture(scope="module")
def from_wheel(wheel: Path, folder: Path, packages: Path) -> Installed:
    code = install(wheel, folder / "wheel")
    return Installed(code, code / "bin" / "signoff", environment(code, packages))


@pytest.fixture(scope="module")
def image(folder: Path, packages: Path) -> Installed:
    code = image_folder(folder / "app")
    return Installed(code, command_of_the_image(folder), environment(code, packages))


@pytest.fixture(params=["from_wheel", "image"])
def installed(request: pytest.FixtureRequest) -> Installed:
    return request.getfixturevalue(request.param)


def ours(folder: Path, *besides: str) -> set[str]:
    """Return our files in a folder, as seen from there, without what patterns of paths name."""
    found = (path for name in ("agent", "bot", "tools", "prompts", "migrations") for path in (folder / name).rglob("*"))
    names = [path.relative_to(folder).as_posix() for path in found if not path.is_dir() and "__pycache__" not in path.parts]
    return {name for name in names if not any(fnmatchcase(name, pattern) for pattern in besides)}


def test_it_holds_every_file_of_the_bot_and_none_of_the_sandbox(installed: Installed) -> None:
    assert ours(installed.code) == ours(REPOSITORY, "bot/sandbox/*", "bot/eval/*", "prompts/*/golden/*")


def test_the_wheel_holds_nothing_beside_the_bot(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"agent", "bot", "tools", "prompts", "migrations"}


def test_what_is_not_installed_cannot_be_imported_there(installed: Installed, tmp_path: Path) -> None:
    for name in ("bot.sandbox", "bot.eval", "tests", "fakeredis", "lupa", "pytest", "hypothesis"):
        done = installed.python("-c", f"import {name}", folder=tmp_path)
        assert re.search(f"No module named '{name}'", done.stderr), (name, done.stderr)


def test_the_demo_says_in_a_sentence_how_to_get_it(installed: Installed, tmp_path: Path) -> None:
    done = installed.start("demo", folder=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", NO_DEMO)
    assert list(tmp_path.iterdir()) == []


def test_it_says_its_version_installed_or_not(installed: Installed, tmp_path: Path) -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    done = installed.start("--version", folder=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"signoff {project['version']}\n", "")


def test_help_and_a_refusal_come_from_there(from_wheel: Installed, tmp_path: Path) -> None:
    helped = from_wheel.start("--help", folder=tmp_path)
    assert (helped.returncode, helped.stderr) == (0, "")
    assert "policy" in helped.stdout
    refused = from_wheel.start("run", folder=tmp_path)
    assert refused.returncode == 2
    assert re.fullmatch(r"SLACK_BOT_TOKEN .*\.\n", refused.stderr), refused.stderr


def test_every_module_can_be_imported_with_what_the_lock_brings(from_wheel: Installed, tmp_path: Path) -> None:
    modules = sorted(
        name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for name in ours(from_wheel.code)
        if name.endswith(".py") and not name.startswith("migrations/") and name != "agent/bounded/child.py"
    )
    assert "bot.commands.doctor" in modules
    done = from_wheel.python("-W", "error", "-c", f"import {', '.join(modules)}", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_manifest_that_doctor_reads_is_the_one_that_people_paste(installed: Installed, tmp_path: Path) -> None:
    tell = "from bot.config.manifest import PATH, bot_scopes; print(PATH); print(*sorted(bot_scopes()))"
    path, scopes = installed.python("-c", tell, folder=tmp_path).stdout.splitlines()
    assert Path(path).is_relative_to(installed.code)
    assert Path(path).read_bytes() == (REPOSITORY / "manifest.yml").read_bytes()
    assert scopes.split() == sorted(read_manifest()["oauth_config"]["scopes"]["bot"])


async def test_it_migrates_a_database_and_answers_somebody_who_attached_a_file(
    from_wheel: Installed, empty_database_url: str, redis_url: str, tmp_path: Path
) -> None:
    async with ScriptedModel(Lines("Three pages.")) as model, SlackSandbox(read_manifest()) as slack:
        told = {
            **from_wheel.environment,
            **{"SLACK_BOT_TOKEN": slack.bot_token, "SLACK_APP_TOKEN": slack.app_token, "SLACK_API_URL": slack.api_url},
            **{"ANTHROPIC_API_KEY": model.api_key, "ANTHROPIC_BASE_URL": model.base_url},
            **{"DATABASE_URL": empty_database_url, "REDIS_URL": redis_url, "PORT": "0"},
        }
        there = Installed(from_wheel.code, from_wheel.command, told)
        migrated = await asyncio.to_thread(there.start, "migrate", folder=tmp_path)
        assert migrated.stderr == "The database is at the newest schema.\n"
        bot = await asyncio.create_subprocess_exec(
            *(sys.executable, "-S", there.command, "run"), cwd=tmp_path, env=told, stderr=asyncio.subprocess.PIPE
        )
        try:
            assert bot.stderr is not None
            await bot.stderr.readuntil(b"ready on port ")
            ts = await slack.mention("ann", slack.channels["orders"], "how many?", files=[("terms.pdf", pdf(3))])
            await slack.until(lambda: any("Three pages." in one.seen_text for one in slack.thread("orders", ts)[1:]))
            [_, _, shown] = model.requests[0]["messages"][-1]["content"]
            assert shown["type"] == "document"
        finally:
            bot.terminate()
            await bot.communicate()
        assert bot.returncode == os.EX_OK
