"""Tools from a Python file that signoff.yaml names, in conversations: a long result read page by page, and code that blocks."""

import json
from pathlib import Path
from typing import Any

import pytest

from bot.config.file import load_config
from bot.sandbox.model import Call, Conversations, Lines, Reply, Request, call, say
from tests.dialog.conftest import World, mention

LINES = 3_000

OPS = f'''
import time
from pathlib import Path

from agent.declare import tool


@tool(effect="read")
async def read_log(service: str) -> str:
    """Read a service's log."""
    return "".join(f"line {{number}} of {{service}}\\n" for number in range({LINES}))


@tool(effect="read", time_limit_seconds=3)
def inspect_disk(flag: str) -> str:
    """Look at the whole disk."""
    while not Path(flag).exists():
        time.sleep(0.01)
    return "clean"


@tool(verb="Restart", headline="Restart {{service}}", undo="It comes up again by itself.")
def restart(service: str) -> dict[str, str]:
    """Restart a service."""
    Path(service).write_text("restarted")
    return {{"restarted": service}}
'''


@pytest.fixture
async def ops(world: World, tmp_path: Path) -> World:
    """A bot whose signoff.yaml names the file ops.py beside it."""
    (tmp_path / "ops.py").write_text(OPS)
    (tmp_path / "signoff.yaml").write_text("agents: {assistant: {tools: [catalog, ops.py], budget: {session_tokens: 500000}}}\n")
    world.config = load_config(tmp_path / "signoff.yaml")
    await world.start_bot()
    return world


def results(request: Request) -> list[Any]:
    """What the model has read of its calls so far, in order."""
    blocks = [block for message in request.messages for block in message["content"] if message["role"] == "user"]
    return [json.loads(block["content"]) for block in blocks if block["type"] == "tool_result"]


def paging(request: Request) -> Reply | Call:
    """A model that reads a log to its end."""
    read = results(request)
    if not read:
        return call("read_log", service="web")
    first, last = read[0]["result"], read[-1]["result"]
    if last["next_offset"] is not None:
        return call("read_output", handle=first["handle"], offset=last["next_offset"])
    return say(f"It ends with: {last['text'].splitlines()[-1]}")


async def test_a_long_result_is_read_page_by_page(ops: World) -> None:
    ops.model.script = paging
    talk = await mention(ops, "ann", "how does the log end?")
    await talk.sees(f"It ends with: line {LINES - 1} of web")
    log = "".join(f"line {number} of web\n" for number in range(LINES))
    first, *pages = results(ops.last_request())
    assert (first["result"]["characters"], first["result"]["tail"]) == (len(log), log[-1_000:])
    assert first["result"]["head"] + "".join(page["result"]["text"] for page in pages) == log
    told = [str(row[0]) for row in await ops.rows("SELECT body->>'text' FROM step WHERE body->>'kind' = 'tool_returned'")]
    assert len(told) > 5
    assert max(len(text) for text in told) <= 20_000
    assert await ops.rows("SELECT id, text FROM output") == [(first["result"]["handle"], log)]


async def test_a_handle_of_one_thread_opens_nothing_in_another(ops: World) -> None:
    ops.model.script = Lines(call("read_log", service="web"), "Read.")
    await (await mention(ops, "ann", "read the log")).sees("Read.")
    [(handle,)] = await ops.rows("SELECT id FROM output")
    ops.model.script = Lines(call("read_output", handle=handle, offset=0), "There is nothing.")
    await (await mention(ops, "ben", "read on")).sees("There is nothing.")
    assert results(ops.last_request())[-1]["error"] == "not_found"


async def test_code_that_blocks_runs_out_of_time_while_another_conversation_goes_on(ops: World, tmp_path: Path) -> None:
    flag = tmp_path / "over"
    ops.model.script = Conversations(
        {
            "disk": [call("inspect_disk", flag=str(flag)), "It took too long."],
            "lamps": [call("search_product_catalog", query="desk lamp"), "There are lamps."],
        }
    )
    anns = await mention(ops, "ann", "look at the disk")
    await anns.rests("processing")
    bens = await mention(ops, "ben", "are there lamps?")
    await bens.sees("There are lamps.")
    assert not any("It took too long" in post.seen_text for post in anns.posts())  # still under way
    await anns.sees("It took too long.")
    assert results(ops.last_request())[-1]["error"] == "timeout"
    flag.touch()


async def test_what_is_not_marked_as_a_read_asks_first(ops: World, tmp_path: Path) -> None:
    service = tmp_path / "web"
    ops.model.script = Lines(call("restart", service=str(service)), "It is up again.")
    talk = await mention(ops, "ann", "restart web")
    card = await talk.card()
    assert f"Restart {service}" in card.seen_text
    assert "It comes up again by itself." in card.seen_text
    assert not service.exists()
    await talk.clicks("ann", card)
    await talk.sees("It is up again.")
    assert service.read_text() == "restarted"
