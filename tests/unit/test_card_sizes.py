"""A card is read in five seconds: how many characters people see of it, for a plain call of every tool that comes with the bot
and of 50 tools of real MCP servers.

`mcp_tools.json` has their tools that write, as they list them, without descriptions: those of GitHub's server
(github/github-mcp-server, 64a49f3, MIT), and of mcp-server-git. A plain call has the arguments that a tool requires.
"""

import json
import re
import statistics
from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from psycopg_pool import AsyncConnectionPool
from pydantic import BaseModel

from agent.approvals.grants import grantable
from agent.decide.moves import Card, Cards
from agent.foreign_json import members
from agent.tool.definition import Tool
from agent.tool.validation import checked
from agent.types import Approvers, Change, Look, Magnitude, Preview, Verdict
from bot.agents.packs import tool_packs
from bot.cards.block_kit import SlackBlock
from bot.cards.cards import card_blocks
from bot.config.file import Config
from bot.config.memory_section import MemorySection
from bot.config.promotion_section import PromotionSection
from bot.sandbox.slack.reading import read_blocks
from tests.unit.shown import NOW, every
from tools.mcp import Server
from tools.mcp.bridged import bridged
from tools.mcp.listed import listed
from tools.sql import NamedDatabase, sql

MOST_OPEN, MOST_BUTTONS, MOST_DECIDED = 350, 3, 120
PEOPLE = {"U1": "Cleo", "U2": "Ann", "U3": "Ben"}
POOL: AsyncConnectionPool[Any] = AsyncConnectionPool(open=False)
TWO = Verdict(answer="ask", rule="rule 1 of signoff.yaml, line 3: …", quorum=2, approvers=Approvers(channel_members=True))

# What people write, by the name of an argument; anything else is as its schema has it.
WRITTEN: Mapping[str, Any] = {
    "customer": "ada@example.com",
    "sku": "WGT-001",
    "quantity": 12,
    "owner": "octo-org",
    "repo": "widget-shop",
    "title": "Widgets arrive late",
    "body": "Two of five arrived late.",
    "sql": "UPDATE orders SET status = 'packed' WHERE id < 4",
    "channel": "#general",
    "text": "The shop closes at noon.",
    "fact": "Deploys are on Tuesdays.",
    "quote": "we deploy on Tuesdays",
    "query": "widget",
    "url": "https://docs.example.com/start",
    "repo_path": "/srv/widget-shop",
    "message": "Mend the door",
    "key": "language",
    "value": "German",
    "prompt": "assistant",
    "order_id": "ORD-1042",
}


def rows(number: int) -> Magnitude:
    return Magnitude(number=Decimal(number), of="rows")


# What the previews of our own tools say of such calls.
PREVIEWS: Mapping[str, Preview] = {
    "create_order": Preview(
        headline="Order 12 × Widget Pro for Ada Byron",
        changes=(Change(what="stock", before="105", after="93"),),
        magnitude=Magnitude(number=Decimal("588.00"), of="USD"),
    ),
    "shop__execute": Preview(changes=(Change(what="In public.orders", after="3 updated"),), magnitude=rows(3)),
    "slack_post_message": Preview(
        headline="Post in #general",
        changes=(Change(what="#general", after="a public channel gets a new message"),),
        magnitude=Magnitude(number=Decimal(120), of="members"),
    ),
    "set_channel_instructions": Preview(
        headline="Set the instructions of this channel",
        changes=(Change(what="Instructions of this channel", before="(none)", after="The shop closes at noon."),),
    ),
    "correct_fact": Preview(
        headline="Correct what is remembered",
        changes=(Change(what="said by @Cleo", before="Deploys are on Mondays.", after="Deploys are on Tuesdays."),),
    ),
    "forget": Preview(
        headline="Forget one thing",
        changes=(Change(what="said by @Cleo", before="Deploys are on Mondays.", after="(forgotten)"),),
    ),
    "remember_file": Preview(headline="Remember prices.csv", changes=(Change(what="prices.csv", after="2 parts, 4,096 bytes"),)),
    "promote_prompt": Preview(
        headline="Make assistant@2 live for every new conversation",
        changes=(Change(what="Live", before="assistant@1", after="assistant@2"),),
    ),
}


def built_in() -> Iterator[Tool]:
    """Yield every tool that comes with the bot."""
    config = Config(memory=MemorySection(), promotion=PromotionSection(channel="C1"))
    databases = {"shop": sql(NamedDatabase(name="shop"))}
    for pack in tool_packs(POOL, config, databases).values():
        yield from pack


def of_servers() -> Iterator[Tool]:
    """Yield the 50 tools of MCP servers."""

    async def call(*_: Any) -> Any:
        raise AssertionError("nothing is run here")

    for entry in json.loads((Path(__file__).parent / "mcp_tools.json").read_text()):
        yield bridged(Server(name=entry["server"], reach=None), listed(entry), call)


def plain_call(tool: Tool) -> dict[str, Any]:
    """The arguments of a plain call, with the defaults that the tool fills in."""
    schema = tool.schema()["input_schema"]
    given = {name: _plain(name, members(schema.get("properties")).get(name), schema) for name in schema.get("required", ())}
    found = checked(tool, given)
    assert isinstance(found, BaseModel), (tool.name, given, found)
    return found.model_dump(mode="json")


def _plain(name: str, shape: Any, root: Any) -> Any:
    """A value that the schema takes."""
    keywords = members(shape)
    if "$ref" in keywords:
        return _plain(name, root["$defs"][keywords["$ref"].rpartition("/")[2]], root)
    if "enum" in keywords:
        return keywords["enum"][0]
    kinds = {str(kind): kind for kind in keywords.get("type", []) if isinstance(keywords.get("type"), list)}
    match next(iter(kinds), keywords.get("type")):
        case "integer" | "number":
            return WRITTEN.get(name, 42) if isinstance(WRITTEN.get(name, 42), int) else 42
        case "boolean":
            return True
        case "array":
            return [_plain(name, keywords.get("items"), root)]
        case "object":
            inner = members(keywords.get("properties"))
            return {one: _plain(one, inner.get(one), root) for one in keywords.get("required", ())}
        case _:
            return WRITTEN[name] if isinstance(WRITTEN.get(name), str) else f"{name} 7"[: keywords.get("maxLength", 40)]


def plain_card(tool: Tool, verdict: Verdict = TWO) -> Card:
    """Its card, before anybody has decided."""
    arguments = plain_call(tool)
    found = checked(tool, arguments)
    assert isinstance(found, BaseModel)
    return Card(
        "A" + "1" * 24,
        tool.name,
        arguments,
        "d" * 64,
        ("U1",),
        NOW,
        verdict,
        wording=tool.wording(found),
        preview=PREVIEWS.get(tool.name),
    )


def decided(one: Card, look: Look) -> Card:
    """The same card once it is over."""
    result = {"succeeded": {"ok": True, "result": {"order_id": "ORD-1204", "done": "UPDATE 3"}}}
    result |= {"failed": {"ok": False, "error": "timeout", "detail": "It did not answer within 10 seconds; nobody knows more."}}
    return replace(
        one,
        look=look,
        voters=("U2", "U3"),
        decided_by="U2",
        decided_at=NOW,
        reason="Please ask her first whether two of them would do.",
        result=json.dumps(result[look]) if look in result else "",
    )


def drawn(tool: Tool, one: Card) -> tuple[int, list[SlackBlock]]:
    """How many characters people see of a card, a menu being one as long as it is closed; and its blocks."""
    blocks = card_blocks(Cards((one,)), {tool.name: tool}, may_grant=grantable)
    text = re.sub(r"\[… [^]]*\]", "⋯", read_blocks(blocks, PEOPLE))
    return len(text.replace("\n", "")), blocks


ALL = {tool.name: tool for tool in (*built_in(), *of_servers())}
LOOKS: tuple[Look, ...] = (
    "approved",
    "succeeded",
    "failed",
    "unknown",
    "left",
    "rejected",
    "expired",
    "withdrawn",
    "edited",
    "refused",
)


def test_there_are_50_tools_of_real_servers() -> None:
    assert len([*of_servers()]) == 50
    assert PREVIEWS.keys() == {tool.name for tool in built_in() if tool.preview is not None}


@pytest.mark.parametrize("name", ALL)
def test_a_plain_call_is_read_in_five_seconds(name: str) -> None:
    tool = ALL[name]
    one = plain_card(tool)
    characters, blocks = drawn(tool, one)
    assert characters <= MOST_OPEN, read_blocks(blocks, PEOPLE)
    assert len(every(blocks, "button")) <= MOST_BUTTONS
    assert every(blocks, "button")[0]["action_id"] == "approve"  # it is whole
    for look in LOOKS:
        characters, blocks = drawn(tool, decided(one, look))
        assert characters <= MOST_DECIDED, read_blocks(blocks, PEOPLE)


def test_the_figures_are_these(capsys: pytest.CaptureFixture[str]) -> None:
    for of, tools in {"built in": [*built_in()], "of MCP servers": [*of_servers()]}.items():
        open_ones = [drawn(tool, plain_card(tool))[0] for tool in tools]
        over = [drawn(tool, decided(plain_card(tool), look))[0] for tool in tools for look in LOOKS]
        assert statistics.median(open_ones) <= 0.75 * MOST_OPEN
        with capsys.disabled():
            print(f"\n{len(tools)} tools {of}: characters of a card, median and most")
            print(
                f"  open {statistics.median(open_ones):.0f}, {max(open_ones)}; decided {statistics.median(over):.0f}, {max(over)}"
            )
