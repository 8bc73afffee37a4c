"""The reference has every option, command, variable and setting, and nothing else: it is made from the code, and compared."""

import re

import pytest

from tests.house import reference
from tests.house.settings import sections

AGAIN = "run `python -m tests.house.tables --write`"


@pytest.mark.parametrize("name", reference.FILES)
def test_a_page_of_the_reference_is_that_of_the_code(name: str) -> None:
    assert (reference.FOLDER / name).read_text("utf-8") == reference.FILES[name](), AGAIN


def test_there_is_no_other_page_in_the_reference() -> None:
    assert {path.name for path in reference.FOLDER.iterdir()} == set(reference.FILES)


def first_cells(name: str) -> set[str]:
    """Return what the first column of each table of a page names."""
    return set(re.findall(r"^\| `([^`]+)`", (reference.FOLDER / name).read_text("utf-8"), re.MULTILINE))


def test_every_setting_is_there_and_nothing_else() -> None:
    assert first_cells("configuration.md") == reference.setting_names()
    assert {"policy[].when", "agents.NAME.budget.session_tokens", "memory.channels.NAME.facts"} <= reference.setting_names()


def test_every_variable_is_there_and_nothing_else() -> None:
    assert first_cells("environment.md") == reference.variable_names()


def test_every_command_and_option_is_there_and_nothing_else() -> None:
    found: set[str] = set()
    for heading, body in re.findall(
        r"^## `(.+?)`\n(.*?)(?=^## |\Z)", (reference.FOLDER / "commands.md").read_text(), re.S | re.M
    ):
        found |= {heading, *(f"{heading} {option}" for option in re.findall(r"^\| `(--[a-z-]+)`", body, re.MULTILINE))}
    assert found == {name for path, command in reference.parsed_commands() for name in reference.option_names(path, command)}
    assert {"signoff", "signoff audit verify --head", "signoff eval play --judge", "signoff tools --json"} <= found


def test_every_setting_says_what_it_does() -> None:
    silent = {
        f"{section.__name__}.{name}"
        for section in sections().values()
        for name in section.model_fields
        if name not in reference.field_docstrings(section)
    }
    assert silent == set()


def test_every_option_says_what_it_is() -> None:
    silent = [
        f"{' '.join(path)} {parameter.name}"
        for path, command in reference.parsed_commands()
        for parameter in command.params
        if parameter.name != "help" and not parameter.help
    ]
    assert silent == []
