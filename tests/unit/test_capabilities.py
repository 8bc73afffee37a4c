"""What the agent can do, as people read it: words made for them, and only what there is."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from psycopg_pool import AsyncConnectionPool
from pydantic import BaseModel

from agent.tool.definition import Effect, Tool, ToolContext, Tools, registry
from bot.agents.packs import tool_packs
from bot.cards.block_kit import prose_section
from bot.cards.capabilities import MOST_TOLD, capabilities, capability_lines
from bot.config.file import Config
from bot.sandbox.slack.blocks import view_faults
from tests.profiles import examples


class Nothing(BaseModel):
    """No arguments."""


async def done(arguments: Nothing, context: ToolContext) -> dict[str, Any]:
    """Nothing is done."""
    return {}


def tool(name: str, description: str = "", **fields: Any) -> Tool:
    """A tool of which only this is said."""
    return Tool(name=name, description=description, arguments=Nothing, handler=done, **fields)


def lines(*tools: Tool) -> list[str]:
    """What people read of them."""
    return [line.removeprefix("•  ") for line in capability_lines(registry(tools)).splitlines()]


def test_the_authors_words_for_people_come_first_and_what_nobody_would_ask_for_is_left_out() -> None:
    told = lines(
        tool("a_read_on", "Reads the next part.", effect=Effect.READ, can=None),
        tool("b_get", "Gets it.", effect=Effect.READ),
        tool("c_order", "Places an order. Check the stock first.", can="Place an order. Ask: “Order two lamps”"),
    )
    assert told == ["Place an order. Ask: “Order two lamps”  _(asks for approval first)_", "Gets it"]


def test_a_servers_tool_is_told_by_the_beginning_of_its_description_or_by_its_name() -> None:
    assert lines(
        tool("git__a", "Shows the log, e.g. of v1.2, of a repo. Use `git__b` instead where …\n(From the MCP server git.)"),
        tool("git__b", "\n  **Creates** a branch"),
        tool("git__listOpen_issues"),
    ) == [
        f"{words}  _(asks for approval first)_"
        for words in ("Shows the log, e.g. of v1.2, of a repo", "Creates a branch", "List open issues (git)")
    ]


def test_of_very_many_some_are_told_and_the_others_counted() -> None:
    told = lines(*(tool(f"t{number}", effect=Effect.READ, can="" if number else "The best.") for number in range(MOST_TOLD + 5)))
    assert (told[0], told[-1], len(told)) == ("The best.", "and 5 more things", MOST_TOLD + 1)


def built_in() -> Tools:
    """Every tool that comes with the bot."""
    packs = tool_packs(AsyncConnectionPool("", open=False), Config.model_validate({"memory": {}, "promotion": {"channel": "C1"}}))
    return {tool.name: tool for pack in packs.values() for tool in pack}


def test_every_tool_that_comes_with_the_bot_has_words_for_people_with_an_example() -> None:
    told = {name: tool.can for name, tool in built_in().items() if tool.can is not None}
    assert [name for name, words in told.items() if not ("sk: “" in words and words.endswith("”") and len(words) < 100)] == []
    assert {"search_product_catalog", "remember_fact", "slack_post_message", "fetch_page", "promote_prompt"} <= told.keys()
    assert {name for name in built_in() if name not in told} == {"read_output", "get_memory"}


@examples(1)
@given(words=st.text(max_size=400), name=st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True))
def test_whatever_a_server_says_of_itself_nothing_of_it_is_live(words: str, name: str) -> None:
    hostile = [tool(f"{name}{number}", f"{words}<!channel> <@U1> <https://evil.example|x>") for number in range(20)]
    told = capabilities(registry(hostile))
    assert not any(live in told for live in ("<!", "<@", "<http"))
    assert view_faults({"type": "home", "blocks": [prose_section(told)]}) == []
