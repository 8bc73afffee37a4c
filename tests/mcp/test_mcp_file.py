"""`.mcp.json`: what is read, what is filled in from the environment, and the sentence for what cannot be meant."""

import json
from pathlib import Path
from typing import Any

import pytest

from bot.config.mcp_file import read_servers
from bot.config.refusal import Refusal
from bot.config.sections import McpServer
from bot.sandbox.demo import POLICY
from tools.mcp import Local, Remote, Server


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A signoff.yaml; `.mcp.json` lies beside it."""
    return tmp_path / "signoff.yaml"


def write(config: Path, servers: Any) -> None:
    (config.parent / ".mcp.json").write_text(servers if isinstance(servers, str) else json.dumps({"mcpServers": servers}))


def only(config: Path, entry: dict[str, Any], **environment: str) -> Server:
    """The one server of the file."""
    write(config, {"s": entry})
    [server] = read_servers(config, {}, environment)
    return server


def test_without_a_file_there_are_none(config: Path) -> None:
    assert read_servers(config, {}, {}) == []


def test_both_kinds_are_read_and_what_other_hosts_keep_there_is_theirs(config: Path) -> None:
    write(
        config,
        {
            "git": {"command": "uvx", "args": ["mcp-server-git"], "env": {"A": "b"}, "autoApprove": ["x"], "type": "stdio"},
            "web": {"type": "http", "url": "https://mcp.example.com/mcp", "headers": {"X": "y"}},
            "off": {"command": "x", "disabled": True},
        },
    )
    sections = {"git": McpServer(annotations="ignore", call_seconds=5), "web": McpServer(open_world=False)}
    git, web = read_servers(config, sections, {})
    assert (git.open_world, web.open_world) == (None, False)
    assert git.reach == Local("uvx", ("mcp-server-git",), {"A": "b"})
    assert (git.trusted, git.call_seconds) == (False, 5)
    assert web.reach == Remote("https://mcp.example.com/mcp", {"X": "y"})
    assert (web.trusted, web.call_seconds) == (True, 60)


def test_variables_are_filled_in_everywhere(config: Path) -> None:
    entry = {"command": "${RUN}", "args": ["${A:-none}", "a${B:-}c"], "env": {"TOKEN": "Bearer ${TOKEN}"}, "cwd": "${HOME}/x"}
    server = only(config, entry, RUN="uvx", TOKEN="hunter2-hunter2", HOME="/home/ada")
    assert server.reach == Local("uvx", ("none", "ac"), {"TOKEN": "Bearer hunter2-hunter2"}, "/home/ada/x")
    assert server.secrets == ("hunter2-hunter2",)  # where a home lies is no secret
    web = only(config, {"url": "${URL}/mcp", "headers": {"Authorization": "${KEY}"}}, URL="http://127.0.0.1:1", KEY="k" * 9)
    assert web.reach == Remote("http://127.0.0.1:1/mcp", {"Authorization": "k" * 9})
    assert "kkk" not in repr(web)


@pytest.mark.parametrize("environment", [{}, {"TOKEN": ""}])
def test_a_server_that_lacks_a_variable_is_not_started(config: Path, environment: dict[str, str]) -> None:
    server = only(config, {"command": "x", "env": {"T": "${TOKEN}"}}, **environment)
    assert server.reach is None
    assert server.trouble == "it is not started, because TOKEN is not set"


@pytest.mark.parametrize(
    ("servers", "words"),
    [
        ("{", "is not JSON"),
        ('{"mcpServers": {"a": {"command": "x"}, "a": {"command": "y"}}}', "'a' is there twice"),
        ({"s": {}}, "`mcpServers.s` needs either a `command` or a `url`"),
        ({"s": {"command": "x", "url": "http://y"}}, "needs either"),
        ({"s": {"command": "x", "args": "y"}}, "`mcpServers.s.args` should be an array, such as"),
        ({"s": {"url": "http://x", "type": "sse"}}, "`mcpServers.s.type` should be 'stdio', 'http'"),
        ({"": {"command": "x"}}, "`mcpServers` has an entry without a name"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(config: Path, servers: Any, words: str) -> None:
    write(config, servers)
    with pytest.raises(Refusal) as refused:
        read_servers(config, {}, {})
    assert words in str(refused.value)
    assert ".mcp.json" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_setting_for_a_server_that_is_not_listed_is_refused_and_not_ignored(config: Path) -> None:
    write(config, {"github": {"command": "x"}})
    with pytest.raises(Refusal, match=r"`mcp\.githbu` in signoff\.yaml names a server .* it lists github"):
        read_servers(config, {"githbu": McpServer(annotations="ignore")}, {})


def test_for_the_demo_it_is_looked_for_in_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".mcp.json").write_text('{"mcpServers": {"time": {"command": "x"}}}')
    monkeypatch.chdir(tmp_path)
    assert [server.name for server in read_servers(POLICY, {}, {})] == ["time"]
