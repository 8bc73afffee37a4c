"""Whatever is typed after `signoff`: the command does it, or refuses it in words, with one of three exit statuses."""

import asyncio
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, cast

import pytest
import typer
from hypothesis import HealthCheck, example, given
from hypothesis import strategies as st
from typer.testing import CliRunner

from bot.cli import cli
from bot.completing import PROGRAM
from bot.config.manifest import read_manifest
from bot.config.refusal import ExitStatus
from bot.config.settings import MUST_BE, Settings
from bot.sandbox import SlackSandbox
from tests.profiles import examples
from tests.signoff import ran, refused, says, signoff
from tests.unit.test_any_settings import ADDRESSES, VALUES

STATUSES = {int(status) for status in ExitStatus}
# These go on until they are stopped, or play whole conversations: what they refuse is tested where they are.
NOT_HERE = {("run",), ("worker",), ("demo",), ("doctor",), ("eval", "play"), ("migrate",)}
TYPED = "2026-11-01 3h -1 99999999999999999999 {} [1] assistant@1 assistant@ U1 T1:C1:1.0 . .."
WORDS = st.text(st.characters(exclude_characters="\0"), max_size=12) | st.sampled_from([*TYPED.split(), os.fsdecode(b"\xff")])


def commands(group: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield each command with its path."""
    group = group or cast(Any, typer.main.get_command(cli))
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


@st.composite
def lines(draw: st.DrawFn) -> list[str]:
    """Draw a command with some of its options, each with any value."""
    path, command = draw(st.sampled_from([each for each in commands() if each[0] not in NOT_HERE]))
    typed = [*path]
    for parameter in command.params:
        if not draw(st.booleans()) and not parameter.required:
            continue
        values = [] if getattr(parameter, "is_flag", False) else [draw(WORDS)]
        typed += [*(parameter.opts[:1] if parameter.param_type_name == "option" else []), *values]
    return typed + draw(st.lists(WORDS, max_size=1))


@examples(1, HealthCheck.function_scoped_fixture)
@given(lines())
def test_any_line_ends_with_one_of_three_statuses_and_in_words(
    database_url: str, redis_url: str, tmp_path: Path, typed: list[str]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        for name in Settings.model_fields:
            patch.delenv(name.upper(), raising=False)
        patch.setenv("DATABASE_URL", database_url)
        patch.setenv("REDIS_URL", redis_url)
        patch.setenv("SLACK_API_URL", "http://127.0.0.1:1/api/")
        result = CliRunner().invoke(cli, typed, input="n\n")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code in STATUSES, result.output
    if result.exit_code == ExitStatus.MEND:
        assert result.stderr.strip()


@examples(1, HealthCheck.function_scoped_fixture)
@given(st.sampled_from(sorted(MUST_BE)), VALUES | ADDRESSES | VALUES.map("xoxb-{}".format) | VALUES.map("xapp-{}".format))
@example("database_url", "postgresql:///x?nosuch=1")
@example("redis_url", "unix://")
def test_doctor_says_what_it_finds_whatever_a_variable_holds(tmp_path: Path, name: str, value: str) -> None:
    nowhere = {"SLACK_API_URL": "http://127.0.0.1:1/api/", "ANTHROPIC_BASE_URL": "http://127.0.0.1:1", "PORT": "0"}
    stores = {"DATABASE_URL": "postgresql://127.0.0.1:1/x", "REDIS_URL": "redis://127.0.0.1:1"}
    keys = {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_APP_TOKEN": "xapp-1", "ANTHROPIC_API_KEY": "sk-ant-1"}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        for variable in Settings.model_fields:
            patch.delenv(variable.upper(), raising=False)
        for variable, is_ in {**nowhere, **stores, **keys, name.upper(): value}.items():
            patch.setenv(variable, is_)
        result = CliRunner().invoke(cli, ["doctor", "--json"])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == ExitStatus.MEND
    assert all(each["mend"] for each in json.loads(result.stdout) if each["level"] == "fail")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SIGNOFF_HOME", "/etc/passwd"),
        ("SIGNOFF_HOME", "/proc/home"),
        ("SIGNOFF_HOME", "/dev/null/home"),
        ("SIGNOFF_HOME", "h" * 5_000),
        ("DATABASE_URL", "postgresql:///x?nosuch=1"),
        ("DATABASE_URL", "postgresql://127.0.0.1:1/x"),
    ],
)
async def test_a_store_that_cannot_be_is_refused_by_what_makes_one_and_by_what_reads_it(
    tmp_path: Path, name: str, value: str
) -> None:
    for command in (("migrate",), ("report", "--since", "7d"), ("audit", "verify"), ("audit", "export", "--since", "7d")):
        status, out, err = await ran(*command, folder=tmp_path, environment={name: value})
        assert status in (ExitStatus.FOUND, ExitStatus.MEND), (command, err)
        assert (out, err.count("\n")) == ("", 1), err
    assert not await asyncio.to_thread(os.listdir, tmp_path)


def test_the_version_is_that_of_the_project() -> None:
    status, [line], _ = says("--version")
    assert status == 0
    assert re.fullmatch(r"signoff \d+\.\d+\.\d+", line)


async def test_doctor_goes_on_after_what_cannot_be_meant_and_names_all_of_it(tmp_path: Path) -> None:
    wrong = {"SLACK_BOT_TOKEN": "nonsense", "SLACK_APP_TOKEN": "nonsense", "ANTHROPIC_API_KEY": "two words", "PORT": "many"}
    status, out, _ = await ran("doctor", "--json", folder=tmp_path, environment={**wrong, "SIGNOFF_HOME": "home"})
    found = json.loads(out)
    assert status == ExitStatus.MEND
    assert [each["what"].split()[1] for each in found if each["what"].startswith("Environment")] == list(wrong)
    assert all(each["mend"] for each in found if each["level"] == "fail")
    assert "nonsense" not in out
    assert any(each["what"].startswith("Postgres: embedded") for each in found)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
async def test_a_shell_is_told_how_to_complete(shell: Literal["bash", "zsh", "fish"], tmp_path: Path) -> None:
    async with signoff("completion", shell, folder=tmp_path, environment={}) as process:
        out, err = (part.decode() for part in await process.communicate())
    assert (process.returncode, err) == (0, "")
    assert f"_SIGNOFF_COMPLETE=complete_{shell}" in out
    assert PROGRAM in out


async def test_bash_takes_its_script(tmp_path: Path) -> None:
    _, script, _ = await ran("completion", "bash", folder=tmp_path, environment={})
    bash = await asyncio.create_subprocess_exec(
        *("bash", "--norc", "-c", f"{script}\ncomplete -p {PROGRAM}"), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await bash.communicate()
    assert (bash.returncode, out.decode()) == (0, "complete -o default -F _signoff_completion signoff\n")


async def test_the_answers_to_bash_complete_commands_and_options(tmp_path: Path) -> None:
    for words, word, expected in (("signoff aud", 1, {"audit"}), ("signoff audit verify --h", 3, {"--head", "--help"})):
        asked: Mapping[str, str] = {"COMP_WORDS": words, "COMP_CWORD": str(word), "_SIGNOFF_COMPLETE": "complete_bash"}
        async with signoff(folder=tmp_path, environment=asked) as process:
            out, _ = await process.communicate()
        assert set(out.decode().split()) == expected


async def test_what_is_typed_has_to_be_text(tmp_path: Path) -> None:
    async with signoff("release", os.fsdecode(b"\xff"), folder=tmp_path, environment={}) as process:
        _, err = await process.communicate()
    assert process.returncode == 2
    assert b"is not UTF-8 text" in err
    assert b"Traceback" not in err


async def test_people_are_found_by_name_by_handle_and_by_address_where_the_app_may(tmp_path: Path) -> None:
    async with SlackSandbox(read_manifest()) as slack:
        environment = {"SLACK_BOT_TOKEN": slack.bot_token, "SLACK_API_URL": slack.api_url}
        id = slack.people["ann"]
        for named in ("ann", "@Ann"):
            status, out, _ = await ran("whois", named, folder=tmp_path, environment=environment)
            assert (status, out.split()[0]) == (0, id)
        status, _, err = await ran("whois", "nobody at all", folder=tmp_path, environment=environment)
        assert (status, err.startswith("Nobody in the workspace is called nobody at all")) == (1, True)
        status, _, err = await ran("whois", "ann@example.com", folder=tmp_path, environment=environment)
        assert (status, "add the scope users:read.email" in err) == (2, True)
    assert "SLACK_BOT_TOKEN is not set" in await refused("whois", tmp_path, {}, "ann")
