"""The reference servers of the registries, as a team would list them: their tools, what they claim, and what they answer."""

import subprocess
from pathlib import Path

import pytest

from agent.tool.definition import Effect
from tests.mcp.conftest import kept, of_node, of_python
from tools.mcp import Server


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A git repository with one file that is not committed."""
    subprocess.run(["git", "init", "-q", "-b", "main", tmp_path], check=True)
    for setting in ("user.name=Ada", "user.email=ada@example.com"):
        subprocess.run(["git", "-C", tmp_path, "config", *setting.split("=")], check=True)
    (tmp_path / "notes.txt").write_text("one\n")
    return tmp_path


async def test_time() -> None:
    async with kept(Server(name="time", reach=of_python("mcp-server-time"))) as world:
        assert {tool.effect for tool in world.tools().values()} == {Effect.READ}
        result = await world.call(
            "time__convert_time", source_timezone="Europe/Berlin", time="12:00", target_timezone="Asia/Tokyo"
        )
        assert result.result["structured"]["source"]["timezone"] == "Europe/Berlin"
        wrong = await world.call("time__get_current_time", timezone="Europe/Atlantis")
        assert wrong.error == "unexpected"
        assert "The MCP server time reports an error" in str(wrong.detail)


async def test_git_reads_and_writes_are_told_apart_and_work(repository: Path) -> None:
    git = Server(name="git", reach=of_python("mcp-server-git", "--repository", str(repository)))
    async with kept(git) as world:
        effects = {name.removeprefix("git__git_"): tool.effect for name, tool in world.tools().items()}
        assert {name for name, effect in effects.items() if effect is Effect.WRITE} == {
            "add",
            "commit",
            "checkout",
            "create_branch",
        }
        assert effects["reset"] is Effect.IRREVERSIBLE
        assert effects["log"] is Effect.READ
        path = str(repository)
        assert (await world.call("git__git_add", repo_path=path, files=["notes.txt"])).ok
        assert (await world.call("git__git_commit", repo_path=path, message="First")).ok
        log = await world.call("git__git_log", repo_path=path)
        assert "First" in str(log.result)
        assert (await world.call("git__git_log", repo_path=path, max_count="many")).error == "invalid_input"
        outside = await world.call("git__git_log", repo_path="/")
        assert outside.ok is False


async def test_filesystem(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("one\n")
    async with kept(Server(name="files", reach=of_node("mcp-server-filesystem", str(tmp_path)))) as world:
        effects = {name.removeprefix("files__"): tool.effect for name, tool in world.tools().items()}
        assert effects["read_text_file"] is Effect.READ
        assert effects["create_directory"] is Effect.WRITE
        assert effects["write_file"] is Effect.IRREVERSIBLE
        read = await world.call("files__read_text_file", path=str(tmp_path / "notes.txt"))
        assert "one" in str(read.result)
        assert (await world.call("files__write_file", path=str(tmp_path / "new.txt"), content="two")).ok
        assert (tmp_path / "new.txt").read_text() == "two"
        refused = await world.call("files__read_text_file", path="/etc/hostname")
        assert (refused.ok, refused.unclear) == (False, False)


async def test_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-secret")
    everything = Server(name="everything", reach=of_node("mcp-server-everything"))
    async with kept(everything) as world:
        assert (await world.call("everything__get-sum", a=2, b=3)).result["text"] == "The sum of 2 and 3 is 5."
        structured = await world.call("everything__get-structured-content", location="Chicago")
        assert set(structured.result) == {"structured"}
        image = await world.call("everything__get-tiny-image")
        assert [part["kind"] for part in image.result["attachments"]] == ["image"]
        assert image.result["attachments"][0]["bytes"] > 1_000
        links = await world.call("everything__get-resource-links", count=2)
        assert [part["kind"] for part in links.result["attachments"]] == ["link", "link"]
        embedded = await world.call("everything__get-resource-reference", resourceType="Text", resourceId=1)
        assert "Resource 1" in embedded.result["attachments"][0]["text"]
        assert "sk-ant-secret" not in str(await world.call("everything__get-env"))
        assert (await world.call("everything__get-sum", a="2", b=3)).error == "invalid_input"
