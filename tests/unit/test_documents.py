"""ARCHITECTURE, CONTRIBUTING, CHANGELOG and SECURITY say what is so: their tables are the code's, and every path exists."""

import re

import pytest

from agent.session.machine import ALLOWED
from tests.house.tables import DOCUMENT, TABLES, written
from tests.unit.test_house import REPOSITORY

DOCUMENTS = ("ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")
ENDINGS = r"(?:py|md|sh|yml|yaml|toml|lock|json|jsonl|ini|css|js)"
# `agent/run/loop.py`, `tests/dialog`, `bot/cards/`; also files at the top, such as `Makefile`.
PATH = re.compile(
    rf"(?:agent|bot|docs|migrations|prompts|tests|tools|\.ci)(?:/[\w.-]+)+/?|[\w.-]+\.{ENDINGS}|Makefile|Dockerfile"
)
DOTTED = re.compile(r"(?:agent|bot|migrations|prompts|tests|tools)(?:\.\w+)+")
# Files that a person writes beside the bot: they are not in the repository.
OF_A_TEAM = {"signoff.yaml", ".mcp.json", "policy_cases.yaml"}


def quoted(text: str) -> list[str]:
    """Return what is in backticks, blocks of code left out."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))


def missing(text: str) -> list[str]:
    """Return the paths and dotted names in backticks that do not exist here."""
    paths = [name for name in quoted(text) if PATH.fullmatch(name) and name not in OF_A_TEAM]
    dotted = [name for name in quoted(text) if DOTTED.fullmatch(name)]
    return [name for name in paths if not (REPOSITORY / name).exists()] + [name for name in dotted if not is_there(name)]


def is_there(name: str) -> bool:
    """Whether a dotted name is a module of ours, or a name that stands in one."""
    path = REPOSITORY / name.replace(".", "/")
    if path.with_suffix(".py").is_file() or (path / "__init__.py").is_file() or path.is_dir():
        return True
    module = path.parent.with_suffix(".py") if path.parent.with_suffix(".py").is_file() else path.parent / "__init__.py"
    return module.is_file() and re.search(rf"\b{path.name}\b", module.read_text()) is not None


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_that_of_the_code(name: str) -> None:
    found = re.search(rf"<!-- table: {name} -->\n(.*?)<!-- end of {name} -->", DOCUMENT.read_text(), re.DOTALL)
    assert found is not None
    assert found[1] == f"{TABLES[name]()}\n", "run `python -m tests.house.tables --write`"


def test_the_table_of_steps_has_every_kind() -> None:
    kinds: list[str] = re.findall(r"^\| `(\w+)` \|", TABLES["steps"](), re.MULTILINE)
    assert len(kinds) == len(set(kinds))
    assert set(kinds) == {kind for allowed in ALLOWED.values() for kind in allowed}


def test_a_table_is_written_into_its_place_and_nothing_else_changes() -> None:
    text = written(DOCUMENT.read_text())
    stale = text.replace("| `asked` |", "| `shouted` |")
    assert stale != text
    assert written(stale) == text
    with pytest.raises(ValueError, match="no place for the table floors"):
        written("# Nothing here")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_path_in_backticks_exists(document: str) -> None:
    text = (REPOSITORY / document).read_text()
    assert missing(text) == []


def test_a_path_that_is_not_there_is_found() -> None:
    text = "`agent/run/loop.py` `agent/run/loops.py` `agent.tool` `agent.tool.tool` `agent.tool.toll` `NOTHING.md` `make test`"
    assert missing(text) == ["agent/run/loops.py", "NOTHING.md", "agent.tool.toll"]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_leads_to_a_file_and_readme_links_the_document(document: str) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", (REPOSITORY / document).read_text())
    assert [link for link in links if not (REPOSITORY / link).exists()] == []
    assert f"]({document})" in (REPOSITORY / "README.md").read_text()
