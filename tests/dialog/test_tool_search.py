"""An agent with 200 tools: the model is given a search over them, and what it finds is asked about like any other call."""

import sys
from pathlib import Path
from typing import Any

import pytest

from bot.config.file import Config
from bot.config.sections import AgentSection, BudgetSection
from bot.sandbox.model import Lines, Reply, Search, call
from tests.dialog.conftest import World, mention
from tests.mcp.conftest import HERE
from tools.mcp import Local, Server

SEARCH = {"type": "tool_search_tool_bm25_20251119", "name": "tool_search_tool_bm25"}


@pytest.fixture
def ledger(world: World, tmp_path: Path) -> Path:
    """What a server with 200 tools does, all of which count as writes."""
    own = Local(sys.executable, (str(HERE / "own_server.py"), str(tmp_path / "ledger"), "0", "many"))
    world.mcp = [Server(name="own", reach=own, trusted=False)]
    return tmp_path / "ledger"


def loaded(request: Any) -> list[str]:
    """The tools that the model has whole."""
    return [tool["name"] for tool in request["tools"] if not tool.get("defer_loading")]


def written(ledger: Path) -> str:
    """What the server has done."""
    return ledger.read_text()


async def test_what_a_turn_has_found_is_called_behind_an_approval_also_across_a_restart(world: World, ledger: Path) -> None:
    world.config = Config(
        agents={"assistant": AgentSection(budget=BudgetSection(session_tokens=20_000))}
    )  # all tools alone would be more
    stop = await world.start_bot()
    found = Reply((Search("tool199"), call("own__tool199", text="hello")))
    world.model.script = Lines(found, "It is done.", call("own__tool199", text="again"), "Not again.")
    talk = await mention(world, "ann", "use the last tool")
    card = await talk.card()
    assert "own (MCP server): tool199" in card.seen_text
    first = world.model.requests[0]
    assert first["tools"][0] == SEARCH
    assert len(first["tools"]) == 207
    assert loaded(first) == [
        *("tool_search_tool_bm25", "create_order", "get_order_status", "read_output", "search_product_catalog"),
    ]
    assert "tool199 " not in written(ledger)
    await talk.rests("suspended")
    await stop()
    await world.start_bot()
    await talk.clicks("ben", card)
    await talk.sees("It is done.")
    assert "tool199 {'text': 'hello'}" in written(ledger)
    assert world.model.requests[1]["tools"] == first["tools"]
    replayed = [block["type"] for block in world.model.requests[1]["messages"][1]["content"]]
    assert replayed[-3:] == ["server_tool_use", "tool_search_tool_result", "tool_use"]
    await talk.says("ann", "once more")  # what was found once stays loaded
    await talk.rejects("ann", await talk.card())
    await talk.sees("Not again.")


async def test_a_model_that_is_not_searched_for_gets_all_tools(world: World, ledger: Path) -> None:
    world.config = Config(
        agents={"assistant": AgentSection(model="claude-haiku-5-5", budget=BudgetSection(session_tokens=500_000))}
    )
    await world.start_bot()
    world.model.script = Lines("Hello.")
    talk = await mention(world, "ann", "hello")
    await talk.sees("Hello.")
    request = world.model.requests[0]
    assert len(loaded(request)) == len(request["tools"]) == 206
