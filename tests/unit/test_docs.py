"""What README and `docs` show is so: each command parses, each block of settings is taken, and each recipe decides as it says."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import typer

from bot.cli import cli
from bot.completing import PROGRAM
from bot.config.file import examine_config
from bot.config.mcp_file import read_servers
from tests.signoff import says
from tests.unit.test_house import REPOSITORY

pytestmark = pytest.mark.usefixtures("here")

PAGES = sorted([REPOSITORY / "README.md", *(REPOSITORY / "docs").rglob("*.md")])
MADE = REPOSITORY / "docs" / "reference"  # compared as a whole: tests/unit/test_reference.py
WRITTEN = [page for page in PAGES if MADE not in page.parents]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
SETTINGS, CASES = "# signoff.yaml\n", "# policy_cases.yaml\n"
KINDS = {"sh", "yaml", "json", "python", "text"}
INLINE = re.compile(rf"`(?:\.venv/bin/)?({PROGRAM}(?: [^`]*)?)`")


def blocks(kind: str) -> Iterator[tuple[str, str]]:
    """Yield the blocks of a kind, each with its page and number."""
    for page in WRITTEN:
        for number, (of, text) in enumerate(BLOCK.findall(page.read_text("utf-8")), 1):
            if of == kind:
                yield f"{page.relative_to(REPOSITORY)}, block {number}", text


def lines() -> Iterator[tuple[str, str]]:
    """Yield each line of our command that a page shows as one to type."""
    for where, text in blocks("sh"):
        for line in text.replace("\\\n", " ").splitlines():
            found = re.match(rf"\s*(?:\.venv/bin/)?({PROGRAM} .*)", line)
            if found is not None:
                yield where, re.sub(r"\s+#.*", "", found[1])


def test_every_block_says_what_it_is() -> None:
    odd = [f"{page.name}: {kind!r}" for page in WRITTEN for kind, _ in BLOCK.findall(page.read_text()) if kind not in KINDS]
    assert odd == []


def parse(line: str) -> None:
    """Parse a line as the command would, and run nothing. Raises what the parser raises."""
    command: Any = typer.main.get_command(cli)
    arguments = shlex.split(line)[1:]
    context = command.make_context(PROGRAM, arguments, resilient_parsing=False)
    while hasattr(command, "commands") and context._protected_args + context.args:
        name, *rest = context._protected_args + context.args
        command = command.commands[name]
        context = command.make_context(name, rest, parent=context)


@pytest.mark.parametrize(("where", "line"), list(lines()))
def test_a_command_to_type_is_one_that_there_is(where: str, line: str) -> None:
    parse(line)


def unknown(line: str) -> list[str]:
    """Return what of a line is no command and no option of it; values are not looked at."""
    command: Any = typer.main.get_command(cli)
    options = {each for parameter in command.params for each in parameter.opts}
    words = line.split()[1:]
    while words and hasattr(command, "commands") and not words[0].startswith("-"):
        if words[0] not in command.commands:
            return [] if command.name == "eval" else [words[0]]  # `eval FOLDER` plays it
        command = command.commands[words.pop(0)]
        options |= {each for parameter in command.params for each in (*parameter.opts, *parameter.secondary_opts)}
    if getattr(command, "name", "") == "eval":
        options |= {each for parameter in command.commands["play"].params for each in parameter.opts}
    return [word for word in (each.strip("[],.") for each in words) if word.startswith("--") and word not in {*options, "--help"}]


@pytest.mark.parametrize("page", [*WRITTEN, REPOSITORY / "CONTRIBUTING.md"], ids=lambda page: page.name)
def test_a_command_in_a_sentence_is_one_that_there_is(page: Path) -> None:
    text = BLOCK.sub("", page.read_text("utf-8"))
    assert {line: unknown(line) for line in INLINE.findall(text) if unknown(line)} == {}


def test_a_command_or_an_option_that_is_not_there_is_found() -> None:
    assert unknown("signoff polish check") == ["polish"]
    assert unknown("signoff policy test --fast FILE") == ["--fast"]
    assert unknown("signoff eval FOLDER --judge MODEL") == []


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.name)
def test_a_target_of_make_is_one_that_there_is(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:`|^)make ([a-z-]+)", page.read_text("utf-8"), re.MULTILINE)) - targets == set()


def yaml_blocks() -> list[tuple[str, str, str]]:
    """Return page and number of each block of YAML, its text, and the cases right below it, if it has some."""
    found = list(blocks("yaml"))
    assert all(found[index - 1][1].startswith(SETTINGS) for index, (_, text) in enumerate(found) if text.startswith(CASES))
    following = [*(text for _, text in found[1:]), ""]
    return [
        (where, text, after if after.startswith(CASES) else "")
        for (where, text), after in zip(found, following, strict=True)
        if not text.startswith(CASES)
    ]


@pytest.mark.parametrize(("where", "text", "cases"), yaml_blocks(), ids=[where for where, *_ in yaml_blocks()])
def test_settings_are_taken_and_what_is_said_of_them_holds(where: str, text: str, cases: str) -> None:
    Path("signoff.yaml").write_text(text)
    assert list(examine_config()[1]) == []
    if cases:
        Path("policy_cases.yaml").write_text(cases)
        status, told, err = says("policy", "test", "policy_cases.yaml")
        assert (status, err) == (0, ""), told


def test_the_cookbook_has_cases_for_each_recipe() -> None:
    text = (REPOSITORY / "docs" / "guide" / "cookbook.md").read_text("utf-8")
    assert text.count(f"```yaml\n{SETTINGS}") == text.count(f"```yaml\n{CASES}") == text.count("\n## ") >= 8


@pytest.mark.parametrize(("where", "text"), list(blocks("json")))
def test_a_list_of_servers_is_taken(where: str, text: str) -> None:
    Path(".mcp.json").write_text(text)
    assert {server.name for server in read_servers(None, {}, {})} == set(cast(dict[str, Any], json.loads(text))["mcpServers"])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_every_link_leads_to_a_file(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", BLOCK.sub("", page.read_text("utf-8")))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_page_is_in_the_navigation() -> None:
    named = re.findall(r"- ([\w/-]+\.md)$", (REPOSITORY / "mkdocs.yml").read_text(), re.MULTILINE)
    assert sorted(named) == sorted(str(page.relative_to(REPOSITORY / "docs")) for page in PAGES if page.name != "README.md")
