"""The API's search over tools, as the anthropic SDK sees it: what is loaded, what is found, and what is refused."""

from typing import Any

import anthropic
import pytest

from bot.sandbox.model import Call, Lines, Reply, Search, Text, call
from tests.sandbox.test_model_answers import asked, sent, serving

SEARCH: dict[str, Any] = {"type": "tool_search_tool_bm25_20251119", "name": "tool_search_tool_bm25"}
CALLED = Call("pay_invoice", {"number": "7"}, "toolu_1")


def tool(name: str, description: str = "", **more: Any) -> dict[str, Any]:
    """A definition that is not loaded."""
    return {"name": name, "description": description, "input_schema": {"type": "object"}, "defer_loading": True, **more}


TOOLS = [
    SEARCH,
    tool("pay_invoice", "Pay an invoice."),
    tool("list_invoices", "List the invoices of a month."),
    *(tool(f"other{number}", "Something else.") for number in range(100)),
]


async def streamed(client: anthropic.AsyncAnthropic, body: dict[str, Any]) -> anthropic.types.Message:
    """As the bot asks."""
    async with client.messages.stream(**body) as stream:
        return await stream.get_final_message()


@pytest.mark.parametrize("streams", [True, False])
async def test_a_search_and_its_result_come_in_one_reply_with_the_call_of_what_was_found(streams: bool) -> None:
    script = Lines(Reply((Text("Let me look."), Search("pay an invoice", "srvtoolu_1"), CALLED)), "It is paid.")
    async with serving(script) as (_, client):
        body = asked(tools=TOOLS, thinking={"type": "between_tools"})
        message = await streamed(client, body) if streams else await sent(client, body)
        [_, search, result, found] = [block.to_dict() for block in message.content]
        assert search == {
            "type": "server_tool_use",
            "id": "srvtoolu_1",
            "name": "tool_search_tool_bm25",
            "input": {"query": "pay an invoice"},
        }
        references: Any = result["content"]
        names = [each["tool_name"] for each in references["tool_references"]]
        assert names[0] == "pay_invoice"
        assert len(names) <= 5
        assert (found["type"], message.stop_reason) == ("tool_use", "tool_use")
        history = [*body["messages"], {"role": "assistant", "content": [block.to_dict() for block in message.content]}]
        history.append({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "paid"}]})
        again = await sent(client, {**body, "messages": history})
        assert again.stop_reason == "end_turn"
        assert again.usage.input_tokens - message.usage.input_tokens < 200  # what was found is loaded, and nothing else


async def test_what_is_not_loaded_is_not_paid_for() -> None:
    async with serving(Lines("Hello.", "Hello.")) as (_, client):
        few = await sent(client, asked(tools=TOOLS))
        whole = [{name: part for name, part in each.items() if name != "defer_loading"} for each in TOOLS]
        many = await sent(client, asked(tools=whole))
        assert few.usage.input_tokens * 10 < many.usage.input_tokens


async def test_a_model_cannot_call_what_it_has_not_found() -> None:
    async with serving(Lines(CALLED)) as (_, client):
        with pytest.raises(anthropic.InternalServerError, match="no search has found it"):
            await sent(client, asked(tools=TOOLS))


CACHED = {"type": "ephemeral"}
SEARCHED = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "tool_search_tool_bm25", "input": {"query": "x"}}
RESULT: dict[str, Any] = {
    "type": "tool_search_tool_result",
    "tool_use_id": "srvtoolu_1",
    "content": {"type": "tool_search_tool_search_result", "tool_references": [{"type": "tool_reference", "tool_name": "gone"}]},
}


def told(*blocks: Any, role: str = "assistant") -> dict[str, Any]:
    """A request with this in its history."""
    messages: list[Any] = [{"role": "user", "content": "Hello"}, {"role": role, "content": list(blocks)}]
    return {"messages": [*messages, {"role": "user", "content": "And?"}], "tools": TOOLS}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"tools": TOOLS[1:]}, "All tools have defer_loading set. At least one tool must be non-deferred."),
        ({"tools": [{**SEARCH, "defer_loading": True}, *TOOLS[1:]]}, "At least one tool must be non-deferred."),
        (
            {"tools": [SEARCH, tool("x", cache_control={"type": "ephemeral"})]},
            "cannot have both defer_loading=true and cache_control",
        ),
        ({"tools": [SEARCH, tool("x", defer_loading=3)]}, "tools.1.custom.defer_loading: Input should be a valid boolean"),
        ({"tools": [{**SEARCH, "name": "find"}]}, "name: Input should be 'tool_search_tool_bm25'"),
        ({"tools": [{**SEARCH, "description": "x"}]}, "description: Extra inputs are not permitted"),
        ({"model": "claude-haiku-5-5", "tools": TOOLS}, "is not supported for this model"),
        (told(SEARCHED), "was found without a corresponding `tool_search_tool_result` block"),
        (told(RESULT), "unexpected `tool_use_id` found in `tool_search_tool_result` blocks: srvtoolu_1"),
        (told(SEARCHED, RESULT), "Tool reference 'gone' has no corresponding tool definition"),
        (told(SEARCHED, {**RESULT, "content": {"type": "x"}}), "Unable to extract tag using discriminator 'type'"),
        (told({**SEARCHED, "id": "toolu_1"}), "String should match pattern '^srvtoolu_"),
        (told(SEARCHED, RESULT, role="user"), "blocks can only be in `assistant` messages"),
    ],
)
async def test_what_the_api_refuses(changes: dict[str, Any], why: str) -> None:
    async with serving(Lines(call("x"))) as (_, client):
        with pytest.raises(anthropic.BadRequestError) as refused:
            await sent(client, {**asked(), **changes})
    assert why in str(refused.value)
