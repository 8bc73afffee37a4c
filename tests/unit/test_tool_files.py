"""Tool files that signoff.yaml names: what is taken from them, which agent gets it, and the sentence for what cannot be used."""

from pathlib import Path
from typing import Any

import pytest
from psycopg_pool import AsyncConnectionPool

from bot.agents.packs import all_tools, chosen_packs, tool_packs
from bot.agents.tool_files import load_tool_file
from bot.config.file import load_config
from bot.config.refusal import Refusal

OPS = '''
from dataclasses import dataclass
from agent.declare import tool
from agent.tool import Effect, Tool

@dataclass
class Beside:
    """Not a tool."""

    of: "Effect"

@tool(effect="read", verb="Look")
async def uptime(service: str) -> dict[str, str]:
    """Say since when a service is up."""
    return {"service": service}

@tool
def restart(service: str) -> str:
    """Restart a service."""
    return "done"

again = restart
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that is not the working directory, with a tool file and a signoff.yaml that names it."""
    (tmp_path / "ops.py").write_text(OPS)
    (tmp_path / "signoff.yaml").write_text("agents: {ops: {tools: [ops.py, catalog]}, shop: {}}\n")
    return tmp_path


def packs(folder: Path) -> Any:
    """The packs that a bot with this signoff.yaml would have."""
    config = load_config(folder / "signoff.yaml")
    return config, tool_packs(AsyncConnectionPool(open=False), config)


def test_all_tools_of_a_file_are_a_pack_beside_signoff_yaml(folder: Path) -> None:
    config, there = packs(folder)
    name = str(folder / "ops.py")
    assert [tool.name for tool in there[name]] == ["uptime", "restart"]
    assert chosen_packs("ops", config.agents["ops"], there) == ["built in", name, "catalog"]
    assert {"uptime", "restart", "read_output", "create_order"} <= set(all_tools(there))


def test_an_agent_that_names_nothing_has_every_pack_but_no_file(folder: Path) -> None:
    config, there = packs(folder)
    assert chosen_packs("shop", config.agents["shop"], there) == ["built in", "catalog", "slack"]


def test_slack_brings_other_channels_along_only_where_it_is_named(folder: Path) -> None:
    (folder / "signoff.yaml").write_text("agents: {shop: {}, all: {tools: [slack]}, asks: {tools: [catalog]}}\n")
    config, there = packs(folder)
    assert chosen_packs("all", config.agents["all"], there) == ["built in", "slack", "slack:channels"]
    assert chosen_packs("asks", config.agents["asks"], there) == ["built in", "catalog"]
    assert [tool.name for tool in there["slack"]] == ["slack_read_thread", "slack_find_person"]
    assert [tool.name for tool in there["slack:channels"]] == ["slack_search_messages", "slack_post_message"]


def test_a_file_that_is_not_there_is_refused(folder: Path) -> None:
    (folder / "ops.py").unlink()
    with pytest.raises(Refusal, match=r"^There is no tool file .*/ops.py: write it, or correct its name in `tools`"):
        packs(folder)


def test_two_tools_of_one_name_are_refused_with_both_places(folder: Path) -> None:
    (folder / "more.py").write_text(OPS.replace("def restart", "def create_order").replace("again = restart", ""))
    (folder / "signoff.yaml").write_text("agents: {ops: {tools: [more.py]}}\n")
    _, there = packs(folder)
    with pytest.raises(Refusal, match=r"^There is a tool create_order in catalog and in .*/more.py: give one of the two another"):
        all_tools(there)
    (folder / "more.py").write_text(OPS + '\n@tool(name="uptime")\ndef up() -> str:\n    """Up."""\n    return ""\n')
    _, there = packs(folder)
    with pytest.raises(Refusal, match=r"^There is a tool uptime in .*/more.py twice: give one"):
        all_tools(there)


def test_a_pack_that_is_named_twice_is_there_once(folder: Path) -> None:
    (folder / "signoff.yaml").write_text("agents: {ops: {tools: [ops.py, ./ops.py, catalog, catalog]}}\n")
    config, there = packs(folder)
    assert len(chosen_packs("ops", config.agents["ops"], there)) == 3


def test_a_pack_that_does_not_exist_is_refused_with_those_that_do(folder: Path) -> None:
    (folder / "signoff.yaml").write_text("agents: {ops: {tools: [katalog]}}\n")
    config, there = packs(folder)
    with pytest.raises(Refusal, match=r"^Agent ops wants the tool pack 'katalog', which is not there; there are: catalog, sl"):
        chosen_packs("ops", config.agents["ops"], there)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "import no_such_module_at_all\n",
            "ops.py, line 1: the tool file cannot be loaded (ModuleNotFoundError: No module",
        ),
        ("\ndef broken(:\n", "ops.py, line 2: the tool file cannot be loaded (SyntaxError: invalid syntax"),
        ("x = 1\n\nx / 0\n", "ops.py, line 3: the tool file cannot be loaded (ZeroDivisionError: division by zero); mend it."),
        ("raise SystemExit\n", "ops.py, line 1: the tool file cannot be loaded (SystemExit: no words); mend it."),
        ("def restart(): ...\n", "ops.py declares no tool: put @tool from agent.declare over a function, or take the file off"),
        (
            "from agent.declare import tool\n@tool\nasync def restart(service: str): ...\n",
            "ops.py, line 2: restart is no tool: it has no docstring",
        ),
        (
            'from agent.declare import tool\n@tool\nasync def restart(*names: str):\n    "Restart."\n',
            "ops.py, line 2: restart is no tool: `*names: str` takes what has no name",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_one_sentence(folder: Path, text: str, sentence: str) -> None:
    (folder / "ops.py").write_text(text)
    with pytest.raises(Refusal) as refused:
        load_tool_file(folder / "ops.py")
    assert sentence in str(refused.value)
    assert str(refused.value).startswith(str(folder))
    assert "\n" not in str(refused.value)
