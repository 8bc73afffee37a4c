"""Whatever a server lists: the good tools beside it are offered, what is offered the API takes, and nobody waits for it."""

import asyncio
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from agent.tool.definition import Result, Tool
from agent.tool.validation import validate
from bot.sandbox.model.models import Models
from bot.sandbox.model.tool_rules import check_tools
from tests.mcp.conftest import kept
from tests.mcp.odd import odd_http, odd_stdio
from tests.mcp.wild import CURSORS, ENTRIES, JSON, doubling, written
from tests.profiles import examples
from tests.watchdog import watched
from tools.mcp import Server

CARD = Models().cards["claude-sonnet-5-5"]
GOOD: Sequence[dict[str, Any]] = (
    {"name": "first", "description": "Does it.", "inputSchema": {"type": "object", "properties": {"n": {"type": "integer"}}}},
    {"name": "last", "inputSchema": {"type": "object"}},
)
ARGUMENTS = st.dictionaries(st.sampled_from(["a", "b", "n", "name"]), JSON, max_size=3)


def page(entries: Any, more: Mapping[str, Any]) -> str:
    """A page of the list, as it is sent."""
    return written({"tools": entries, **more})


def check_offered(tools: Mapping[str, Tool]) -> None:
    """The good ones are there, and all of them can be sent to the model."""
    assert {"odd__first", "odd__last"} <= set(tools)
    sent = json.loads(json.dumps([tool.schema() for tool in tools.values()], allow_nan=False))
    json.dumps(sent, ensure_ascii=False).encode()  # no half characters
    check_tools(sent, CARD)
    for each in sent:
        Draft202012Validator.check_schema(each["input_schema"])


def check_call(tools: Mapping[str, Tool], tool: Tool, arguments: Mapping[str, Any]) -> None:
    """Any arguments are judged, and a card can be worded."""
    found = validate(tools, tool.name, arguments)
    if isinstance(found, Result):
        assert found.text()
    else:
        assert tool.wording(found).model_dump_json()


async def listed(server: Server, arguments: Mapping[str, Any]) -> None:
    """Connect, look at what is offered, and end."""
    async with watched(), kept(server) as world:
        assert world.bridge.connections[0].trouble == ""
        tools = world.tools()
        for tool in tools.values():
            await asyncio.sleep(0)
            check_call(tools, tool, arguments)
    check_offered(tools)


async def over_http(pages: Sequence[str], arguments: Mapping[str, Any]) -> None:
    """Over HTTP, however many pages there are."""
    async with odd_http(pages=pages) as (odd, server):
        await listed(server, arguments)
        assert odd.listed <= len(pages) + 50


@examples(0.5)
@given(st.lists(st.tuples(ENTRIES, CURSORS), max_size=3), ENTRIES, CURSORS, ARGUMENTS)
@example([], [{"name": "do", "inputSchema": doubling(25)}], None, {"n": "x"})
@example([], [{"name": "do", "inputSchema": "§items 900§"}], None, {"a": {}})
@example([], [{"name": "do", "inputSchema": {"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}}}], None, {})
@example([], [{"name": "do", "inputSchema": {"type": "object", "properties": {"a": {"$ref": "#/properties/a"}}}}], None, {"a": 1})
def test_whatever_is_listed_over_http_the_good_tools_are_offered(
    before: list[tuple[Any, Any]], entries: list[Any], cursor: Any, arguments: dict[str, Any]
) -> None:
    first = page([GOOD[0], *entries, GOOD[1]], {"nextCursor": cursor})
    asyncio.run(over_http([first, *(page(each, {"nextCursor": next}) for each, next in before)], arguments))


@examples(0.12)
@given(ENTRIES, ARGUMENTS)
def test_whatever_is_listed_over_stdio_the_good_tools_are_offered(entries: list[Any], arguments: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        server = odd_stdio(Path(folder), written=page([GOOD[0], *entries, GOOD[1]], {}).replace("\n", " "))
        asyncio.run(listed(server, arguments))
