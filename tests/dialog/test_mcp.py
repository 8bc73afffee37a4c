"""An MCP server in a conversation: reads run, a write asks with a card that names the server, and a click runs it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent.approvals.policy import Policy, Rule
from bot.config.file import Config
from bot.config.sections import AgentSection
from bot.sandbox.model import Lines, call
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
        "git (MCP server): git_commit: “",
        "Nobody here knows an undo.",
        "message",
        "First <!channel>",
        "MCP server git",  # the untrusted source that was read in this turn
        "[Git commit]",
    ):
        assert words in card.seen_text
    assert "The server itself says" not in card.seen_text
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


async def test_what_a_server_says_of_its_own_write_is_no_source_of_the_next_card(world: World, tmp_path: Path) -> None:
    own = Local(sys.executable, (str(HERE / "own_server.py"), str(tmp_path / "ledger")))
    world.mcp = [Server(name="own", reach=own)]
    world.config = Config(agents={"assistant": AgentSection(tools=("mcp:own",))})
    await world.start_bot()
    first, second, third = (call("own__note", text=text) for text in ("one", "two", "three"))
    world.model.script = Lines(first, second, call("own__look"), third, "All noted.")
    talk = await mention(world, "ann", "note it")
    await talk.clicks("ann", await talk.sees("one", "[Note]"))
    card = await talk.sees("two", "[Note]")
    assert "Proposed after reading" not in card.seen_text
    [told] = world.last_request().last_results
    assert told.text.startswith('{"untrusted":"From MCP server own: data from outside')  # the model is warned all the same
    await talk.clicks("ann", card)
    await talk.sees("three", "Proposed after reading", "MCP server own", "[Note]")


async def test_a_read_that_leaves_open_where_it_asks_waits_for_a_click_unless_the_team_vouches(
    world: World, tmp_path: Path
) -> None:
    own = Local(sys.executable, (str(HERE / "own_server.py"), str(tmp_path / "ledger")))
    world.config = Config(agents={"assistant": AgentSection(tools=("mcp:own",))})
    world.model.script = Lines(call("own__draw"), "Drawn.")
    world.mcp = [Server(name="own", reach=own, open_world=False)]
    stop = await world.start_bot()
    vouched = await mention(world, "ann", "draw it")
    await vouched.sees("Drawn.")
    assert not any("[Draw]" in message.seen_text for message in vouched.posts())
    await stop()
    world.model.script = Lines(call("own__draw"), "Drawn.")
    world.mcp = [Server(name="own", reach=own)]
    await world.start_bot()
    talk = await mention(world, "ann", "draw it")
    text = await talk.details("ann", await talk.sees("[Draw]"))
    assert "one member approves each egress call: what it is asked may leave the tool's own server" in text


async def test_an_edited_call_is_proposed_anew_and_runs_as_it_was_edited(world: World, repository: Path) -> None:
    await world.start_bot()
    commit = call("git__git_commit", repo_path=str(repository), message="First")
    world.model.script = Lines(commit, "It is committed.")
    talk = await mention(world, "ann", "commit it")
    card = await talk.card()
    answer = await talk.edits("ben", card, message="Second")
    assert answer.closed
    anew = await talk.sees("Second", "[Git commit]")
    assert commits(repository) == []
    await talk.clicks("ann", anew)
    await talk.sees("It is committed.")
    assert commits(repository) == ["Second"]


async def test_a_crash_in_mid_call_asks_people_what_became_of_it(world: World, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    own = Local(sys.executable, (str(HERE / "own_server.py"), str(ledger)))
    world.mcp = [Server(name="own", reach=own), Server(name="gone", reach=Local("no-such-program"))]
    world.config = Config(agents={"assistant": AgentSection(tools=("mcp:own", "mcp:gone"))})
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
    world.config = Config(agents={"assistant": AgentSection(tools=("mcp:own",))})
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
    world.config = Config(agents={"assistant": AgentSection(tools=("mcp:own",))})
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


async def test_a_servers_writes_run_freely_where_a_rule_says_so_and_a_lost_one_is_asked_about(
    world: World, tmp_path: Path
) -> None:
    ledger = tmp_path / "ledger"
    world.mcp = [Server(name="own", reach=Local(sys.executable, (str(HERE / "own_server.py"), str(ledger))))]
    freely = Policy((Rule(tool="own__*", answer="allow", name="rule 1"),))
    world.config = Config(agents={"assistant": AgentSection(tools=("mcp:own",))}, policy=freely)
    await world.start_bot()
    world.model.script = Lines(call("own__note", text="x"), call("own__die"), "I do not know.")
    talk = await mention(world, "ann", "do both")
    await talk.sees("Outcome unknown", "own (MCP server): die", "[It happened]")
    await talk.sees("I do not know.")
    assert talk.open_cards() == []
    ran = [line.partition(" ")[0] for line in ledger.read_text().splitlines()]
    assert (ran.count("note"), ran.count("die")) == (1, 1)


async def test_how_far_a_call_is_stands_in_the_threads_status_and_goes_away_with_it(world: World, tmp_path: Path) -> None:
    own = Local(sys.executable, (str(HERE / "own_server.py"), str(tmp_path / "ledger")))
    world.mcp = [Server(name="own", reach=own)]
    world.config = Config(agents={"assistant": AgentSection(tools=("mcp:own",))})
    await world.start_bot()
    world.model.script = Lines(call("own__linger"), "Here again.")
    talk = await mention(world, "ann", "look")
    told = await world.slack.until(lambda: world.slack.workspace.loading.get((talk.channel, talk.ts)))
    assert told == "is working on it: own__linger: 1 of 2, half \u27e8U+202E\u27e9<!channel>"
    await talk.says("ann", "stop")
    await talk.sees("Stopped by")
    await world.slack.until(lambda: (talk.channel, talk.ts) not in world.slack.workspace.loading)
