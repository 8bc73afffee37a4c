"""An MCP server in a conversation: reads run, a write asks with a card that names the server, and a click runs it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent.policy import Policy, Rule
from bot.config import Config
from bot.sandbox.model import Lines, call
from bot.sections import Agent
from tests.dialog.conftest import World, mention
from tests.mcp.conftest import HERE, of_python, until
from tools.mcp import Local, Server


@pytest.fixture
def repository(tmp_path: Path, world: World) -> Path:
    """A git repository with a staged file, and the git server for it."""
    subprocess.run(["git", "init", "-q", "-b", "main", tmp_path], check=True)
    for setting in ("user.name=Ada", "user.email=ada@example.com"):
        subprocess.run(["git", "-C", tmp_path, "config", *setting.split("=")], check=True)
    (tmp_path / "notes.txt").write_text("one\n")
    subprocess.run(["git", "-C", tmp_path, "add", "notes.txt"], check=True)
    world.mcp = [Server(name="git", reach=of_python("mcp-server-git", "--repository", str(tmp_path)))]
    return tmp_path


def commits(repository: Path) -> list[str]:
    """Their subjects."""
    done = subprocess.run(["git", "-C", repository, "log", "--format=%s"], capture_output=True, text=True)
    return done.stdout.split("\n")[:-1]


async def test_a_read_runs_and_a_write_waits_for_a_click_also_across_a_restart(world: World, repository: Path) -> None:
    stop = await world.start_bot()
    path = str(repository)
    world.model.script = Lines(
        call("git__git_status", repo_path=path),
        call("git__git_commit", repo_path=path, message="First <!channel>"),
        "It is committed.",
    )
    talk = await mention(world, "ann", "commit it")
    card = await talk.card()
    for words in (
        "git (MCP server): git_commit",
        "Runs “git_commit” of the MCP server git.",
        "The server itself says: “",
        "message",
        "First <!channel>",
        "MCP server git",  # the untrusted source that was read in this turn
        "[Run]",
    ):
        assert words in card.seen_text
    [read] = world.last_request().last_results
    assert "notes.txt" in read.text  # the read ran by itself
    assert read.text.startswith('{"untrusted":"From MCP server git: data from outside')
    assert commits(repository) == []
    await talk.rests("suspended")
    await stop()
    await world.start_bot()
    await talk.clicks("ben", card)
    await talk.sees("It is committed.")
    assert commits(repository) == ["First <!channel>"]
    assert talk.open_cards() == []


async def test_an_edited_call_is_proposed_anew_and_runs_as_it_was_edited(world: World, repository: Path) -> None:
    await world.start_bot()
    commit = call("git__git_commit", repo_path=str(repository), message="First")
    world.model.script = Lines(commit, "It is committed.")
    talk = await mention(world, "ann", "commit it")
    card = await talk.card()
    answer = await talk.edits("ben", card, message="Second")
    assert answer.closed
    anew = await talk.sees("Second", "[Run]")
    assert commits(repository) == []
    await talk.clicks("ann", anew)
    await talk.sees("It is committed.")
    assert commits(repository) == ["Second"]


async def test_a_crash_in_mid_call_asks_people_what_became_of_it(world: World, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    own = Local(sys.executable, (str(HERE / "own_server.py"), str(ledger)))
    world.mcp = [Server(name="own", reach=own), Server(name="gone", reach=Local("no-such-program"))]
    world.config = Config(agents={"assistant": Agent(tools=("mcp:own", "mcp:gone"))})
    await world.start_bot()
    world.model.script = Lines(call("own__die"), "I do not know.")
    talk = await mention(world, "ann", "do it")
    await talk.clicks("ann", await talk.card())
    await talk.sees("Outcome unknown", "own (MCP server): die", "[It happened]")
    await talk.sees("I do not know.")
    assert [line for line in ledger.read_text().splitlines() if line.startswith("die")] == ["die {}"]
    assert {tool["name"].partition("__")[0] for tool in world.model.requests[0]["tools"]} == {"own", "read_output"}


async def test_an_approval_does_not_carry_over_to_a_tool_that_has_changed(world: World, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    world.mcp = [Server(name="own", reach=Local(sys.executable, (str(HERE / "own_server.py"), str(ledger))))]
    world.config = Config(agents={"assistant": Agent(tools=("mcp:own",))})
    await world.start_bot()
    world.model.script = Lines(call("own__note", text="x"), call("own__grow"), "It has grown.", "It was not run.")
    first = await mention(world, "ann", "note x")
    card = await first.card()
    await first.rests("suspended")
    second = await mention(world, "ben", "grow")
    await second.sees("It has grown.")
    await until(lambda: "own__grown" in world.tools)
    await first.clicks("ann", card)
    await first.sees("It was not run.")
    assert "tags: is required" in str(world.last_request().messages[-1])
    assert [line for line in ledger.read_text().splitlines() if line.startswith("note")] == []


async def test_tools_that_change_are_for_new_conversations_and_running_ones_stay_pinned(world: World, tmp_path: Path) -> None:
    own = Local(sys.executable, (str(HERE / "own_server.py"), str(tmp_path / "ledger")))
    world.mcp = [Server(name="own", reach=own)]
    world.config = Config(agents={"assistant": Agent(tools=("mcp:own",))})
    await world.start_bot()
    world.model.script = Lines(call("own__grow"), "It has grown.", call("own__note", text="x"), "It asks for tags.", "Hello.")
    first = await mention(world, "ann", "grow")
    await first.sees("It has grown.")
    before = world.model.requests[0]["tools"]
    await until(lambda: "own__grown" in world.tools)
    await first.rests()
    await first.says("ann", "<@" + world.slack.bot_user_id + "> note x")
    await first.sees("It asks for tags.")
    assert world.model.requests[2]["tools"] == before
    assert "tags: is required" in str(world.model.requests[3]["messages"][-1])  # today's schema has the last word
    second = await mention(world, "ben", "hello")
    await second.sees("Hello.")
    names = {tool["name"] for tool in world.model.requests[4]["tools"]}
    assert names - {tool["name"] for tool in before} == {"own__grown"}


async def test_the_programs_end_with_the_bot(world: World, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    world.mcp = [Server(name="own", reach=Local(sys.executable, (str(HERE / "own_server.py"), str(ledger))))]
    stop = await world.start_bot()
    pid = int(ledger.read_text().split()[1])
    os.kill(pid, 0)
    await stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_rule_that_cannot_be_kept_costs_a_servers_tool_and_not_the_bot(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    world.mcp = [Server(name="own", reach=Local(sys.executable, (str(HERE / "own_server.py"), str(tmp_path / "ledger"))))]
    allow = [Rule(tool=f"own__{name}", answer="allow", line=line) for line, name in enumerate(("note", "look"), 1)]
    world.config = Config(policy=Policy(tuple(allow)))
    await world.start_bot()
    assert "own__look" in world.tools
    assert "own__note" not in world.tools  # a write whose lost run nobody could look up
    assert "line 1: own__note is left out" in caplog.text


async def test_how_far_a_call_is_stands_in_the_threads_status_and_goes_away_with_it(world: World, tmp_path: Path) -> None:
    own = Local(sys.executable, (str(HERE / "own_server.py"), str(tmp_path / "ledger")))
    world.mcp = [Server(name="own", reach=own)]
    world.config = Config(agents={"assistant": Agent(tools=("mcp:own",))})
    await world.start_bot()
    world.model.script = Lines(call("own__linger"), "Here again.")
    talk = await mention(world, "ann", "look")
    told = await world.slack.until(lambda: world.slack.workspace.loading.get((talk.channel, talk.ts)))
    assert told == "is working on it: own__linger: 1 of 2, half \u27e8U+202E\u27e9<!channel>"
    await talk.says("ann", "stop")
    await talk.sees("Stopped by")
    await world.slack.until(lambda: (talk.channel, talk.ts) not in world.slack.workspace.loading)
