"""`signoff trace`: what a conversation did, found by a link to any message of it, with nobody's words."""

import json
from pathlib import Path
from typing import Any

from bot.sandbox.model import Lines, call, calls
from tests.dialog.conftest import Talk, World, mention
from tests.signoff import ran, signoff

SECRET = "ada@example.com"
ORDER = call("create_order", customer=SECRET, sku="WGT-001", quantity=1)
LOOK = call("search_product_catalog", query="Widget Pro", limit=1)


async def trace(world: World, folder: Path, *arguments: str) -> tuple[int, str, str]:
    """The exit status of the command, and what it says."""
    return await ran("trace", *arguments, folder=folder, environment={"DATABASE_URL": world.database_url})


async def link(talk: Talk, ts: str) -> str:
    """A link to a message of the thread, as Slack gives it."""
    return f"https://team.slack.com/archives/{talk.channel}/p{ts.replace('.', '')}?thread_ts={talk.ts}"


def outline(node: dict[str, Any]) -> list[str]:
    """The nodes below one, each with how it ended."""
    return [f"{each['name']} {each['of']} {each.get('outcome') or each.get('stop_reason')}" for each in node["children"]]


async def test_a_run_is_a_tree_of_its_calls_decisions_and_runs(world: World, tmp_path: Path) -> None:
    await world.start_bot()
    world.model.script = Lines(calls(LOOK, ORDER), "It is ordered.", ORDER, "As you wish.")
    talk = await mention(world, "ann", f"order one for {SECRET}")
    await talk.clicks("ben", await talk.card())
    await talk.sees("It is ordered.")
    await talk.says("ann", "another one")
    await talk.rejects("ben", await talk.card())
    answer = await talk.sees("As you wish.")
    await talk.rests()

    status, out, err = await trace(world, tmp_path, await link(talk, answer.ts), "--json")
    assert (status, err) == (0, "")
    told = json.loads(out)
    model = told["model"]
    first, second = told["turns"]
    assert outline(first) == [
        f"chat {model} tool_use",
        "execute_tool search_product_catalog succeeded",
        "approval create_order approved",
        "execute_tool create_order succeeded",
        f"chat {model} end_turn",
    ]
    assert outline(second) == [
        f"chat {model} tool_use",
        "approval create_order rejected",
        f"chat {model} end_turn",
    ]
    assert [turn["outcome"] for turn in told["turns"]] == ["success", "success"]
    assert first["children"][2]["by"] == world.slack.people["ben"]

    status, shown, _ = await trace(world, tmp_path, told["session"])
    assert status == 0
    assert "approval create_order" in shown
    for words in (SECRET, "WGT-001", "another one", "As you wish"):
        assert words not in out + shown


async def test_the_page_has_the_whole_tree_and_nobodys_words(world: World, tmp_path: Path) -> None:
    await world.start_bot()
    world.model.script = Lines(calls(LOOK, ORDER), "It is ordered.", ORDER, "As you wish.")
    talk = await mention(world, "ann", f"order one for {SECRET}")
    await talk.clicks("ben", await talk.card())
    await talk.sees("It is ordered.")
    await talk.says("ann", "another one")
    await talk.rejects("ben", await talk.card())
    await talk.sees("As you wish.")
    await talk.rests()
    session, file = f"{world.slack.team_id}:{talk.channel}:{talk.ts}", tmp_path / "trace.html"
    status, out, err = await trace(world, tmp_path, session, "--html", str(file))
    assert (status, out, err) == (0, f"The trace is in {file}.\n", "")
    written = file.read_text()
    told = json.loads((await trace(world, tmp_path, session, "--json"))[1])
    for turn in told["turns"]:
        for node in turn["children"]:
            assert f'<li class="{node["name"]}">' in written
            assert f'<span class="what">{node["name"]} {node["of"]}</span>' in written
        assert turn["trace"] in written
    calls_made = [node for turn in told["turns"] for node in turn["children"] if node["name"] == "chat"]
    assert "<dt>cost</dt>" not in written  # no price is configured
    assert f"<dt>tokens in</dt><dd>{sum(node['input_tokens'] for node in calls_made):,}</dd>" in written
    assert written.count('<li class="approval">') == 2
    assert "rejected" in written
    for words in (SECRET, "WGT-001", "another one", "As you wish"):
        assert words not in written
    status, _, err = await trace(world, tmp_path, session, "--html", str(tmp_path / "nowhere" / "trace.html"))
    assert status == 2
    assert "cannot be written (No such file or directory)" in err


async def test_a_conversation_that_is_not_known_is_a_sentence(world: World, tmp_path: Path) -> None:
    await world.start_bot()
    unknown, there = "https://team.slack.com/archives/C404/p1700000000000100", {"DATABASE_URL": world.database_url}
    async with signoff("trace", unknown, folder=tmp_path, environment=there) as process:
        out, err = (part.decode() for part in await process.communicate())
    assert (process.returncode, out) == (1, "")
    assert err.startswith("No conversation is known by https://team.slack.com/archives/C404/p1700000000000100")
